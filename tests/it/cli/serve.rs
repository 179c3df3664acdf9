//! The start of `sigmint serve`: what it refuses, what it warns of, and a log that cannot be written.

use crate::support::ports::free_addresses;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);
const ONE_ISSUER: &str = "oidc-issuers:\n  https://sso.corp.example: {client-id: sigstore, type: email}\n";
const TWO_ISSUERS: &str = "oidc-issuers:\n  https://sso.corp.example: {client-id: other, type: email}\n  \
                           https://new.example: {client-id: sigstore, type: email}\n";

/// `sigmint serve` with a throw-away CA and its standard error in a file.
struct Started {
    child: Child,
    http: SocketAddr,
    metrics: SocketAddr,
    folder: tempfile::TempDir,
}

impl Started {
    fn with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("issuers.yaml"), ONE_ISSUER).unwrap();
        assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
        let log = fs::File::create(folder.path().join("log")).unwrap();
        Self::logging_to(folder, log.into(), args, variables)
    }

    fn logging_to(folder: tempfile::TempDir, log: Stdio, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::through(&[], folder, log, args, variables)
    }

    /// The same, started by another program.
    fn through(
        starter: &[&str],
        folder: tempfile::TempDir,
        log: Stdio,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let [http, grpc, metrics] = free_addresses();
        let words = [starter, &[env!("CARGO_BIN_EXE_sigmint")]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command.args(["serve", "--ca=ephemeralca", "--host=127.0.0.1", "--grpc-host=127.0.0.1"]);
        command.args([format!("--port={}", http.port()), format!("--grpc-port={}", grpc.port())]);
        command.args([format!("--metrics-port={}", metrics.port()), "--metrics-host=127.0.0.1".to_owned()]);
        let issuers = folder.path().join("issuers.yaml").display().to_string();
        let args = args
            .iter()
            .map(|arg| arg.replace("ISSUERS", &issuers).replace("FOLDER", &folder.path().display().to_string()));
        let child =
            command.args(args).envs(variables.iter().copied()).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        Self { child, http, metrics, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Until it answers.
    fn await_answers(&self) {
        until("the server", || {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(!log.contains("sigmint: "), "{log}");
            ask(self.http, "GET /healthz", "").is_some_and(|answer| answer.contains(" 200 "))
        });
    }

    fn await_line(&self, text: &str) {
        until(text, || self.log().contains(text));
    }

    /// What it ends with by itself, and what it said.
    fn refusal(mut self) -> (Option<i32>, String) {
        let mut status = None;
        until("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().code(), self.log())
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < DEADLINE, "{what}: waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One request; nothing when there is no answer.
fn ask(address: SocketAddr, line: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = body.len();
    write!(stream, "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn refused_request(address: SocketAddr) -> bool {
    ask(address, "POST /api/v2/signingCert", "{}").is_some_and(|answer| answer.contains(" 400 "))
}

fn lost_lines(metrics: SocketAddr) -> u64 {
    let text = ask(metrics, "GET /metrics", "").unwrap();
    let line = text.lines().find(|line| line.starts_with("sigmint_log_lines_lost_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn without_a_readable_issuer_file_it_does_not_start() {
    for (path, prepare, expected) in [
        ("FOLDER/none.yaml", (|_| ()) as fn(&Path), "no such file"),
        ("FOLDER/x.yaml", |folder| fs::write(folder.join("x.yml"), ONE_ISSUER).unwrap(), "x.yml: rename it"),
        ("FOLDER/link.yaml", |folder| symlink("..data/a", folder.join("link.yaml")).unwrap(), "a link to ..data/a"),
        ("FOLDER", |_| (), "is a folder"),
        ("FOLDER/empty.yaml", |folder| fs::write(folder.join("empty.yaml"), "").unwrap(), "no issuer in the file"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let started = Started::logging_to(folder, log.into(), &["--ct-log-url=", "--config-path", path], &[]);
        let (code, said) = started.refusal();
        assert!(code == Some(1) && said.contains(expected) && said.contains("hint:"), "{path}: {said}");
    }
    let (code, said) = Started::with(&["--ct-log-url="], &[]).refusal();
    assert!(code == Some(1) && said.contains("--builtin-issuers"), "{said}");
}

#[test]
fn the_public_issuers_need_their_own_word() {
    for variables in [&[("FULCIO_SERVE_BUILTIN_ISSUERS", "true")][..], &[]] {
        let args: &[&str] = if variables.is_empty() { &["--builtin-issuers"] } else { &[] };
        let started = Started::with(&[&["--ct-log-url="], args].concat(), variables);
        started.await_answers();
        let configuration = ask(started.http, "GET /api/v2/configuration", "").unwrap();
        assert!(configuration.contains("https://accounts.google.com"), "{configuration}");
        assert!(started.log().contains("because --builtin-issuers says so"), "{}", started.log());
    }
}

#[test]
fn a_hangup_reads_what_was_asked_for_and_says_what_changed() {
    let started = Started::with(&["--ct-log-url=", "--config-path=ISSUERS"], &[]);
    started.await_answers();
    let issuers = started.path("issuers.yaml");
    fs::remove_file(&issuers).unwrap();
    fs::write(started.path("issuers.json"), "{}").unwrap();
    started.signal("-HUP");
    started.await_line("the issuer file was not loaded again");
    let configuration = ask(started.http, "GET /api/v2/configuration", "").unwrap();
    assert!(configuration.contains("https://sso.corp.example"), "{configuration}");
    fs::write(&issuers, TWO_ISSUERS).unwrap();
    started.signal("-HUP");
    started.await_line("the issuer file was loaded again");
    let log = started.log();
    let line = log.lines().find(|line| line.contains("was loaded again")).unwrap();
    for expected in
        ["issuers=2", "added=\"https://new.example\"", "removed=\"\"", "changed=\"https://sso.corp.example\""]
    {
        assert!(line.contains(expected), "{expected}: {line}");
    }
}

#[test]
fn an_empty_value_and_a_stray_word_are_refused() {
    for slip in [
        &["--ct-log-url=", "https://log.example/2026"][..],
        &["--ct-log-url", "", "https://log.example/2026"],
        &["--tls-certificate=", "a", "--tls-key=", "b"],
        &["--rate-limit-per-identity=", "600/m"],
        &["--single-use-store=", "redis://x"],
        &["--fileca-key-passwd=", "hunter2"],
        &["--client-signing-algorithms="],
        &["--ct-log-url= "],
        &["--ct-log-public-key-path=,"],
    ] {
        let (code, said) = Started::with(&[&["--config-path=ISSUERS"], slip].concat(), &[]).refusal();
        let flag = slip[0].trim().trim_end_matches(['=', ',']);
        assert!(code == Some(1) && said.contains(flag) && !said.contains("hunter2"), "{slip:?}: {said}");
        assert!(!said.contains("listening"), "{said}");
    }
}

#[test]
fn what_is_off_is_said_at_the_start() {
    let shared = ["FULCIO_SERVE_CT_LOG_PUBLIC_KEY", "FULCIO_SERVE_RATE_LIMIT_PER_IDENTITY"];
    let folder = tempfile::tempdir().unwrap();
    let wide = "oidc-issuers:\n  https://a.example: {client-id: s, type: email, skip-email-verification: true}\n  \
                http://b.example: {client-id: s, type: email, allow-http: true}\n";
    fs::write(folder.path().join("wide.yaml"), wide).unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let started = Started::logging_to(
        folder,
        log.into(),
        &[
            "--config-path=FOLDER/wide.yaml",
            "--rate-limit-per-address=",
            "--ct-log-url=http://127.0.0.1:1/x",
            "\u{2014}tls-key=x",
        ],
        &[(shared[0], "/x"), (shared[1], "")],
    );
    started.await_answers();
    let log = started.log();
    for expected in [
        "WARN FULCIO_SERVE_CT_LOG_PUBLIC_KEY is not read: did you mean FULCIO_SERVE_CT_LOG_PUBLIC_KEY_PATH?",
        "WARN FULCIO_SERVE_RATE_LIMIT_PER_IDENTITY is empty and counts as not set",
        "WARN a word on the command line is not read: did you mean --tls-key?",
        "WARN --rate-limit-per-address is empty: requests of one address are not limited",
        "WARN timestamps of a transparency log are not verified",
        "WARN e-mail addresses are certified without being verified: skip-email-verification issuers=\"https://a.example\"",
        "WARN keys of these issuers are fetched without TLS",
        "WARN the CA's key is in memory",
        "INFO effective settings settings=\"ca=ephemeralca ",
        "ct-log-url=http://127.0.0.1:1/x",
        "INFO protections on=\"ct-log\" off=\"ct-log-key http-tls",
    ] {
        assert_eq!(log.matches(expected).count(), 1, "{expected}\n{log}");
    }
}

#[test]
fn secret_files_that_others_can_read_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("issuers.yaml"), ONE_ISSUER).unwrap();
    let (shared, own) = (folder.path().join("shared.key"), folder.path().join("own.key"));
    for (path, mode) in [(&shared, 0o440), (&own, 0o400)] {
        fs::write(path, "x").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let started = Started::logging_to(
        folder,
        log.into(),
        &[
            "--config-path=ISSUERS",
            "--ct-log-url=",
            "--tls-certificate=FOLDER/x",
            "--tls-key=FOLDER/shared.key",
            "--grpc-tls-certificate=FOLDER/x",
            "--grpc-tls-key=FOLDER/own.key",
        ],
        &[],
    );
    let (_, log) = started.refusal();
    assert_eq!(log.matches("a secret file can be read").count(), 1, "{log}");
    assert!(log.contains("shared.key mode=\"0440\""), "{log}");
}

#[test]
fn odd_certificates_of_the_ca_are_warned_of_at_the_start_and_at_each_reload() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("issuers.yaml"), ONE_ISSUER).unwrap();
    let init = |out: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        let done =
            command.current_dir(folder.path()).args(["ca", "init", "--unencrypted", "--out", out]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    init("one");
    init("other");
    let read = |file: &str| fs::read(folder.path().join(file)).unwrap();
    fs::write(folder.path().join("odd.pem"), [read("other/root.pem"), read("one/chain.pem")].concat()).unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let args = [
        "--ca=fileca",
        "--fileca-cert=FOLDER/odd.pem",
        "--fileca-key=FOLDER/one/intermediate.key",
        "--config-path=ISSUERS",
        "--ct-log-url=",
    ];
    let server = Started::logging_to(folder, log.into(), &args, &[]);
    server.await_answers();
    let warned = || server.log().matches("a CA's certificates are odd").count();
    assert_eq!(warned(), 1, "{}", server.log());
    assert!(server.log().contains("certificates that are not part of the chain"), "{}", server.log());
    server.signal("-HUP");
    until("the second warning", || warned() == 2);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("issuers.yaml"), ONE_ISSUER).unwrap();
    let mut started = Started::logging_to(
        folder,
        writer.into(),
        &["--ct-log-url=", "--config-path=ISSUERS"],
        &[("RUST_LOG", "debug")],
    );
    started.await_answers();
    // The pipe takes 64 KiB, the queue 1 MiB: after that, lines are lost.
    until("lost lines", || {
        for _ in 0..200 {
            assert!(refused_request(started.http));
        }
        lost_lines(started.metrics) > 0
    });
    assert!(ask(started.http, "GET /healthz", "").unwrap().contains(" 200 "));
    // It comes back: everything that was kept is there, and one line says how many were not.
    let (told, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        while let Ok(count) = reader.read(&mut buffer) {
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            if count == 0 || text.contains("log lines were lost") {
                let _ = told.send(text.clone());
                return reader;
            }
        }
        reader
    });
    let text = hears.recv_timeout(DEADLINE).unwrap();
    assert!(text.contains("log lines were lost") && text.contains("listening"), "{}", text.len());
    // And goes away for good, as its end of the pipe is closed now.
    for _ in 0..5 {
        assert!(refused_request(started.http));
    }
    until("more lost lines", || refused_request(started.http) && lost_lines(started.metrics) > 5);
    started.signal("-TERM");
    let mut status = None;
    until("the end", || {
        status = started.child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
}

#[test]
fn a_full_disk_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("issuers.yaml"), ONE_ISSUER).unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let started = Started::logging_to(folder, full.into(), &["--ct-log-url=", "--config-path=ISSUERS"], &[]);
    started.await_answers();
    assert!(refused_request(started.http));
    until("lost lines", || lost_lines(started.metrics) > 1);
}

#[test]
fn a_stuck_reader_does_not_hold_up_a_start_that_fails() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![b'x'; 65_536]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("issuers.yaml"), "no: issuers\n").unwrap();
    let mut started = Started::logging_to(folder, writer.into(), &["--ct-log-url=", "--config-path=ISSUERS"], &[]);
    let mut status = None;
    until("the end", || {
        status = started.child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(1));
    drop(reader);
}

/// What a command ends with and says when its output goes there.
fn into(args: &[&str], output: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdout(output).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

const PRINTING: [&[&str]; 11] = [
    &["completions", "bash"],
    &["completion", "zsh", "--no-descriptions"],
    &["version"],
    &["version", "--json"],
    &["serve", "--help"],
    &["help", "createca"],
    &["--version"],
    &["-h"],
    &["inspect", "--help"],
    &["ca", "init", "--help"],
    &["ca", "check", "--ca=ephemeralca"],
];

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    for args in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, said) = into(args, writer);
        assert!(code == Some(0) && said.is_empty(), "{args:?}: {said}");
    }
}

#[test]
fn a_command_whose_output_cannot_be_written_fails_with_the_reason() {
    let dev: &[&str] = &["dev", "--once", "--port=0", "--issuer-port=0", "--log-port=0", "--tsa-port=0"];
    for args in PRINTING.into_iter().chain([dev]) {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (code, said) = into(args, full);
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(last.starts_with("sigmint: cannot write to standard output: No space left"), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}

#[test]
fn a_command_without_standard_streams_ends_as_it_would() {
    let sigmint = env!("CARGO_BIN_EXE_sigmint");
    for line in [
        "version >&- 2>&-",
        "completions bash 2>&-",
        "inspect /none <&- 2>&- && exit 9 || test $? = 2",
        "--help <&- >&- 2>&-",
    ] {
        let status = Command::new("sh").arg("-c").arg(format!("\"$0\" {line} | cat >/dev/null")).arg(sigmint).status();
        assert_eq!(status.unwrap().code(), Some(0), "{line}");
    }
}

/// `ulimit -f`, systemd's `LimitFSIZE`: the system ends a process that writes beyond it, unless it says otherwise.
#[test]
fn a_log_file_at_its_size_limit_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("issuers.yaml"), ONE_ISSUER).unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut started = Started::through(
        &["sh", "-c", "ulimit -f 4 && exec \"$@\"", "sh"],
        folder,
        log.into(),
        &["--ct-log-url=", "--config-path=ISSUERS"],
        &[],
    );
    started.await_answers();
    until("lost lines", || refused_request(started.http) && lost_lines(started.metrics) > 3);
    assert_eq!(started.child.try_wait().unwrap(), None);
}

#[test]
fn what_fulcio_takes_is_taken_and_said() {
    let started = Started::with(
        &[
            "--ct-log-url=",
            "--config-path=ISSUERS",
            "--log_type=production",
            "--gcp_private_ca_version=v1",
            "serve",
            "word",
        ],
        &[
            ("FULCIO_SERVE_GCP_PRIVATE_CA_VERSION", "v1"),
            ("FULCIO_SERVE_GRPC_PORT", "tcp://10.0.0.1:80"),
            ("FULCIO_SERVE_SERVICE_HOST", "10.0.0.1"),
            ("FULCIO_SERVE_IDLE_CONNECTION_TIMEOUT", "60"),
        ],
    );
    started.await_answers();
    started.await_line("listening");
    let log = started.log();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warned = |text: &str| {
        lines.iter().any(|line| line["level"] == "WARN" && line["message"].as_str().unwrap().starts_with(text))
    };
    for expected in [
        "--gcp_private_ca_version is deprecated and not read",
        "FULCIO_SERVE_GCP_PRIVATE_CA_VERSION is deprecated and not read",
        "FULCIO_SERVE_GRPC_PORT is not read: it is Kubernetes' link",
        "FULCIO_SERVE_IDLE_CONNECTION_TIMEOUT: 60 has no unit",
    ] {
        assert!(warned(expected), "{expected}: {log}");
    }
    assert!(!log.contains("SERVICE_HOST"), "{log}");
}

#[test]
fn the_log_has_fulcio_s_member_names_on_request() {
    let started = Started::with(&["--ct-log-url=", "--config-path=ISSUERS", "--log_type=zap"], &[]);
    started.await_answers();
    assert!(refused_request(started.http));
    started.await_line("requestID");
    for line in started.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["ts"].is_f64() && line["caller"].is_string() && line["message"].is_string(), "{line}");
        assert!(["debug", "info", "warn", "error"].contains(&line["severity"].as_str().unwrap()), "{line}");
    }
}

