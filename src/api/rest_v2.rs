//! REST v2: `dev.sigstore.fulcio.v2.CA` in its HTTP mapping.
//!
//! Owns reading requests and writing answers in JSON. Calls the core in this process.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::answer::respond_to_failure;
use super::proto_json::CreateSigningCertificateRequest;
use super::{BODY_TIMEOUT, MAX_BODY_BYTES};
use crate::authority::chain::ChainCertificate;
use crate::config::issuers::{Issuer, IssuerAddress};
use crate::failure::{Failure, FailureKind};
use crate::issuance::{Issuance, Issued, Request};
use crate::possession::KeyRequest;

/// `POST /api/v2/signingCert`
pub(super) async fn create_signing_certificate(
    http: HttpRequest,
    body: web::Payload,
    issuance: web::Data<Issuance>,
) -> HttpResponse {
    let outcome = async {
        let body = read_body(body).await?;
        issuance.issue(read_request(&body, http.headers())?).await
    };
    match outcome.await {
        Ok(issued) => answer(&issued),
        Err(failure) => respond_to_failure(&http, &failure),
    }
}

/// Reads the body up to its limit, whatever content type it says it has.
async fn read_body(body: web::Payload) -> Result<web::Bytes, Failure> {
    let whole = tokio::time::timeout(BODY_TIMEOUT, body.to_bytes_limited(MAX_BODY_BYTES)).await;
    match whole {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(error))) => Err(Failure::new(FailureKind::RequestIncomplete, error.to_string())),
        Ok(Err(_)) => {
            Err(Failure::new(FailureKind::RequestTooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes")))
        }
        Err(_) => Err(Failure::new(FailureKind::RequestIncomplete, "the body took too long")),
    }
}

/// The message, with the token from the body or else from the `Authorization` header.
fn read_request(body: &[u8], headers: &HeaderMap) -> Result<Request, Failure> {
    let fields = CreateSigningCertificateRequest::parse(body)
        .map_err(|problem| Failure::new(FailureKind::RequestMalformed, problem).with("problem", problem.to_string()))?;
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
    Ok(Request { token, key })
}

/// The token of the `Authorization` header (RFC 6750); a bare token without the scheme's name is taken as well.
fn bearer_token(headers: &HeaderMap) -> &str {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        _ => value,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SigningCertificate<'a> {
    signed_certificate_detached_sct: DetachedSct<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetachedSct<'a> {
    chain: CertificateChain<'a>,
    signed_certificate_timestamp: &'static str,
}

#[derive(Serialize)]
struct CertificateChain<'a> {
    certificates: Vec<&'a str>,
}

/// Without a log the answer is the detached form with an empty timestamp.
fn answer(issued: &Issued) -> HttpResponse {
    let leaf = pem_text(&issued.certificate);
    let chain = issued.authority.chain();
    let certificates = std::iter::once(leaf.trim_end()).chain(chain.pem_trimmed().iter().map(String::as_str)).collect();
    let record = &issued.record;
    tracing::info!(
        serial = record.serial,
        issuer = record.issuer,
        identity = record.identity,
        key = record.key,
        "issued a certificate"
    );
    HttpResponse::Ok().json(SigningCertificate {
        signed_certificate_detached_sct: DetachedSct {
            chain: CertificateChain { certificates },
            signed_certificate_timestamp: "",
        },
    })
}

/// PEM with lines of 64 characters and LF (RFC 7468).
fn pem_text(der: &[u8]) -> String {
    pem::encode_config(
        &pem::Pem::new("CERTIFICATE", der),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}

#[derive(Serialize)]
struct TrustBundle<'a> {
    chains: Vec<CertificateChain<'a>>,
}

/// `GET /api/v2/trustBundle`
pub(super) async fn trust_bundle(issuance: web::Data<Issuance>) -> HttpResponse {
    let authority = issuance.authority.current();
    let certificates = authority.chain().certificates().iter().map(ChainCertificate::pem).collect();
    HttpResponse::Ok().json(TrustBundle { chains: vec![CertificateChain { certificates }] })
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
pub(super) async fn configuration(issuance: web::Data<Issuance>) -> HttpResponse {
    let issuers = issuance.issuers.load();
    HttpResponse::Ok()
        .json(Configuration { issuers: issuers.iter().map(|issuer| OidcIssuer::from(issuer.as_ref())).collect() })
}

/// `GET /healthz`
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "SERVING"}))
}
