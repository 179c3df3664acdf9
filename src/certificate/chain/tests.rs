//! One test for each refusal, on chains made for it.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
};

use x509_parser::prelude::FromDer as _;

use super::{ChainCertificate, ChainError, IssuingChain, MAX_CHAIN_BYTES, MAX_GIVEN};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::signature_check::{KeyError, LinkError};

const DAY: Duration = Duration::from_hours(24);

/// A key and the parameters of its certificate, which a test can spoil before they are signed.
pub(crate) struct TestCertificate {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
}

pub(crate) fn made(name: &str, is_ca: IsCa) -> TestCertificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + DAY).into();
    TestCertificate { params, key: KeyPair::generate().unwrap() }
}

pub(crate) fn root() -> TestCertificate {
    made("root", IsCa::Ca(BasicConstraints::Unconstrained))
}

pub(crate) fn intermediate() -> TestCertificate {
    let mut made = made("intermediate", IsCa::Ca(BasicConstraints::Constrained(0)));
    made.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    made
}

pub(crate) fn self_signed(made: &TestCertificate) -> Certificate {
    made.params.self_signed(&made.key).unwrap()
}

pub(crate) fn signed(subject: &TestCertificate, issuer: &TestCertificate) -> Certificate {
    subject.params.signed_by(&subject.key, &Issuer::from_params(&issuer.params, &issuer.key)).unwrap()
}

pub(crate) fn load(certificates: &[&Certificate]) -> Result<IssuingChain, ChainError> {
    let text: String = certificates.iter().map(|certificate| certificate.pem()).collect();
    IssuingChain::from_pem(text.as_bytes(), SystemTime::now())
}

pub(crate) fn load_pair(intermediate: &TestCertificate, root: &TestCertificate) -> Result<IssuingChain, ChainError> {
    load(&[&signed(intermediate, root), &self_signed(root)])
}

/// Asserts the kind of refusal.
macro_rules! refused {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        let error = $result.expect_err("the chain is accepted");
        assert!(matches!(&error, $pattern $(if $guard)?), "refused with {error:?}");
    };
}
pub(super) use refused;

#[test]
fn a_sound_chain_gives_what_issuing_needs() {
    let (intermediate, root) = (intermediate(), root());
    let (first, last) = (signed(&intermediate, &root), self_signed(&root));
    let chain = load(&[&first, &last]).unwrap();
    assert_eq!((chain.len(), chain.algorithm()), (2, SignatureAlgorithm::EcdsaP256Sha256));
    let ders: Vec<&[u8]> = chain.certificates().iter().map(super::ChainCertificate::der).collect();
    assert_eq!(ders, [first.der().as_ref(), last.der().as_ref()]);
    assert_eq!(chain.certificates()[0].pem(), first.pem().replace("\r\n", "\n"));
    assert_eq!(chain.pem_trimmed()[1], last.pem().replace("\r\n", "\n").trim_end());
    assert_eq!(chain.subject(), "CN=intermediate");
    assert!(first.der().windows(chain.subject_der().len()).any(|window| window == chain.subject_der()));
    assert!(first.der().windows(chain.spki_der().len()).any(|window| window == chain.spki_der()));
    assert_eq!(chain.subject_key_identifier(), intermediate.params.key_identifier(&intermediate.key));
    let days = chain.not_after().duration_since(chain.not_before()).unwrap().as_secs_f64() / DAY.as_secs_f64();
    assert!((days - 2.0).abs() < 0.001, "{days}");
}

#[test]
fn a_root_alone_needs_no_extended_key_usage() {
    assert_eq!(load(&[&self_signed(&root())]).unwrap().len(), 1);
}

#[test]
fn a_text_without_certificates_or_with_something_else_is_refused() {
    let now = SystemTime::now();
    refused!(IssuingChain::from_pem(b"", now), ChainError::Empty);
    refused!(IssuingChain::from_pem(&vec![b' '; MAX_CHAIN_BYTES + 1], now), ChainError::TooLarge);
    refused!(IssuingChain::from_pem(b"-----BEGIN CERTIFICATE-----\n", now), ChainError::Pem(_));
    let key = root().key.serialize_pem();
    refused!(IssuingChain::from_pem(key.as_bytes(), now), ChainError::Empty);
    let text = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----";
    refused!(IssuingChain::from_pem(text.as_bytes(), now), ChainError::Malformed(1));
    let root = self_signed(&root());
    let long = [root.der().as_ref(), &[0]].concat();
    refused!(IssuingChain::from_der(&[long], now), ChainError::Malformed(1));
    let many: Vec<Vec<u8>> = (0..=MAX_GIVEN).map(|_| self_signed(&self::root()).der().to_vec()).collect();
    refused!(IssuingChain::from_der(&many, now), ChainError::TooMany);
}

