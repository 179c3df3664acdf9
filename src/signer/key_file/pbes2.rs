//! Owns the decryption of encrypted PKCS#8 keys (RFC 5958, section 3) with PBES2 (RFC 8018, section 6.2): PBKDF2 or scrypt,
//! and AES in CBC or GCM mode or triple DES.
//!
//! Refuses to know what is in the key. The older schemes of PKCS#5 and PKCS#12 are refused by name. The parameters are read
//! here and not by `pkcs5`: that crate stops at salts of 32 bytes, knows no `GCMParameters` and panics on a cost of zero.

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::array::typenum::Unsigned as _;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AesGcm, KeyInit};
use cbc::Decryptor;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use der::asn1::OctetStringRef;
use der::{Decode as _, Sequence};
use des::TdesEde3;
use pbkdf2::pbkdf2_hmac;
use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use zeroize::Zeroizing;

use super::encryption::{self, ScryptCost};
use super::{KeyFileError, encryption::unsupported};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");

/// The start of a DER object identifier 1.2.840.113549.2.x, the HMACs of PBKDF2; one byte follows.
const HMAC_PREFIX: [u8; 9] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
const NULL_TAG: u8 = 5;
/// A tag of AES-GCM when the parameters state no length (RFC 5084, section 3.2), and where there are no parameters.
const SHORT_TAG: usize = 12;
const FULL_TAG: usize = 16;

/// `EncryptedPrivateKeyInfo`.
#[derive(Sequence)]
struct Encrypted<'a> {
    scheme: AlgorithmIdentifierRef<'a>,
    data: &'a OctetStringRef,
}

/// `PBES2-params`.
#[derive(Sequence)]
struct Parameters<'a> {
    key_derivation: AlgorithmIdentifierRef<'a>,
    cipher: AlgorithmIdentifierRef<'a>,
}

/// `PBKDF2-params` with a specified salt, the only kind that anybody writes.
#[derive(Sequence)]
struct Pbkdf2Parameters<'a> {
    salt: &'a OctetStringRef,
    iterations: u32,
    key_length: Option<u16>,
    prf: Option<AlgorithmIdentifierRef<'a>>,
}

/// `scrypt-params` (RFC 7914, section 7.1).
#[derive(Sequence)]
struct ScryptParameters<'a> {
    salt: &'a OctetStringRef,
    cost: u64,
    block_size: u32,
    parallelization: u32,
    key_length: Option<u16>,
}

/// `GCMParameters` (RFC 5084, section 3.2).
#[derive(Sequence)]
struct GcmParameters<'a> {
    nonce: &'a OctetStringRef,
    tag_length: Option<u8>,
}

/// Decrypts data with a key and an initialization vector or nonce.
pub(super) type Decrypt = fn(&[u8], &[u8], &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError>;

struct Cipher<'a> {
    key_length: usize,
    iv: &'a [u8],
    /// Or why its parameters cannot be used, which is told once there is a password.
    decrypt: Result<Decrypt, KeyFileError>,
}

/// Decrypts a DER `EncryptedPrivateKeyInfo`.
pub(super) fn decrypt(der: &[u8], password: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let der = with_null(der);
    let encrypted = Encrypted::from_der(&der).map_err(|_| KeyFileError::Encryption)?;
    if encrypted.scheme.oid != PBES2 {
        return Err(unsupported(encrypted.scheme.oid));
    }
    let parameters: Parameters<'_> = parameters(&encrypted.scheme)?;
    let cipher = Cipher::read(&parameters.cipher)?;
    // Told first: somebody who has no password yet is not asked for one in vain.
    check_derivation(&parameters.key_derivation)?;
    let password = password.ok_or(KeyFileError::PasswordMissing)?;
    let key = derive(&parameters.key_derivation, password, cipher.key_length)?;
    cipher.decrypt?(&key, cipher.iv, encrypted.data.as_bytes())
}

