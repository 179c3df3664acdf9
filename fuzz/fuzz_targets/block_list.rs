//! `invariants::block_list` for bytes that libFuzzer finds.

#![no_main]

#[path = "../invariants.rs"]
#[allow(dead_code, reason = "each target calls one")]
mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::block_list(bytes));
