//! Timestamp tokens: a `TSTInfo` in a CMS `SignedData` (RFC 3161 section 2.4.2, RFC 5652, RFC 5816).
//!
//! Owns what is signed. What may be asked for has been decided before.

use std::time::SystemTime;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{Any, GeneralizedTime, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode as _, Encode as _};
use spki::AlgorithmIdentifierOwned;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::serial_number::SerialNumber;

use super::chain::TimestampingChain;
use super::messages::{
    Accuracy, EssCertIdV2, FailureInfo, IssuerSerial, PkiStatusInfo, SIGNING_CERTIFICATE_V2, SigningCertificateV2,
    TST_INFO, TimeStampResp, TstInfo, V1,
};
use super::request::{POLICY, SignerCertificate, TimestampRequest};
use crate::certificate::Serial;
use crate::certificate::compose::time;
use crate::signer::SignerError;

/// id-signedData and the attributes of RFC 5652 section 11.
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SHA256: AlgorithmIdentifierOwned =
    AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), parameters: None };
/// What sigstore's timestamp-authority says of its clock, too.
const ACCURACY: Accuracy = Accuracy { seconds: Some(1) };

/// Why there is no token, though the request was right.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("the clock is outside of the time that the authority's certificate is valid for")]
    Clock,
    #[error("the system has no randomness")]
    Random,
    #[error("the token could not be encoded")]
    Encoding(#[from] der::Error),
    #[error("the token could not be signed")]
    Signer(#[from] SignerError),
}

impl TokenError {
    pub(super) const fn failure_info(&self) -> FailureInfo {
        match self {
            Self::Clock => FailureInfo::TimeNotAvailable,
            Self::Random | Self::Encoding(_) | Self::Signer(_) => FailureInfo::SystemFailure,
        }
    }
}

/// What signs timestamps.
pub(super) struct Stamper {
    chain: TimestampingChain,
    /// The first of the chain.
    leaf: Certificate,
}

impl Stamper {
    pub(super) fn new(chain: TimestampingChain) -> der::Result<Self> {
        let leaf = Certificate::from_der(chain.certificates.first().map(Vec::as_slice).unwrap_or_default())?;
        Ok(Self { chain, leaf })
    }

    pub(super) const fn chain(&self) -> &TimestampingChain {
        &self.chain
    }

    /// A granted `TimeStampResp` in DER, of this moment.
    pub(super) async fn answer(&self, request: TimestampRequest, now: SystemTime) -> Result<Vec<u8>, TokenError> {
        if now < self.chain.not_before || now > self.chain.not_after {
            return Err(TokenError::Clock);
        }
        let signer_certificate = request.signer_certificate;
        let content = self.tst_info(request, now)?.to_der()?;
        let attributes = self.attributes(&content, now)?;
        let signature = self.chain.signer.sign(&attributes.to_der()?).await?;
        let token = self.signed_data(content, attributes, signature, signer_certificate)?;
        let token = ContentInfo { content_type: SIGNED_DATA, content: Any::encode_from(&token)? };
        Ok(TimeStampResp { status: PkiStatusInfo::granted(), time_stamp_token: Some(token) }.to_der()?)
    }

    fn tst_info(&self, request: TimestampRequest, now: SystemTime) -> Result<TstInfo, TokenError> {
        let mut random = [0; Serial::LENGTH];
        SystemRandom::new().fill(&mut random).map_err(|_| TokenError::Random)?;
        let since = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| TokenError::Clock)?;
        Ok(TstInfo {
            version: V1,
            policy: POLICY,
            message_imprint: request.imprint,
            serial_number: SerialNumber::new(Serial::from_random(random).as_bytes())?,
            gen_time: GeneralizedTime::from_unix_duration(since)?,
            accuracy: ACCURACY,
            nonce: request.nonce,
            tsa: GeneralName::DirectoryName(self.leaf.tbs_certificate().subject().clone()),
        })
    }

    /// What the signature is made over: RFC 5652 section 5.3, RFC 5816 section 2.2.1.
    fn attributes(&self, content: &[u8], now: SystemTime) -> der::Result<SignedAttributes> {
        let leaf = self.leaf.tbs_certificate();
        let signing_certificate = SigningCertificateV2 {
            certs: vec![EssCertIdV2 {
                cert_hash: OctetString::new(sha256(self.chain.certificates.first().map_or(&[], Vec::as_slice)))?,
                issuer_serial: IssuerSerial {
                    issuer: vec![GeneralName::DirectoryName(leaf.issuer().clone())],
                    serial_number: leaf.serial_number().clone(),
                },
            }],
        };
        SetOfVec::try_from(vec![
            attribute(CONTENT_TYPE, Any::encode_from(&TST_INFO)?)?,
            attribute(SIGNING_TIME, Any::encode_from(&time(now)?)?)?,
            attribute(MESSAGE_DIGEST, Any::encode_from(&OctetString::new(sha256(content))?)?)?,
            attribute(SIGNING_CERTIFICATE_V2, Any::encode_from(&signing_certificate)?)?,
        ])
    }

    fn signed_data(
        &self,
        content: Vec<u8>,
        attributes: SignedAttributes,
        signature: Vec<u8>,
        signer_certificate: SignerCertificate,
    ) -> der::Result<SignedData> {
        let leaf = self.leaf.tbs_certificate();
        let sid = IssuerAndSerialNumber { issuer: leaf.issuer().clone(), serial_number: leaf.serial_number().clone() };
        let signature_algorithm = self.chain.signer.algorithm().algorithm_identifier_der();
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(sid),
            digest_alg: SHA256,
            signed_attrs: Some(attributes),
            signature_algorithm: AlgorithmIdentifierOwned::from_der(signature_algorithm)?,
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let certificates = match signer_certificate {
            SignerCertificate::Included => Some(vec![CertificateChoices::Certificate(self.leaf.clone())].try_into()?),
            SignerCertificate::LeftOut => None,
        };
        Ok(SignedData {
            // The content is not plain data: RFC 5652 section 5.1.
            version: CmsVersion::V3,
            digest_algorithms: vec![SHA256].try_into()?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: TST_INFO,
                econtent: Some(Any::encode_from(&OctetString::new(content)?)?),
            },
            certificates,
            crls: None,
            signer_infos: vec![signer].try_into()?,
        })
    }
}

fn attribute(oid: ObjectIdentifier, value: Any) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: vec![value].try_into()? })
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}
