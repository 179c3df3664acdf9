//! Chains as they are in people's files: in any order, twice, beside others, cross-signed, below old roots.

use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, Certificate, IsCa, KeyIdMethod, KeyPair, PublicKeyData as _, SerialNumber};

use super::tests::{TestCertificate, intermediate, load, load_pair, made, refused, root, self_signed, signed};
use super::{ChainError, IssuingChain, MAX_CERTIFICATES};
use crate::crypto::signature_check::{KeyError, LinkError};

/// The chain's certificates by their places among those given, from 0.
fn found(given: &[&Certificate]) -> Vec<usize> {
    places(&load(given).unwrap(), given)
}

fn found_for(key: &TestCertificate, given: &[&Certificate]) -> Result<Vec<usize>, ChainError> {
    let text: String = given.iter().map(|certificate| certificate.pem()).collect();
    let spki = key.key.subject_public_key_info();
    let chain = IssuingChain::from_pem_for_key(text.as_bytes(), Some(&spki), SystemTime::now())?;
    Ok(places(&chain, given))
}

fn places(chain: &IssuingChain, given: &[&Certificate]) -> Vec<usize> {
    let place = |der: &[u8]| given.iter().position(|certificate| certificate.der().as_ref() == der).unwrap();
    chain.certificates().iter().map(|certificate| place(certificate.der())).collect()
}

fn named(name: &str) -> TestCertificate {
    made(name, IsCa::Ca(BasicConstraints::Unconstrained))
}

/// The same key and name again, as another certificate has them.
fn again(made: &TestCertificate) -> TestCertificate {
    let mut params = made.params.clone();
    params.serial_number = Some(SerialNumber::from(vec![1, 2, 3]));
    TestCertificate { params, key: KeyPair::try_from(made.key.serialize_der()).unwrap() }
}

#[test]
fn any_order_duplicates_and_unrelated_certificates_make_the_same_chain() {
    let (issuing, middle, root, other) = (intermediate(), named("middle"), root(), named("other"));
    let (a, b, c, d) = (signed(&issuing, &middle), signed(&middle, &root), self_signed(&root), self_signed(&other));
    assert_eq!(found(&[&a, &b, &c]), [0, 1, 2]);
    assert_eq!(found(&[&c, &b, &a]), [2, 1, 0]);
    assert_eq!(found(&[&b, &c, &a, &c, &b]), [2, 0, 1]);
    assert_eq!(found(&[&a, &d, &b, &c]), [0, 2, 3]);
    assert_eq!(found(&[&d, &a, &b, &c]), [1, 2, 3]);
    let chain = load(&[&a, &d, &b, &c]).unwrap();
    assert_eq!(chain.findings().len(), 1);
    assert!(chain.findings()[0].contains("2 (CN=other)"), "{:?}", chain.findings());
    assert!(load(&[&c, &b, &a, &a]).unwrap().findings().is_empty(), "order and duplicates are nothing to tell");
}

#[test]
fn of_cross_signed_roots_the_last_given_is_taken_as_by_fulcio() {
    let (i, r, b) = (intermediate(), root(), named("root B"));
    let (leaf, own, cross, above) = (signed(&i, &r), self_signed(&r), signed(&r, &b), self_signed(&b));
    assert_eq!(found(&[&leaf, &cross, &above, &own]), [0, 3]);
    assert_eq!(found(&[&leaf, &own, &cross, &above]), [0, 2, 3]);
    assert_eq!(found(&[&leaf, &cross, &above]), [0, 1, 2]);
    assert_eq!(found(&[&above, &own, &cross, &leaf]), [3, 1], "the shortest, when the last one is not a root");
}

#[test]
fn roots_that_signed_each_other_lead_in_no_circle() {
    let (i, a, b) = (intermediate(), named("A"), named("B"));
    let (leaf, a_by_b, b_by_a, own_a, own_b) =
        (signed(&i, &a), signed(&a, &b), signed(&b, &a), self_signed(&a), self_signed(&b));
    assert_eq!(found(&[&leaf, &a_by_b, &b_by_a, &own_a]), [0, 3]);
    assert_eq!(found(&[&leaf, &a_by_b, &b_by_a, &own_a, &own_b]), [0, 1, 4]);
    assert_eq!(found(&[&leaf, &a_by_b, &b_by_a]), [0, 1, 2]);
}

#[test]
fn an_expired_cross_certificate_or_predecessor_is_passed_by() {
    let (i, r, mut b) = (intermediate(), root(), named("root B"));
    b.params.not_after = (SystemTime::now() - Duration::from_secs(5)).into();
    let (leaf, own, cross, above) = (signed(&i, &r), self_signed(&r), signed(&r, &b), self_signed(&b));
    assert_eq!(found(&[&leaf, &own, &cross, &above]), [0, 1]);
    let mut old = again(&i);
    old.params.not_after = (SystemTime::now() - Duration::from_secs(5)).into();
    let old = signed(&old, &r);
    assert_eq!(found(&[&old, &leaf, &own]), [1, 2]);
    refused!(load(&[&old, &own]), ChainError::Expired { position: 1, .. });
}

#[test]
fn a_root_with_a_new_key_signed_by_its_old_one_is_followed() {
    let (i, new, old) = (intermediate(), root(), root());
    let (leaf, link, above) = (signed(&i, &new), signed(&again(&new), &old), self_signed(&old));
    assert_eq!(found(&[&leaf, &link, &above]), [0, 1, 2]);
}

