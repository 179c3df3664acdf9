//! What the process takes from itself before it serves, and what it lives through.

/// A file that has reached its limit (`ulimit -f`, systemd's `LimitFSIZE`) is as a full disk: the write fails, and the process goes on.
/// By default the system ends it.
#[cfg(target_os = "linux")]
pub(super) fn survive_file_size_limit() {
    use tokio::signal::unix::{SignalKind, signal};
    // SIGXFSZ. A listener is not ended; nobody needs to be told. Where it cannot be done, all is as before.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// Other systems have other limits.
#[cfg(not(target_os = "linux"))]
pub(super) fn survive_file_size_limit() {}

/// Keeps other processes of the same user, and core dumps, from the memory that holds the CA's key.
#[cfg(target_os = "linux")]
pub(super) fn hide_memory() -> Result<(), String> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("this process's memory cannot be hidden from debuggers (PR_SET_DUMPABLE): {error}"))
}

/// Other systems have other ways.
#[cfg(not(target_os = "linux"))]
pub(super) fn hide_memory() -> Result<(), String> {
    Ok(())
}
