//! What people read at the command line: help and errors, as they were. To accept what has changed:
//! `TRYCMD=overwrite cargo test --test it cli::snapshots`.

use std::path::Path;

#[test]
fn help_and_errors_are_what_they_were() {
    trycmd::TestCases::new()
        .register_bin("sigmint", Path::new(env!("CARGO_BIN_EXE_sigmint")))
        .case("tests/it/cli/snapshots/*.trycmd");
}
