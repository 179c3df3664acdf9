//! Syslog over a local socket: RFC 5424 framing, one datagram a record.
//!
//! Owns header and socket. Syslog over a network is the local daemon's: over UDP, records would be lost without anyone knowing.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::output::Lines;

/// Where the local daemon listens when nothing else is said.
pub(crate) const DEFAULT_SOCKET: &str = "/dev/log";
/// Where Linux has this machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// Facility 13 (log audit), severity 6 (informational): RFC 5424 section 6.2.1.
const PRIORITY: u16 = 13 * 8 + 6;
/// How long a daemon may leave a datagram waiting.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    host: String,
}

impl Syslog {
    /// Connects, to see that somebody listens.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let host = std::fs::read_to_string(HOST_NAME).ok().map(|name| name.trim().to_owned());
        let host = host.filter(|host| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic()));
        let mut syslog = Self { path: path.to_owned(), socket: None, host: host.unwrap_or_else(|| "-".to_owned()) };
        syslog.socket = Some(syslog.open()?);
        Ok(syslog)
    }

    fn open(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.path)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(socket)
    }

    pub(super) fn write(&mut self, lines: &Lines) -> (usize, io::Result<()>) {
        let header = self.header(SystemTime::now());
        for (count, line) in lines.iter().enumerate() {
            let message = [header.as_bytes(), line].concat();
            if let Err(error) = self.send(&message) {
                return (count, Err(error));
            }
        }
        (lines.ends.len(), Ok(()))
    }

    /// A daemon that was started again has a new socket: tried once.
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if let Some(socket) = &self.socket
            && socket.send(message).is_ok()
        {
            return Ok(());
        }
        let socket = self.open()?;
        socket.send(message)?;
        self.socket = Some(socket);
        Ok(())
    }

    /// `<PRI>1 TIME HOST APP PROCID MSGID STRUCTURED-DATA`, and a blank.
    fn header(&self, now: SystemTime) -> String {
        let time = humantime::format_rfc3339_millis(now);
        format!("<{PRIORITY}>1 {time} {} sigmint {} audit - ", self.host, std::process::id())
    }
}
