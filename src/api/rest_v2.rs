//! REST v2: `dev.sigstore.fulcio.v2.CA` in its HTTP mapping.
//!
//! Owns reading requests and writing answers in JSON. Calls the core in this process.

use serde::Serialize;

use super::answer::{Answer, chain_texts, log_issued};
use super::proto_json::{CreateSigningCertificateRequest, JsonProblem, encode};
use super::rest::{Arriving, Fields, Head, admit, bearer_token, read_body};
use crate::certificate::chain::{ChainCertificate, IssuingChain};
use crate::failure::{Failure, FailureKind};
use crate::identity::issuers::{Issuer, IssuerAddress};
use crate::issuance::{Issuance, Issued, Request, SctDelivery};
use crate::possession::KeyRequest;

/// `POST /api/v2/signingCert`
pub(super) async fn create_signing_certificate<F: Fields, B: Arriving>(
    head: &Head<'_, F>,
    body: B,
    issuance: &Issuance,
) -> Result<Answer, Failure> {
    let client = admit(head, &issuance.limits)?;
    let body = read_body(head, body, &issuance.limits).await?;
    let (token, key) = read_request(&body.bytes, head.fields)?;
    let _held = body.into_held();
    Ok(answer(&issuance.issue(Request { token, key, client }).await?))
}

/// The message, with the token from the body or else from the `Authorization` header.
fn read_request<F: Fields>(body: &[u8], headers: &F) -> Result<(String, KeyRequest), Failure> {
    let fields = CreateSigningCertificateRequest::parse(body).map_err(JsonProblem::into_failure)?;
    let key = match (fields.public_key, fields.signing_request) {
        (Some(_), Some(_)) => {
            return Err(Failure::new(FailureKind::RequestAmbiguous, "both a key and a signing request"));
        }
        (None, Some(text)) if !text.is_empty() => KeyRequest::SigningRequest(text),
        (Some((content, proof)), None) => KeyRequest::PublicKey { content, proof },
        // Neither: refused as a key that cannot be read, once the token has been looked at.
        (None, _) => KeyRequest::PublicKey { content: Vec::new(), proof: Vec::new() },
    };
    let token = fields.token.filter(|token| !token.is_empty()).unwrap_or_else(|| bearer_token(headers).to_owned());
    Ok((token, key))
}

/// Exactly one of the two members, as clients demand.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum SigningCertificate<'a> {
    SignedCertificateEmbeddedSct {
        chain: CertificateChain<'a>,
    },
    #[serde(rename_all = "camelCase")]
    SignedCertificateDetachedSct {
        chain: CertificateChain<'a>,
        signed_certificate_timestamp: String,
    },
}

#[derive(Serialize)]
struct CertificateChain<'a> {
    certificates: Vec<&'a str>,
}

/// Without a log the answer is the detached form with an empty timestamp.
fn answer(issued: &Issued) -> Answer {
    log_issued(&issued.record);
    let texts = chain_texts(issued);
    let chain = CertificateChain { certificates: texts.iter().map(String::as_str).collect() };
    let detached = |chain, timestamp: &[u8]| SigningCertificate::SignedCertificateDetachedSct {
        chain,
        signed_certificate_timestamp: encode(timestamp),
    };
    let message = match &issued.timestamps {
        SctDelivery::Embedded => SigningCertificate::SignedCertificateEmbeddedSct { chain },
        SctDelivery::Detached(timestamp) => detached(chain, timestamp),
        SctDelivery::None => detached(chain, &[]),
    };
    Answer::json(200, &message)
}

#[derive(Serialize)]
struct TrustBundle<'a> {
    chains: Vec<CertificateChain<'a>>,
}

/// `GET /api/v2/trustBundle`
pub(super) fn trust_bundle(issuance: &Issuance) -> Answer {
    let chains = issuance.authority.all().chains();
    Answer::json(200, &TrustBundle { chains: chains.iter().map(|chain| chain.as_ref().into()).collect() })
}

impl<'a> From<&'a IssuingChain> for CertificateChain<'a> {
    fn from(chain: &'a IssuingChain) -> Self {
        Self { certificates: chain.certificates().iter().map(ChainCertificate::pem).collect() }
    }
}

#[derive(Serialize)]
struct Configuration<'a> {
    issuers: Vec<OidcIssuer<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OidcIssuer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wildcard_issuer_url: Option<&'a str>,
    audience: &'a str,
    challenge_claim: &'a str,
    spiffe_trust_domain: &'a str,
    issuer_type: &'a str,
    subject_domain: &'a str,
    skip_email_verification: bool,
}

impl<'a> From<&'a Issuer> for OidcIssuer<'a> {
    fn from(issuer: &'a Issuer) -> Self {
        let (issuer_url, wildcard_issuer_url) = match &issuer.address {
            IssuerAddress::Url(url) => (Some(url.as_str()), None),
            IssuerAddress::Pattern(pattern) => (None, Some(pattern.as_str())),
        };
        Self {
            issuer_url,
            wildcard_issuer_url,
            audience: &issuer.audience,
            challenge_claim: &issuer.challenge_claim,
            spiffe_trust_domain: &issuer.spiffe_trust_domain,
            issuer_type: issuer.identity.name(),
            subject_domain: &issuer.subject_domain,
            skip_email_verification: issuer.skip_email_verification,
        }
    }
}

/// `GET /api/v2/configuration`
pub(super) fn configuration(issuance: &Issuance) -> Answer {
    let issuers = issuance.issuers.load();
    let issuers = issuers.iter().map(|issuer| OidcIssuer::from(issuer.as_ref())).collect();
    Answer::json(200, &Configuration { issuers })
}

/// `GET /healthz`
pub(super) fn health() -> Answer {
    Answer::json(200, &serde_json::json!({"status": "SERVING"}))
}

/// `GET /readyz`: whether the CA signs. Unlike `/healthz` no reason to start the process again.
pub(super) fn readiness(issuance: &Issuance) -> Answer {
    if issuance.authority.current().is_ready() {
        return health();
    }
    Answer::json(503, &serde_json::json!({"status": "NOT_SERVING"}))
}
