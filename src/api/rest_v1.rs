//! REST v1, which cosign 2, gitsign and skopeo speak: PEM instead of JSON in the answers.
//!
//! Owns its two paths. The token comes in the `Authorization` header only.

use super::answer::{Answer, chain_texts, log_issued};
use super::proto_json::v1::Body as JsonBody;
use super::proto_json::{JsonProblem, encode};
use super::request_id::RequestId;
use super::rest::{Arriving, Fields, Head, admit, bearer_token, read_body};
use crate::audit::Transport;
use crate::failure::Failure;
use crate::issuance::{Issuance, Issued, Request, SctDelivery};

const PEM_CHAIN: &str = "application/pem-certificate-chain";
/// The header that carries a timestamp beside the certificate: base64 of the log's add-chain answer.
const SCT: &str = "sct";

/// `POST /api/v1/signingCert`
pub(super) async fn create_signing_certificate<F: Fields, B: Arriving>(
    head: &Head<'_, F>,
    body: B,
    issuance: &Issuance,
    id: &RequestId,
) -> Result<Answer, Failure> {
    let client = admit(head, &issuance.limits)?;
    let (bytes, _held) = read_body(head, body, &issuance.limits).await?;
    let key = JsonBody::parse(&bytes).map_err(JsonProblem::into_failure)?;
    drop(bytes);
    let token = bearer_token(head.fields).to_owned();
    let request_id = Some(id.as_str().to_owned());
    let request = Request { token, key, client, request_id, transport: Transport::RestV1 };
    Ok(answer(&issuance.issue(request).await?))
}

fn answer(issued: &Issued) -> Answer {
    log_issued(&issued.record);
    let answer = pem(201, &chain_texts(issued));
    match &issued.timestamps {
        SctDelivery::Detached(timestamp) => answer.with(SCT, encode(timestamp)),
        SctDelivery::Embedded | SctDelivery::None => answer,
    }
}

/// `GET /api/v1/rootCert`
pub(super) fn root_certificate(issuance: &Issuance) -> Answer {
    pem(200, issuance.authority.current().chain().pem_trimmed())
}

/// The certificates, each from a new line, without a last line end.
fn pem(status: u16, certificates: &[impl AsRef<str>]) -> Answer {
    let texts: Vec<&str> = certificates.iter().map(AsRef::as_ref).collect();
    Answer::new(status, PEM_CHAIN, texts.join("\n"))
}
