//! The formats are fixtures made once with `openssl`; see `tests/fixtures/keys/README.md`.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;

use super::{KeyFileError, read};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::pem::{self, PemError};
use crate::crypto::signature_check::SignatureCheck;
use crate::signer::Signer as _;
use crate::text;

const PASSWORD: &str = "parity-password";
const READABLE: [(&str, SignatureAlgorithm); 34] = [
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
    ("ec256.legacy-des", SignatureAlgorithm::EcdsaP256Sha256),
    ("cosign256.sigstore", SignatureAlgorithm::EcdsaP256Sha256),
    ("cosign384.cosign-legacy", SignatureAlgorithm::EcdsaP384Sha384),
    ("cosigned25519.sigstore-owasp", SignatureAlgorithm::Ed25519),
    ("ec256.pbes2-aes256-sha384-salt48", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes256-sha512-salt128", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes256-sha224", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes256-sha512_256", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes128gcm-nonce", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes192gcm", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes256gcm", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes256gcm-tag12", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-aes256gcm-nonce16", SignatureAlgorithm::EcdsaP256Sha256),
    ("ec256.pbes2-scrypt-aes256gcm", SignatureAlgorithm::EcdsaP256Sha256),
];

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys");
    std::fs::read(folder.join(format!("{name}.pem"))).unwrap()
}

fn data_of(name: &str) -> Vec<u8> {
    pem::parse(&fixture(name))[0].data().unwrap().to_vec()
}

fn password(text: &str) -> SecretString {
    SecretString::from(text)
}

fn is_encrypted(name: &str) -> bool {
    name.contains("pbes2") || name.contains("legacy") || name.contains("sigstore")
}

