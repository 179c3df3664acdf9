//! Files that are moved away, standard output, and syslog.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::audit::{head_key, log_in, options, records, scene, sign_head};
use crate::support::ports::free_addresses;
use crate::support::{DEADLINE, eventually};
use serde_json::Value;
use sigmint::audit::verify::{VerifyOptions, verify};
use sigmint::audit::{Audit, AuditSetupError, Destination, SyncMode};

#[tokio::test]
async fn syslog_gets_a_datagram_in_the_form_of_rfc_5424_for_each_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut options = options(&path);
    options.destination = Destination::Syslog(path);
    options.sync = SyncMode::None;
    let audit = Audit::open(options).unwrap();
    let (scene, _) = scene(&audit).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    assert!(audit.close());
    for kind in ["start", "intent", "outcome"] {
        let mut bytes = vec![0; 65536];
        let length = socket.recv(&mut bytes).unwrap();
        let message = std::str::from_utf8(&bytes[..length]).unwrap();
        let words: Vec<&str> = message.splitn(8, ' ').collect();
        let [priority, time, host, app, process, id, data, record] = words.try_into().unwrap();
        assert_eq!((priority, app, id, data), ("<110>1", "sigmint", "audit", "-"));
        assert!(humantime::parse_rfc3339(time).is_ok() && !host.is_empty(), "{message}");
        assert_eq!(process, std::process::id().to_string());
        assert_eq!(serde_json::from_str::<Value>(record).unwrap()["type"], kind);
    }
}

#[test]
fn standard_output_gets_the_records_of_serve_and_the_last_one_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let [http, grpc, metrics] = free_addresses();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(["serve", "--ca=ephemeralca", "--builtin-issuers", "--host=127.0.0.1", "--grpc-host=127.0.0.1"]);
    command.args([format!("--port={}", http.port()), format!("--grpc-port={}", grpc.port())]);
    command.args([format!("--metrics-port={}", metrics.port()), "--metrics-host=127.0.0.1".to_owned()]);
    command.args(["--ct-log-url=", "--audit-path=-"]);
    let mut child = command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["type"].clone();
    assert_eq!(next(), "start");
    // Before it serves, it ends at once.
    let begin = Instant::now();
    while !answers(http) {
        assert!(begin.elapsed() < DEADLINE, "it does not serve");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(next(), "end");
    assert!(child.wait().unwrap().success());
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.contains(" 200 ")
}

#[tokio::test]
async fn a_file_that_is_full_or_moved_away_goes_on_in_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let (key, verification) = head_key();
    let mut full = options(&path);
    full.destination = Destination::File { path: path.clone(), most_bytes: Some(16 * 1024) };
    let audit = Audit::open(full).unwrap();
    let (scene, _) = scene(&audit).await;
    for _ in 0..12 {
        assert_eq!(scene.ask(&scene.token()).await.status, 200);
    }
    // As logrotate does it.
    std::fs::rename(&path, folder.path().join("audit.jsonl.1")).unwrap();
    audit.reopen();
    eventually("a new file", || async { path.exists().then_some(()) }).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    sign_head(&audit, &key).await;
    assert!(audit.close());
    drop(audit);
    // Another process goes on where this one ended, in an empty file as well.
    std::fs::rename(&path, folder.path().join("audit.jsonl.2")).unwrap();
    assert!(Audit::open(options(&path)).unwrap().close());
    assert_ne!(records(&path)[0]["last"], Value::Null);

    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in &files {
        assert!(std::fs::metadata(file).unwrap().len() <= 16 * 1024, "{file:?}");
    }
    let options = VerifyOptions { keys: vec![verification], ..VerifyOptions::default() };
    for _ in 0..files.len() {
        files.rotate_left(1);
        let report = verify(&files, &options).unwrap();
        assert!(report.is_good(), "{:?}", report.problems);
    }
    // A file in the middle is missed.
    let missing = files.iter().position(|file| file.ends_with("audit.jsonl.1")).unwrap();
    files.remove(missing);
    assert!(!verify(&files, &options).unwrap().is_good());
}

#[test]
fn a_log_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let first = Audit::open(options(&path)).unwrap();
    assert!(
        matches!(Audit::open(options(&path)).unwrap_err(), AuditSetupError::File(error) if error.to_string().contains("in use"))
    );
    assert!(first.close());
    drop(first);
    let foreign = folder.path().join("foreign");
    std::fs::write(&foreign, "not a log\n").unwrap();
    assert!(Audit::open(options(&foreign)).unwrap_err().to_string().contains("not an audit log"));
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "not a log\n");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(Audit::open(options(&pipe)).is_err());
}
