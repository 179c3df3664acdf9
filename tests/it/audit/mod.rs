//! The audit log: what is in it, and what happens when it cannot be written or was changed, and what it is compared with.

mod decisions;
mod destinations;
mod failing;
mod killed;
mod reconcile;
mod remote_keys;
mod schema;
mod served;
mod strangers;
mod tampering;