/// Writes NULL where step-cli leaves two zero bytes as the parameters of PBKDF2's hash: there are many such keys, and Fulcio
/// reads them.
fn with_null(der: &[u8]) -> Zeroizing<Vec<u8>> {
    const LENGTH: usize = HMAC_PREFIX.len() + 3;
    let mut der = Zeroizing::new(der.to_vec());
    let found = der.windows(LENGTH).position(|window| window.starts_with(&HMAC_PREFIX) && window.ends_with(&[0, 0]));
    if let Some(tag) = found.and_then(|start| der.get_mut(start + LENGTH - 2)) {
        *tag = NULL_TAG;
    }
    der
}

fn parameters<
    'a,
    T: der::Decode<'a, Error = der::Error> + der::Tagged + der::FixedTag + der::DecodeValue<'a, Error = der::Error>,
>(
    algorithm: &AlgorithmIdentifierRef<'a>,
) -> Result<T, KeyFileError> {
    let parameters = algorithm.parameters.ok_or(KeyFileError::Encryption)?;
    parameters.decode_as().map_err(|_| KeyFileError::Encryption)
}

fn check_derivation(derivation: &AlgorithmIdentifierRef<'_>) -> Result<(), KeyFileError> {
    match derivation.oid {
        PBKDF2 => {
            let read: Pbkdf2Parameters<'_> = parameters(derivation)?;
            encryption::check_iterations(read.iterations)?;
            read.prf.map_or(Ok(()), |prf| prf_of(&prf).map(|_| ()))
        }
        SCRYPT => {
            let read: ScryptParameters<'_> = parameters(derivation)?;
            read.cost().check().map(|_| ())
        }
        other => Err(unsupported(other)),
    }
}

fn derive(
    derivation: &AlgorithmIdentifierRef<'_>,
    password: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let fits = |stated: Option<u16>| match stated {
        Some(stated) if usize::from(stated) != length => Err(KeyFileError::Encryption),
        _ => Ok(Zeroizing::new(vec![0; length])),
    };
    if derivation.oid == SCRYPT {
        let read: ScryptParameters<'_> = parameters(derivation)?;
        let mut key = fits(read.key_length)?;
        read.cost().derive(password, read.salt.as_bytes(), &mut key)?;
        return Ok(key);
    }
    let read: Pbkdf2Parameters<'_> = parameters(derivation)?;
    let mut key = fits(read.key_length)?;
    let derive = read.prf.map_or(Ok(pbkdf2_hmac::<Sha1> as Prf), |prf| prf_of(&prf))?;
    derive(password, read.salt.as_bytes(), read.iterations, &mut key);
    Ok(key)
}

type Prf = fn(&[u8], &[u8], u32, &mut [u8]);

/// The hash of PBKDF2 (RFC 8018, appendix B.1.2).
fn prf_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Prf, KeyFileError> {
    const HMACS: [(ObjectIdentifier, Prf); 7] = [
        (ObjectIdentifier::new_unwrap("1.2.840.113549.2.7"), pbkdf2_hmac::<Sha1>),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.2.8"), pbkdf2_hmac::<Sha224>),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.2.9"), pbkdf2_hmac::<Sha256>),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.2.10"), pbkdf2_hmac::<Sha384>),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.2.11"), pbkdf2_hmac::<Sha512>),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.2.12"), pbkdf2_hmac::<Sha512_224>),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.2.13"), pbkdf2_hmac::<Sha512_256>),
    ];
    if algorithm.parameters.is_some_and(|parameters| !parameters.is_null()) {
        return Err(KeyFileError::Encryption);
    }
    let prf = HMACS.into_iter().find(|(known, _)| *known == algorithm.oid).map(|(_, prf)| prf);
    prf.ok_or_else(|| unsupported(algorithm.oid))
}

impl ScryptParameters<'_> {
    fn cost(&self) -> ScryptCost {
        ScryptCost { cost: self.cost, block_size: self.block_size, parallelization: self.parallelization }
    }
}

