use std::collections::HashMap;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec!["idp.example".to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    parameters
}

fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> (CertificateDer<'static>, KeyPair) {
    let (key, mut parameters) = (KeyPair::generate().unwrap(), parameters("self-signed"));
    change(&mut parameters);
    (parameters.self_signed(&key).unwrap().der().clone(), key)
}

fn authority(name: &str) -> Authority {
    let mut parameters = parameters(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

fn signed_by(issuer: &rcgen::Issuer<'_, KeyPair>) -> CertificateDer<'static> {
    parameters("server").signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
}

fn is_ca(parameters: &mut CertificateParams) {
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn named(certificates: &[&CertificateDer<'static>]) -> Trust {
    Trust::nobody().and(certificates.iter().map(|one| (*one).clone()).collect()).unwrap()
}

fn verify(trust: &Trust, certificate: &CertificateDer<'_>, name: &str, now: UnixTime) -> Result<(), CertificateError> {
    let verifier = Verifier::new(trust, &Arc::new(crypto::aws_lc_rs::default_provider())).unwrap();
    let name = ServerName::try_from(name).unwrap();
    match verifier.verify_server_cert(certificate, &[], &name, &[], now) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn is_trusted(trust: &Trust, certificate: &CertificateDer<'_>) -> bool {
    verify(trust, certificate, "idp.example", UnixTime::now()).is_ok()
}

#[test]
fn a_certificate_that_is_named_is_accepted_as_itself_whether_it_is_an_authority_s_or_not() {
    for change in [is_ca as fn(&mut CertificateParams), |_| (), |one| one.is_ca = IsCa::ExplicitNoCa] {
        let ((certificate, _), (another, _)) = (self_signed(change), self_signed(change));
        assert!(is_trusted(&named(&[&certificate]), &certificate));
        assert!(!is_trusted(&named(&[&another]), &certificate), "another one of the same name");
        assert!(!is_trusted(&Trust::nobody(), &certificate));
    }
    let issuer = authority("root");
    let leaf = signed_by(&issuer);
    assert!(is_trusted(&named(&[&leaf]), &leaf), "a leaf without its authority");
}

#[test]
fn name_dates_and_purpose_of_a_named_certificate_are_judged() {
    let (certificate, _) = self_signed(is_ca);
    let (trust, now) = (named(&[&certificate]), UnixTime::now());
    assert!(verify(&trust, &certificate, "other.example", now).is_err());
    let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
    let at = |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap()));
    let (begin, end) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    for (time, expected) in [
        (begin - 1, Err(CertificateError::NotValidYet)),
        (begin, Ok(())),
        (end, Ok(())),
        (end + 1, Err(CertificateError::Expired)),
    ] {
        assert_eq!(verify(&trust, &certificate, "idp.example", at(time)), expected, "{time}");
    }
    let (for_clients, _) = self_signed(|one| one.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let outcome = verify(&named(&[&for_clients]), &for_clients, "idp.example", now);
    assert_eq!(outcome, Err(CertificateError::InvalidPurpose));
}

/// What was trusted for one server must not vouch for further ones.
#[test]
fn only_an_authority_vouches_for_others() {
    let root = authority("root");
    assert!(is_trusted(&named(&[root.der()]), &signed_by(&root)));

    for change in [(|one| one.is_ca = IsCa::ExplicitNoCa) as fn(&mut CertificateParams), |one| {
        is_ca(one);
        one.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    }] {
        let mut parameters = parameters("server");
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().der().clone();
        let below = signed_by(&rcgen::Issuer::new(parameters, key));
        let trust = named(&[&certificate]);
        assert!(is_trusted(&trust, &certificate) && !is_trusted(&trust, &below));
    }
    let mut leaf = parameters("leaf");
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &root).unwrap().der().clone();
    leaf.is_ca = IsCa::NoCa;
    let below = signed_by(&rcgen::Issuer::new(leaf, key));
    assert!(!is_trusted(&named(&[&certificate]), &below), "a server's certificate without basic constraints");
}

#[test]
fn an_old_root_without_basic_constraints_vouches_for_others() {
    let (parameters, key) = (parameters("old root"), KeyPair::generate().unwrap());
    let root = parameters.self_signed(&key).unwrap().der().clone();
    let below = signed_by(&rcgen::Issuer::new(parameters, key));
    assert!(is_trusted(&named(&[&root]), &below));
}

/// Gives a certificate with somebody else's key.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesServerCert for Thief {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn handshake(
    trust: &Trust,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), Error> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider.key_provider.load_private_key(key).unwrap();
    let resolver = Thief(Arc::new(CertifiedKey::new(vec![certificate.clone()], key)));
    let server = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let server = server.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let client = Arc::new(trust.client_config(Protocols::Http).unwrap());
    let mut client = ClientConnection::new(client, "idp.example".try_into().unwrap()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut sent.as_slice()).unwrap();
        let refused = server.process_new_packets();
        let mut answered = Vec::new();
        server.write_tls(&mut answered).unwrap();
        client.read_tls(&mut answered.as_slice()).unwrap();
        client.process_new_packets()?;
        refused?;
    }
    Ok(())
}

#[test]
fn who_shows_a_named_certificate_without_its_key_is_refused() {
    for change in [is_ca as fn(&mut CertificateParams), |one| one.is_ca = IsCa::ExplicitNoCa] {
        let (certificate, key) = self_signed(change);
        let trust = named(&[&certificate]);
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            handshake(&trust, &certificate, &key, version).unwrap();
            let stolen = handshake(&trust, &certificate, &KeyPair::generate().unwrap(), version);
            assert_eq!(stolen, Err(CertificateError::BadSignature.into()), "{version:?}");
        }
    }
}

