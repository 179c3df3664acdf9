//! A real Redis or Valkey on a port of 127.0.0.1, which can be killed, frozen and brought back.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::DEADLINE;
use super::ports::free_port;

/// A running server; it ends with the test.
pub struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    child: Child,
}

impl RedisServer {
    /// A server that keeps nothing.
    pub fn start() -> Self {
        Self::start_with(|port| vec!["--port".into(), port.to_string()])
    }

    /// The same, with these arguments besides; they say what the port is for.
    pub fn start_with(arguments: impl FnOnce(u16) -> Vec<String>) -> Self {
        let port = free_port();
        let arguments = arguments(port);
        let child = spawn(port, &arguments);
        Self { port, arguments, child }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Everything it knows is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.child = spawn(self.port, &self.arguments);
    }

    /// Stops it answering, its connections stay open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it answer again.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// What the server answers to a command, one line for each value.
    pub fn ask(&self, command: &[&str]) -> String {
        use std::io::{Read as _, Write as _};
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let words: String =
            command.iter().fold(String::new(), |words, word| words + &format!("${}\r\n{word}\r\n", word.len()));
        write!(connection, "*{}\r\n{words}*1\r\n$4\r\nQUIT\r\n", command.len()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

fn spawn(port: u16, arguments: &[String]) -> Child {
    let server = ["/usr/bin/valkey-server", "/usr/bin/redis-server"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists());
    let server = server.expect("neither valkey-server nor redis-server: install one, as scripts/test.sh does");
    let mut command = Command::new(server);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]).args(arguments);
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let begin = std::time::Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begin.elapsed() < DEADLINE, "{server} does not listen");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
