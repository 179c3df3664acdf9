//! The integration tests: one crate, whose folders mirror those of `src/`.

#![allow(unreachable_pub, reason = "nobody imports a test")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails must stop"
)]

mod support;

mod advisories;
mod api;
mod app;
mod audit;
mod authority;
mod certificate;
mod cli;
mod ct;
mod dev;
mod documentation;
mod identity;
mod invariants;
mod limits;
mod possession;
mod server;
mod signer;
mod telemetry;