impl<'a> Cipher<'a> {
    fn read(algorithm: &AlgorithmIdentifierRef<'a>) -> Result<Self, KeyFileError> {
        let cbc = |key_length, decrypt: Decrypt| {
            let iv: &OctetStringRef = parameters(algorithm)?;
            Ok(Self { key_length, iv: iv.as_bytes(), decrypt: Ok(decrypt) })
        };
        match algorithm.oid.to_string().as_str() {
            "2.16.840.1.101.3.4.1.2" => cbc(16, decrypt_cbc::<Decryptor<Aes128>>),
            "2.16.840.1.101.3.4.1.22" => cbc(24, decrypt_cbc::<Decryptor<Aes192>>),
            "2.16.840.1.101.3.4.1.42" => cbc(32, decrypt_cbc::<Decryptor<Aes256>>),
            "1.2.840.113549.3.7" => cbc(24, decrypt_cbc::<Decryptor<TdesEde3>>),
            "2.16.840.1.101.3.4.1.6" => Self::gcm(16, algorithm),
            "2.16.840.1.101.3.4.1.26" => Self::gcm(24, algorithm),
            "2.16.840.1.101.3.4.1.46" => Self::gcm(32, algorithm),
            _ => Err(unsupported(algorithm.oid)),
        }
    }

    /// Some tools (step, youmark/pkcs8, Botan) write the nonce alone, others `GCMParameters`.
    fn gcm(key_length: usize, algorithm: &AlgorithmIdentifierRef<'a>) -> Result<Self, KeyFileError> {
        let any = algorithm.parameters.ok_or(KeyFileError::Encryption)?;
        let (iv, tag_length) = if let Ok(nonce) = any.decode_as::<&OctetStringRef>() {
            (nonce.as_bytes(), FULL_TAG)
        } else {
            let read: GcmParameters<'_> = parameters(algorithm)?;
            (read.nonce.as_bytes(), read.tag_length.map_or(SHORT_TAG, usize::from))
        };
        Ok(Self { key_length, iv, decrypt: gcm_of(iv.len(), tag_length, key_length) })
    }
}

fn gcm_of(nonce: usize, tag: usize, key_length: usize) -> Result<Decrypt, KeyFileError> {
    Ok(match (nonce, tag, key_length) {
        (12, FULL_TAG, 16) => decrypt_gcm::<AesGcm<Aes128, U12, U16>>,
        (12, FULL_TAG, 24) => decrypt_gcm::<AesGcm<Aes192, U12, U16>>,
        (12, FULL_TAG, 32) => decrypt_gcm::<AesGcm<Aes256, U12, U16>>,
        (12, SHORT_TAG, 16) => decrypt_gcm::<AesGcm<Aes128, U12, U12>>,
        (12, SHORT_TAG, 24) => decrypt_gcm::<AesGcm<Aes192, U12, U12>>,
        (12, SHORT_TAG, 32) => decrypt_gcm::<AesGcm<Aes256, U12, U12>>,
        (16, FULL_TAG, 16) => decrypt_gcm::<AesGcm<Aes128, U16, U16>>,
        (16, FULL_TAG, 24) => decrypt_gcm::<AesGcm<Aes192, U16, U16>>,
        (16, FULL_TAG, 32) => decrypt_gcm::<AesGcm<Aes256, U16, U16>>,
        _ => return Err(encryption::unusual_gcm(nonce, tag)),
    })
}

pub(super) fn decrypt_cbc<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let decryptor = C::new_from_slices(key, iv).map_err(|_| KeyFileError::Encryption)?;
    let mut data = Zeroizing::new(data.to_vec());
    let length = decryptor.decrypt_padded::<Pkcs7>(&mut data).map_err(|_| KeyFileError::PasswordWrong)?.len();
    data.truncate(length);
    Ok(data)
}

fn decrypt_gcm<C: KeyInit + AeadInOut>(
    key: &[u8],
    nonce: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let cipher = C::new_from_slice(key).map_err(|_| KeyFileError::Encryption)?;
    let length = data.len().checked_sub(C::TagSize::USIZE).ok_or(KeyFileError::Encryption)?;
    let (data, tag) = data.split_at(length);
    let nonce = nonce.try_into().map_err(|_| KeyFileError::Encryption)?;
    let tag = tag.try_into().map_err(|_| KeyFileError::Encryption)?;
    let mut data = Zeroizing::new(data.to_vec());
    cipher
        .decrypt_inout_detached(&nonce, &[], data.as_mut_slice().into(), &tag)
        .map_err(|_| KeyFileError::PasswordWrong)?;
    Ok(data)
}
