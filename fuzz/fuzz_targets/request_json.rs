//! `invariants::request_json` for octets that libFuzzer finds.

#![no_main]

#[path = "../invariants.rs"]
#[allow(dead_code, reason = "each target calls one")]
mod invariants;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| invariants::request_json(octets));
