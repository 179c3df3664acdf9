//! The command `sigmint`: starts the command line, nothing else.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    sigmint::cli::main().await
}
