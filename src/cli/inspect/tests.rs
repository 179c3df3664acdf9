//! Tests of what is said about certificates, with certificates made for the purpose.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, OtherNameValue, SanType,
};

use super::read::{InspectError, MAX_CERTIFICATES};
use super::report::ValueForm;
use super::report::{CertificateKind, SignedBy};
use super::*;
use crate::text;

const NOW: u64 = 1_795_250_679;

fn at(offset: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.checked_add_signed(offset).unwrap())
}

fn utf8(text: &str) -> Vec<u8> {
    let mut der = vec![0x0c, u8::try_from(text.len()).unwrap()];
    der.extend(text.bytes());
    der
}

fn token(arc: u64, value: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, arc], value)
}

fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = at(-3600).into();
    params.not_after = at(86_400 * 30).into();
    (params, KeyPair::generate().unwrap())
}

/// A leaf and its root, DER.
fn chain(names: Vec<SanType>, extensions: Vec<CustomExtension>) -> Vec<Vec<u8>> {
    let (root, root_key) = authority("root");
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = DistinguishedName::new();
    leaf.subject_alt_names = names;
    leaf.not_before = at(0).into();
    leaf.not_after = at(600).into();
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    leaf.use_authority_key_identifier_extension = true;
    leaf.custom_extensions = extensions;
    let key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::from_params(&root, &root_key)).unwrap();
    vec![leaf.der().to_vec(), root.self_signed(&root_key).unwrap().der().to_vec()]
}

fn email(address: &str) -> Vec<SanType> {
    vec![SanType::Rfc822Name(Ia5String::try_from(address.to_owned()).unwrap())]
}

fn text(certificates: &[Vec<u8>], offset: i64) -> String {
    describe(certificates, at(offset)).unwrap().to_string()
}

