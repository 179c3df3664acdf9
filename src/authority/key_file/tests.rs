//! The formats are fixtures made once with `openssl`; see `tests/fixtures/keys/README.md`.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;

use super::{KeyFileError, read};
use crate::authority::{
    SignatureAlgorithm, SignatureCheck, Signer as _,
    pem::{self, PemError},
};

const PASSWORD: &str = "parity-password";
const READABLE: [(&str, SignatureAlgorithm); 20] = [
    ("ec256.sec1", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256p.sec1", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec384.sec1", SignatureAlgorithm::EcdsaP384Sha384),
    ("ec521.sec1", SignatureAlgorithm::EcdsaP521Sha512),
    ("rsa2048.pkcs1", SignatureAlgorithm::RsaPkcs1Sha256),
    ("ec256.pkcs8", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec384.pkcs8", SignatureAlgorithm::EcdsaP384Sha384),
    ("ec521.pkcs8", SignatureAlgorithm::EcdsaP521Sha512),
    ("rsa2048.pkcs8", SignatureAlgorithm::RsaPkcs1Sha256),
    ("ed25519.pkcs8", SignatureAlgorithm::Ed25519),
    ("ec256.pbes2-aes128-sha256", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec384.pbes2-aes192-sha384", SignatureAlgorithm::EcdsaP384Sha384),
    ("ec521.pbes2-aes256-sha512", SignatureAlgorithm::EcdsaP521Sha512),
    ("rsa2048.pbes2-aes256-sha1", SignatureAlgorithm::RsaPkcs1Sha256),
    ("ed25519.pbes2-des3-sha1", SignatureAlgorithm::Ed25519),
    ("ec256.pbes2-scrypt", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.legacy-aes128", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec384.legacy-aes192", SignatureAlgorithm::EcdsaP384Sha384),
    ("ec521.legacy-aes256", SignatureAlgorithm::EcdsaP521Sha512),
    ("rsa2048.legacy-des3", SignatureAlgorithm::RsaPkcs1Sha256),
];

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys");
    std::fs::read(folder.join(format!("{name}.pem"))).unwrap()
}

fn password(text: &str) -> SecretString {
    SecretString::from(text)
}

fn is_encrypted(name: &str) -> bool {
    name.contains("pbes2") || name.contains("legacy")
}

#[tokio::test]
async fn every_format_and_curve_signs_what_its_public_key_verifies() {
    for (name, algorithm) in READABLE {
        let signer = read(&fixture(name), Some(&password(PASSWORD))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(signer.algorithm(), algorithm, "{name}");
        let public = format!("{}.pub", name.split_once('.').unwrap().0);
        let public = SignatureCheck::from_spki_der(&pem::parse(&fixture(&public)).unwrap()[0].data).unwrap();
        assert_eq!(public.algorithm(), algorithm, "{name}");
        let signature = signer.sign(b"message").await.unwrap();
        public.verify(b"message", &signature).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(public.verify(b"massage", &signature).is_err(), "{name}");
    }
}

#[test]
fn the_password_is_needed_exactly_where_the_key_is_encrypted() {
    for (name, _) in READABLE {
        for none in [None, Some(password(""))] {
            let result = read(&fixture(name), none.as_ref());
            let expected = is_encrypted(name).then_some(KeyFileError::PasswordMissing);
            assert_eq!(result.err(), expected, "{name}");
        }
    }
}

#[test]
fn a_wrong_password_is_told_as_such() {
    for (name, _) in READABLE.into_iter().filter(|(name, _)| is_encrypted(name)) {
        // Several, because one in 256 leaves a padding that looks right.
        for wrong in ["wrong", "parity-passwore", "Parity-password"] {
            let result = read(&fixture(name), Some(&password(wrong)));
            assert_eq!(result.err(), Some(KeyFileError::PasswordWrong), "{name} with {wrong}");
        }
    }
}

#[test]
fn a_wrong_password_whose_padding_looks_right_is_told_as_such() {
    // One in 256 does, so among these about eight; which ones is settled by the fixture.
    for number in 0..2000 {
        let result = read(&fixture("ec256.legacy-aes128"), Some(&password(&format!("wrong-{number}"))));
        assert_eq!(result.err(), Some(KeyFileError::PasswordWrong), "wrong-{number}");
    }
}

#[test]
fn what_is_not_supported_is_told_by_name() {
    let refusal = |name: &str| read(&fixture(name), Some(&password(PASSWORD))).unwrap_err();
    assert_eq!(refusal("unsupported-curve.sec1"), KeyFileError::Curve("1.3.132.0.10".to_owned()));
    assert_eq!(refusal("unsupported-type.pkcs8"), KeyFileError::Type("1.3.101.110".to_owned()));
    assert_eq!(refusal("explicit-curve.pkcs8"), KeyFileError::Curve("given by explicit parameters".to_owned()));
    assert_eq!(refusal("ec256.legacy-camellia"), KeyFileError::Cipher("CAMELLIA-128-CBC".to_owned()));
    assert_eq!(refusal("ec256.pbes1"), KeyFileError::Cipher("the algorithm 1.2.840.113549.1.12.1.3".to_owned()));
    assert_eq!(
        refusal("ec256.pbes2-camellia"),
        KeyFileError::Cipher("the algorithm 1.2.392.200011.61.1.1.1.2".to_owned())
    );
    assert_eq!(refusal("ec256.pub"), KeyFileError::Label("PUBLIC KEY".to_owned()));
}

#[test]
fn a_text_without_exactly_one_sound_key_is_refused() {
    assert_eq!(read(b"", None).err(), Some(KeyFileError::NoKey));
    assert_eq!(read(b"\xff", None).err(), Some(KeyFileError::Pem(PemError::NotText)));
    let two = [fixture("ec256.sec1"), fixture("ec384.sec1")].concat();
    assert_eq!(read(&two, None).err(), Some(KeyFileError::SeveralKeys));
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
        let text = format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
        assert_eq!(read(text.as_bytes(), None).err(), Some(KeyFileError::Malformed), "{label}");
    }
}

fn encrypted_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{base64}\n-----END ENCRYPTED PRIVATE KEY-----\n")
}

