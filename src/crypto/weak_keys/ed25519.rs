//! Ed25519 keys of small order (RFC 8032 section 5.1; RFC 7748 section 6.1 on the same matter).
//!
//! Owns the list of them. With such a key some signatures hold for messages that nobody signed, and anybody can find them.

/// The y coordinates, little-endian, of the points whose order divides eight, and the two that are not reduced. The sign bit is free.
const SMALL_ORDER: [[u8; 32]; 7] = [
    of(0x00, 0x00, 0x00),
    of(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    of(0xec, 0xff, 0x7f),
    of(0xed, 0xff, 0x7f),
    of(0xee, 0xff, 0x7f),
];

const fn of(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether a key is of small order.
pub(crate) fn is_of_small_order(key: &[u8]) -> bool {
    let Some((last, rest)) = key.split_last() else { return false };
    SMALL_ORDER.iter().any(|small| small.split_last().is_some_and(|(top, low)| low == rest && *top == last & 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

    #[test]
    fn whoever_has_no_private_key_can_sign_for_keys_of_small_order_only() {
        // Of a point of order eight, one message in eight or more has the signature that is the point itself and zero.
        let forged = |key: &[u8], point: &[u8; 32]| {
            let signature = [point.as_slice(), &[0; 32]].concat();
            (0..64_u32)
                .any(|number| UnparsedPublicKey::new(&ED25519, key).verify(&number.to_be_bytes(), &signature).is_ok())
        };
        let forgeable = SMALL_ORDER.iter().filter(|key| SMALL_ORDER.iter().any(|point| forged(*key, point))).count();
        assert!(forgeable >= 5, "{forgeable}");
        let honest = Ed25519KeyPair::generate().unwrap();
        let honest = honest.public_key().as_ref();
        assert!(!SMALL_ORDER.iter().any(|point| forged(honest, point)) && !is_of_small_order(honest));
    }

    #[test]
    fn they_are_found_with_either_sign() {
        for key in SMALL_ORDER {
            let mut negative = key;
            negative[31] |= 0x80;
            assert!(is_of_small_order(&key) && is_of_small_order(&negative), "{key:02x?}");
        }
        assert!(!is_of_small_order(&[]) && !is_of_small_order(&[0; 31]) && !is_of_small_order(&[2; 32]));
    }
}
