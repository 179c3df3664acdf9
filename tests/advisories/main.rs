//! Known vulnerabilities of programs that do what sigmint does, each as the attack on the running server: refused for the right reason,
//! nothing signed, nobody asked who should not be. Each test bears its advisory's name; its comment says what that was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails must stop"
)]

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod encrypted;
mod fetching;
mod key_life;
mod keys;
mod load;
mod signatures;
mod tokens;