#[tokio::test]
async fn every_format_and_curve_signs_what_its_public_key_verifies() {
    for (name, algorithm) in READABLE {
        let signer = read(&fixture(name), Some(&password(PASSWORD))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(signer.algorithm(), algorithm, "{name}");
        let public = format!("{}.pub", name.split_once('.').unwrap().0);
        let public = SignatureCheck::from_spki_der(&data_of(&public)).unwrap();
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
    for (name, cipher) in [
        ("ec256.legacy-camellia", "CAMELLIA-128-CBC"),
        ("ec256.pbes1", "pbeWithSHAAnd3-KeyTripleDES-CBC"),
        ("ec256.pbes2-camellia", "Camellia-128-CBC"),
    ] {
        let said = refusal(name).to_string();
        assert!(said.contains(cipher) && said.contains("openssl pkcs8 -topk8 -v2 aes-256-cbc -in"), "{said}");
        assert!(matches!(read(&fixture(name), None), Err(KeyFileError::Cipher { .. } | KeyFileError::PasswordMissing)));
    }
    assert_eq!(refusal("ec256.pub"), KeyFileError::NoKey("PUBLIC KEY".to_owned()));
}

#[test]
fn a_format_that_is_not_read_comes_with_a_conversion_that_works_for_it() {
    let said = |label: &str, data: &[u8]| {
        read(text::pem(label, data).as_bytes(), None).map(|key| key.algorithm()).unwrap_err().to_string()
    };
    assert!(said("OPENSSH PRIVATE KEY", b"..ecdsa-sha2-nistp256..").contains("ssh-keygen -p -m pem"));
    assert!(said("OPENSSH PRIVATE KEY", b"..ssh-ed25519..").contains("load_ssh_private_key"));
    assert!(said("DSA PRIVATE KEY", b"").contains("DSA"));
    assert!(said("TSS2 PRIVATE KEY", b"").contains("tpm2-pkcs11"));
    assert!(said("PGP PRIVATE KEY BLOCK", b"").contains("OpenPGP"));
    assert!(said("SM2 PRIVATE KEY", b"").contains("PKCS #8"));
    let der = read(&data_of("ec256.pkcs8"), None).map(|key| key.algorithm()).unwrap_err().to_string();
    assert!(der.contains("no PEM block"), "{der}");
    let pkcs12 = read(&[0x30, 0x82, 4, 0], None).map(|key| key.algorithm()).unwrap_err().to_string();
    assert!(pkcs12.contains("-inform DER") && pkcs12.contains("openssl pkcs12"), "{pkcs12}");
}

#[test]
fn a_password_that_fails_and_ends_in_a_line_break_is_told_as_such() {
    for name in ["ec256.pbes2-aes128-sha256", "ec256.legacy-aes128", "cosign256.sigstore", "ec256.pbes2-aes256gcm"] {
        for ending in ["\n", "\r\n", "\r"] {
            let result = read(&fixture(name), Some(&password(&format!("{PASSWORD}{ending}"))));
            assert_eq!(result.err(), Some(KeyFileError::PasswordLineBreak), "{name}");
        }
    }
}

#[test]
fn a_key_by_cosign_with_an_empty_password_needs_none() {
    for none in [None, Some(password(""))] {
        assert_eq!(
            read(&fixture("cosign-empty.sigstore"), none.as_ref()).unwrap().algorithm(),
            SignatureAlgorithm::Ed25519
        );
    }
}

#[test]
fn a_key_by_cosign_that_is_damaged_or_dear_is_refused_before_it_costs_anything() {
    let json = String::from_utf8(data_of("cosign256.sigstore")).unwrap();
    let read = |json: &str| {
        read(text::pem("ENCRYPTED SIGSTORE PRIVATE KEY", json.as_bytes()).as_bytes(), Some(&password(PASSWORD)))
            .map(|key| key.algorithm())
    };
    assert_eq!(read(&json), Ok(SignatureAlgorithm::EcdsaP256Sha256));
    for (from, to) in [
        ("\"N\":65536", "\"N\":4294967296"),
        ("\"N\":65536", "\"N\":18446744073709551615"),
        ("\"N\":65536", "\"N\":0"),
        ("\"N\":65536", "\"N\":3"),
        ("\"r\":8", "\"r\":4294967295"),
        ("\"r\":8", "\"r\":0"),
        ("\"p\":1", "\"p\":1073741823"),
        ("\"p\":1", "\"p\":-1"),
        ("scrypt", "argon2"),
        ("nacl/secretbox", "aes"),
        ("\"nonce\":\"", "\"nonce\":\"AAAA"),
        ("\"ciphertext\":\"", "\"ciphertext\":\"!"),
        ("{", ""),
    ] {
        assert!(json.contains(from), "{from}");
        let result = read(&json.replacen(from, to, 1));
        assert!(matches!(result, Err(KeyFileError::Encryption | KeyFileError::Cipher { .. })), "{to}: {result:?}");
    }
}

#[test]
fn the_first_key_of_a_file_is_read_whatever_is_around_it() {
    let certificate = fixture("sha1.cert");
    let latin1 = b"Bag Attributes\n    friendlyName: schl\xfcssel\nKey Attributes: <No Attributes>\n".to_vec();
    for file in [
        [fixture("ec256.sec1"), certificate.clone()].concat(),
        [certificate, fixture("ec256.sec1")].concat(),
        [fixture("ec256.sec1"), fixture("ec384.sec1")].concat(),
        [latin1, fixture("ec256.pkcs8")].concat(),
        [b"\xef\xbb\xbf".to_vec(), fixture("ec256.pkcs8")].concat(),
        String::from_utf8(fixture("ec256.sec1")).unwrap().replace('\n', "\r\n").into_bytes(),
    ] {
        assert_eq!(read(&file, None).unwrap().algorithm(), SignatureAlgorithm::EcdsaP256Sha256);
    }
}

#[test]
fn a_text_without_a_sound_key_is_refused() {
    for text in [&b""[..], b"\xff"] {
        assert_eq!(read(text, None).err(), Some(KeyFileError::Pem(PemError::NoBlock { binary: false })));
    }
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
    let mut der = data_of("ec256.pbes2-aes128-sha256");
    let hmac_with_sha256 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09, 0x05, 0x00];
    let null = der.windows(10).position(|window| window == hmac_with_sha256).unwrap() + 8;
    der[null] = 0;
    read(encrypted_pem(&der).as_bytes(), Some(&password(PASSWORD))).unwrap();
}

#[test]
fn an_initialization_vector_that_is_too_short_is_refused() {
    // PBES2 with PBKDF2 and DES-EDE3-CBC as the fixture has it, but with an IV of four bytes.
    let whole = data_of("ed25519.pbes2-des3-sha1");
    let iv = whole.windows(2).position(|bytes| bytes == [0x04, 0x08]).unwrap();
    let iv = iv + 2 + whole[iv + 2..].windows(2).position(|bytes| bytes == [0x04, 0x08]).unwrap();
    let mut short = whole.clone();
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

/// Each byte of an encrypted key's parameters is overwritten in turn: whatever happens, it is not a panic.
#[test]
fn damaged_encryption_parameters_do_no_harm() {
    for name in ["ec256.pbes2-aes128-sha256", "ed25519.pbes2-des3-sha1"] {
        let whole = data_of(name);
        for index in 0..90 {
            let mut damaged = whole.clone();
            // Not 0xff: a larger iteration count would only cost time.
            damaged[index] = if damaged[index] == 1 { 2 } else { 1 };
            let read = read(encrypted_pem(&damaged).as_bytes(), Some(&password(PASSWORD)));
            // The key's own bytes begin after these, so a damaged key cannot come out.
            assert!(read.is_err() || index > 60, "{name} at {index}");
        }
    }
}
