//! The command `sigmint`: starts the command line, nothing else.

use std::process::ExitCode;

/// Connections come and go with buffers of 8 and 16 KiB; the system's allocator keeps the memory of those that are gone in pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    sigmint::cli::main().await
}
