//! Each rule, broken once: bytes that were composed for one thing must not pass for another, and no byte that matters may differ.

use std::time::{Duration, SystemTime};

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Encode as _, Tag};
use rcgen::SigningKey as _;
use serde_json::json;
use x509_parser::asn1_rs::BitString;
use x509_parser::certificate::TbsCertificate;
use x509_parser::extensions::X509Extension;
use x509_parser::prelude::{FromDer as _, UniqueIdentifier};

use super::super::{CertificateRequest, ComposeError, Form, LintedTbs, Serial, ValidityPolicy, append, compose};
use super::{LintError, check, check_extended, check_fields, check_key_identifiers, check_key_usage, is_name};
use crate::certificate::chain::{IssuingChain, tests as chains};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::identity::Principal;
use crate::identity::kinds::testing::principal_of;
use crate::possession::{ProvenKey, PublicKey};

const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::EcdsaP256Sha256;

struct Fixture {
    chain: IssuingChain,
    ca_key: rcgen::KeyPair,
    principal: Principal,
    key: ProvenKey,
    serial: Serial,
    now: SystemTime,
}

fn key(seed: u8) -> ProvenKey {
    use p256::pkcs8::EncodePublicKey as _;
    let key = p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
    ProvenKey::for_test(PublicKey::parse(key.verifying_key().to_public_key_der().unwrap().as_bytes()).unwrap())
}

fn email(address: &str) -> Principal {
    principal_of("    type: email", json!({"email": address, "email_verified": true})).unwrap()
}

fn fixture() -> Fixture {
    let now = SystemTime::now();
    let (intermediate, root) = (chains::intermediate(), chains::root());
    let chain = chains::load_pair(&intermediate, &root).unwrap();
    Fixture {
        chain,
        ca_key: intermediate.key,
        principal: email("dev@example.com"),
        key: key(7),
        serial: Serial::from_random([5; 20]),
        now,
    }
}

impl Fixture {
    fn request(&self) -> CertificateRequest<'_> {
        CertificateRequest {
            principal: &self.principal,
            key: &self.key,
            issuer: &self.chain,
            algorithm: ALGORITHM,
            validity: ValidityPolicy::default(),
            now: self.now,
            serial: &self.serial,
        }
    }
}

#[test]
fn what_is_composed_passes() {
    let mut fixture = fixture();
    assert!(LintedTbs::compose(&fixture.request()).is_ok());
    for (settings, claims) in [
        ("    type: username\n    subject-domain: example.com", json!({"sub": "späß"})),
        ("    type: uri\n    subject-domain: https://example.com", json!({"sub": "https://example.com/ä b"})),
    ] {
        fixture.principal = principal_of(settings, claims).unwrap();
        assert!(LintedTbs::compose(&fixture.request()).is_ok(), "{settings}");
    }
}

#[test]
fn bytes_for_one_thing_do_not_pass_for_another() {
    let (good, other) = (fixture(), fixture());
    let der = compose::tbs_certificate(&good.request()).unwrap();
    let (other_principal, other_key) = (email("eve@example.com"), key(8));
    let uri = principal_of(
        "    type: kubernetes",
        json!({"kubernetes.io": {"namespace": "n", "serviceaccount": {"name": "s"}}}),
    )
    .unwrap();
    let cases = [
        (
            CertificateRequest { principal: &other_principal, ..good.request() },
            "the subject alternative name is not the principal's",
        ),
        (
            CertificateRequest { principal: &uri, ..good.request() },
            "the subject alternative name is not the principal's",
        ),
        (CertificateRequest { key: &other_key, ..good.request() }, "the key is not the proven one"),
        (
            CertificateRequest { now: good.now - Duration::from_mins(1), ..good.request() },
            "notBefore is ahead of the clock",
        ),
    ];
    for (expected, broken) in cases {
        assert_eq!(check(&der, &expected), Err(LintError(broken)));
    }
    // The other authority has the same names and another key: only the key identifier tells them apart.
    let expected = CertificateRequest { issuer: &other.chain, ..good.request() };
    assert!(check(&der, &expected).is_err());
}

/// The place of a needle, which must stand once.
fn place(haystack: &[u8], needle: &[u8]) -> usize {
    let places: Vec<usize> =
        haystack.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 1, "{needle:02x?}");
    places[0]
}

