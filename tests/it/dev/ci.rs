//! `sigmint dev --ci`, as deploy/ci starts it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::dev::FREE_PORTS;

/// A job: its folder, and the stack that ends with it.
struct Job {
    place: tempfile::TempDir,
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.shell("kill \"$SIGMINT_DEV_PID\"");
    }
}

impl Job {
    /// A name that a shell must have quoted.
    fn folder(&self) -> PathBuf {
        self.place.path().join("a job's/sigstore")
    }

    fn github_env(&self) -> PathBuf {
        self.place.path().join("github env")
    }

    fn start(more: &[&str]) -> (Self, Output) {
        let job = Self { place: tempfile::tempdir().unwrap() };
        fs::write(job.github_env(), "EARLIER=1\n").unwrap();
        let output = job.starter(more).output().unwrap();
        (job, output)
    }

    fn starter(&self, more: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/ci/start.sh"));
        command.arg(self.folder()).args(more);
        command.env("SIGMINT", env!("CARGO_BIN_EXE_sigmint")).env("GITHUB_ENV", self.github_env());
        command
    }

    /// A later step, with the env file read.
    fn shell(&self, script: &str) -> Output {
        let script = format!("set -a; . \"$0/sigmint-dev.env\"; set +a; {script}");
        let mut command = Command::new("sh");
        command.arg("-euc").arg(script).arg(self.folder()).env("SIGMINT", env!("CARGO_BIN_EXE_sigmint"));
        for name in ["SIGSTORE_ID_TOKEN", "SIGMINT_TOKEN", "SIGMINT_URL"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn later_steps_have_what_they_need() {
    let (job, started) = Job::start(&["--identity", "github-workflow"]);
    stdout(&started);
    let file = job.folder().join("sigmint-dev.env");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "it has a token");
    // Everything serves already: nothing is waited for here.
    let issued = stdout(&job.shell("\"$SIGMINT\" request --json | grep -c certificate"));
    assert_ne!(issued.trim(), "0");
    let identity = stdout(&job.shell("printf %s \"$SIGMINT_DEV_IDENTITY\""));
    assert_eq!(identity, "https://github.com/example/app/.github/workflows/release.yml@refs/heads/main");
    let files = "for file in \"$COSIGN_TRUSTED_ROOT\" \"$COSIGN_SIGNING_CONFIG\" \"$SIGMINT_DEV_TRUSTED_ROOT\"; do test -s \"$file\"; done";
    stdout(&job.shell(files));
    let config = fs::read_to_string(job.folder().join("signing_config.json")).unwrap();
    let urls = "printf '%s\\n' \"$SIGMINT_URL\" \"$SIGMINT_DEV_TSA_URL\" \"$SIGMINT_DEV_IDENTITY_ISSUER\"";
    for url in stdout(&job.shell(urls)).lines() {
        assert!(config.contains(&format!("\"{url}\"")), "{url}\n{config}");
    }
    // GitHub's runner takes lines as they are.
    let github = fs::read_to_string(job.github_env()).unwrap();
    assert!(github.starts_with("EARLIER=1\n"), "{github}");
    let line = format!("COSIGN_TRUSTED_ROOT={}/trusted_root.json", fs::canonicalize(job.folder()).unwrap().display());
    assert!(github.lines().any(|found| found == line), "{line}\n{github}");
    let named = stdout(&job.shell("sed 's/=.*//' \"$SIGMINT_DEV_FOLDER/sigmint-dev.env\""));
    let appended: Vec<_> = github.lines().skip(1).map(|line| line.split_once('=').unwrap().0).collect();
    assert_eq!(named.lines().collect::<Vec<_>>(), appended);
}

#[test]
fn two_jobs_are_not_in_each_others_way_and_the_next_run_has_another_env_file() {
    let (one, first) = Job::start(&[]);
    let (other, second) = Job::start(&[]);
    stdout(&first);
    stdout(&second);
    let url = |job: &Job| stdout(&job.shell("printf %s \"$SIGMINT_URL\""));
    assert_ne!(url(&one), url(&other));
    // An env file never is of a stack that is gone.
    stdout(&one.shell("kill \"$SIGMINT_DEV_PID\""));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(["dev", "--once"]).args(FREE_PORTS).arg("--dir");
    command.arg(one.folder());
    // Until the first one has gone, the folder is taken.
    let mut runs = (0..200).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        command.output().unwrap()
    });
    let ended = runs.find(|output| output.status.success());
    assert!(ended.is_some(), "another run has the folder");
    assert!(!one.folder().join("sigmint-dev.env").exists());
}

#[test]
fn a_stack_that_does_not_start_ends_the_step() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (job, output) = Job::start(&["--tsa-port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("is taken") && told.contains("--tsa-port"), "{told}");
    assert!(!job.folder().join("sigmint-dev.env").exists());
    assert_eq!(fs::read_to_string(job.github_env()).unwrap(), "EARLIER=1\n");
}
