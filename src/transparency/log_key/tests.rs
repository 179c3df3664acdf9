//! Known answers with a P-256 and an RSA log, made ones with P-384, and everything that must be refused.

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/", $name)).as_slice()
    };
}

const CERTIFICATE: &[u8] = fixture!("transparency/certificate.der");
const PRECERTIFICATE_TBS: &[u8] = fixture!("transparency/precertificate-tbs.der");
/// The SHA-256 of the key of the CA that issued both.
const ISSUER_KEY_HASH: &str = "02adddca08b8bf9861f035940c940156d8350fdff899a6239c6bd77255b8f8fc";
const OF_CERTIFICATE: &str = "00df1c2ec11500945247a96168325ddc5c7959e8f7c6d388fc002e0bbd3f74d7640000013ddb27ded900000403004730450220606e10ae5c2d5a1b0aed49dc4937f48de71a4e9784e9c208dfbfe9ef536cf7f2022100beb29c72d7d06d61d06bdb38a069469aa86fe12e18bb7cc45689a2c0187ef5a5";
const OF_PRECERTIFICATE: &str = "00df1c2ec11500945247a96168325ddc5c7959e8f7c6d388fc002e0bbd3f74d7640000013ddb27df9300000403004730450220482f6751af35dba65436be1fd6640f3dbf9a41429495924530288fa3e5e23e06022100e4edc0db3ac572b1e2f5e8ab6a680653987dcf41027dfeffa105519d89edbf08";
/// 2012-09-25, in milliseconds.
const RSA_TIMESTAMP: u64 = 1_348_589_665_525;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn log_key() -> LogKey {
    LogKey::from_pem(fixture!("transparency/log.pub.pem")).unwrap()
}

fn precertificate(issuer_key_hash: &str) -> LogEntry<'static> {
    LogEntry::Precertificate { issuer_key_hash: hex(issuer_key_hash).try_into().unwrap(), tbs: PRECERTIFICATE_TBS }
}

/// A timestamp without extensions.
fn sct(id: LogId, timestamp: u64, signature: &[u8]) -> Sct {
    Sct::from_tls(&[&[0][..], &id.0, &timestamp.to_be_bytes(), &[0, 0], signature].concat()).unwrap()
}

#[test]
fn the_promises_of_a_public_log_verify() {
    let key = log_key();
    assert_eq!(key.id().to_string(), "3xwuwRUAlFJHqWFoMl3cXHlZ6PfG04j8AC4LvT9012Q=");
    let (of_certificate, of_precertificate) =
        (Sct::from_tls(&hex(OF_CERTIFICATE)).unwrap(), Sct::from_tls(&hex(OF_PRECERTIFICATE)).unwrap());
    assert_eq!(key.verify(&of_certificate, &LogEntry::X509(CERTIFICATE)), Ok(()));
    assert_eq!(key.verify(&of_precertificate, &precertificate(ISSUER_KEY_HASH)), Ok(()));

    let elsewhere = Err(PromiseError::Signature);
    assert_eq!(key.verify(&of_certificate, &precertificate(ISSUER_KEY_HASH)), elsewhere);
    assert_eq!(key.verify(&of_precertificate, &LogEntry::X509(CERTIFICATE)), elsewhere);
    assert_eq!(key.verify(&of_certificate, &LogEntry::X509(&CERTIFICATE[1..])), elsewhere);
    assert_eq!(key.verify(&of_precertificate, &precertificate(&"00".repeat(32))), elsewhere);
}

#[test]
fn no_byte_of_a_promise_can_be_changed() {
    let (key, good) = (log_key(), hex(OF_CERTIFICATE));
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        if let Ok(changed) = Sct::from_tls(&changed) {
            assert!(key.verify(&changed, &LogEntry::X509(CERTIFICATE)).is_err(), "byte {at}");
        }
    }
}

#[test]
fn an_rsa_log_verifies() {
    let key = LogKey::from_pem(fixture!("transparency/rsa-log.pub.pem")).unwrap();
    let entry = LogEntry::X509(fixture!("transparency/rsa-log-certificate.der"));
    let signature = fixture!("transparency/rsa-log-signature.tls");
    assert_eq!(key.verify(&sct(key.id(), RSA_TIMESTAMP, signature), &entry), Ok(()));
    assert_eq!(key.verify(&sct(key.id(), RSA_TIMESTAMP + 1, signature), &entry), Err(PromiseError::Signature));
}

#[test]
fn the_log_and_the_algorithm_must_be_the_keys() {
    let key = log_key();
    let other = sct(LogId([0; 32]), 0, &[4, 3, 0, 1, 9]);
    assert_eq!(
        key.verify(&other, &LogEntry::X509(b"x")),
        Err(PromiseError::OtherLog { expected: key.id(), found: LogId([0; 32]) })
    );
    for (hash, algorithm) in [(4, 1), (4, 2), (2, 3), (5, 3), (0, 3)] {
        assert_eq!(
            key.verify(&sct(key.id(), 0, &[hash, algorithm, 0, 1, 9]), &LogEntry::X509(b"x")),
            Err(PromiseError::Algorithm { hash, algorithm })
        );
    }
}

#[test]
fn a_p384_log_signs_with_sha256_too() {
    let key = LogKey::from_pem(fixture!("transparency/p384-log.pub.pem")).unwrap();
    let signed = |signature: &[u8]| {
        let length = u16::try_from(signature.len()).unwrap().to_be_bytes();
        let sct = sct(key.id(), 5, &[&[4, 3][..], &length, signature].concat());
        key.verify(&sct, &LogEntry::X509(CERTIFICATE))
    };
    assert_eq!(signed(fixture!("transparency/p384-log-sha256.der")), Ok(()));
    assert_eq!(signed(fixture!("transparency/p384-log-sha384.der")), Err(PromiseError::Signature));
}

#[test]
fn other_keys_are_refused() {
    assert!(LogKey::from_pem(fixture!("keys/ec384.pub.pem")).is_ok());
    assert!(LogKey::from_pem(fixture!("keys/rsa2048.pub.pem")).is_ok());
    let refused = |pem: &[u8]| LogKey::from_pem(pem).map(|key| key.id()).unwrap_err();
    assert_eq!(refused(fixture!("keys/ec521.pub.pem")), LogKeyError::Kind);
    assert_eq!(refused(fixture!("keys/ed25519.pub.pem")), LogKeyError::Kind);
    assert_eq!(refused(fixture!("transparency/rsa1024.pub.pem")), LogKeyError::Kind);
    assert_eq!(refused(b""), LogKeyError::Pem);
    assert_eq!(refused(b"MFkw"), LogKeyError::Pem);
    assert_eq!(refused(&fixture!("transparency/log.pub.pem").repeat(2)), LogKeyError::Pem);
    assert_eq!(refused(&vec![b'\n'; MAX_PEM + 1]), LogKeyError::Pem);
    let renamed = String::from_utf8_lossy(fixture!("transparency/log.pub.pem")).replace("PUBLIC KEY", "CERTIFICATE");
    assert_eq!(refused(renamed.as_bytes()), LogKeyError::Pem);
    let der = pem::parse(fixture!("transparency/log.pub.pem")).unwrap().into_contents();
    let malformed = |der: &[u8]| LogKey::from_spki_der(der).map(|key| key.id()).unwrap_err();
    assert_eq!(malformed(&[&der[..], &[0]].concat()), LogKeyError::Malformed);
    assert_eq!(malformed(&der[..der.len() - 1]), LogKeyError::Malformed);
    let mut off_curve = der;
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(malformed(&off_curve), LogKeyError::Malformed);
}
