//! Owns the decryption of encrypted PKCS#8 keys (RFC 5958, section 3) with PBES2 (RFC 8018, section 6.2): PBKDF2 or
//! scrypt, and AES or triple DES.
//!
//! Refuses to know what is in the key. The older schemes of PKCS#5 and PKCS#12 are refused.

use der::{Decode as _, Sequence, asn1::OctetStringRef};
use pkcs8::{
    AlgorithmIdentifierRef, ObjectIdentifier,
    pkcs5::{self, pbes2},
};

use super::KeyFileError;

/// No cipher in CBC mode has a shorter initialization vector.
const MIN_IV_OCTETS: usize = 8;

/// The start of a DER object identifier 1.2.840.113549.2.x, the HMACs of PBKDF2; one octet follows.
const HMAC_PREFIX: [u8; 9] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
const NULL_TAG: u8 = 5;

/// `EncryptedPrivateKeyInfo`.
#[derive(Sequence)]
struct Encrypted<'a> {
    scheme: AlgorithmIdentifierRef<'a>,
    data: &'a OctetStringRef,
}

/// `PBES2-params`.
#[derive(Sequence)]
struct Parameters<'a> {
    #[allow(dead_code, reason = "read to get past it; the library reads it itself")]
    key_derivation: AlgorithmIdentifierRef<'a>,
    cipher: AlgorithmIdentifierRef<'a>,
}

/// Decrypts a DER `EncryptedPrivateKeyInfo` in place and returns the part of the buffer that holds the key.
pub(super) fn decrypt<'a>(buffer: &'a mut [u8], password: Option<&[u8]>) -> Result<&'a [u8], KeyFileError> {
    mend_null(buffer);
    let (scheme, data) = read(buffer)?;
    let password = password.ok_or(KeyFileError::PasswordMissing)?;
    let data = buffer.get_mut(data).ok_or(KeyFileError::Encryption)?;
    let der = scheme.decrypt_in_place(password, data).map_err(|error| match error {
        pkcs5::Error::UnsupportedAlgorithm { oid } => unsupported(oid),
        pkcs5::Error::AlgorithmParametersInvalid { .. } => KeyFileError::Encryption,
        _ => KeyFileError::PasswordWrong,
    })?;
    Ok(der)
}

/// Writes NULL where step-cli leaves two zero octets as the parameters of PBKDF2's hash: there are many such keys, and
/// the incumbent reads them.
fn mend_null(der: &mut [u8]) {
    const LENGTH: usize = HMAC_PREFIX.len() + 3;
    let found = der.windows(LENGTH).position(|window| window.starts_with(&HMAC_PREFIX) && window.ends_with(&[0, 0]));
    if let Some(tag) = found.and_then(|start| der.get_mut(start + LENGTH - 2)) {
        *tag = NULL_TAG;
    }
}

/// The scheme, and where in the DER the encrypted data is: it comes last.
fn read(der: &[u8]) -> Result<(pbes2::Parameters, std::ops::Range<usize>), KeyFileError> {
    let encrypted = Encrypted::from_der(der).map_err(|_| KeyFileError::Encryption)?;
    if encrypted.scheme.oid != pbes2::PBES2_OID {
        return Err(unsupported(encrypted.scheme.oid));
    }
    let parameters = encrypted.scheme.parameters.ok_or(KeyFileError::Encryption)?;
    let cipher = parameters.decode_as::<Parameters<'_>>().map_err(|_| KeyFileError::Encryption)?.cipher;
    // The library takes the first octets of a triple DES vector without looking whether they are there.
    let iv = cipher.parameters.map_or(0, |iv| iv.value().len());
    if iv < MIN_IV_OCTETS {
        return Err(KeyFileError::Encryption);
    }
    let scheme = parameters.decode_as::<pbes2::Parameters>().map_err(|error| match error.kind() {
        der::ErrorKind::OidUnknown { oid } => unsupported(oid),
        _ => KeyFileError::Encryption,
    })?;
    let start = der.len().checked_sub(encrypted.data.as_bytes().len()).ok_or(KeyFileError::Encryption)?;
    Ok((scheme, start..der.len()))
}

fn unsupported(oid: ObjectIdentifier) -> KeyFileError {
    KeyFileError::Cipher(format!("the algorithm {oid}"))
}
