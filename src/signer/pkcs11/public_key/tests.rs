use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use cryptoki::object::KeyType;

use super::super::super::remote::RemoteError;
use super::{Parts, spki_der};

const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P521: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

fn wrapped(bytes: &[u8]) -> Vec<u8> {
    let mut wrapped = vec![0x04];
    if bytes.len() > 127 {
        wrapped.push(0x81);
    }
    wrapped.push(u8::try_from(bytes.len()).unwrap());
    [wrapped.as_slice(), bytes].concat()
}

#[test]
fn a_point_is_read_wrapped_or_bare() {
    for (signing, curve) in
        [(&ECDSA_P256_SHA256_ASN1_SIGNING, P256.as_slice()), (&ECDSA_P521_SHA512_ASN1_SIGNING, P521.as_slice())]
    {
        let key = EcdsaKeyPair::generate(signing).unwrap();
        let point = key.public_key().as_ref();
        let expected: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        for point in [point.to_vec(), wrapped(point)] {
            let parts = Parts { curve: Some(curve.to_vec()), point: Some(point), ..Parts::default() };
            assert_eq!(spki_der(Some(KeyType::EC), &parts).unwrap().unwrap(), expected.as_ref());
        }
    }
}

#[test]
fn a_bare_point_that_looks_wrapped_is_still_a_point() {
    let mut point = vec![7; 65];
    point[..3].copy_from_slice(&[0x04, 63, 0x04]);
    let parts = Parts { curve: Some(P256.to_vec()), point: Some(point.clone()), ..Parts::default() };
    let spki = spki_der(Some(KeyType::EC), &parts).unwrap().unwrap();
    assert!(spki.ends_with(&point));
}

#[test]
fn an_ed25519_key_is_read_wrapped_or_bare() {
    let key = Ed25519KeyPair::generate().unwrap();
    let expected: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let bytes = key.public_key().as_ref();
    for point in [bytes.to_vec(), wrapped(bytes)] {
        let parts = Parts { point: Some(point), ..Parts::default() };
        assert_eq!(spki_der(Some(KeyType::EC_EDWARDS), &parts).unwrap().unwrap(), expected.as_ref());
    }
}

#[test]
fn missing_parts_are_no_key_and_malformed_ones_or_other_types_are_refused() {
    for kind in [KeyType::EC, KeyType::RSA, KeyType::EC_EDWARDS] {
        assert_eq!(spki_der(Some(kind), &Parts::default()).unwrap(), None);
    }
    let malformed = Parts { curve: Some(P256.to_vec()), point: Some(vec![9; 65]), ..Parts::default() };
    let fault = spki_der(Some(KeyType::EC), &malformed).unwrap_err();
    assert!(matches!(&fault.error.problem, RemoteError::Unusable(text) if text.contains("malformed")), "{fault:?}");
    for kind in [Some(KeyType::AES), None] {
        let fault = spki_der(kind, &Parts::default()).unwrap_err();
        assert!(
            matches!(&fault.error.problem, RemoteError::Refused(text) if text.contains("neither RSA")),
            "{fault:?}"
        );
    }
}
