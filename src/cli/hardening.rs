//! What the process takes from itself before it serves.

/// Keeps other processes of the same user, and core dumps, from the memory that holds the CA's key.
///
/// # Errors
/// What to say when the system does not do it.
#[cfg(target_os = "linux")]
pub(super) fn hide_memory() -> Result<(), String> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("this process's memory cannot be hidden from debuggers (PR_SET_DUMPABLE): {error}"))
}

/// Other systems have other ways.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(super) fn hide_memory() -> Result<(), String> {
    Ok(())
}
