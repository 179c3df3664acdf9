//! The audit log: what is in it, and what it is compared with.

mod reconcile;
