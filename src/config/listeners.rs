//! Where the server listens: addresses and the files of TLS.
//!
//! Owns the two shapes that there are: gRPC on its own address, or both protocols on one.

use std::net::IpAddr;
use std::path::PathBuf;

use super::flags::Values;
use super::settings::{SettingsError, parsed};

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
    /// This address.
    Address(IpAddr),
    /// The machine itself.
    Localhost,
    /// A name to be resolved.
    Name(&'a str),
}

impl Address {
    /// What the host stands for. An IPv6 address may stand in brackets, as it does beside a port.
    #[must_use]
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
    fn is_same(&self, other: &Self) -> bool {
        self.port == other.port && self.host_kind() == other.host_kind()
    }
}

/// The files of a TLS server, PEM. They are loaded anew when they are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the server's certificate first.
    pub certificate: PathBuf,
    /// The private key, not encrypted.
    pub key: PathBuf,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where.
    pub address: Address,
    /// With TLS, or without.
    pub tls: Option<TlsFiles>,
}

/// Where REST and gRPC are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listeners {
    /// Each on its own address.
    Separate {
        /// REST.
        http: Endpoint,
        /// gRPC.
        grpc: Endpoint,
    },
    /// Both on one address; a connection's handshake or first bytes, and a request's path say which it is.
    Shared(Endpoint),
}

impl Listeners {
    /// REST and gRPC on ports of this host that the system chooses, without TLS.
    #[must_use]
    pub fn any_ports(host: &str) -> Self {
        let endpoint = || Endpoint { address: Address { host: host.to_owned(), port: 0 }, tls: None };
        Self::Separate { http: endpoint(), grpc: endpoint() }
    }
}

pub(super) fn read(values: &Values) -> Result<Listeners, SettingsError> {
    let http = endpoint(values, ["host", "port"], ["tls-certificate", "tls-key"])?;
    let grpc = endpoint(values, ["grpc-host", "grpc-port"], ["grpc-tls-certificate", "grpc-tls-key"])?;
    // Fulcio compares strings, and fails to listen twice where two spellings mean one. Port 0 never means the same port twice.
    if !http.address.is_same(&grpc.address) || http.address.port == 0 {
        return Ok(Listeners::Separate { http, grpc });
    }
    let tls = match (http.tls, grpc.tls) {
        (Some(one), Some(other)) if one != other => {
            let problem = "one port for HTTP and gRPC has one certificate, and --tls-certificate names another";
            let hint = "name the same files twice, give one pair only, or give gRPC its own port with --grpc-port";
            return Err(SettingsError::new(values.origin("grpc-tls-certificate"), problem, hint));
        }
        (one, other) => one.or(other),
    };
    Ok(Listeners::Shared(Endpoint { address: http.address, tls }))
}

fn endpoint(values: &Values, [host, port]: [&str; 2], tls: [&str; 2]) -> Result<Endpoint, SettingsError> {
    let host = values.text(host).to_owned();
    let port = parsed(values, port, "a port is a number from 0 to 65535")?;
    Ok(Endpoint { address: Address { host, port }, tls: tls_files(values, tls)? })
}

fn tls_files(values: &Values, [certificate, key]: [&str; 2]) -> Result<Option<TlsFiles>, SettingsError> {
    match (values.is_set(certificate), values.is_set(key)) {
        (false, false) => Ok(None),
        (true, true) => {
            Ok(Some(TlsFiles { certificate: values.text(certificate).into(), key: values.text(key).into() }))
        }
        (true, false) => Err(incomplete(values, certificate, key)),
        (false, true) => Err(incomplete(values, key, certificate)),
    }
}

fn incomplete(values: &Values, set: &str, missing: &str) -> SettingsError {
    SettingsError::new(values.origin(set), format!("--{missing} is missing"), "TLS needs a certificate and its key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::flags::augment;

    fn listeners(args: &[&str]) -> Result<Listeners, String> {
        let command = augment(clap::Command::new("serve"));
        let matches = command.try_get_matches_from(std::iter::once(&"serve").chain(args)).unwrap();
        read(&Values::from_command_line(&matches, &|_| None)).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_the_incumbents() {
        let at = |port| Endpoint { address: Address { host: "0.0.0.0".into(), port }, tls: None };
        assert_eq!(listeners(&[]), Ok(Listeners::Separate { http: at(8080), grpc: at(8081) }));
    }

    #[test]
    fn one_host_and_port_is_one_listener() {
        let one = Endpoint { address: Address { host: "0.0.0.0".into(), port: 5555 }, tls: None };
        for more in [&[][..], &["--grpc-host=::"], &["--grpc-host=[::]"], &["--grpc-host="]] {
            let args = [&["--port=5555", "--grpc-port=5555"][..], more].concat();
            assert_eq!(listeners(&args), Ok(Listeners::Shared(one.clone())), "{more:?}");
        }
        for other in [
            &["--port=5555", "--grpc-port=5555", "--host=127.0.0.1"][..],
            &["--port=5555", "--grpc-port=5554"],
            &["--port=0", "--grpc-port=0"],
        ] {
            assert!(matches!(listeners(other), Ok(Listeners::Separate { .. })), "{other:?}");
        }
    }

    #[test]
    fn tls_needs_both_files_and_one_port_has_one_certificate() {
        let files = Some(TlsFiles { certificate: "c".into(), key: "k".into() });
        let Ok(Listeners::Separate { http, grpc }) = listeners(&["--grpc-tls-certificate=c", "--grpc-tls-key=k"])
        else {
            panic!("two listeners")
        };
        assert_eq!((http.tls, grpc.tls), (None, files.clone()));
        let Ok(Listeners::Separate { http, grpc }) = listeners(&["--tls-certificate=c", "--tls-key=k"]) else {
            panic!("two listeners")
        };
        assert_eq!((http.tls, grpc.tls), (files.clone(), None));
        assert!(listeners(&["--tls-key=k"]).unwrap_err().contains("--tls-certificate is missing"));
        assert!(listeners(&["--grpc-tls-certificate=c"]).unwrap_err().contains("--grpc-tls-key is missing"));
        let shared = |more: &[&str]| listeners(&[&["--port=1", "--grpc-port=1"], more].concat());
        let (http, grpc) = (["--tls-certificate=c", "--tls-key=k"], ["--grpc-tls-certificate=c", "--grpc-tls-key=k"]);
        for pairs in [&http[..], &grpc, &[http, grpc].concat()] {
            let Ok(Listeners::Shared(endpoint)) = shared(pairs) else { panic!("one listener: {pairs:?}") };
            assert_eq!(endpoint.tls, files, "{pairs:?}");
        }
        let other = ["--grpc-tls-certificate=d", "--grpc-tls-key=k"];
        assert!(shared(&[http, other].concat()).unwrap_err().contains("one certificate"));
    }
}
