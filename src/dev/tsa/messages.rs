//! The messages of RFC 3161 (with RFC 5816) in ASN.1, field by field, under the RFCs' names.
//!
//! Owns their encoding. Which of them are accepted, and what is answered, is said elsewhere; CMS's own types are the `cms` crate's.

use cms::content_info::ContentInfo;
use der::asn1::{BitString, GeneralizedTime, Int, ObjectIdentifier, OctetString};
use der::{Encode as _, Sequence};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::serial_number::SerialNumber;

/// id-ct-TSTInfo.
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// id-aa-signingCertificateV2 (RFC 5035 section 3).
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// The version of requests and of what is signed.
pub(super) const V1: i8 = 1;

/// Section 2.4.1.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct TimeStampReq {
    pub(super) version: i8,
    pub(super) message_imprint: MessageImprint,
    pub(super) req_policy: Option<ObjectIdentifier>,
    pub(super) nonce: Option<Int>,
    #[asn1(default = "Default::default")]
    pub(super) cert_req: bool,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Extension>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct MessageImprint {
    pub(super) hash_algorithm: AlgorithmIdentifierOwned,
    pub(super) hashed_message: OctetString,
}

/// Section 2.4.2. `ordering` is FALSE, which is the default, and left out.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct TstInfo {
    pub(super) version: i8,
    pub(super) policy: ObjectIdentifier,
    pub(super) message_imprint: MessageImprint,
    pub(super) serial_number: SerialNumber,
    pub(super) gen_time: GeneralizedTime,
    pub(super) accuracy: Accuracy,
    pub(super) nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) tsa: GeneralName,
}

/// How far the time may be off, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub(super) struct Accuracy {
    pub(super) seconds: Option<u8>,
}

/// Section 2.4.2.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct TimeStampResp {
    pub(super) status: PkiStatusInfo,
    pub(super) time_stamp_token: Option<ContentInfo>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct PkiStatusInfo {
    pub(super) status: u8,
    pub(super) status_string: Option<Vec<String>>,
    pub(super) fail_info: Option<BitString>,
}

/// `PKIStatus`.
pub(super) const GRANTED: u8 = 0;
pub(super) const REJECTION: u8 = 2;

/// `PKIFailureInfo`, by the number of the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FailureInfo {
    BadAlgorithm = 0,
    BadRequest = 2,
    BadDataFormat = 5,
    TimeNotAvailable = 14,
    UnacceptedPolicy = 15,
    UnacceptedExtension = 16,
    SystemFailure = 25,
}

impl PkiStatusInfo {
    pub(super) const fn granted() -> Self {
        Self { status: GRANTED, status_string: None, fail_info: None }
    }

    pub(super) fn rejection(failure: FailureInfo, words: &str) -> der::Result<Self> {
        Ok(Self {
            status: REJECTION,
            status_string: Some(vec![words.to_owned()]),
            fail_info: Some(failure.bit_string()?),
        })
    }
}

impl FailureInfo {
    /// With this bit alone; trailing zero bits are left out, as DER wants it of named bits (X.690 section 11.2.2).
    fn bit_string(self) -> der::Result<BitString> {
        let (byte, bit) = (usize::from(self as u8 / 8), self as u8 % 8);
        let mut bytes = vec![0; byte];
        bytes.push(0x80_u8 >> bit);
        BitString::new(7 - bit, bytes)
    }
}

/// RFC 5035 section 3: the hash is SHA-256, which is the default, and policies are left out.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct SigningCertificateV2 {
    pub(super) certs: Vec<EssCertIdV2>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct EssCertIdV2 {
    pub(super) cert_hash: OctetString,
    pub(super) issuer_serial: IssuerSerial,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct IssuerSerial {
    pub(super) issuer: Vec<GeneralName>,
    pub(super) serial_number: SerialNumber,
}

/// A refusal as section 2.4.2 has it.
pub(super) fn rejection(failure: FailureInfo, words: &str) -> der::Result<Vec<u8>> {
    TimeStampResp { status: PkiStatusInfo::rejection(failure, words)?, time_stamp_token: None }.to_der()
}
