//! REST v2: `dev.sigstore.fulcio.v2.CA` in its HTTP mapping.
//!
//! Owns its paths. The messages are those of gRPC (`messages`), in JSON (`proto_json`).

use super::answer::Answer;
use super::messages;
use super::proto_json::CreateSigningCertificateRequest;
use super::request_id::RequestId;
use super::rest::{Arriving, Fields, Head, admit, bearer_token, read_body};
use crate::audit::Transport;
use crate::failure::Failure;
use crate::issuance::{Issuance, Request};

/// `POST /api/v2/signingCert`
pub(super) async fn create_signing_certificate<F: Fields, B: Arriving>(
    head: &Head<'_, F>,
    body: B,
    issuance: &Issuance,
    id: &RequestId,
) -> Result<Answer, Failure> {
    let client = admit(head, &issuance.limits)?;
    let (bytes, _held) = read_body(head, body, &issuance.limits).await?;
    let message = CreateSigningCertificateRequest::parse(&bytes)?;
    drop(bytes);
    let request = messages::request(message, || bearer_token(head.fields).to_owned());
    let request_id = Some(id.as_str().to_owned());
    let request = Request { client, request_id, transport: Transport::RestV2, ..request };
    let issued = issuance.issue(request).await?;
    Ok(Answer::json(200, &messages::signing_certificate(&issued)))
}

/// `GET /api/v2/trustBundle`
pub(super) fn trust_bundle(issuance: &Issuance) -> Answer {
    Answer::json(200, &messages::trust_bundle(issuance))
}

/// `GET /api/v2/configuration`
pub(super) fn configuration(issuance: &Issuance) -> Answer {
    Answer::json(200, &messages::configuration(issuance))
}

/// `GET /healthz`
pub(super) fn health() -> Answer {
    Answer::json(200, &serde_json::json!({"status": "SERVING"}))
}

/// `GET /readyz`: whether certificates can be had. Unlike `/healthz` no reason to start the process again.
pub(super) fn readiness(issuance: &Issuance) -> Answer {
    if issuance.is_ready() {
        return health();
    }
    Answer::json(503, &serde_json::json!({"status": "NOT_SERVING"}))
}