#[test]
fn a_link_signed_by_another_key_of_the_same_name_is_refused() {
    let (intermediate, root, impostor) = (intermediate(), root(), root());
    refused!(
        load(&[&signed(&intermediate, &root), &self_signed(&impostor)]),
        ChainError::Link { position: 1, cause: LinkError::Signature }
    );
}

#[test]
fn a_certificate_that_is_no_ca_is_refused() {
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let mut not_ca = intermediate();
        not_ca.params.is_ca = is_ca;
        refused!(load_pair(&not_ca, &root()), ChainError::NotCa(1));
    }
}

#[test]
fn a_key_usage_without_cert_sign_is_refused_and_none_is_accepted() {
    let mut spoiled = root();
    spoiled.params.key_usages = vec![KeyUsagePurpose::CrlSign];
    refused!(load_pair(&intermediate(), &spoiled), ChainError::KeyUsage(2));
    spoiled.params.key_usages.clear();
    load_pair(&intermediate(), &spoiled).unwrap();
}

#[test]
fn an_issuing_intermediate_needs_code_signing_by_word() {
    let mut spoiled = intermediate();
    spoiled.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    refused!(load_pair(&spoiled, &root()), ChainError::NoCodeSigning);
    spoiled.params.extended_key_usages.clear();
    refused!(load_pair(&spoiled, &root()), ChainError::NoCodeSigning);
    // Alone it is what is trusted, and Fulcio takes it.
    let alone = load(&[&signed(&spoiled, &root())]).unwrap();
    let said = alone.findings().join("\n");
    assert!(said.contains("has no root") && said.contains("no extended key usage codeSigning"), "{said}");
}

#[test]
fn an_extended_key_usage_above_must_not_exclude_code_signing() {
    let mut spoiled = root();
    spoiled.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    refused!(load_pair(&intermediate(), &spoiled), ChainError::ExtendedKeyUsage(2));
    spoiled.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    load_pair(&intermediate(), &spoiled).unwrap();
}

#[test]
fn a_path_length_counts_the_cas_below_without_the_leaf() {
    let mut tight = root();
    tight.params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    refused!(load_pair(&intermediate(), &tight), ChainError::PathLength { position: 2, allowed: 0, found: 1 });
    tight.params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    load_pair(&intermediate(), &tight).unwrap();
}

#[test]
fn certificates_out_of_their_time_are_refused_to_the_second() {
    let chain = load_pair(&intermediate(), &root()).unwrap();
    let ders =
        || -> Vec<Vec<u8>> { chain.certificates().iter().map(|certificate| certificate.der().to_vec()).collect() };
    let second = Duration::from_secs(1);
    IssuingChain::from_der(&ders(), chain.not_after()).unwrap();
    IssuingChain::from_der(&ders(), chain.not_before()).unwrap();
    refused!(IssuingChain::from_der(&ders(), chain.not_after() + second), ChainError::Expired { position: 1, .. });
    refused!(IssuingChain::from_der(&ders(), chain.not_before() - second), ChainError::NotYetValid { position: 1, .. });
    let mut expired = root();
    expired.params.not_after = (SystemTime::now() - second * 2).into();
    refused!(load_pair(&intermediate(), &expired), ChainError::Expired { position: 2, .. });
}

#[test]
fn a_chain_that_is_only_trusted_may_be_of_the_past_or_the_future_and_nothing_else() {
    let chain = load_pair(&intermediate(), &root()).unwrap();
    let text: String = chain.certificates().iter().map(ChainCertificate::pem).collect();
    for now in [SystemTime::UNIX_EPOCH, chain.not_after() + Duration::from_hours(24)] {
        assert!(IssuingChain::from_pem(text.as_bytes(), now).is_err());
        assert!(IssuingChain::trusted_from_pem(text.as_bytes(), now).unwrap().is_same(&chain));
    }
    let turned: String = chain.certificates().iter().rev().map(ChainCertificate::pem).collect();
    assert!(IssuingChain::trusted_from_pem(turned.as_bytes(), SystemTime::UNIX_EPOCH).unwrap().is_same(&chain));
    refused!(IssuingChain::trusted_from_pem(b"", SystemTime::now()), ChainError::Empty);
}