#[test]
fn the_key_decides_which_certificate_issues() {
    let (i, other, r) = (intermediate(), intermediate(), root());
    let (mine, others, own) = (signed(&i, &r), signed(&other, &r), self_signed(&r));
    assert_eq!(found_for(&i, &[&others, &own, &mine]).unwrap(), [2, 1]);
    assert_eq!(found_for(&other, &[&others, &own, &mine]).unwrap(), [0, 1]);
    // A root's key does not issue past the CA below it: the chain is the CA's, and the key is found not to fit.
    assert_eq!(found_for(&r, &[&mine, &own]).unwrap(), [0, 1]);
    assert_eq!(found_for(&r, &[&own]).unwrap(), [0]);
    // A CA of its own below, or a leaf, is in the file: it issues all the same.
    let mut wide = named("wide");
    wide.params.extended_key_usages = i.params.extended_key_usages.clone();
    let (first, below) = (signed(&wide, &r), signed(&made("below", IsCa::NoCa), &wide));
    assert_eq!(found_for(&wide, &[&below, &first, &own]).unwrap(), [1, 2]);
    assert_eq!(found_for(&wide, &[&first, &signed(&i, &wide), &own]).unwrap(), [0, 2]);
}

#[test]
fn a_chain_without_its_root_is_whole_only_if_nothing_else_was_given() {
    let (i, middle, r, other) = (intermediate(), named("middle"), root(), root());
    let (a, b) = (signed(&i, &middle), signed(&middle, &r));
    for (given, path) in [(&[&a, &b][..], &[0, 1][..]), (&[&b, &a], &[1, 0]), (&[&a, &a], &[0])] {
        assert_eq!(found(given), path);
        assert!(load(given).unwrap().findings()[0].contains("has no root"));
    }
    refused!(load(&[&a, &self_signed(&r)]), ChainError::Order(1));
    refused!(load(&[&self_signed(&r), &a]), ChainError::Order(2));
    refused!(load(&[&a, &b, &self_signed(&other)]), ChainError::Link { position: 2, cause: LinkError::Signature });
}

#[test]
fn an_issuers_name_in_another_string_type_is_told_as_such() {
    let (i, mut r) = (intermediate(), root());
    let below = signed(&i, &r);
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, rcgen::DnValue::PrintableString("root".try_into().unwrap()));
    r.params.distinguished_name = name;
    refused!(load(&[&below, &self_signed(&r)]), ChainError::NameEncoding { position: 1, issuer: 2 });
}

#[test]
fn what_a_root_says_of_itself_is_not_judged() {
    let (r, impostor) = (root(), root());
    let not_its_own = signed(&r, &impostor);
    assert_eq!(load(&[&signed(&intermediate(), &r), &not_its_own]).unwrap().len(), 2);
    // TestCertificate with OpenSSL 3.0: a self-signature with SHA-1.
    let sha1 = include_str!("../../../tests/fixtures/keys/sha1.cert.pem");
    assert!(IssuingChain::from_pem(sha1.as_bytes(), SystemTime::now()).unwrap().findings().is_empty());
}

/// Chains made with OpenSSL 3.0: P-256 intermediates below RSA roots; see tests/fixtures/chains/README.md.
macro_rules! chain {
    ($name:literal) => {
        IssuingChain::from_pem(
            include_bytes!(concat!("../../../tests/fixtures/chains/", $name, ".pem")),
            SystemTime::now(),
        )
    };
}

#[test]
fn old_roots_are_trusted_and_weak_links_below_them_are_not() {
    for sound in
        [chain!("root-v1"), chain!("root-exponent3"), chain!("root-sha1"), chain!("pss-sha256"), chain!("pss-sha512")]
    {
        let sound = sound.unwrap();
        assert_eq!((sound.len(), sound.findings()), (2, &[][..]));
    }
    refused!(chain!("link-sha1"), ChainError::Link { position: 1, cause: LinkError::Algorithm(name) } if name.contains("SHA-1"));
    refused!(chain!("link-pss-sha1"), ChainError::Link { position: 1, cause: LinkError::Pss });
    refused!(chain!("link-pss-long-salt"), ChainError::Link { position: 1, cause: LinkError::Pss });
    refused!(chain!("root-rsa1024"), ChainError::Key { position: 2, cause: KeyError::RsaSize(1024) });
    // Above the one that signs, a key only has to verify.
    assert!(chain!("middle-exponent3").is_ok());
    refused!(chain!("middle-v1"), ChainError::NotCa(2));
    refused!(chain!("root-v1-alone"), ChainError::NotCa(1));
}

#[test]
fn a_chain_longer_than_the_bound_is_not_found() {
    let mut above = root();
    let mut given = vec![self_signed(&above)];
    for number in 0..MAX_CERTIFICATES {
        let below = named(&format!("{number}"));
        given.push(signed(&below, &above));
        above = below;
    }
    given.push(signed(&intermediate(), &above));
    refused!(load(&given.iter().collect::<Vec<_>>()), ChainError::TooLong);
}

#[test]
fn a_file_made_to_keep_the_search_busy_is_given_up() {
    // Sixty certificates of one name, none of which signed the other.
    let i = intermediate();
    let mut given = vec![signed(&i, &root())];
    for _ in 0..60 {
        let mut other = root();
        other.params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
        given.push(signed(&other, &root()));
    }
    let started = std::time::Instant::now();
    refused!(load(&given.iter().collect::<Vec<_>>()), ChainError::Link { position: 1, cause: LinkError::Signature });
    // Twelve that all signed each other: more paths than anybody counts.
    let names: Vec<TestCertificate> = (0..12).map(|number| named(&format!("{number}"))).collect();
    let mut given = vec![signed(&i, &names[0])];
    for below in &names {
        given.extend(
            names
                .iter()
                .filter(|above| above.key.serialize_der() != below.key.serialize_der())
                .map(|above| signed(below, above)),
        );
    }
    refused!(load(&given.iter().collect::<Vec<_>>()), ChainError::TooComplex);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    load_pair(&i, &root()).unwrap();
}
