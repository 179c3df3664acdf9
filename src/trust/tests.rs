use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::crypto::{pem, spki};

/// The key and the identifier of log2025-1.rekor.sigstore.dev, as Sigstore's public trusted root has them.
const PUBLIC_LOG: (&str, &str) =
    ("MCowBQYDK2VwAyEAt8rlp1knGwjfbcXAYPYAkn0XiLz1x8O4t0YkEhie244=", "zxGZFVvd0FEmjR8WrFwMdcAJ9vtaY/QXf44Y1wUeP6A=");

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn window(start: u64, end: Option<u64>) -> Window {
    Window::new(at(start), end.map(at)).unwrap()
}

/// A self-signed certificate with these names.
fn root(names: &[(DnType, &str)]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in names {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn chain(common_name: &str) -> Chain {
    let root = root(&[(DnType::OrganizationName, "Example"), (DnType::CommonName, common_name)]);
    Chain::from_ders(vec![b"intermediate".to_vec(), root]).unwrap()
}

pub(super) fn p256() -> PublicKey {
    PublicKey::from_spki_der(&rcgen::PublicKeyData::subject_public_key_info(&KeyPair::generate().unwrap())).unwrap()
}

fn authority(start: u64, end: Option<u64>, purpose: Purpose) -> CertificateAuthority {
    let chain = chain(&format!("CA of {start}"));
    CertificateAuthority { url: "https://ca.example".to_owned(), chain, window: window(start, end), purpose }
}

pub(super) fn rekor(url: &str, api: RekorApi, key: PublicKey, start: u64) -> RekorLog {
    RekorLog { url: url.to_owned(), api, key, window: window(start, None), purpose: Purpose::SignAndVerify }
}

pub(super) fn timestamp_authority() -> TimestampAuthority {
    TimestampAuthority {
        url: "https://tsa.example/api/v1/timestamp".to_owned(),
        chain: chain("TSA"),
        window: window(100, None),
        purpose: Purpose::SignAndVerify,
    }
}

pub(super) fn deployment() -> Deployment {
    Deployment {
        operator: "example.com".to_owned(),
        authorities: vec![authority(300, None, Purpose::SignAndVerify), authority(100, Some(200), Purpose::Verify)],
        ct_logs: vec![CtLog { url: "https://ct.example".to_owned(), key: p256(), window: window(100, None) }],
        rekor_logs: Vec::new(),
        rekor_selector: Selector::Any,
        timestamp_authorities: Vec::new(),
        timestamp_selector: Selector::Any,
        token_issuers: vec![TokenIssuer { url: "https://login.example".to_owned(), window: window(100, None) }],
    }
}

#[test]
fn authorities_are_trusted_for_their_windows_oldest_first() {
    let deployment = deployment();
    let document = deployment.trusted_root();
    let shown: Vec<&Value> = document["certificateAuthorities"].as_array().unwrap().iter().collect();
    let range = |index: usize| shown[index]["validFor"].clone();
    assert_eq!(range(0), json!({"start": "1970-01-01T00:01:40Z", "end": "1970-01-01T00:03:20Z"}));
    assert_eq!(range(1), json!({"start": "1970-01-01T00:05:00Z"}));
    assert_eq!(shown[1]["subject"], json!({"organization": "Example", "commonName": "CA of 300"}));
    let certificates = shown[1]["certChain"]["certificates"].as_array().unwrap();
    let expected = deployment.authorities[0].chain.ders().iter().map(|der| json!({"rawBytes": STANDARD.encode(der)}));
    assert_eq!(certificates, &expected.collect::<Vec<_>>());
    assert_eq!(document["mediaType"], "application/vnd.dev.sigstore.trustedroot+json;version=0.1");
}

#[test]
fn both_names_of_a_subject_are_always_there() {
    let subject = |names: &[(DnType, &str)]| {
        let chain = Chain::from_ders(vec![root(names)]).unwrap();
        (chain.organization().to_owned(), chain.common_name().to_owned())
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(subject(&[(DnType::CommonName, "x")]), pair("", "x"));
    assert_eq!(subject(&[(DnType::OrganizationName, "Example")]), pair("Example", ""));
    assert_eq!(subject(&[(DnType::CountryName, "NZ")]), pair("", "C=NZ"));
    assert_eq!(subject(&[]), pair("", ""));
    assert_eq!(Chain::from_ders(Vec::new()).unwrap_err(), ChainProblem::Empty);
    assert_eq!(Chain::from_ders(vec![b"no certificate".to_vec()]).unwrap_err(), ChainProblem::Malformed);
}

#[test]
fn only_what_signs_is_in_the_signing_configuration() {
    let document = deployment().signing_config();
    let service = json!({
        "url": "https://ca.example",
        "majorApiVersion": 1,
        "validFor": {"start": "1970-01-01T00:05:00Z"},
        "operator": "example.com",
    });
    assert_eq!(document["caUrls"], json!([service]));
    assert_eq!(document["oidcUrls"][0]["url"], "https://login.example");
    assert_eq!((&document["rekorTlogUrls"], &document["tsaUrls"]), (&json!([]), &json!([])));
    assert_eq!(document["rekorTlogConfig"], json!({"selector": "ANY"}));
    assert_eq!(document["mediaType"], "application/vnd.dev.sigstore.signingconfig.v0.2+json");
}

#[test]
fn an_authority_with_two_chains_is_asked_once() {
    let mut deployment = deployment();
    deployment.authorities =
        vec![authority(100, Some(200), Purpose::SignAndVerify), authority(150, None, Purpose::SignAndVerify)];
    let document = deployment.signing_config();
    assert_eq!(document["caUrls"].as_array().unwrap().len(), 1);
    assert_eq!(document["caUrls"][0]["validFor"], json!({"start": "1970-01-01T00:01:40Z"}));
    assert_eq!(deployment.trusted_root()["certificateAuthorities"].as_array().unwrap().len(), 2);
}

#[test]
fn rekor_logs_have_the_version_and_the_identifier_that_clients_expect() {
    let (key, id) = PUBLIC_LOG;
    let ed25519 = PublicKey::from_spki_der(&STANDARD.decode(key).unwrap()).unwrap();
    let v2 = RekorApi::V2 { origin: "log2025-1.rekor.sigstore.dev".to_owned() };
    let mut deployment = deployment();
    deployment.rekor_logs = vec![
        rekor("https://v1.example", RekorApi::V1, p256(), 100),
        rekor("https://v2.example", v2.clone(), ed25519, 200),
    ];
    deployment.rekor_selector = Selector::Exactly(NonZeroU32::new(2).unwrap());
    let config = deployment.signing_config();
    let versions: Vec<_> = config["rekorTlogUrls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["url"].as_str().unwrap(), log["majorApiVersion"].as_u64().unwrap()))
        .collect();
    assert_eq!(versions, [("https://v2.example", 2), ("https://v1.example", 1)]);
    assert_eq!(config["rekorTlogConfig"], json!({"selector": "EXACT", "count": 2}));
    let root = deployment.trusted_root();
    let v1_id = STANDARD.encode(deployment.rekor_logs[0].key.sha256());
    assert_eq!(
        (&root["tlogs"][0]["baseUrl"], &root["tlogs"][0]["logId"]["keyId"]),
        (&json!("https://v1.example"), &json!(v1_id))
    );
    assert_eq!(root["tlogs"][1]["logId"]["keyId"], id);
    assert_eq!(root["tlogs"][1]["publicKey"]["keyDetails"], "PKIX_ED25519");
    // The name says nothing of an ECDSA key's identifier.
    let ecdsa = rekor("https://v2.example", v2, p256(), 1);
    deployment.rekor_logs = vec![ecdsa.clone()];
    assert_eq!(deployment.trusted_root()["tlogs"][0]["logId"]["keyId"], STANDARD.encode(ecdsa.key.sha256()));
}

#[test]
fn timestamp_authorities_are_trusted_and_asked() {
    let mut deployment = deployment();
    deployment.timestamp_authorities = vec![timestamp_authority()];
    let root = deployment.trusted_root();
    assert_eq!(root["timestampAuthorities"][0]["subject"]["commonName"], "TSA");
    assert_eq!(root["timestampAuthorities"][0]["uri"], "https://tsa.example/api/v1/timestamp");
    assert_eq!(deployment.signing_config()["tsaUrls"][0]["url"], "https://tsa.example/api/v1/timestamp");
    deployment.timestamp_authorities[0].purpose = Purpose::Verify;
    assert_eq!(deployment.signing_config()["tsaUrls"], json!([]));
    assert_eq!(deployment.trusted_root()["timestampAuthorities"].as_array().unwrap().len(), 1);
}

#[test]
fn keys_have_the_names_of_the_protocol() {
    let details = |algorithm: &'static rcgen::SignatureAlgorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        PublicKey::from_spki_der(&rcgen::PublicKeyData::subject_public_key_info(&key)).unwrap().details()
    };
    assert_eq!(details(&rcgen::PKCS_ECDSA_P256_SHA256), "PKIX_ECDSA_P256_SHA_256");
    assert_eq!(details(&rcgen::PKCS_ECDSA_P384_SHA384), "PKIX_ECDSA_P384_SHA_384");
    assert_eq!(details(&rcgen::PKCS_ECDSA_P521_SHA512), "PKIX_ECDSA_P521_SHA_512");
    assert_eq!(details(&rcgen::PKCS_ED25519), "PKIX_ED25519");
    for (bits, expected) in [
        (2048, Ok("PKIX_RSA_PKCS1V15_2048_SHA256")),
        (3072, Ok("PKIX_RSA_PKCS1V15_3072_SHA256")),
        (4096, Ok("PKIX_RSA_PKCS1V15_4096_SHA256")),
        (2056, Err(UnknownKeyKind)),
    ] {
        let key = spki::of_rsa(&vec![0xff; bits / 8], &[1, 0, 1]).unwrap();
        assert_eq!(PublicKey::from_spki_der(&key).map(|key| key.details()), expected, "{bits}");
    }
    assert_eq!(PublicKey::from_spki_der(b"no key").unwrap_err(), UnknownKeyKind);
}

#[test]
fn bundles_have_each_certificate_once() {
    let mut deployment = deployment();
    let again = CertificateAuthority { window: window(400, None), ..deployment.authorities[0].clone() };
    deployment.authorities.push(again);
    let roots = pem::certificates(deployment.roots_pem().as_bytes()).unwrap().ders;
    let expected: Vec<Vec<u8>> = deployment.authorities[..2].iter().map(|one| one.chain.root().to_vec()).collect();
    assert_eq!(roots, expected);
    // The first chain in order, then what the second one has besides.
    let blocks: Vec<Vec<u8>> =
        pem::parse(deployment.chains_pem().as_bytes()).iter().map(|block| block.data().unwrap().to_vec()).collect();
    assert_eq!(blocks, [b"intermediate".to_vec(), expected[0].clone(), expected[1].clone()]);
    assert_eq!(pem::parse(deployment.authorities[1].chain.to_pem().as_bytes()).len(), 2);
}

#[test]
fn a_client_trust_config_has_both_documents() {
    let deployment = deployment();
    let document = deployment.client_trust_config();
    assert_eq!(document["mediaType"], "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json");
    assert_eq!(document["trustedRoot"], deployment.trusted_root());
    assert_eq!(document["signingConfig"], deployment.signing_config());
}

#[test]
fn a_window_ends_after_it_starts() {
    assert_eq!(Window::new(at(2), Some(at(2))), Err(EndBeforeStart));
    assert_eq!(Window::new(at(2), Some(at(1))), Err(EndBeforeStart));
    assert_eq!(window(1, Some(2)).joined(window(0, None)), Window::since(at(0)));
    assert_eq!(window(1, Some(2)).joined(window(0, Some(3))), window(0, Some(3)));
}
