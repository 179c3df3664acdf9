use rcgen::{KeyPair, PublicKeyData as _};

use super::*;

#[test]
fn the_numbers_of_a_key_become_the_same_bytes_that_other_libraries_write() {
    for (algorithm, curve) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, Curve::P256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Curve::P384),
        (&rcgen::PKCS_ECDSA_P521_SHA512, Curve::P521),
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let (x, y) = key.public_key_raw()[1..].split_at(curve.coordinate());
        assert_eq!(of_point(curve, x, y).unwrap(), key.subject_public_key_info());
        // Tink writes a zero in front, Azure may leave one out.
        assert_eq!(of_point(curve, &[&[0], x].concat(), super::trimmed(y)).unwrap(), key.subject_public_key_info());
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    assert_eq!(of_ed25519(key.public_key_raw()).unwrap(), key.subject_public_key_info());
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    assert_eq!(padded(&[1, 2], 1).err(), Some(MalformedNumbers));
    assert_eq!(padded(&[0, 0, 1, 2], 2).unwrap().as_slice(), [1, 2]);
    assert_eq!(of_point(Curve::P256, &[1; 33], &[1; 32]), Err(MalformedNumbers));
    assert_eq!(of_ed25519(&[1; 31]), Err(MalformedNumbers));
    assert!(of_rsa(&[1; 256], &[1, 0, 1]).is_ok());
}
