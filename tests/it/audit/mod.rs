//! The audit log: what is in it, and what happens when it cannot be written or was changed.

mod decisions;
mod destinations;
mod failing;
mod killed;
mod schema;
mod served;
mod strangers;
mod tampering;
