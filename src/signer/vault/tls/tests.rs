use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::client::Client;
use super::super::options::VaultOptions;
use super::*;

/// What one connection showed: the name that TLS asked for, whether a certificate came, and the request's head.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: Option<String>,
    has_certificate: bool,
    head: String,
}

/// A server that answers everything with a number, and remembers who asked.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    folder: tempfile::TempDir,
}

impl Server {
    /// With TLS for this name, by an authority of its own; who comes must have a certificate of that authority if one is demanded.
    async fn start(name: &str, demands_certificate: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let certificate =
                CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
            (certificate, key)
        };
        let (certificate, key) = signed(name);
        let (of_client, client_key) = signed("client");
        for (file, text) in [
            ("ca.pem", authority.pem()),
            ("client.pem", of_client.pem()),
            ("client.key", client_key.serialize_pem()),
            ("other.key", KeyPair::generate().unwrap().serialize_pem()),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        std::fs::write(folder.path().join("folder/1.crt"), authority.pem()).unwrap();

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if demands_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), folder).await
    }

    async fn listen(acceptor: Option<TlsAcceptor>, folder: tempfile::TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let Some(acceptor) = acceptor else { return serve(stream, Seen::default(), &seen).await };
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let tls = stream.get_ref().1;
                    let name = tls.server_name().map(ToOwned::to_owned);
                    let has_certificate = tls.peer_certificates().is_some();
                    serve(stream, Seen { name, has_certificate, head: String::new() }, &seen).await;
                });
            }
        });
        Self { port, seen, folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Asks with these variables, and a token and the address if they do not say otherwise.
    async fn ask(&self, variables: &[(&str, String)]) -> Result<u32, String> {
        let mut all = HashMap::from([
            ("VAULT_ADDR", format!("https://127.0.0.1:{}", self.port)),
            ("VAULT_TOKEN", "t".to_owned()),
        ]);
        all.extend(variables.iter().cloned());
        let settings = VaultOptions::default().settings(|name| all.get(name).cloned());
        let fault = |fault: BackendError| format!("{} ({})", fault.problem, fault.hint);
        let client = Client::new(&settings.map_err(fault)?).await.map_err(fault)?;
        client.get(&client.endpoint("transit", &["keys"])).await.map_err(|failure| format!("{failure:?}"))
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, mut connection: Seen, seen: &Mutex<Vec<Seen>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    connection.head = String::from_utf8(head).unwrap().to_lowercase();
    seen.lock().unwrap().push(connection);
    let (status, body) = match seen.lock().unwrap().last() {
        Some(last) if last.head.contains("/denied") => {
            ("403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT", r#"{"errors":["permission denied"]}"#)
        }
        _ => ("200 OK", r#"{"data":7}"#),
    };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

#[tokio::test]
async fn certificates_to_trust_come_from_a_file_a_folder_or_the_variable_itself() {
    let server = Server::start("127.0.0.1", false).await;
    let pem = std::fs::read_to_string(server.file("ca.pem")).unwrap();
    assert!(server.ask(&[]).await.unwrap_err().contains("unknown issuer"));
    for (name, value) in [
        ("VAULT_CACERT", server.file("ca.pem")),
        ("VAULT_CAPATH", server.file("folder")),
        ("VAULT_CACERT_BYTES", pem),
        ("BAO_CAPATH", server.file("folder")),
    ] {
        assert_eq!(server.ask(&[(name, value)]).await, Ok(7), "{name}");
    }
    let both = [("VAULT_CACERT", server.file("client.pem")), ("VAULT_CAPATH", server.file("folder"))];
    assert_eq!(server.ask(&both).await, Ok(7), "they add up");
    for (name, value, expected) in [
        ("VAULT_CACERT", server.file("client.key"), "no PEM certificate"),
        ("VAULT_CAPATH", "/nowhere".to_owned(), "/nowhere: "),
        ("VAULT_CACERT_BYTES", "rubbish".to_owned(), "VAULT_CACERT_BYTES: "),
    ] {
        let error = server.ask(&[(name, value)]).await.unwrap_err();
        assert!(error.contains(expected) && error.contains("VAULT_CAPATH"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_is_shown_ours() {
    let server = Server::start("127.0.0.1", true).await;
    let trust = ("VAULT_CACERT", server.file("ca.pem"));
    let with = |certificate: &str, key: &str| {
        [trust.clone(), ("VAULT_CLIENT_CERT", server.file(certificate)), ("VAULT_CLIENT_KEY", server.file(key))]
    };
    assert_eq!(server.ask(&with("client.pem", "client.key")).await, Ok(7));
    assert!(server.last().has_certificate);
    assert!(server.ask(std::slice::from_ref(&trust)).await.is_err(), "without one");
    for (variables, expected) in [
        (with("client.pem", "other.key").to_vec(), "the key does not fit the certificate"),
        (with("client.pem", "ca.pem").to_vec(), "there is no private key"),
        (with("missing", "client.key").to_vec(), "missing: "),
        (with("client.pem", "client.key")[..2].to_vec(), "VAULT_CLIENT_KEY is not set"),
        ([trust.clone(), with("", "client.key")[2].clone()].to_vec(), "VAULT_CLIENT_CERT is not set"),
    ] {
        let error = server.ask(&variables).await.unwrap_err();
        assert!(error.contains(expected) && error.contains("VAULT_CLIENT_CERT"), "{error}");
    }
}

#[tokio::test]
async fn the_server_is_known_by_the_name_that_is_set() {
    let server = Server::start("vault.internal", false).await;
    let trust = ("VAULT_CACERT", server.file("ca.pem"));
    let named = |name: &str| [trust.clone(), ("VAULT_TLS_SERVER_NAME", name.to_owned())];
    assert!(server.ask(std::slice::from_ref(&trust)).await.is_err(), "the certificate is not the address's");
    assert_eq!(server.ask(&named("vault.internal")).await, Ok(7));
    let seen = server.last();
    assert_eq!(seen.name.as_deref(), Some("vault.internal"));
    assert!(seen.head.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{}", seen.head);
    assert!(server.ask(&named("other.internal")).await.is_err(), "the name is verified");
    assert!(server.ask(&named("not a name")).await.unwrap_err().contains("VAULT_TLS_SERVER_NAME"));
    let proxied = [&named("vault.internal")[..], &[("VAULT_PROXY_ADDR", "http://127.0.0.1:1".to_owned())]].concat();
    assert!(server.ask(&proxied).await.unwrap_err().contains("VAULT_TLS_SERVER_NAME and a proxy"));
}

#[tokio::test]
async fn a_refusal_names_the_clock_that_is_off() {
    let server = Server::listen(None, tempfile::tempdir().unwrap()).await;
    let here = ("VAULT_ADDR", format!("http://127.0.0.1:{}/denied", server.port));
    let error = server.ask(&[here]).await.unwrap_err();
    assert!(error.contains("this machine's clock is") && error.contains("permission denied"), "{error}");
}

#[tokio::test]
async fn a_proxy_of_its_own_and_headers_are_used() {
    let server = Server::listen(None, tempfile::tempdir().unwrap()).await;
    let proxy = ("VAULT_PROXY_ADDR", format!("http://127.0.0.1:{}", server.port));
    let headers = ("VAULT_HEADERS", r#"{"X-Team": "a"}"#.to_owned());
    let elsewhere = ("VAULT_ADDR", "http://vault.example:8200".to_owned());
    assert_eq!(server.ask(&[elsewhere.clone(), proxy, headers]).await, Ok(7));
    let head = server.last().head;
    assert!(
        head.starts_with("get http://vault.example:8200/v1/transit/keys ") && head.contains("x-team: a\r\n"),
        "{head}"
    );
    let here = ("VAULT_ADDR", format!("http://127.0.0.1:{}", server.port));
    let agent = ("VAULT_AGENT_ADDR", format!("http://127.0.0.1:{}/agent", server.port));
    assert_eq!(server.ask(&[elsewhere, agent]).await, Ok(7), "the agent goes before the server");
    for (name, value, expected) in [
        ("VAULT_HEADERS", "rubbish", "not a JSON object"),
        ("VAULT_HEADERS", r#"{"a b": "c"}"#, "a name is not"),
        ("VAULT_HEADERS", r#"{"X-Vault-Token": "c"}"#, "x-vault-token cannot be set here"),
        ("VAULT_PROXY_ADDR", "http://user:hunter2@:x", "VAULT_PROXY_ADDR"),
        ("VAULT_SRV_LOOKUP", "true", "VAULT_SRV_LOOKUP"),
        ("VAULT_CLIENT_TIMEOUT", "soon", "VAULT_CLIENT_TIMEOUT"),
        ("VAULT_CLIENT_TIMEOUT", "0", "VAULT_CLIENT_TIMEOUT"),
    ] {
        let error = server.ask(&[here.clone(), (name, value.to_owned())]).await.unwrap_err();
        assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
    }
    for (name, value) in [("VAULT_SRV_LOOKUP", "false"), ("VAULT_CLIENT_TIMEOUT", "5"), ("VAULT_MAX_RETRIES", "2")] {
        assert_eq!(server.ask(&[here.clone(), (name, value.to_owned())]).await, Ok(7), "{name}");
    }
}
