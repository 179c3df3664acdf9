//! A test that runs itself again, with an environment that has to be there from the start.

use std::process::Command;

/// Runs an ignored test of the same file, with what `prepare` changes about its process; it must pass.
pub fn run_again(test: &str, prepare: impl FnOnce(&mut Command) -> &mut Command) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env_remove("NO_PROXY").env_remove("no_proxy");
    let run = prepare(&mut command).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && told.contains("1 passed"), "{told}");
}