#[test]
fn an_ordinary_certificate_is_told_in_words() {
    let certificates = chain(
        email("dev@example.com"),
        vec![
            token(1, b"https://issuer.example".to_vec()),
            token(8, utf8("https://issuer.example")),
            token(14, utf8("refs/heads/main")),
        ],
    );
    let text = text(&certificates, 180);
    for expected in [
        "Certificate for dev@example.com\n",
        "Identity             dev@example.com (e-mail address)",
        "Token issued by      https://issuer.example",
        "2026-11-21 08:44:39 UTC to 2026-11-21 08:54:39 UTC (10 minutes)",
        "valid for another 7 minutes",
        "ECDSA P-256",
        "CN=root (ECDSA with SHA-256)",
        "digital signature, code signing",
        "no signed timestamp inside",
        "Issuer (deprecated encoding)  https://issuer.example",
        "Source repository ref         refs/heads/main",
        "1. dev@example.com (not a CA)",
        "signed by certificate 2: the signature is right",
        "2. CN=root (CA)",
        "signed by itself: the signature is right",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn machines_get_stable_members() {
    let certificates =
        chain(email("dev@example.com"), vec![token(8, utf8("https://issuer.example")), token(99, utf8("new"))]);
    let value = serde_json::to_value(describe(&certificates, at(601)).unwrap()).unwrap();
    assert_eq!(value["kind"], "certificate");
    assert_eq!(value["identity"][0], serde_json::json!({"kind": "email", "value": "dev@example.com"}));
    assert_eq!(value["tokenIssuer"], "https://issuer.example");
    assert_eq!(
        value["validity"],
        serde_json::json!({"notBefore": "2026-11-21T08:44:39Z", "notAfter": "2026-11-21T08:54:39Z", "lifetimeSeconds": 600,
            "state": "expired", "summary": "expired 1 second ago"})
    );
    assert_eq!(
        value["extensions"][1],
        serde_json::json!({"oid": "1.3.6.1.4.1.57264.1.99", "name": null, "title": "1.3.6.1.4.1.57264.1.99", "value": "new", "form": "text"})
    );
    assert_eq!(value["timestamps"], serde_json::Value::Null);
    assert_eq!(value["chain"][0]["signedBy"], serde_json::json!({"by": "next"}));
    assert_eq!(value["authorityKeyIdentifier"].as_str().map(str::len), Some(40));
}

#[test]
fn the_time_is_told_from_where_now_is() {
    let certificates = chain(email("dev@example.com"), Vec::new());
    for (offset, words) in [
        (-120, "not yet valid: begins in 2 minutes"),
        (0, "valid for another 10 minutes"),
        (600, "valid for another 0 seconds"),
        (780, "expired 3 minutes ago"),
    ] {
        assert_eq!(describe(&certificates, at(offset)).unwrap().validity.summary, words);
    }
}

#[test]
fn every_kind_of_name_is_named() {
    let other = SanType::OtherName((
        vec![1, 3, 6, 1, 4, 1, 57264, 1, 7],
        OtherNameValue::Utf8String("jane!example.com".into()),
    ));
    let foreign = SanType::OtherName((vec![1, 2, 3], OtherNameValue::Utf8String("x".into())));
    let uri = SanType::URI(Ia5String::try_from("https://a.example/b".to_owned()).unwrap());
    let certificates = chain(vec![other, foreign, uri, SanType::IpAddress([127, 0, 0, 1].into())], Vec::new());
    let names = describe(&certificates, at(0)).unwrap().identity;
    let names: Vec<(&str, &str)> = names.iter().map(|name| (name.kind, name.value.as_str())).collect();
    assert_eq!(names[0], ("username", "jane!example.com"));
    assert_eq!((names[1].0, names[1].1.starts_with("1.2.3 ")), ("otherName", true));
    assert_eq!(names[2..], [("uri", "https://a.example/b"), ("ip", "127.0.0.1")]);
}

#[test]
fn what_a_terminal_would_obey_never_reaches_it() {
    let certificates = chain(
        email("dev@example.com"),
        vec![token(8, utf8("https://i\u{1b}[2J\r\nIdentity eve")), token(9, utf8("\u{202e}x"))],
    );
    let text = text(&certificates, 0);
    assert!(
        !text.chars().any(|character| (character.is_control() && character != '\n') || character == '\u{202e}'),
        "{text:?}"
    );
    assert!(text.contains("https://i\\u{1b}[2J\\u{d}\\u{a}Identity eve"), "{text}");
}

#[test]
fn values_that_are_no_text_are_shown_as_bytes() {
    let certificates = chain(
        email("dev@example.com"),
        vec![token(1, vec![0xff, 0xfe]), token(8, b"not DER".to_vec()), token(77, vec![0, 1])],
    );
    let report = describe(&certificates, at(0)).unwrap();
    assert!(report.extensions.iter().all(|extension| extension.form == ValueForm::Hex), "{:?}", report.extensions);
    assert_eq!(report.extensions[0].value, "fffe");
    assert!(report.to_string().contains("0001 (no text: hexadecimal)"));
}

fn timestamp_list(entries: &[Vec<u8>]) -> CustomExtension {
    let list: Vec<u8> = entries
        .iter()
        .flat_map(|entry| [&[0, u8::try_from(entry.len()).unwrap()], entry.as_slice()].concat())
        .collect();
    let list = [&[0, u8::try_from(list.len()).unwrap()], list.as_slice()].concat();
    let bytes = [&[4, u8::try_from(list.len()).unwrap()], list.as_slice()].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2], bytes)
}

#[test]
fn signed_timestamps_are_listed_and_malformed_lists_told() {
    let entry = [vec![0], vec![0xab; 32], (NOW * 1000).to_be_bytes().to_vec(), vec![0, 0, 4, 3, 0, 0]].concat();
    let whole =
        describe(&chain(email("a@example.com"), vec![timestamp_list(std::slice::from_ref(&entry))]), at(0)).unwrap();
    let list = whole.timestamps.clone().unwrap();
    assert!(list.well_formed);
    assert_eq!(
        (list.entries[0].log_id.as_str(), list.entries[0].time.as_deref()),
        ("ab".repeat(32).as_str(), Some("2026-11-21T08:44:39Z"))
    );
    assert!(whole.to_string().contains(&format!("log {} at 2026-11-21 08:44:39 UTC", "ab".repeat(32))));
    let cut = describe(&chain(email("a@example.com"), vec![timestamp_list(&[entry, vec![0, 1]])]), at(0)).unwrap();
    assert_eq!(cut.timestamps.as_ref().map(|list| (list.entries.len(), list.well_formed)), Some((1, false)));
    assert!(cut.to_string().contains("malformed"));
    let empty = describe(&chain(email("a@example.com"), vec![timestamp_list(&[])]), at(0)).unwrap();
    assert!(empty.to_string().contains("an empty list"));
}

