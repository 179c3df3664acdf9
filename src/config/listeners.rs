//! The reading of where the server listens.

use super::document::ConfigError;
use super::flags::Values;
use super::settings::parsed;
use crate::server::listeners::{Address, Endpoint, Listeners, TlsFiles};

pub(super) fn read(values: &Values) -> Result<Listeners, ConfigError> {
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
            return Err(values.fault("grpc-tls-certificate", problem, hint));
        }
        (one, other) => one.or(other),
    };
    Ok(Listeners::Shared(Endpoint { address: http.address, tls }))
}

fn endpoint(values: &Values, [host, port]: [&str; 2], tls: [&str; 2]) -> Result<Endpoint, ConfigError> {
    let host = values.text(host).to_owned();
    let port = parsed(values, port, "a port is a number from 0 to 65535")?;
    Ok(Endpoint { address: Address { host, port }, tls: tls_files(values, tls)? })
}

fn tls_files(values: &Values, [certificate, key]: [&str; 2]) -> Result<Option<TlsFiles>, ConfigError> {
    match (values.is_set(certificate), values.is_set(key)) {
        (false, false) => Ok(None),
        (true, true) => {
            Ok(Some(TlsFiles { certificate: values.text(certificate).into(), key: values.text(key).into() }))
        }
        (true, false) => Err(incomplete(values, certificate, key)),
        (false, true) => Err(incomplete(values, key, certificate)),
    }
}

fn incomplete(values: &Values, set: &str, missing: &str) -> ConfigError {
    values.fault(set, format!("--{missing} is missing"), "TLS needs a certificate and its key")
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
    fn defaults_are_fulcios() {
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
