//! Owns what the encryptions of key files have in common: what a derivation may cost, and what is said of an encryption that
//! is not read, with a way out that works for it.

use pkcs8::ObjectIdentifier;
use scrypt::Params;

use super::KeyFileError;

/// The most memory that scrypt may take: four times what cosign's strongest keys do.
const MAX_SCRYPT_MIB: u64 = 512;
/// The most work that scrypt may be, in blocks of 128 bytes: a few seconds.
const MAX_SCRYPT_BLOCKS: u64 = 1 << 24;
/// The most rounds of PBKDF2: about a minute.
const MAX_ITERATIONS: u32 = 100_000_000;

/// What scrypt's parameters (RFC 7914, section 2) ask for: `N`, `r` and `p`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScryptCost {
    pub(super) cost: u64,
    pub(super) block_size: u32,
    pub(super) parallelization: u32,
}

impl ScryptCost {
    /// Refuses what is malformed, or would take more memory or time than a key file may.
    pub(super) fn check(self) -> Result<Params, KeyFileError> {
        if !self.cost.is_power_of_two() || self.cost < 2 {
            return Err(KeyFileError::Encryption);
        }
        let blocks = self.cost.saturating_mul(u64::from(self.block_size));
        let mib = blocks.saturating_mul(128) >> 20;
        let work = blocks.saturating_mul(u64::from(self.parallelization));
        if mib > MAX_SCRYPT_MIB || work > MAX_SCRYPT_BLOCKS {
            let cipher = format!(
                "scrypt with N={}, r={} and p={}, more than {MAX_SCRYPT_MIB} MiB of memory or a few seconds",
                self.cost, self.block_size, self.parallelization
            );
            return Err(KeyFileError::Cipher { cipher, advice: ANY_TOOL });
        }
        let log_n = u8::try_from(self.cost.trailing_zeros()).map_err(|_| KeyFileError::Encryption)?;
        Params::new(log_n, self.block_size, self.parallelization).map_err(|_| KeyFileError::Encryption)
    }

    pub(super) fn derive(self, password: &[u8], salt: &[u8], key: &mut [u8]) -> Result<(), KeyFileError> {
        scrypt::scrypt(password, salt, &self.check()?, key).map_err(|_| KeyFileError::Encryption)
    }
}

pub(super) fn check_iterations(iterations: u32) -> Result<(), KeyFileError> {
    match iterations {
        0 => Err(KeyFileError::Encryption),
        1..=MAX_ITERATIONS => Ok(()),
        _ => Err(KeyFileError::Cipher { cipher: format!("PBKDF2 with {iterations} rounds"), advice: OPENSSL }),
    }
}

/// For what OpenSSL reads as it is installed.
pub(super) const OPENSSL: &str = "re-encrypt it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW-KEY`";
const OPENSSL_LEGACY: &str = "re-encrypt it with \
     `openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy -provider default -in KEY -out NEW-KEY`";
/// For what OpenSSL does not read either.
const ANY_TOOL: &str = "write it again, with the tool that made it, with PBKDF2 with HMAC-SHA-256 and AES-256-CBC";

/// Encryptions by object identifier, with their names and what reads them.
const UNREAD: [(&str, &str, &str); 28] = [
    ("1.2.840.113549.1.5.1", "pbeWithMD2AndDES-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.1.5.3", "pbeWithMD5AndDES-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.1.5.4", "pbeWithMD2AndRC2-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.1.5.6", "pbeWithMD5AndRC2-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.1.5.10", "pbeWithSHA1AndDES-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.1.5.11", "pbeWithSHA1AndRC2-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.1.12.1.1", "pbeWithSHAAnd128BitRC4", OPENSSL_LEGACY),
    ("1.2.840.113549.1.12.1.2", "pbeWithSHAAnd40BitRC4", OPENSSL_LEGACY),
    ("1.2.840.113549.1.12.1.3", "pbeWithSHAAnd3-KeyTripleDES-CBC", OPENSSL),
    ("1.2.840.113549.1.12.1.4", "pbeWithSHAAnd2-KeyTripleDES-CBC", OPENSSL),
    ("1.2.840.113549.1.12.1.5", "pbeWithSHAAnd128BitRC2-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.1.12.1.6", "pbeWithSHAAnd40BitRC2-CBC", OPENSSL_LEGACY),
    ("1.3.14.3.2.7", "DES-CBC", OPENSSL_LEGACY),
    ("1.2.840.113549.3.2", "RC2-CBC", OPENSSL_LEGACY),
    ("1.2.392.200011.61.1.1.1.2", "Camellia-128-CBC", OPENSSL),
    ("1.2.392.200011.61.1.1.1.3", "Camellia-192-CBC", OPENSSL),
    ("1.2.392.200011.61.1.1.1.4", "Camellia-256-CBC", OPENSSL),
    ("1.2.410.200046.1.1.2", "ARIA-128-CBC", OPENSSL),
    ("1.2.410.200046.1.1.7", "ARIA-192-CBC", OPENSSL),
    ("1.2.410.200046.1.1.12", "ARIA-256-CBC", OPENSSL),
    ("1.2.156.10197.1.104.2", "SM4-CBC", OPENSSL),
    ("1.2.840.113549.2.6", "PBKDF2 with HMAC-MD5", OPENSSL),
    ("2.16.840.1.101.3.4.2.13", "PBKDF2 with HMAC-SHA3-224", ANY_TOOL),
    ("2.16.840.1.101.3.4.2.14", "PBKDF2 with HMAC-SHA3-256", ANY_TOOL),
    ("2.16.840.1.101.3.4.2.15", "PBKDF2 with HMAC-SHA3-384", ANY_TOOL),
    ("2.16.840.1.101.3.4.2.16", "PBKDF2 with HMAC-SHA3-512", ANY_TOOL),
    ("2.16.840.1.101.3.4.1.7", "AES-128-CCM", ANY_TOOL),
    ("2.16.840.1.101.3.4.1.47", "AES-256-CCM", ANY_TOOL),
];

pub(super) fn unsupported(oid: ObjectIdentifier) -> KeyFileError {
    let number = oid.to_string();
    let known = UNREAD.into_iter().find(|(unread, ..)| *unread == number);
    let (cipher, advice) = match known {
        Some((_, name, advice)) => (format!("{name} ({number})"), advice),
        None => (format!("the algorithm {number}"), ANY_TOOL),
    };
    KeyFileError::Cipher { cipher, advice }
}

/// AES-GCM beyond the sizes that tools write (RFC 5084, section 3.2).
pub(super) fn unusual_gcm(nonce: usize, tag: usize) -> KeyFileError {
    let cipher = format!("AES-GCM with a nonce of {nonce} bytes and a tag of {tag}");
    KeyFileError::Cipher { cipher, advice: ANY_TOOL }
}