#[test]
fn every_supported_key_is_accepted() {
    let algorithms = [
        (&rcgen::PKCS_ECDSA_P384_SHA384, SignatureAlgorithm::EcdsaP384Sha384),
        (&rcgen::PKCS_ECDSA_P521_SHA512, SignatureAlgorithm::EcdsaP521Sha512),
        (&rcgen::PKCS_RSA_SHA256, SignatureAlgorithm::RsaPkcs1Sha256),
        (&rcgen::PKCS_RSA_SHA384, SignatureAlgorithm::RsaPkcs1Sha256),
        (&rcgen::PKCS_ED25519, SignatureAlgorithm::Ed25519),
        // A root may sign with another hash than its curve's.
        (&rcgen::PKCS_ECDSA_P521_SHA256, SignatureAlgorithm::EcdsaP521Sha512),
    ];
    for (algorithm, expected) in algorithms {
        let mut root = root();
        root.key = KeyPair::generate_for(algorithm).unwrap();
        assert_eq!(load(&[&self_signed(&root)]).unwrap().algorithm(), expected);
        assert_eq!(load_pair(&intermediate(), &root).unwrap().len(), 2);
    }
}

#[test]
fn keys_that_are_too_weak_or_unknown_are_refused() {
    // TestCertificate with OpenSSL 3.0: self-signed CA certificates, their keys thrown away.
    let load = |text: &str| IssuingChain::from_pem(text.as_bytes(), SystemTime::now());
    let weak = include_str!("../../../tests/fixtures/keys/rsa1024.cert.pem");
    refused!(load(weak), ChainError::Key { position: 1, cause: KeyError::RsaSize(1024) });
    let exponent = include_str!("../../../tests/fixtures/keys/rsa2048-exponent3.cert.pem");
    refused!(load(exponent), ChainError::Key { position: 1, cause: KeyError::RsaExponent });
    let curve = include_str!("../../../tests/fixtures/keys/secp256k1.cert.pem");
    refused!(load(curve), ChainError::Key { position: 1, cause: KeyError::Curve(oid) } if oid == "1.3.132.0.10");
    let unknown = include_str!("../../../tests/fixtures/keys/ed448.cert.pem");
    refused!(load(unknown), ChainError::Key { position: 1, cause: KeyError::Type(oid) } if oid == "1.3.101.113");
}

#[test]
fn an_issuing_ca_without_a_name_is_refused_and_without_key_identifier_gets_the_usual_one() {
    let usual = load_pair(&intermediate(), &root()).unwrap();
    assert_eq!((usual.findings(), usual.subject_key_identifier().len()), (&[][..], 20));
    let mut spoiled = intermediate();
    spoiled.params.key_identifier_method = KeyIdMethod::PreSpecified(Vec::new());
    let without = load_pair(&spoiled, &root()).unwrap();
    assert!(without.findings()[0].contains("no subject key identifier"), "{:?}", without.findings());
    let spki = x509_parser::x509::SubjectPublicKeyInfo::from_der(without.spki_der()).unwrap().1;
    assert_eq!(without.subject_key_identifier(), super::key_identifier(&spki.subject_public_key.data));
    let mut nameless = root();
    nameless.params.distinguished_name = DistinguishedName::new();
    refused!(load(&[&self_signed(&nameless)]), ChainError::EmptySubject);
}

#[test]
fn a_critical_extension_that_is_not_understood_is_refused_below_the_root() {
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    let mut made = intermediate();
    made.params.custom_extensions = vec![extension.clone()];
    load_pair(&made, &root()).unwrap();
    extension.set_criticality(true);
    made.params.custom_extensions = vec![extension];
    refused!(load_pair(&made, &root()), ChainError::CriticalExtension { position: 1, oid } if oid == "1.2.3.4");
}

#[test]
fn a_critical_extension_of_the_root_is_refused_only_if_it_restricts_what_is_below() {
    for (oid, findings) in [(&[1, 2, 3, 4][..], 1), (&[2, 5, 29, 31], 0)] {
        let mut extension = CustomExtension::from_oid_content(oid, vec![5, 0]);
        extension.set_criticality(true);
        let mut spoiled = root();
        spoiled.params.custom_extensions = vec![extension];
        assert_eq!(load(&[&self_signed(&spoiled)]).unwrap().findings().len(), findings);
        assert_eq!(load_pair(&intermediate(), &spoiled).unwrap().findings().len(), findings);
    }
    // Blocks of IP addresses (RFC 3779).
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 7], vec![0x30, 0]);
    extension.set_criticality(true);
    let mut spoiled = root();
    spoiled.params.custom_extensions = vec![extension];
    refused!(load_pair(&intermediate(), &spoiled), ChainError::CriticalExtension { position: 2, .. });
}
