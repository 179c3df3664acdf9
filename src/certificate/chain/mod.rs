//! Owns the certificates that a certificate authority issues under: the issuing CA first, the root last, found among those
//! given and checked whole before anything is signed with them.
//!
//! Refuses to know the private key, files and clocks: bytes and the time of day come in as arguments.

mod check;
mod find;

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _, time::ASN1Time};

use find::{Found, Given};

use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::pem::{self, PemError};
use crate::crypto::signature_check::{KeyError, LinkError, SignatureCheck};
use crate::crypto::spki::key_identifier;
use crate::text;

/// The longest PEM text accepted, in bytes.
pub const MAX_CHAIN_BYTES: usize = 1024 * 1024;
/// The most certificates of one chain.
pub const MAX_CERTIFICATES: usize = 10;
/// The most different certificates that a chain is looked for in.
pub const MAX_GIVEN: usize = 500;

/// A checked chain of CA certificates, the one that signs leaf certificates first.
#[derive(Clone, Debug)]
pub struct IssuingChain {
    certificates: Vec<ChainCertificate>,
    pem_trimmed: Vec<String>,
    subject: String,
    subject_der: Vec<u8>,
    subject_key_identifier: Vec<u8>,
    spki_der: Vec<u8>,
    spki_sha256: [u8; 32],
    not_before: SystemTime,
    not_after: SystemTime,
    check: SignatureCheck,
    findings: Vec<String>,
}

/// When a chain is to be valid.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Now: something is issued under it.
    Now(SystemTime),
    /// At some time of the issuing CA, the nearest to now: what was issued, or will be, is verified with it.
    Ever(SystemTime),
}

/// One certificate of a chain, in the encodings that answers need.
#[derive(Clone, Debug)]
pub struct ChainCertificate {
    der: Vec<u8>,
    pem: String,
}

/// Why a chain is refused. Certificates are counted from 1, in the order in which they were given.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("the certificate chain is larger than {MAX_CHAIN_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("the certificate chain contains no certificate")]
    Empty,
    #[error("the file contains more than {MAX_GIVEN} certificates: keep those of the chain")]
    TooMany,
    #[error("no chain of at most {MAX_CERTIFICATES} certificates leads from the issuing CA to a root")]
    TooLong,
    #[error("the certificates can be combined to chains in too many ways: keep those of one chain")]
    TooComplex,
    #[error("certificate {0} of the chain is not a valid X.509 certificate")]
    Malformed(usize),
    #[error(
        "certificate {0} of the chain was not issued by any other one given: add its issuer's certificate, and so on up to \
         the root"
    )]
    Order(usize),
    #[error(
        "certificate {position} of the chain names its issuer in another encoding than certificate {issuer} names itself (UTF8String \
         and PrintableString, or upper and lower case): verifiers compare the bytes, so re-issue one of the two"
    )]
    NameEncoding { position: usize, issuer: usize },
    #[error("certificate {position} of the chain is not signed by its issuer: {cause}")]
    Link { position: usize, cause: LinkError },
    #[error("certificate {0} of the chain is not a CA: it needs basic constraints with cA=TRUE")]
    NotCa(usize),
    #[error("certificate {0} of the chain may not sign certificates: its key usage needs keyCertSign")]
    KeyUsage(usize),
    #[error("the issuing CA is an intermediate and needs the extended key usage codeSigning")]
    NoCodeSigning,
    #[error("certificate {0} of the chain has an extended key usage that excludes codeSigning")]
    ExtendedKeyUsage(usize),
    #[error("certificate {position} of the chain allows {allowed} CA certificates below it, but has {found}")]
    PathLength {
        position: usize,
        allowed: u32,
        /// How many CA certificates that are not self-issued are below it.
        found: usize,
    },
    #[error("certificate {position} of the chain expired on {not_after}: renew it")]
    Expired { position: usize, not_after: String },
    #[error("certificate {position} of the chain is not valid before {not_before}: wait, or check the clock")]
    NotYetValid { position: usize, not_before: String },
    #[error("certificate {position} of the chain cannot be used: {cause}")]
    Key { position: usize, cause: KeyError },
    #[error("the issuing CA's certificate has an empty subject: re-issue it with a name")]
    EmptySubject,
    #[error("certificate {position} of the chain has the critical extension {oid}, which is not understood")]
    CriticalExtension { position: usize, oid: String },
}

impl IssuingChain {
    /// Finds and checks the chain among the certificates of a PEM file, whatever their order.
    pub fn from_pem(text: &[u8], now: SystemTime) -> Result<Self, ChainError> {
        Self::from_pem_for_key(text, None, now)
    }

    /// As [`IssuingChain::from_pem`], when the key that will sign is known, DER `SubjectPublicKeyInfo`: the chain begins at
    /// its certificate.
    pub fn from_pem_for_key(text: &[u8], key: Option<&[u8]>, now: SystemTime) -> Result<Self, ChainError> {
        Self::read(text, key, Moment::Now(now))
    }

    /// As [`IssuingChain::from_pem`], for a chain that need not be valid any more, or yet: nothing is issued under it, but
    /// what was, or will be, is verified with it.
    pub fn trusted_from_pem(text: &[u8], now: SystemTime) -> Result<Self, ChainError> {
        Self::read(text, None, Moment::Ever(now))
    }

    /// Finds and checks the chain among DER certificates.
    pub fn from_der(ders: &[Vec<u8>], now: SystemTime) -> Result<Self, ChainError> {
        Self::find(ders, None, Moment::Now(now))
    }

