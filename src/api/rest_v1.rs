//! REST v1, which cosign 2, gitsign and skopeo speak: PEM instead of JSON in the answers.
//!
//! Owns its two paths. The token comes in the `Authorization` header only.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::answer::{chain_texts, log_issued, respond_to_failure};
use super::proto_json::v1::Body as JsonBody;
use super::proto_json::{JsonProblem, encode};
use super::rest::{admit, bearer_token, read_body};
use crate::issuance::{Issuance, Issued, Request, SctDelivery};

const PEM_CHAIN: &str = "application/pem-certificate-chain";
/// The header that carries a timestamp beside the certificate: base64 of the log's add-chain answer.
const SCT: &str = "SCT";

/// `POST /api/v1/signingCert`
pub(super) async fn create_signing_certificate(
    http: HttpRequest,
    body: web::Payload,
    issuance: web::Data<Issuance>,
) -> HttpResponse {
    let outcome = async {
        let client = admit(&http, &issuance.limits)?;
        let body = read_body(&http, body, &issuance.limits).await?;
        let key = JsonBody::parse(&body.bytes).map_err(JsonProblem::into_failure)?;
        let _memory = body.into_memory();
        issuance.issue(Request { token: bearer_token(http.headers()).to_owned(), key, client }).await
    };
    match outcome.await {
        Ok(issued) => answer(&issued),
        Err(failure) => respond_to_failure(&http, &failure),
    }
}

fn answer(issued: &Issued) -> HttpResponse {
    log_issued(&issued.record);
    let mut response = HttpResponse::Created();
    if let SctDelivery::Detached(answer) = &issued.timestamps {
        response.insert_header((SCT, encode(answer)));
    }
    pem(&mut response, &chain_texts(issued))
}

/// `GET /api/v1/rootCert`
pub(super) async fn root_certificate(issuance: web::Data<Issuance>) -> HttpResponse {
    pem(&mut HttpResponse::Ok(), issuance.authority.current().chain().pem_trimmed())
}

/// The certificates, each from a new line, without a last line end.
fn pem(response: &mut HttpResponseBuilder, certificates: &[impl AsRef<str>]) -> HttpResponse {
    let texts: Vec<&str> = certificates.iter().map(AsRef::as_ref).collect();
    response.insert_header((CONTENT_TYPE, PEM_CHAIN)).body(texts.join("\n"))
}
