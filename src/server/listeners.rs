//! Where the server listens: addresses and the files of TLS.
//!
//! Owns the two shapes that there are: gRPC on its own address, or both protocols on one.

use std::net::IpAddr;
use std::path::PathBuf;

/// A host and a port to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an address; empty stands for every address.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// What a host stands for, with Go's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind<'a> {
    /// Every address of both families: no host, `0.0.0.0`, `::`.
    Everywhere,
    Address(IpAddr),
    Localhost,
    /// A name to be resolved.
    Name(&'a str),
}

impl Address {
    /// What the host stands for. An IPv6 address may stand in brackets, as it does beside a port.
    pub fn host_kind(&self) -> HostKind<'_> {
        let host = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host);
        match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if address.is_unspecified() => HostKind::Everywhere,
            Ok(address) => HostKind::Address(address),
            Err(_) if host.is_empty() => HostKind::Everywhere,
            Err(_) if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") => HostKind::Localhost,
            Err(_) => HostKind::Name(host),
        }
    }

    /// Whether it is the same host and port, however the host is written.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.port == other.port && self.host_kind() == other.host_kind()
    }
}

/// The files of a TLS server, PEM. They are loaded again when they are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the server's certificate first.
    pub certificate: PathBuf,
    /// The private key, not encrypted.
    pub key: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Address,
    pub tls: Option<TlsFiles>,
}

/// Where REST and gRPC are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listeners {
    /// Each on its own address.
    Separate { http: Endpoint, grpc: Endpoint },
    /// Both on one address; a connection's handshake or first bytes, and a request's path say which it is.
    Shared(Endpoint),
}

impl Listeners {
    /// Of HTTP and of gRPC.
    pub(crate) const fn endpoints(&self) -> [&Endpoint; 2] {
        match self {
            Self::Separate { http, grpc } => [http, grpc],
            Self::Shared(endpoint) => [endpoint, endpoint],
        }
    }

    /// REST and gRPC on ports of this host that the system chooses, without TLS.
    pub fn any_ports(host: &str) -> Self {
        let endpoint = || Endpoint { address: Address { host: host.to_owned(), port: 0 }, tls: None };
        Self::Separate { http: endpoint(), grpc: endpoint() }
    }
}