#[test]
fn a_precertificate_is_called_one() {
    let mut poison = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 3], vec![5, 0]);
    poison.set_criticality(true);
    let report = describe(&chain(email("a@example.com"), vec![poison]), at(0)).unwrap();
    assert_eq!(report.kind, CertificateKind::Precertificate);
    assert!(report.to_string().starts_with("Precertificate"));
}

#[test]
fn a_chain_that_does_not_hold_is_told_apart() {
    let mut certificates = chain(email("a@example.com"), Vec::new());
    let stranger = chain(email("b@example.com"), Vec::new()).remove(1);
    // The same name, but another key.
    certificates[1] = stranger;
    let report = describe(&certificates, at(0)).unwrap();
    assert!(matches!(report.chain[0].signed_by, SignedBy::Mismatch { .. }), "{report}");
    assert!(report.to_string().contains("NOT SIGNED as it should be"));
    certificates.swap(0, 1);
    let swapped = describe(&certificates, at(0)).unwrap();
    assert_eq!(swapped.kind, CertificateKind::Authority);
    assert!(matches!(swapped.chain[0].signed_by, SignedBy::Mismatch { .. }));
    assert_eq!(swapped.chain[1].signed_by, SignedBy::Absent { issuer: "CN=root".into() });
}

#[test]
fn input_is_read_as_pem_or_der_and_other_blocks_are_passed_over() {
    let certificates = chain(email("a@example.com"), Vec::new());
    let pem: String = certificates.iter().map(|der| text::pem("CERTIFICATE", der)).collect();
    assert_eq!(certificates_in(pem.as_bytes()).unwrap(), certificates);
    assert_eq!(certificates_in(&certificates[0]).unwrap(), certificates[..1]);
    let key = text::pem("PRIVATE KEY", &[1]);
    assert_eq!(certificates_in(format!("{key}{pem}").as_bytes()).unwrap(), certificates);
    assert!(certificates_in(key.as_bytes()).unwrap_err().contains("PRIVATE KEY"));
    for rubbish in ["", "hello", "0 is not DER", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        assert!(certificates_in(rubbish.as_bytes()).is_err(), "{rubbish}");
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let mut der = chain(email("a@example.com"), Vec::new()).remove(0);
    der.push(0);
    assert_eq!(describe(std::slice::from_ref(&der), at(0)), Err(InspectError::Malformed(1)));
    assert_eq!(describe(&[], at(0)), Err(InspectError::Empty));
    assert_eq!(describe(&vec![der; MAX_CERTIFICATES + 1], at(0)), Err(InspectError::TooMany));
}

proptest! {
    #[test]
    fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(certificates) = certificates_in(&bytes) {
            let _ = describe(&certificates, at(0)).map(|report| report.to_string());
        }
        let _ = describe(&[bytes], at(0)).map(|report| report.to_string());
    }

    #[test]
    fn damaged_certificates_never_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        thread_local!(static WHOLE: Vec<Vec<u8>> = {
            let entry = [vec![0], vec![0xab; 32], vec![0; 14]].concat();
            chain(email("a@example.com"), vec![token(1, b"i".to_vec()), token(8, utf8("i")), timestamp_list(&[entry])])
        });
        let mut certificates = WHOLE.with(Clone::clone);
        for (place, value) in damage {
            let place = place.index(certificates[0].len());
            certificates[0][place] = value;
        }
        if let Ok(report) = describe(&certificates, at(0)) {
            let text = report.to_string();
            prop_assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{:?}", text);
            prop_assert!(super::to_json(&report).is_ok());
        }
    }
}
