use std::sync::Arc;
use std::time::{Duration, SystemTime};

use x509_parser::prelude::{FromDer as _, X509Certificate, X509CertificationRequest};

use super::{CaDescription, CaIssuer, CaKey, MakingError, complete_subject, intermediate, request, root, subject};
use crate::certificate::chain::IssuingChain;
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::signer::key_file::generate;

const DAY: Duration = Duration::from_hours(24);

fn key(algorithm: SignatureAlgorithm) -> CaKey {
    let signer = generate(algorithm).unwrap().signer;
    CaKey { spki_der: signer.spki_der().unwrap(), signer: Arc::new(signer) }
}

fn described(name: &str, days: u32) -> CaDescription {
    CaDescription { subject: subject(name).unwrap(), not_before: SystemTime::now(), lifetime: DAY * days }
}

#[test]
fn a_name_is_completed_to_organization_and_common_name() {
    for (given, whole) in [
        ("O=Example,CN=Root", "O=Example,CN=Root"),
        ("CN=Root", "O=Root,CN=Root"),
        ("o=Example", "O=Example,CN=Example"),
        ("C=DE,O=Example\\, Inc", "C=DE,O=Example\\, Inc,CN=Example\\, Inc"),
        ("2.5.4.10=Example, cn=Root", "O=Example,CN=Root"),
    ] {
        assert_eq!(complete_subject(given).ok(), subject(whole).ok(), "{given}");
        assert!(complete_subject(given).is_ok(), "{given}");
    }
    assert!(matches!(complete_subject("C=DE"), Err(MakingError::Incomplete(_))));
    assert!(matches!(complete_subject("nonsense"), Err(MakingError::Subject(_))));
}

#[tokio::test]
async fn root_and_intermediate_of_every_algorithm_make_a_chain_that_issues() {
    for algorithm in SignatureAlgorithm::ALL {
        let (root_key, ca_key) = (key(algorithm), key(algorithm));
        let root = root(&described("O=Example,CN=Root", 20), &root_key).await.unwrap();
        let issuer = CaIssuer { certificate: &root, key: &root_key };
        let ca = intermediate(&described("O=Example,CN=CA", 10), &ca_key.spki_der, issuer).await.unwrap();
        let chain = IssuingChain::from_der(&[ca.clone(), root.clone()], SystemTime::now()).unwrap();
        assert_eq!((chain.algorithm(), chain.subject()), (algorithm, "O=Example, CN=CA"));
        let (_, ca) = X509Certificate::from_der(&ca).unwrap();
        assert_eq!(ca.raw_serial().len(), 20);
        let oids: Vec<String> = ca.extensions().iter().map(|extension| extension.oid.to_id_string()).collect();
        assert_eq!(oids, ["2.5.29.15", "2.5.29.37", "2.5.29.19", "2.5.29.14", "2.5.29.35"]);
        let critical: Vec<bool> = ca.extensions().iter().map(|extension| extension.critical).collect();
        assert_eq!(critical, [true, false, true, false, false]);
        assert_eq!(ca.basic_constraints().unwrap().unwrap().value.path_len_constraint, Some(0));
        let (_, root) = X509Certificate::from_der(&root).unwrap();
        assert_eq!(root.basic_constraints().unwrap().unwrap().value.path_len_constraint, Some(1));
        assert!(root.extended_key_usage().unwrap().is_none());
    }
}

#[tokio::test]
async fn the_issuers_name_is_kept_byte_for_byte() {
    // Strings of a kind that no encoder of ours would choose, two of one attribute, and a key identifier of our own.
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::OrganizationName, rcgen::DnValue::TeletexString("Example".try_into().unwrap()));
    params.distinguished_name.push(rcgen::DnType::CommonName, rcgen::DnValue::BmpString("Root".try_into().unwrap()));
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(1));
    params.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![7; 20]);
    let foreign = params.self_signed(&pair).unwrap();
    let signer = crate::signer::key_file::read(pair.serialize_pem().as_bytes(), None).unwrap();
    let root_key = CaKey { spki_der: signer.spki_der().unwrap(), signer: Arc::new(signer) };
    let ca_key = key(SignatureAlgorithm::EcdsaP384Sha384);
    let issuer = CaIssuer { certificate: foreign.der(), key: &root_key };
    let ca = intermediate(&described("CN=CA", 1), &ca_key.spki_der, issuer).await.unwrap();
    let chain = IssuingChain::from_der(&[ca.clone(), foreign.der().to_vec()], SystemTime::now());
    assert!(chain.is_ok(), "{chain:?}");
    let (_, ca) = X509Certificate::from_der(&ca).unwrap();
    let identifier = ca.extensions().last().unwrap();
    assert_eq!(identifier.value, [&[0x30, 22, 0x80, 20][..], &[7; 20]].concat());
}

#[tokio::test]
async fn an_intermediate_does_not_outlive_its_root_and_a_wrong_key_is_noticed() {
    let root_key = key(SignatureAlgorithm::EcdsaP256Sha256);
    let root = root(&described("CN=Root", 2), &root_key).await.unwrap();
    let spki = key(SignatureAlgorithm::EcdsaP256Sha256).spki_der;
    let issuer = CaIssuer { certificate: &root, key: &root_key };
    let same = CaDescription { subject: subject("CN=CA").unwrap(), ..described("CN=CA", 2) };
    assert!(intermediate(&same, &spki, issuer).await.is_ok(), "the same second is soon enough");
    let late = intermediate(&described("CN=CA", 3), &spki, issuer).await;
    assert!(matches!(late, Err(MakingError::OutlivesIssuer)), "{late:?}");
    let mixed = CaKey { spki_der: spki.clone(), signer: Arc::clone(&root_key.signer) };
    let wrong = intermediate(&described("CN=CA", 1), &spki, CaIssuer { certificate: &root, key: &mixed }).await;
    assert!(matches!(wrong, Err(MakingError::Mismatch(_))), "{wrong:?}");
}

#[tokio::test]
async fn a_request_is_signed_by_its_key() {
    let key = key(SignatureAlgorithm::EcdsaP384Sha384);
    let der = request(&subject("O=Example,CN=CA").unwrap(), &key).await.unwrap();
    let (rest, parsed) = X509CertificationRequest::from_der(&der).unwrap();
    assert!(rest.is_empty());
    let info = &parsed.certification_request_info;
    assert_eq!(
        (info.subject.to_string().as_str(), info.subject_pki.raw),
        ("O=Example, CN=CA", key.spki_der.as_slice())
    );
    let check = super::SignatureCheck::from_spki_der(&key.spki_der).unwrap();
    check.verify(info.raw, &parsed.signature_value.data).unwrap();
}

#[test]
fn names_are_read_in_the_order_in_which_they_are_written() {
    assert_eq!(subject("C=DE, O=Example\\, Inc., CN=CA").unwrap().to_string(), "CN=CA,O=Example\\, Inc.,C=DE");
    for bad in ["", "Example", "CN", "=x", "CN=a,,O=b"] {
        assert!(matches!(subject(bad), Err(MakingError::Subject(_))), "{bad:?}");
    }
}
