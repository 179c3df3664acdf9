//! Owns the decryption of private keys as `cosign generate-key-pair` writes them: JSON that says how, scrypt (RFC 7914), and
//! NaCl's secretbox, which is XSalsa20 and Poly1305.
//!
//! Refuses to know what is in the key.

use aws_lc_rs::constant_time;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::KeyFileError;
use super::encryption::ScryptCost;

/// What cosign has written since version 2, and what it wrote before.
const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];
const KEY_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;

#[derive(Deserialize)]
struct Document {
    kdf: Derivation,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Derivation {
    name: String,
    params: Parameters,
    salt: String,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "N")]
    cost: u64,
    #[serde(rename = "r")]
    block_size: u32,
    #[serde(rename = "p")]
    parallelization: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Whether a block with this label is encrypted this way.
pub(super) fn is_encrypted(label: &str) -> bool {
    LABELS.contains(&label)
}

/// Decrypts a block's data. cosign takes an empty password for a password.
pub(super) fn decrypt(json: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let document: Document = serde_json::from_slice(json).map_err(|_| KeyFileError::Encryption)?;
    if document.kdf.name != "scrypt" || document.cipher.name != "nacl/secretbox" {
        let cipher = format!("{:?} and {:?}", shown(&document.kdf.name), shown(&document.cipher.name));
        let advice = "make one that cosign of today reads: `cosign import-key-pair`";
        return Err(KeyFileError::Cipher { cipher, advice });
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| KeyFileError::Encryption);
    let (salt, nonce, boxed) =
        (decode(&document.kdf.salt)?, decode(&document.cipher.nonce)?, decode(&document.ciphertext)?);
    let Parameters { cost, block_size, parallelization } = document.kdf.params;
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    ScryptCost { cost, block_size, parallelization }.derive(password, &salt, key.as_mut_slice())?;
    open_box(&key, &nonce, &boxed)
}

fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}

/// `crypto_secretbox_open`: the first 32 bytes of the key stream authenticate, the rest encrypts; the tag comes first.
fn open_box(key: &[u8; KEY_LENGTH], nonce: &[u8], boxed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let (tag, data) = boxed.split_at_checked(TAG_LENGTH).ok_or(KeyFileError::Encryption)?;
    let mut stream = XSalsa20::new_from_slices(key, nonce).map_err(|_| KeyFileError::Encryption)?;
    let mut mac_key = Zeroizing::new([0; KEY_LENGTH]);
    stream.apply_keystream(mac_key.as_mut_slice());
    let mac = Poly1305::new_from_slice(mac_key.as_slice()).map_err(|_| KeyFileError::Encryption)?;
    let expected = mac.compute_unpadded(data);
    constant_time::verify_slices_are_equal(expected.as_slice(), tag).map_err(|_| KeyFileError::PasswordWrong)?;
    let mut data = Zeroizing::new(data.to_vec());
    stream.apply_keystream(&mut data);
    Ok(data)
}
