//! Ports for programs that are told which to listen on.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give out by themselves: what was free a moment ago is not taken by a connection.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// Addresses of this machine with ports that nobody listens on, and that no other test of this process is given.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    [(); N].map(|()| {
        // A test that runs itself again has a process of its own.
        let process = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
        let candidates = (0..COUNT).map(|_| NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(process) % COUNT + FIRST);
        let mut free = candidates.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        free.find(|address| TcpListener::bind(address).is_ok()).expect("a port is free")
    })
}

/// A port like that.
pub fn free_port() -> u16 {
    let [address] = free_addresses();
    address.port()
}
