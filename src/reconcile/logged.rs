//! What an entry of the log says of its certificate, as far as it is compared.
//!
//! Owns the reading of certificates that somebody with the CA's key may have made to be misread: what decides whose they are needs no more
//! than the outermost DER.

use crate::crypto::sha256;
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use x509_parser::certificate::TbsCertificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::authorities::{Authorities, Authority};
use super::finding::{Finding, FindingKind, SignedByUs};
use crate::certificate::alternative_name::AlternativeName;
use crate::certificate::logged_tbs;
use crate::ct::read::{Entry, EntryContent};

/// A SHA-256 hash.
pub(super) type Sha256 = [u8; 32];

/// A certificate or precertificate of the log.
pub(super) struct Logged<'a> {
    /// Without leading zeros; empty if it cannot be read.
    pub serial: &'a [u8],
    /// Of the TBSCertificate without poison and timestamps.
    pub tbs_sha256: Sha256,
    /// Of the certificate; nothing for a precertificate.
    pub certificate_sha256: Option<Sha256>,
    tbs: &'a [u8],
    issued: Issued<'a>,
}

/// How it shows who issued it.
enum Issued<'a> {
    Certificate(Parts<'a>),
    Precertificate { issuer_key_hash: &'a Sha256, der: &'a [u8] },
}

/// The three elements of a certificate.
struct Parts<'a> {
    tbs: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Logged<'a> {
    /// Nothing if the entry is not a certificate at all.
    pub(super) fn of(content: &'a EntryContent) -> Option<Self> {
        match content {
            EntryContent::X509 { certificate } => {
                let parts = Parts::of(certificate)?;
                let tbs = parts.tbs;
                let plain = logged_tbs(tbs).map_or_else(|_| sha256(tbs), |plain| sha256(&plain));
                Some(Self {
                    serial: serial(tbs).unwrap_or_default(),
                    tbs_sha256: plain,
                    certificate_sha256: Some(sha256(certificate)),
                    tbs,
                    issued: Issued::Certificate(parts),
                })
            }
            EntryContent::Precertificate { issuer_key_hash, tbs, precertificate } => Some(Self {
                serial: serial(tbs).unwrap_or_default(),
                tbs_sha256: sha256(tbs),
                certificate_sha256: None,
                tbs,
                issued: Issued::Precertificate { issuer_key_hash, der: precertificate },
            }),
            EntryContent::Other => None,
        }
    }

    /// Whether it is the certificate of one of our CAs rather than one that they issued to somebody.
    pub(super) fn is_of(&self, authorities: &Authorities) -> bool {
        self.certificate_sha256.is_some_and(|hash| authorities.with_certificate(&hash).is_some())
    }

    /// The authority of ours that issued it, and whether its signature says so.
    pub(super) fn issuer<'o>(&self, authorities: &'o Authorities) -> Option<(&'o Authority, SignedByUs)> {
        match &self.issued {
            Issued::Certificate(Parts { tbs, algorithm, signature }) => {
                Some((authorities.signer_of(tbs, algorithm, signature)?, SignedByUs::Yes))
            }
            Issued::Precertificate { issuer_key_hash, der } => {
                let authority = authorities.with_key(issuer_key_hash)?;
                Some((authority, self.signature_of(authority, der)))
            }
        }
    }

    /// Whether the precertificate that the log shows is what was logged, and whether our key signed it. The tree's hash does not cover it.
    fn signature_of(&self, authority: &Authority, precertificate: &[u8]) -> SignedByUs {
        let Some(parts) = Parts::of(precertificate) else { return SignedByUs::Unknown };
        if logged_tbs(parts.tbs).map_or(true, |plain| plain != self.tbs) {
            return SignedByUs::Unknown;
        }
        if authority.signed(parts.tbs, parts.algorithm, parts.signature) { SignedByUs::Yes } else { SignedByUs::No }
    }

    /// A finding about it.
    pub(super) fn finding(
        &self,
        kind: FindingKind,
        entry: &Entry,
        issuer: Option<(&Authority, SignedByUs)>,
    ) -> Finding {
        let parsed = TbsCertificate::from_der(self.tbs).ok().map(|(_, tbs)| tbs);
        let san = parsed.iter().flat_map(TbsCertificate::extensions).filter_map(|extension| {
            let ParsedExtension::SubjectAlternativeName(list) = extension.parsed_extension() else { return None };
            Some(list.general_names.iter().map(|name| AlternativeName::of(name).into()).collect::<Vec<_>>())
        });
        Finding {
            kind,
            serial: hex::encode(self.serial),
            index: Some(entry.index),
            time: entry.timestamp,
            tbs_sha256: Some(hex::encode(self.tbs_sha256)),
            certificate_sha256: self.certificate_sha256.map(hex::encode),
            san: san.flatten().collect(),
            authority: issuer.map(|(authority, _)| authority.name().to_owned()),
            not_before: parsed.as_ref().map(|tbs| tbs.validity().not_before.timestamp()),
            not_after: parsed.as_ref().map(|tbs| tbs.validity().not_after.timestamp()),
            signed_by_us: issuer.map(|(_, signed)| signed),
            issuer_sha256: entry.chain.first().map(hex::encode),
            request_id: None,
            token_issuer: None,
        }
    }
}

impl<'a> Parts<'a> {
    fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut elements = SliceReader::new(AnyRef::from_der(certificate).ok()?.value()).ok()?;
        let (tbs, algorithm) = (elements.tlv_bytes().ok()?, elements.tlv_bytes().ok()?);
        let signature = BitStringRef::from_der(elements.tlv_bytes().ok()?).ok()?.as_bytes()?;
        Some(Self { tbs, algorithm, signature })
    }
}

/// The serial number without leading zeros: behind the version, if there is one (RFC 5280 section 4.1).
fn serial(tbs: &[u8]) -> Option<&[u8]> {
    const VERSION: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
    let mut fields = SliceReader::new(AnyRef::from_der(tbs).ok()?.value()).ok()?;
    let mut field = AnyRef::from_der(fields.tlv_bytes().ok()?).ok()?;
    if field.tag() == VERSION {
        field = AnyRef::from_der(fields.tlv_bytes().ok()?).ok()?;
    }
    (field.tag() == Tag::Integer).then(|| without_zeros(field.value()))
}

pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
