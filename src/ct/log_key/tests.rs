//! Another implementation's answers with P-256 and RSA logs, and everything that must be refused.

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/", $name)).as_slice()
    };
}

const CERTIFICATE: &[u8] = fixture!("transparency/certificate.der");
const PRECERTIFICATE_TBS: &[u8] = fixture!("transparency/precertificate-tbs.der");
/// The SHA-256 of the key of the CA that issued both.
const ISSUER_KEY_HASH: &[u8] = fixture!("transparency/issuer-key-hash.bin");
const OF_CERTIFICATE: &[u8] = fixture!("transparency/certificate.sct");
const OF_PRECERTIFICATE: &[u8] = fixture!("transparency/precertificate.sct");
const RSA_TIMESTAMP: u64 = 1_600_000_000_000;

fn log_key() -> LogKey {
    LogKey::from_pem(fixture!("transparency/log.pub.pem")).unwrap()
}

fn precertificate(issuer_key_hash: &[u8]) -> LogEntry<'static> {
    LogEntry::Precertificate { issuer_key_hash: issuer_key_hash.try_into().unwrap(), tbs: PRECERTIFICATE_TBS }
}

fn sct(id: LogId, timestamp: u64, signature: &[u8]) -> Sct {
    Sct::from_tls(&[&[0][..], &id.0, &timestamp.to_be_bytes(), &[0, 0], signature].concat()).unwrap()
}

#[test]
fn an_rsa_key_in_its_own_form_is_the_same_key() {
    let spki = LogKey::from_pem(fixture!("transparency/rsa-log.pub.pem")).unwrap();
    let blocks = pem::parse(fixture!("transparency/rsa-log.pub.pem"));
    let parsed = ::spki::SubjectPublicKeyInfoRef::try_from(blocks[0].data().unwrap().as_slice()).unwrap();
    let own_form = ::pem::encode(&::pem::Pem::new("RSA PUBLIC KEY", parsed.subject_public_key.raw_bytes().to_vec()));
    assert_eq!(LogKey::from_pem(own_form.as_bytes()).unwrap().id(), spki.id());
    let damaged = ::pem::encode(&::pem::Pem::new("RSA PUBLIC KEY", vec![1, 2, 3]));
    assert!(LogKey::from_pem(damaged.as_bytes()).is_err());
}

#[test]
fn the_promises_of_another_implementation_verify() {
    let key = log_key();
    assert_eq!(key.id().to_string(), "WJ+AhIL0HrqwzCxWaY4PBmXtKgMcUljRPNFvutcWVis=");
    let (of_certificate, of_precertificate) =
        (Sct::from_tls(OF_CERTIFICATE).unwrap(), Sct::from_tls(OF_PRECERTIFICATE).unwrap());
    assert_eq!(key.verify(&of_certificate, &LogEntry::X509(CERTIFICATE)), Ok(()));
    assert_eq!(key.verify(&of_precertificate, &precertificate(ISSUER_KEY_HASH)), Ok(()));

    let elsewhere = Err(SctMismatch::Signature);
    assert_eq!(key.verify(&of_certificate, &precertificate(ISSUER_KEY_HASH)), elsewhere);
    assert_eq!(key.verify(&of_precertificate, &LogEntry::X509(CERTIFICATE)), elsewhere);
    assert_eq!(key.verify(&of_certificate, &LogEntry::X509(&CERTIFICATE[1..])), elsewhere);
    assert_eq!(key.verify(&of_precertificate, &precertificate(&[0; 32])), elsewhere);
}

#[test]
fn no_byte_of_a_promise_can_be_changed() {
    let (key, good) = (log_key(), OF_CERTIFICATE);
    for at in 0..good.len() {
        let mut changed = good.to_vec();
        changed[at] ^= 1;
        if let Ok(changed) = Sct::from_tls(&changed) {
            assert!(key.verify(&changed, &LogEntry::X509(CERTIFICATE)).is_err(), "byte {at}");
        }
    }
}

#[test]
fn an_rsa_log_verifies() {
    let key = LogKey::from_pem(fixture!("transparency/rsa-log.pub.pem")).unwrap();
    let entry = LogEntry::X509(CERTIFICATE);
    let signature = fixture!("transparency/rsa-log-signature.tls");
    assert_eq!(key.verify(&sct(key.id(), RSA_TIMESTAMP, signature), &entry), Ok(()));
    assert_eq!(key.verify(&sct(key.id(), RSA_TIMESTAMP + 1, signature), &entry), Err(SctMismatch::Signature));
}

#[test]
fn the_log_and_the_algorithm_must_be_the_keys() {
    let key = log_key();
    let other = sct(LogId([0; 32]), 0, &[4, 3, 0, 1, 9]);
    assert_eq!(
        key.verify(&other, &LogEntry::X509(b"x")),
        Err(SctMismatch::OtherLog { expected: key.id(), found: LogId([0; 32]) })
    );
    for (hash, algorithm) in [(4, 1), (4, 2), (2, 3), (5, 3), (0, 3)] {
        assert_eq!(
            key.verify(&sct(key.id(), 0, &[hash, algorithm, 0, 1, 9]), &LogEntry::X509(b"x")),
            Err(SctMismatch::Algorithm { hash, algorithm })
        );
    }
}

#[test]
fn other_keys_are_refused() {
    assert!(LogKey::from_pem(fixture!("keys/rsa2048.pub.pem")).is_ok());
    let refused = |pem: &[u8]| LogKey::from_pem(pem).map(|key| key.id()).unwrap_err();
    assert_eq!(refused(fixture!("keys/ec384.pub.pem")), LogKeyError::Kind);
    assert_eq!(refused(fixture!("keys/ec521.pub.pem")), LogKeyError::Kind);
    assert_eq!(refused(fixture!("keys/ed25519.pub.pem")), LogKeyError::Kind);
    assert_eq!(refused(fixture!("transparency/rsa1024.pub.pem")), LogKeyError::Kind);
    assert_eq!(refused(b""), LogKeyError::Pem);
    assert_eq!(refused(b"MFkw"), LogKeyError::Pem);
    assert_eq!(refused(b"-----BEGIN PUBLIC KEY-----\nMFkw\n"), LogKeyError::Pem);
    assert_eq!(refused(&vec![b'\n'; MAX_PEM + 1]), LogKeyError::Pem);
    let renamed = String::from_utf8_lossy(fixture!("transparency/log.pub.pem")).replace("PUBLIC KEY", "CERTIFICATE");
    assert_eq!(refused(renamed.as_bytes()), LogKeyError::Pem);
    let der = ::pem::parse(fixture!("transparency/log.pub.pem")).unwrap().into_contents();
    let malformed = |der: &[u8]| LogKey::from_spki_der(der).map(|key| key.id()).unwrap_err();
    assert_eq!(malformed(&[&der[..], &[0]].concat()), LogKeyError::Malformed);
    assert_eq!(malformed(&der[..der.len() - 1]), LogKeyError::Malformed);
    let mut off_curve = der;
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(malformed(&off_curve), LogKeyError::Malformed);
}
