//! Owns the way into modules for threads, and its closing when the process ends.
//!
//! Refuses to know what is called. Process-wide as the registry of modules is: a process that ends while one of its
//! threads is inside a module crashes in many of them (SoftHSM's destructors free what the call is using).

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

static GATE: Mutex<Gate> = Mutex::new(Gate { inside: 0, closed: false });
static LEFT: Condvar = Condvar::new();

struct Gate {
    inside: usize,
    closed: bool,
}

/// A thread's stay in modules.
#[derive(Debug)]
pub(super) struct Inside(());

/// Lets a thread call modules while it holds the answer; none if the process is ending.
pub(super) fn enter() -> Option<Inside> {
    let mut gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
    if gate.closed {
        return None;
    }
    gate.inside += 1;
    Some(Inside(()))
}

impl Drop for Inside {
    fn drop(&mut self) {
        GATE.lock().unwrap_or_else(PoisonError::into_inner).inside -= 1;
        LEFT.notify_all();
    }
}

/// Lets no thread call a PKCS#11 module any more, and waits for those that are in one, but no longer than `limit`.
///
/// For the end of the process, after the last request was answered: keys sign no more. Blocks.
pub fn leave_modules(limit: Duration) {
    let mut gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
    gate.closed = true;
    drop(LEFT.wait_timeout_while(gate, limit, |gate| gate.inside > 0));
}