fn variables(set: &[(&str, &Path)]) -> impl Fn(&str) -> Option<OsString> {
    let set: HashMap<String, OsString> = set.iter().map(|(name, path)| ((*name).to_owned(), (*path).into())).collect();
    move |name| set.get(name).cloned()
}

#[test]
fn file_and_folders_of_the_environment_come_in_addition_to_the_system_s() {
    let folder = tempfile::tempdir().unwrap();
    let certificates: Vec<_> = (0..4).map(|_| self_signed(is_ca).0).collect();
    let pem = |index: usize| pem_of(&certificates[index]);
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("file"), format!("\u{feff}comment\r\n{}{}", pem(0), pem(0)).replace('\n', "\r\n")).unwrap();
    fs::write(path("a/any name at all"), pem(1)).unwrap();
    fs::write(path("a/of something else"), "no certificate").unwrap();
    fs::write(path("b/2.pem"), pem(2)).unwrap();
    std::os::unix::fs::symlink(path("b/2.pem"), path("b/1a2b3c4d.0")).unwrap();
    let folders = PathBuf::from(format!("{}::{}", path("a").display(), path("b").display()));

    let without = SystemCertificates::of(&|_| None);
    let all = SystemCertificates::of(&variables(&[(CERT_FILE, &path("file")), (CERT_DIR, &folders)]));
    assert_eq!(all.problems, Vec::<String>::new());
    for (index, certificate) in certificates.iter().enumerate() {
        assert_eq!(all.named.contains(certificate), index < 3, "{index}");
        assert!(!without.named.contains(certificate));
    }
    for of_system in &without.system {
        assert!(all.system.contains(of_system), "the variables replace nothing");
        assert!(!all.named.contains(of_system), "what the system trusts is not a server's own");
    }
}

#[test]
fn a_variable_that_names_nothing_is_told_and_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing"), folder.path().join("empty"));
    fs::write(&empty, "nothing").unwrap();
    let without = SystemCertificates::of(&|_| None);
    for (name, path, expected) in [
        (CERT_FILE, missing.as_path(), "SSL_CERT_FILE names "),
        (CERT_FILE, &empty, "no PEM block"),
        (CERT_FILE, folder.path(), "it is a folder"),
        (CERT_FILE, Path::new("/dev/zero"), "it is a device"),
        (CERT_DIR, &missing, "SSL_CERT_DIR names "),
        (CERT_DIR, folder.path(), "no certificate in its files"),
    ] {
        let found = SystemCertificates::of(&variables(&[(name, path)]));
        assert_eq!(found.problems.len(), 1, "{name} {}", path.display());
        assert!(found.problems[0].contains(expected), "{:?}", found.problems);
        assert!(without.system.iter().all(|one| found.system.contains(one)));
    }
    for name in [CERT_FILE, CERT_DIR] {
        let found = SystemCertificates::of(&variables(&[(name, Path::new(""))]));
        assert_eq!((found.problems.len(), found.named.len()), (0, 0), "empty is not set");
        assert!(without.system.iter().all(|one| found.system.contains(one)));
    }
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    crate::text::pem("CERTIFICATE", certificate)
}

#[test]
fn certificates_are_found_in_whatever_is_around_them() {
    let (certificate, key) = self_signed(|_| ());
    let text = pem_of(&certificate);
    let file = [b"\xef\xbb\xbfM\xfcnchen\n", key.serialize_pem().as_bytes(), text.repeat(2).as_bytes()].concat();
    assert_eq!(named_certificates(&file).unwrap().len(), 2);
    let malformed = crate::text::pem("CERTIFICATE", b"\x30\x03\x02\x01\x01");
    for (none, said) in [
        (&b""[..], "no PEM certificate"),
        (b"hello", "no PEM block"),
        (&file[..file.len() - 30], "END line"),
        (malformed.as_bytes(), "certificate 1 in it is malformed"),
    ] {
        let error = named_certificates(none).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}