#[test]
fn every_byte_that_matters_is_looked_at() {
    let fixture = fixture();
    let good = compose::tbs_certificate(&fixture.request()).unwrap();
    // Extension identifier and criticality as they stand in the DER, and what they are turned into.
    let serial = fixture.serial.as_bytes();
    let negative = [&[0x80 | serial[0]], &serial[1..]].concat();
    let cases: [(&[u8], &[u8], &str); 11] = [
        (serial, &negative, "a negative serial number"),
        (&[0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff], &[0x55, 0x1d, 0x0f, 0x01, 0x01, 0x00], "not critical"),
        (&[0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff], &[0x55, 0x1d, 0x0e, 0x01, 0x01, 0xff], "another extension first"),
        (&[0x03, 0x02, 0x07, 0x80], &[0x03, 0x02, 0x07, 0x00], "no key usage"),
        (&[0x03, 0x02, 0x07, 0x80], &[0x03, 0x02, 0x01, 0x86], "more key usages"),
        (&[0x55, 0x1d, 0x25], &[0x55, 0x1d, 0x26], "no extended key usage"),
        (
            &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03],
            &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
            "server authentication",
        ),
        (&[0x55, 0x1d, 0x11, 0x01, 0x01, 0xff], &[0x55, 0x1d, 0x12, 0x01, 0x01, 0xff], "issuer alternative name"),
        (&[0xa0, 0x03, 0x02, 0x01, 0x02], &[0xa0, 0x03, 0x02, 0x01, 0x01], "version 2"),
        (b"dev@example.com", b"eve@example.com", "another address"),
        (&[0x83, 0xbf, 0x30, 0x01, 0x08], &[0x83, 0xbf, 0x30, 0x01, 0x09], "another Fulcio extension"),
    ];
    for (needle, replacement, what) in cases {
        let mut bad = good.clone();
        let at = place(&good, needle);
        bad[at..at + needle.len()].copy_from_slice(replacement);
        assert!(check(&bad, &fixture.request()).is_err(), "{what}");
    }
    for bad in [&good[..good.len() - 1], &[good.as_slice(), &[0]].concat(), &[]] {
        assert!(check(bad, &fixture.request()).is_err());
    }
    assert_eq!(check(&good, &fixture.request()), Ok(()));
    let unique = || Some(UniqueIdentifier(BitString::new(0, &[7])));
    let (_, mut tbs) = TbsCertificate::from_der(&good).unwrap();
    for (issuer, subject) in [(unique(), None), (None, unique())] {
        (tbs.issuer_uid, tbs.subject_uid) = (issuer, subject);
        assert_eq!(check_fields(&tbs, &fixture.request()), Err(LintError("a unique identifier is present")));
    }
}

#[test]
fn a_name_of_one_kind_does_not_pass_for_another_of_that_kind() {
    let wrong = Err(LintError("the subject alternative name is not the principal's"));
    for (settings, before) in [("username", ""), ("uri", "https://example.com/")] {
        let settings =
            format!("    type: {settings}\n    subject-domain: {}example.com", &before[..before.len().min(8)]);
        let named = |name: &str| principal_of(&settings, json!({"sub": format!("{before}{name}")})).unwrap();
        let (jane, eve) = (Fixture { principal: named("jane"), ..fixture() }, named("eve"));
        let der = compose::tbs_certificate(&jane.request()).unwrap();
        assert_eq!(check(&der, &CertificateRequest { principal: &eve, ..jane.request() }), wrong);
    }
    assert!(is_name("!~") && !["", " ", "a b", "a\n", "\u{7f}", "\u{e4}"].into_iter().any(is_name));
}

fn encoded(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    compose::extension(id, critical, value.to_vec()).unwrap().to_der().unwrap()
}

fn read(der: &[u8]) -> X509Extension<'_> {
    X509Extension::from_der(der).unwrap().1
}

#[test]
fn no_usage_stands_beside_the_two() {
    let check = |usage: u16, purposes: &[&str]| {
        let [first, second] = usage.to_be_bytes();
        let usage = encoded(compose::KEY_USAGE, true, &[3, 3, 7, first, second]);
        let purposes: Vec<ObjectIdentifier> = purposes.iter().map(|id| id.parse().unwrap()).collect();
        let purposes = encoded(compose::EXTENDED_KEY_USAGE, false, &purposes.to_der().unwrap());
        check_key_usage(&read(&usage), &read(&purposes)).is_ok()
    };
    let (digital_signature, code_signing) = (0x8000, "1.3.6.1.5.5.7.3.3");
    assert!(check(digital_signature, &[code_signing]) && !check(0, &[code_signing]) && !check(digital_signature, &[]));
    for other in (1..9).map(|bit| digital_signature >> bit) {
        assert!(!check(other, &[code_signing]) && !check(digital_signature | other, &[code_signing]), "{other:x}");
    }
    let of_pkix = [1, 2, 4, 8, 9, 77].map(|purpose| format!("1.3.6.1.5.5.7.3.{purpose}"));
    for other in of_pkix.iter().map(String::as_str).chain(["2.5.29.37.0"]) {
        assert!(!check(digital_signature, &[other]) && !check(digital_signature, &[code_signing, other]), "{other}");
    }
}

