//! The messages of `dev.sigstore.fulcio.v2`, which gRPC sends as protobuf and REST v2 as JSON: made of the core's values in one place.

use super::answer::{chain_texts, log_issued};
use crate::audit::Transport;
use crate::certificate::chain::{ChainCertificate, IssuingChain};
use crate::identity::issuers::{Issuer, IssuerAddress};
use crate::issuance::{Issuance, Issued, Request, SctDelivery};
use crate::possession::KeyRequest;

/// The messages and the service, generated from `proto/fulcio.proto`.
#[allow(clippy::pedantic, reason = "generated; the documentation is in the .proto file")]
pub mod proto {
    tonic::include_proto!("dev.sigstore.fulcio.v2");
    /// The descriptors of the .proto file, for reflection.
    pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fulcio.bin"));
}

use proto::create_signing_certificate_request::Key;
use proto::credentials::Credentials;
use proto::oidc_issuer::Issuer as IssuerLocation;
use proto::signing_certificate::Certificate;

/// What a message asks for. The token may come beside it; client, id and memory are the transport's.
pub(super) fn request(
    message: proto::CreateSigningCertificateRequest,
    token_beside: impl FnOnce() -> String,
) -> Request {
    let sent = message.credentials.and_then(|credentials| credentials.credentials);
    let token = sent.map(|Credentials::OidcIdentityToken(token)| token).filter(|token| !token.is_empty());
    let key = match message.key {
        Some(Key::CertificateSigningRequest(text)) if !text.is_empty() => KeyRequest::SigningRequest(text),
        Some(Key::PublicKeyRequest(request)) => KeyRequest::PublicKey {
            content: request.public_key.unwrap_or_default().content.into_bytes(),
            proof: request.proof_of_possession,
        },
        // Neither: refused as a key that cannot be read, once the token has been looked at.
        Some(Key::CertificateSigningRequest(_)) | None => {
            KeyRequest::PublicKey { content: Vec::new(), proof: Vec::new() }
        }
    };
    Request {
        token: token.unwrap_or_else(token_beside),
        key,
        client: None,
        request_id: None,
        transport: Transport::default(),
    }
}

/// Without a log the answer is the detached form with an empty timestamp.
pub(super) fn signing_certificate(issued: &Issued) -> proto::SigningCertificate {
    log_issued(&issued.record);
    let chain = Some(proto::CertificateChain { certificates: chain_texts(issued) });
    let detached = |chain, timestamp: &[u8]| {
        let signed_certificate_timestamp = timestamp.to_vec();
        Certificate::SignedCertificateDetachedSct(proto::SigningCertificateDetachedSct {
            chain,
            signed_certificate_timestamp,
        })
    };
    let certificate = match &issued.timestamps {
        SctDelivery::Embedded => {
            Certificate::SignedCertificateEmbeddedSct(proto::SigningCertificateEmbeddedSct { chain })
        }
        SctDelivery::Detached(timestamp) => detached(chain, timestamp),
        SctDelivery::None => detached(chain, &[]),
    };
    proto::SigningCertificate { certificate: Some(certificate) }
}

pub(super) fn trust_bundle(issuance: &Issuance) -> proto::TrustBundle {
    let chains = issuance.authority.all().chains().iter().map(|chain| chain.as_ref().into()).collect();
    proto::TrustBundle { chains }
}

pub(super) fn configuration(issuance: &Issuance) -> proto::Configuration {
    let issuers = issuance.issuers.load();
    proto::Configuration { issuers: issuers.iter().map(|issuer| issuer.as_ref().into()).collect() }
}

impl From<&IssuingChain> for proto::CertificateChain {
    fn from(chain: &IssuingChain) -> Self {
        Self { certificates: chain.certificates().iter().map(ChainCertificate::pem).map(ToOwned::to_owned).collect() }
    }
}

impl From<&Issuer> for proto::OidcIssuer {
    fn from(issuer: &Issuer) -> Self {
        let location = match &issuer.address {
            IssuerAddress::Url(url) => IssuerLocation::IssuerUrl(url.as_str().to_owned()),
            IssuerAddress::Pattern(pattern) => IssuerLocation::WildcardIssuerUrl(pattern.as_str().to_owned()),
        };
        Self {
            issuer: Some(location),
            audience: issuer.audience.clone(),
            challenge_claim: issuer.challenge_claim.clone(),
            spiffe_trust_domain: issuer.spiffe_trust_domain.clone().unwrap_or_default(),
            issuer_type: issuer.identity.name().to_owned(),
            subject_domain: issuer.subject_domain.clone().unwrap_or_default(),
            skip_email_verification: issuer.skip_email_verification,
        }
    }
}
