//! A test that runs itself again: with an environment that has to be there from the start, or for what a process has only one of.

use std::process::Command;

/// Set to its name for a test that has a process of its own.
const ALONE: &str = "SIGMINT_TEST_ALONE";

/// Runs a test, ignored or not, with what `prepare` changes about its process; it must pass. Its name begins with its `module_path!()`.
pub fn run_again(test: &str, prepare: impl FnOnce(&mut Command) -> &mut Command) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", path_of(test), "--include-ignored", "--nocapture"]);
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let run = prepare(&mut command).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && told.contains("1 passed"), "{told}");
}

/// A test's name as the test runner has it: without the crate.
pub fn path_of(test: &str) -> &str {
    test.split_once("::").map_or(test, |(_, path)| path)
}

/// Whether this process is the test's own; if not, another one is, which has passed by now.
pub fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some_and(|name| name == test) {
        return true;
    }
    run_again(test, |run| run.env(ALONE, test));
    false
}