    fn read(text: &[u8], key: Option<&[u8]>, moment: Moment) -> Result<Self, ChainError> {
        if text.len() > MAX_CHAIN_BYTES {
            return Err(ChainError::TooLarge);
        }
        let read = pem::certificates(text)?;
        let mut chain = Self::find(&read.ders, key, moment)?;
        if read.others.iter().any(|label| label.contains("PRIVATE KEY")) {
            chain
                .findings
                .push("the chain's file holds a private key too: readers of the chain need not have it".to_owned());
        }
        Ok(chain)
    }

    fn find(ders: &[Vec<u8>], key: Option<&[u8]>, moment: Moment) -> Result<Self, ChainError> {
        let given = parse(ders)?;
        let Found { path, key: check } = find::chain(&given, key, moment)?;
        let chain: Vec<&Given<'_>> = path.iter().filter_map(|index| given.get(*index)).collect();
        let mut findings = check::findings(&chain);
        findings.extend(unused(&given, &path));
        let first = chain.first().ok_or(ChainError::Empty)?;
        let issuer = &first.certificate;
        let spki_der = issuer.public_key().raw.to_vec();
        // Without one, method 1 of RFC 5280, section 4.2.1.2: any other CA of this key would have that.
        let subject_key_identifier = check::subject_key_identifier(first.position, issuer)?
            .unwrap_or_else(|| key_identifier(&issuer.public_key().subject_public_key.data));
        // A chain is good for as long as all of it is: a root may well end before the CA below it.
        let own = issuer.validity();
        let (not_before, not_after) = chain.iter().map(|one| one.certificate.validity()).fold(
            (system_time(own.not_before), system_time(own.not_after)),
            |(begin, end), validity| {
                (begin.max(system_time(validity.not_before)), end.min(system_time(validity.not_after)))
            },
        );
        let certificates: Vec<ChainCertificate> =
            chain.iter().map(|one| ChainCertificate::new(one.certificate.as_raw().to_vec())).collect();
        Ok(Self {
            pem_trimmed: certificates.iter().map(|certificate| certificate.pem().trim_end().to_owned()).collect(),
            certificates,
            subject: issuer.subject().to_string(),
            subject_der: issuer.subject().as_raw().to_vec(),
            subject_key_identifier,
            spki_sha256: Sha256::digest(&spki_der).into(),
            spki_der,
            not_before,
            not_after,
            check,
            findings,
        })
    }

    /// What is odd about the chain, and no reason to refuse it; each a sentence for the log.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The certificates, the issuing CA first, the root last.
    pub fn certificates(&self) -> &[ChainCertificate] {
        &self.certificates
    }

    /// The same as PEM blocks without a final newline, as version 2 answers carry them.
    pub fn pem_trimmed(&self) -> &[String] {
        &self.pem_trimmed
    }

    pub fn to_ders(&self) -> Vec<Vec<u8>> {
        self.certificates.iter().map(|certificate| certificate.der.clone()).collect()
    }

    /// The certificates as one PEM text, ending with a line feed.
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(ChainCertificate::pem).collect()
    }

    /// How many certificates there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Whether the other chain is the same, certificate by certificate.
    pub fn is_same(&self, other: &Self) -> bool {
        self.pem_trimmed == other.pem_trimmed
    }

    /// The issuing CA's subject as people read it, for logs.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuing CA's subject, the DER `Name` byte for byte as it stands in its certificate.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The key identifier in the issuing CA's own certificate, which leaf certificates name as their authority's.
    pub fn subject_key_identifier(&self) -> &[u8] {
        &self.subject_key_identifier
    }

    /// The issuing CA's DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The SHA-256 of [`IssuingChain::spki_der`]: the `issuer_key_hash` of a precertificate (RFC 6962, section 3.2).
    pub fn spki_sha256(&self) -> [u8; 32] {
        self.spki_sha256
    }

    /// From when every certificate of the chain is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when every certificate of the chain is valid, that second included.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.check.algorithm()
    }

    pub fn signature_check(&self) -> &SignatureCheck {
        &self.check
    }
}

impl ChainCertificate {
    fn new(der: Vec<u8>) -> Self {
        Self { pem: text::pem("CERTIFICATE", &der), der }
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as PEM with a final newline.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

impl Moment {
    /// The time at which a chain with this issuing CA is judged.
    fn for_issuing(self, issuing: &X509Certificate<'_>) -> SystemTime {
        match self {
            Self::Now(now) => now,
            // `clamp` would panic on a certificate that ends before it begins.
            Self::Ever(now) => {
                now.min(system_time(issuing.validity().not_after)).max(system_time(issuing.validity().not_before))
            }
        }
    }
}

/// Each certificate once, with its place.
fn parse(ders: &[Vec<u8>]) -> Result<Vec<Given<'_>>, ChainError> {
    let mut seen = HashSet::new();
    let mut given = Vec::with_capacity(ders.len().min(MAX_GIVEN));
    for (index, der) in ders.iter().enumerate().filter(|(_, der)| seen.insert(der.as_slice())) {
        if given.len() == MAX_GIVEN {
            return Err(ChainError::TooMany);
        }
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => given.push(Given { position: index + 1, certificate }),
            _ => return Err(ChainError::Malformed(index + 1)),
        }
    }
    Ok(given)
}

/// Says which certificates were left out.
fn unused(given: &[Given<'_>], path: &[usize]) -> Option<String> {
    let names: Vec<String> = given
        .iter()
        .enumerate()
        .filter(|(index, _)| !path.contains(index))
        .map(|(_, one)| format!("{} ({})", one.position, one.certificate.subject()))
        .collect();
    let shown = names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if names.len() > 5 { ", .." } else { "" };
    (!names.is_empty())
        .then(|| format!("certificates that are not part of the chain are not shown to clients: {shown}{more}"))
}

/// Certificate times are whole seconds; one before 1970 is as good as 1970 here.
fn system_time(time: ASN1Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

#[cfg(test)]
mod found_tests;
#[cfg(test)]
pub(super) mod tests;