#[test]
fn the_authority_key_identifier_says_no_more_than_the_key() {
    let fixture = fixture();
    let (key, issuer) = (fixture.key.public_key().key_identifier(), fixture.chain.subject_key_identifier());
    let subject = encoded(compose::SUBJECT_KEY_IDENTIFIER, false, &[&[4, 20], &key[..]].concat());
    let more = Err(LintError("the authority key identifier says more"));
    for (rest, expected) in [(&b""[..], Ok(())), (b"\x82\x01\x01", more), (b"\xa1\x04\x82\x02ab", more)] {
        let fields = [&[0x80, 20], issuer, rest].concat();
        let value = AnyRef::new(Tag::Sequence, &fields).unwrap().to_der().unwrap();
        let authority = encoded(compose::AUTHORITY_KEY_IDENTIFIER, false, &value);
        assert_eq!(check_key_identifiers(&read(&subject), &read(&authority), &fixture.request()), expected);
    }
}

#[test]
fn the_two_issuers_and_the_subject_are_needed() {
    let mut fixture = fixture();
    let user = principal_of("    type: username\n    subject-domain: example.com", json!({"sub": "jane"})).unwrap();
    for (whole, needed) in [(user, 3), (fixture.principal.clone(), 2)] {
        for missing in 0..whole.extensions().len() {
            fixture.principal = whole.with_extensions_for_test(|extensions| drop(extensions.remove(missing)));
            match LintedTbs::compose(&fixture.request()) {
                Err(ComposeError::Lint(_)) => assert!(missing < needed),
                other => assert!(other.is_ok() && missing >= needed, "an address needs no subject, and nothing else"),
            }
        }
    }
    fixture.principal = fixture.principal.with_extensions_for_test(|extensions| extensions.extend_from_within(1..));
    assert!(matches!(LintedTbs::compose(&fixture.request()), Err(ComposeError::Lint(_))), "a duplicate");
}

#[test]
fn a_certificate_neither_outlives_its_issuer_nor_comes_before_it() {
    let fixture = fixture();
    let at = |now| LintedTbs::compose(&CertificateRequest { now, ..fixture.request() }).map(drop);
    let (begin, end) = (fixture.chain.not_before(), fixture.chain.not_after());
    assert!(at(end - Duration::from_mins(10)).is_ok());
    assert!(matches!(at(end - Duration::from_secs(599)), Err(ComposeError::IssuerExpires)));
    assert!(matches!(at(begin - Duration::from_secs(1)), Err(ComposeError::IssuerNotYetValid)));
}

#[test]
fn validity_follows_the_policy() {
    let fixture = fixture();
    let now = fixture.now + Duration::from_hours(1);
    let validity = ValidityPolicy::new(Duration::from_mins(20), Duration::from_mins(1)).unwrap();
    let tbs = LintedTbs::compose(&CertificateRequest { validity, now, ..fixture.request() }).unwrap();
    let (_, tbs) = TbsCertificate::from_der(tbs.as_der()).unwrap();
    let begin = i64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap() - 60;
    assert_eq!((tbs.validity.not_before.timestamp(), tbs.validity.not_after.timestamp()), (begin, begin + 1200));
    for (lifetime, backdating) in [(599, 0), (1201, 0), (600, 301)] {
        assert!(ValidityPolicy::new(Duration::from_secs(lifetime), Duration::from_secs(backdating)).is_err());
    }
}

