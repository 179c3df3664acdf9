use super::*;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::EncodePublicKey;
use proptest::prelude::*;

fn p256_spki() -> Vec<u8> {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    key.verifying_key().to_public_key_der().unwrap().into_vec()
}

fn pem_of(label: &str, der: &[u8], ending: pem::LineEnding) -> String {
    pem::encode_config(&pem::Pem::new(label, der), pem::EncodeConfig::new().set_line_ending(ending))
}

#[test]
fn every_form_of_a_key_gives_the_same_key() {
    let der = p256_spki();
    let lf = pem_of("PUBLIC KEY", &der, pem::LineEnding::LF);
    let unwrapped = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        lf.lines().filter(|line| !line.starts_with('-')).collect::<String>()
    );
    for form in [lf.clone(), pem_of("PUBLIC KEY", &der, pem::LineEnding::CRLF), lf.trim_end().to_owned(), unwrapped] {
        let key = PublicKey::parse(form.as_bytes()).unwrap_or_else(|error| panic!("{error}: {form}"));
        assert_eq!((key.kind(), key.spki()), (KeyKind::P256, der.as_slice()));
    }
    assert_eq!(PublicKey::parse(&der).unwrap().key_identifier().len(), 20);
    let mut longest = lf.into_bytes();
    longest.resize(16 * 1024, b'\n');
    assert!(PublicKey::parse(&longest).is_ok());
    longest.push(b'\n');
    assert_eq!(PublicKey::parse(&longest), Err(PublicKeyError::Malformed("it is too long")));
}

#[test]
fn other_labels_and_trailing_bytes_are_refused() {
    let mut der = p256_spki();
    for label in ["CERTIFICATE", "EC PUBLIC KEY", "PRIVATE KEY", "public key"] {
        let text = pem_of(label, &der, pem::LineEnding::LF);
        let refused = PublicKey::parse(text.as_bytes());
        assert!(matches!(refused, Err(PublicKeyError::Malformed(why)) if why.contains("label")), "{label}");
    }
    der.push(0);
    assert!(matches!(PublicKey::parse(&der), Err(PublicKeyError::Malformed(_))));
    assert!(PublicKey::parse(b"").is_err());
}

#[test]
fn points_off_the_curve_or_compressed_are_refused() {
    let mut der = p256_spki();
    let last = der.len() - 1;
    der[last] ^= 1;
    assert_eq!(PublicKey::parse(&der), Err(PublicKeyError::Malformed("its point is not on the curve")));
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let compressed = key.verifying_key().as_affine().to_sec1_point(true);
    let spki = spki::wrap(oid::EC_PUBLIC_KEY, Some((&oid::P256).into()), compressed.as_bytes()).unwrap();
    assert!(matches!(PublicKey::parse(&spki), Err(PublicKeyError::Malformed(_))));
}

#[test]
fn rsa_sizes_and_exponents_are_checked() {
    let insecure = |spki: Vec<u8>| matches!(PublicKey::parse(&spki), Err(PublicKeyError::Insecure(_)));
    for bytes in [128, 255, 257, 384 + 1, 1024] {
        assert!(insecure(spki::of_rsa(&vec![0xff; bytes], &[1, 0, 1]).unwrap()), "{bytes}");
    }
    assert!(insecure(spki::of_rsa(&[0x7f; 256], &[1, 0, 1]).unwrap()), "2047 bits");
    assert!(insecure(spki::of_rsa(&[0xff; 256], &[3]).unwrap()), "exponent 3");
    assert!(insecure(spki::of_rsa(&[0xff; 256], &[1, 0, 1]).unwrap()), "divisible by three");
    let malformed =
        |modulus: &[u8], exponent: &[u8]| matches!(rsa_kind(modulus, exponent), Err(PublicKeyError::Malformed(_)));
    assert!(malformed(&[0], &[1, 0, 1]) && malformed(&[0xff; 256], &[0]) && malformed(&[0xff; 256], &[1, 0, 0, 0, 1]));
    assert!(!malformed(&[0xff; 256], &[1, 0, 0, 1]), "an exponent of four bytes makes sense");
}

#[test]
fn each_rsa_size_is_taken_and_close_factors_are_found() {
    let prime = (num_bigint::BigUint::from(1u32) << 1024u32) - 105u32;
    for (power, kind, is_close) in
        [(2, KeyKind::Rsa2048, true), (3, KeyKind::Rsa3072, false), (4, KeyKind::Rsa4096, true)]
    {
        let key = PublicKey::parse(&spki::of_rsa(&prime.pow(power).to_bytes_be(), &[1, 0, 1]).unwrap()).unwrap();
        assert_eq!((key.kind(), key.must_have_distant_factors().is_err()), (kind, is_close));
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = PublicKey::parse(&bytes);
    }

    #[test]
    fn a_damaged_key_never_panics(place in 0usize..91, value in any::<u8>()) {
        let mut der = p256_spki();
        der[place] = value;
        let _ = PublicKey::parse(&der);
    }
}
