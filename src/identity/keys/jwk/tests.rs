use super::super::material::VerificationKey;
use super::*;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use num_bigint::BigUint;
use serde_json::json;

fn modulus() -> Vec<u8> {
    let spki = pem::parse(include_str!("../../../../tests/fixtures/keys/rsa2048.pub.pem")).unwrap();
    // The modulus is 256 bytes before the exponent's five.
    let before = spki.contents().len() - 261;
    spki.contents()[before..][..256].to_vec()
}

fn rsa() -> Value {
    json!({"kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode(modulus()), "e": "AQAB"})
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

fn reason(jwk: &Value) -> Option<LeftOut> {
    match read(&jwk.to_string()) {
        Err(skipped) => Some(skipped.reason),
        Ok(read) => VerificationKey::new(read).usable().err(),
    }
}

#[test]
fn a_key_that_is_left_out_says_why() {
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    let larger = BigUint::from(757u32).pow(430);
    assert_eq!(larger.bits(), 4113);
    let ec = |crv: &str, x: &str| json!({"kty": "EC", "crv": crv, "x": x, "y": x});
    for (jwk, expected) in [
        (with(rsa(), "use", "enc"), LeftOut::Use),
        (with(rsa(), "use", "x509-svid"), LeftOut::Use),
        (with(rsa(), "key_ops", json!(["encrypt"])), LeftOut::Use),
        (with(rsa(), "alg", "RSA-OAEP"), LeftOut::Algorithm),
        (with(rsa(), "alg", "none"), LeftOut::Algorithm),
        (with(rsa(), "alg", "ES256"), LeftOut::Algorithm),
        (with(rsa(), "alg", "Ed25519"), LeftOut::Algorithm),
        (with(rsa(), "d", "AQAB"), LeftOut::Private),
        (with(rsa(), "n", "q".repeat(1025)), LeftOut::Number),
        (with(rsa(), "n", "*"), LeftOut::Number),
        (with(rsa(), "n", Value::Null), LeftOut::Incomplete),
        (with(rsa(), "e", ""), LeftOut::Incomplete),
        (with(rsa(), "n", encode(&[0xAB; 256])), LeftOut::WeakModulus("its RSA modulus has a small factor")),
        (with(rsa(), "n", encode(&[0xAB; 128])), LeftOut::ModulusLength),
        (with(rsa(), "n", encode(&larger.to_bytes_be())), LeftOut::ModulusLength),
        (with(rsa(), "n", encode(&[0; 300])), LeftOut::ModulusLength),
        (with(rsa(), "e", 65537), LeftOut::NotJwk),
        (with(rsa(), "kid", 7), LeftOut::NotJwk),
        (json!("RSA"), LeftOut::NotJwk),
        (json!(null), LeftOut::NotJwk),
        (json!({"kid": "x"}), LeftOut::Type),
        (json!({"kty": "oct", "k": "AAAA"}), LeftOut::Type),
        (json!({"kty": "AKP", "pub": "AAAA"}), LeftOut::Type),
        (json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}), LeftOut::Algorithm),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), LeftOut::Type),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), LeftOut::Point),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&[0; 32])}), LeftOut::Point),
        (ec("secp256k1", "AA"), LeftOut::Type),
        (ec("P-521", "AA"), LeftOut::Point),
        (ec("P-256", &encode(&[7; 33])), LeftOut::Point),
    ] {
        assert_eq!(reason(&jwk), Some(expected), "{jwk}");
    }
    for weak in ["Aw", "AQ", "AA", "AQAA", "AQAD", "Af____8", "AAEAAQ__", &encode(&[0xAB; 500])] {
        assert_eq!(reason(&with(rsa(), "e", weak)), Some(LeftOut::Exponent), "exponent {weak}");
    }
}

#[test]
fn what_providers_write_in_other_forms_is_the_same_key() {
    let (n, zeros) = (modulus(), [[0].as_slice(), &modulus()].concat());
    let mut lines = URL_SAFE_NO_PAD.encode(&n);
    lines.insert_str(76, "\r\n");
    for (name, value) in [
        ("use", json!("sig")),
        ("use", json!("SIG")),
        ("use", json!("")),
        ("use", json!(null)),
        ("use", json!("jwt-svid")),
        ("alg", json!("PS256")),
        ("alg", json!("rs256")),
        ("alg", json!("RSA")),
        ("alg", json!("")),
        ("alg", json!(null)),
        ("key_ops", json!(["verify"])),
        ("key_ops", json!([])),
        ("key_ops", json!(null)),
        ("key_ops", json!("verify")),
        ("kid", json!(null)),
        ("d", json!(null)),
        ("x5c", json!([["odd", 7]])),
        ("n", json!(URL_SAFE_NO_PAD.encode(&zeros))),
        ("n", json!(URL_SAFE.encode(&n))),
        ("n", json!(STANDARD.encode([&[0, 0], n.as_slice()].concat()))),
        ("n", json!(lines)),
        ("e", json!("AAEAAQ==")),
    ] {
        let jwk = with(rsa(), name, value);
        let read = read(&jwk.to_string()).unwrap_or_else(|skipped| panic!("{jwk}: {skipped:?}"));
        assert_eq!(read.numbers, Numbers::Rsa { modulus: n.clone() }, "{jwk}");
        assert!(VerificationKey::new(read).usable().is_ok());
    }
    let twice = rsa().to_string().replacen('{', r#"{"kid":"b","n":"AA","#, 1);
    assert!(read(&twice).is_ok_and(|read| read.id.as_deref() == Some("a")), "the last one counts");
}

#[test]
fn a_coordinate_may_be_shorter_or_longer_than_its_curve() {
    let coordinate = |text: &str| BigUint::parse_bytes(text.as_bytes(), 16).unwrap().to_bytes_be();
    let x = coordinate("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let y = coordinate("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    for zeros in [0, 1, 4] {
        let [x, y] = [&x, &y].map(|number| URL_SAFE_NO_PAD.encode([vec![0; zeros], number.clone()].concat()));
        assert_eq!(reason(&json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})), None, "{zeros} zeros ahead");
    }
}
