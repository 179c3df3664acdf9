//! Owns the old encryption of PEM private keys: `Proc-Type: 4,ENCRYPTED` with a `DEK-Info` header (RFC 1421) and the
//! key derived as OpenSSL does.
//!
//! Refuses to know what is in the key. The derivation is one round of MD5 and weak; it is read because there are such
//! files, and never written.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use des::{Des, TdesEde3};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::KeyFileError;
use super::encryption::OPENSSL;
use super::pbes2::{Decrypt, decrypt_cbc};
use crate::crypto::pem::Block;

/// The first bytes of the initialization vector are the salt of the key.
const SALT_BYTES: usize = 8;
const MD5_BYTES: usize = 16;

/// Whether a block says that its data is encrypted this way.
pub(super) fn is_encrypted(block: &Block) -> bool {
    block.header("Proc-Type").is_some_and(|value| value.replace(' ', "") == "4,ENCRYPTED")
}

/// Decrypts a block; a wrong password is found out by the padding, most of the time.
pub(super) fn decrypt(block: &Block, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let header = block.header("DEK-Info").ok_or(KeyFileError::Encryption)?;
    let (cipher, iv) = header.split_once(',').ok_or(KeyFileError::Encryption)?;
    let iv = hex::decode(iv.trim()).map_err(|_| KeyFileError::Encryption)?;
    let (key_length, decrypt): (usize, Decrypt) = match cipher.trim() {
        "AES-128-CBC" => (16, decrypt_cbc::<Decryptor<Aes128>>),
        "AES-192-CBC" => (24, decrypt_cbc::<Decryptor<Aes192>>),
        "AES-256-CBC" => (32, decrypt_cbc::<Decryptor<Aes256>>),
        "DES-EDE3-CBC" => (24, decrypt_cbc::<Decryptor<TdesEde3>>),
        // Fulcio reads it too; one round of MD5 above it is the weaker part.
        "DES-CBC" => (8, decrypt_cbc::<Decryptor<Des>>),
        other => return Err(KeyFileError::Cipher { cipher: other.chars().take(40).collect(), advice: OPENSSL }),
    };
    let salt = iv.get(..SALT_BYTES).ok_or(KeyFileError::Encryption)?;
    decrypt(&derive_key(password, salt, key_length), &iv, block.data()?)
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one iteration: each hash takes the one before, the password and the salt.
fn derive_key(password: &[u8], salt: &[u8], bytes: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(bytes.next_multiple_of(MD5_BYTES)));
    let mut last = Zeroizing::new(Vec::with_capacity(MD5_BYTES));
    while key.len() < bytes {
        let hash = Md5::new().chain_update(last.as_slice()).chain_update(password).chain_update(salt).finalize();
        last.clear();
        last.extend_from_slice(&hash);
        key.extend_from_slice(&hash);
    }
    key.truncate(bytes);
    key
}

#[cfg(test)]
mod tests {
    use super::derive_key;

    #[test]
    fn keys_are_derived_as_openssl_does() {
        // openssl enc -aes-256-cbc -md md5 -k parity-password -S 0102030405060708 -P
        let key = derive_key(b"parity-password", &[1, 2, 3, 4, 5, 6, 7, 8], 32);
        assert_eq!(
            key.as_slice(),
            hex::decode("5181CB2E088BEFB4A47B5BDFA092886AEC10F9A42161202F401C0B741BE36F65").unwrap()
        );
    }
}