#[test]
fn the_certificate_carries_the_signature_and_its_algorithm() {
    use x509_parser::prelude::X509Certificate;
    let fixture = fixture();
    let tbs = LintedTbs::compose(&fixture.request()).unwrap();
    let der = tbs.assemble(ALGORITHM, &fixture.ca_key.sign(tbs.as_der()).unwrap()).unwrap();
    let (rest, certificate) = X509Certificate::from_der(&der).unwrap();
    assert!(rest.is_empty());
    assert_eq!(certificate.tbs_certificate.as_ref(), tbs.as_der());
    assert_eq!(certificate.signature_algorithm, certificate.tbs_certificate.signature);
    assert!(fixture.chain.signature_check().verify(tbs.as_der(), &certificate.signature_value.data).is_ok());
}

/// One SCT in a list, with nothing in it that makes sense but its lengths (RFC 6962 sections 3.2 and 3.3).
fn sct_list() -> Vec<u8> {
    let sct = [&[0][..], &[9; 32], &[0; 8], &[0, 2, 0xab, 0xcd], &[4, 3, 0, 4, 1, 2, 3, 4]].concat();
    let length = u16::try_from(sct.len()).unwrap();
    [&(length + 2).to_be_bytes()[..], &length.to_be_bytes(), &sct].concat()
}

#[test]
fn precertificate_and_certificate_differ_in_one_extension_only() {
    use x509_parser::prelude::ParsedExtension;
    let fixture = fixture();
    let plain = LintedTbs::compose(&fixture.request()).unwrap();
    let precertificate = plain.precertificate().unwrap();
    let certificate = plain.with_timestamps(&sct_list()).unwrap();
    assert_eq!(append::remove_last(precertificate.as_der()).unwrap(), plain.as_der());
    assert_eq!(append::remove_last(certificate.as_der()).unwrap(), plain.as_der());
    let (_, parsed) = TbsCertificate::from_der(precertificate.as_der()).unwrap();
    let poison = parsed.extensions().last().unwrap();
    assert_eq!(
        (poison.oid.to_id_string().as_str(), poison.critical, poison.value),
        ("1.3.6.1.4.1.11129.2.4.3", true, &[5, 0][..])
    );
    let (_, parsed) = TbsCertificate::from_der(certificate.as_der()).unwrap();
    let ParsedExtension::SCT(list) = parsed.extensions().last().unwrap().parsed_extension() else { panic!("no list") };
    assert_eq!((list.len(), list[0].extensions.0), (1, &[0xab, 0xcd][..]));
    assert!(precertificate.precertificate().is_err() && precertificate.with_timestamps(&sct_list()).is_err());
    assert!(certificate.with_timestamps(&sct_list()).is_err(), "never two lists");
}

#[test]
fn wrong_extended_forms_are_refused() {
    let fixture = fixture();
    let plain = LintedTbs::compose(&fixture.request()).unwrap();
    for bad in [&[][..], &[0, 0], &[0, 3, 0, 1, 9], b"rubbish"] {
        assert!(plain.with_timestamps(bad).is_err(), "{bad:02x?}");
    }
    let precertificate = plain.precertificate().unwrap();
    assert_eq!(check_extended(precertificate.as_der(), plain.as_der(), Form::Precertificate), Ok(()));
    assert!(check_extended(precertificate.as_der(), plain.as_der(), Form::Timestamped).is_err());
    let other = Serial::from_random([6; 20]);
    let other = LintedTbs::compose(&CertificateRequest { serial: &other, ..fixture.request() }).unwrap();
    let differs = LintError("it differs in more than its last extension");
    assert_eq!(check_extended(precertificate.as_der(), other.as_der(), Form::Precertificate), Err(differs));
    assert_eq!(check_extended(plain.as_der(), plain.as_der(), Form::Precertificate), Err(differs));
    let list = OctetStringRef::new(&sct_list()).unwrap().to_der().unwrap();
    let (poison, timestamps) = (compose::POISON, compose::TIMESTAMPS);
    for (form, id, critical, value, holds) in [
        (Form::Precertificate, poison, true, compose::NULL, true),
        (Form::Precertificate, poison, false, compose::NULL, false),
        (Form::Precertificate, poison, true, &[4, 0], false),
        (Form::Precertificate, timestamps, true, compose::NULL, false),
        (Form::Timestamped, timestamps, false, &list, true),
        (Form::Timestamped, timestamps, true, &list, false),
        (Form::Timestamped, poison, false, &list, false),
        (Form::Plain, timestamps, false, &list, false),
    ] {
        let der = append::append(plain.as_der(), &encoded(id, critical, value)).unwrap();
        assert_eq!(check_extended(&der, plain.as_der(), form).is_ok(), holds, "{id} {critical} {value:02x?}");
    }
}
