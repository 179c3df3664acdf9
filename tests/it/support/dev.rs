//! A `sigmint dev` that serves.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// Every server's port is the system's choice.
pub const FREE_PORTS: [&str; 10] =
    ["--port", "0", "--issuer-port", "0", "--log-port", "0", "--tsa-port", "0", "--rekor-port", "0"];

/// A process that is killed when it is let go of: nothing is told to stop.
pub struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it and waits until it serves; answers what it has printed until then.
pub fn serving(command: &mut Command) -> (Killed, String) {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut told = String::new();
    while !told.lines().last().unwrap_or_default().starts_with("Serving ") {
        assert_ne!(output.read_line(&mut told).unwrap(), 0, "it ended: {told}");
    }
    // It must not block on a full pipe.
    std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
    (Killed(process), told)
}