#[test]
fn a_key_by_step_cli_with_zeros_for_null_is_read() {
    let mut der = pem::parse(&fixture("ec256.pbes2-aes128-sha256")).unwrap().remove(0).data.to_vec();
    let hmac_with_sha256 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09, 0x05, 0x00];
    let null = der.windows(10).position(|window| window == hmac_with_sha256).unwrap() + 8;
    der[null] = 0;
    read(encrypted_pem(&der).as_bytes(), Some(&password(PASSWORD))).unwrap();
}

#[test]
fn an_initialization_vector_that_is_too_short_is_refused() {
    // PBES2 with PBKDF2 and DES-EDE3-CBC as the fixture has it, but with an IV of four octets.
    let whole = pem::parse(&fixture("ed25519.pbes2-des3-sha1")).unwrap().remove(0).data;
    let iv = whole.windows(2).position(|bytes| bytes == [0x04, 0x08]).unwrap();
    let iv = iv + 2 + whole[iv + 2..].windows(2).position(|bytes| bytes == [0x04, 0x08]).unwrap();
    let mut short = whole.to_vec();
    short[iv + 1] = 4;
    short.drain(iv + 2..iv + 6);
    // The four SEQUENCEs around it shrink alike; each is the nearest one before that reaches past the IV.
    for start in (0..iv).filter(|&at| whole[at] == 0x30) {
        let (at, length) =
            if whole[start + 1] > 0x80 { (start + 2, whole[start + 2]) } else { (start + 1, whole[start + 1]) };
        if at + usize::from(length) > iv {
            short[at] -= 4;
        }
    }
    let result = read(encrypted_pem(&short).as_bytes(), Some(&password(PASSWORD)));
    assert_eq!(result.err(), Some(KeyFileError::Encryption));
}

/// Each byte of an encrypted key's parameters is overwritten in turn: whatever happens, it is no panic.
#[test]
fn damaged_encryption_parameters_do_no_harm() {
    for name in ["ec256.pbes2-aes128-sha256", "ed25519.pbes2-des3-sha1"] {
        let whole = pem::parse(&fixture(name)).unwrap().remove(0).data;
        for index in 0..90 {
            let mut damaged = whole.to_vec();
            // Not 0xff: a larger iteration count would only cost time.
            damaged[index] = if damaged[index] == 1 { 2 } else { 1 };
            let read = read(encrypted_pem(&damaged).as_bytes(), Some(&password(PASSWORD)));
            // The key's own bytes begin after these, so a damaged key cannot come out.
            assert!(read.is_err() || index > 60, "{name} at {index}");
        }
    }
}