/// `kubectl logs --tail=1`, and the termination message that Kubernetes takes from the log.
#[test]
fn the_last_line_of_a_start_that_fails_is_the_cause_and_names_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (http, metrics) = (format!("--port={port}"), format!("--metrics-port={port}"));
    for (args, expected) in [
        (&["--ca=vault"][..], &["--ca: ", "\"vault\"", "hint: "][..]),
        (
            &["--ca=fileca", "--fileca-cert=/none", "--fileca-key=/none-either"],
            &["--fileca-cert: /none cannot be read"],
        ),
        (&["--blocked-public-keys=/none"], &["--blocked-public-keys: /none cannot be read"]),
        (
            &["--ct-log-url=http://127.0.0.1:1/x", "--ct-log-public-key-path=/none"],
            &["--ct-log-public-key-path: /none"],
        ),
        (&["--tls-certificate=/none", "--tls-key=/none-either"], &["--tls-certificate", "/none"]),
        (&["--config-path=/none"], &["--config-path", "/none"]),
        (
            &["--ca=kmsca", "--kms-resource=hashivault://k", "--kms-cert-chain-path=/none"],
            &["--kms-resource: hashivault://k", "no answer"],
        ),
        (&["--ca-config=/none", "--ca="], &["--ca-config", "/none"]),
        (&["-c", "/none"], &["/none"]),
        // Neither ends by itself: a pipe waits for its writer.
        (&["-c", "/dev/zero"], &["/dev/zero", "is a device, not a file"]),
        (&["--config-path=FOLDER/pipe"], &["pipe", "is a pipe, not a file"]),
        (&["--ca=fileca", "--fileca-cert=FOLDER/pipe", "--fileca-key=FOLDER/pipe"], &["is a pipe, not a file"]),
        (
            &["--ct-log-url=http://127.0.0.1:1/x", "--ct-log-public-key-path=/dev/zero"],
            &["--ct-log-public-key-path: /dev/zero", "is a device, not a file"],
        ),
        (&[&http], &["--port", "Address already in use"]),
        (&[&metrics], &["--metrics-port", "Address already in use"]),
    ] {
        for form in ["dev", "prod", "zap"] {
            let form = format!("--log_type={form}");
            let args = [&["--ct-log-url=", "--config-path=ISSUERS", &form], args].concat();
            let started = Started::with(&args, &[("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", "x")]);
            let (code, said) = started.refusal();
            let last = said.lines().last().unwrap_or_default().replace("\\\"", "\"");
            assert_eq!(code, Some(1), "{args:?}: {said}");
            for part in expected {
                assert!(last.contains(part), "{args:?}: {part} is not in the last line of: {said}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_server_is_hidden_from_its_own_user() {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(["serve", "--ca=ephemeralca", "--builtin-issuers", "--ct-log-url=", "--host=127.0.0.1", "--port=0"]);
    command.args(["--grpc-host=127.0.0.1", "--grpc-port=0", "--metrics-host=127.0.0.1", "--metrics-port=0"]);
    // What belongs to root says nothing: these files belong to root when the process is not dumpable, else to its user.
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_533);
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let memory = format!("/proc/{}/mem", child.id());
    until("hidden memory", || fs::metadata(&memory).unwrap().uid() == 0);
    child.kill().unwrap();
    child.wait().unwrap();
}
