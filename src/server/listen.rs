//! From a host and a port to a socket that listens, with the meaning that Go's `net.Listen` gives them.
//!
//! Owns the resolving for every listener of the process. Knows nothing of what is served there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::TcpSocket;

use crate::server::listeners::{Address, HostKind};

/// Connections that the system holds ready to be accepted.
const BACKLOG: u32 = 2048;

/// Listens on the host's first address that this machine has. Needs a Tokio runtime.
pub fn listen(address: &Address) -> io::Result<TcpListener> {
    listen_on_first(&candidates(address)?)
}

/// The addresses in the order in which they are tried.
fn candidates(address: &Address) -> io::Result<Vec<SocketAddr>> {
    let at = |ip: IpAddr| SocketAddr::new(ip, address.port);
    Ok(match address.host_kind() {
        // Both families, or IPv4 where there is no other.
        HostKind::Everywhere => vec![at(Ipv6Addr::UNSPECIFIED.into()), at(Ipv4Addr::UNSPECIFIED.into())],
        HostKind::Address(ip) => vec![at(ip)],
        // An image without /etc/hosts has the name as well (RFC 6761 section 6.3).
        HostKind::Localhost => vec![at(Ipv4Addr::LOCALHOST.into()), at(Ipv6Addr::LOCALHOST.into())],
        HostKind::Name(name) => {
            let mut found: Vec<_> = (name, address.port).to_socket_addrs()?.collect();
            found.sort_by_key(SocketAddr::is_ipv6);
            found
        }
    })
}

/// Goes on to the next address only where the machine does not have this one: a port that is taken is an error, and never a reason to listen
/// where clients do not look.
fn listen_on_first(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host name has no address");
    for address in addresses {
        match listen_on(*address) {
            Err(error) if is_missing(&error) => failure = error,
            outcome => return outcome,
        }
    }
    Err(failure)
}

/// Whether the machine has no such address, or nothing of its family.
fn is_missing(error: &io::Error) -> bool {
    let unknown_family = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::AFNOSUPPORT);
    unknown_family || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        let socket = TcpSocket::new_v6()?;
        if address.ip().is_unspecified() {
            // A machine may be told to keep the families apart (net.ipv6.bindv6only).
            set_ipv6_v6only(&socket, false)?;
        }
        socket
    };
    // A server that is started again at once finds its port still in use otherwise.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn at(host: &str) -> Address {
        Address { host: host.to_owned(), port: 0 }
    }

    fn first(host: &str) -> String {
        candidates(&at(host)).unwrap()[0].ip().to_string()
    }

    #[test]
    fn every_spelling_of_everywhere_is_both_families() {
        for host in ["", "0.0.0.0", "::", "[::]", "[0:0:0:0:0:0:0:0]", "::ffff:0.0.0.0"] {
            let addresses: Vec<_> = candidates(&at(host)).unwrap().iter().map(SocketAddr::ip).collect();
            assert_eq!(addresses, [IpAddr::from(Ipv6Addr::UNSPECIFIED), Ipv4Addr::UNSPECIFIED.into()], "{host:?}");
        }
    }

    #[test]
    fn localhost_and_names_are_ipv4_first_and_addresses_themselves() {
        for host in ["localhost", "LocalHost", "localhost.", "127.0.0.1"] {
            assert_eq!(first(host), "127.0.0.1", "{host}");
        }
        for host in ["::1", "[::1]"] {
            assert_eq!(first(host), "::1", "{host}");
        }
        assert!(candidates(&at("no-such-host.invalid")).is_err());
    }

    #[tokio::test]
    async fn whoever_listens_everywhere_is_reached_by_ipv4_and_where_there_is_ipv6_by_that() {
        let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
        for host in ["", "0.0.0.0", "::", "[::]"] {
            let port = listen(&at(host)).map(|listener| (listener.local_addr().unwrap().port(), listener)).unwrap();
            TcpStream::connect((Ipv4Addr::LOCALHOST, port.0)).unwrap();
            if has_ipv6 {
                TcpStream::connect((Ipv6Addr::LOCALHOST, port.0)).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn an_address_that_the_machine_has_not_is_passed_over_and_a_taken_port_is_not() {
        // RFC 5737: nobody has it.
        let missing: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let ours: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = listen_on_first(&[missing, ours]).unwrap();
        assert!(is_missing(&listen_on_first(&[missing]).unwrap_err()));
        let taken = listener.local_addr().unwrap();
        let refused = listen_on_first(&[taken, ours]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }
}
