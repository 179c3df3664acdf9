//! The timestamp authority's HTTP: the paths, status codes and media types of sigstore's timestamp-authority.
//!
//! Owns those. Refusals of DER requests are `TimeStampResp`s with that server's status 400 (docs/adr/0071).

use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::super::loopback::text;
use super::messages::{FailureInfo, rejection};
use super::request::{Refusal, TimestampRequest};
use super::token::Stamper;
use crate::failure::with_sources;
use crate::text::pem;

/// The longest request, in bytes: the longest hash needs 100, and a nonce is any number.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;
pub(super) const TIMESTAMP: &str = "/api/v1/timestamp";
const CERTIFICATE_CHAIN: &str = "/api/v1/timestamp/certchain";
const PING: &str = "/ping";

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
const JSON: &str = "application/json";

type Authority = web::Data<Stamper>;

pub(super) fn configure(service: &mut web::ServiceConfig) {
    service
        .service(web::resource(TIMESTAMP).route(web::post().to(timestamp)))
        .service(web::resource(CERTIFICATE_CHAIN).route(web::get().to(certificate_chain)))
        .service(web::resource(PING).route(web::get().to(async || text(StatusCode::OK, "."))));
}

/// What a request is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Der,
    Json,
}

async fn timestamp(request: HttpRequest, body: web::Payload, authority: Authority) -> HttpResponse {
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, parameters) = header.split_once(';').map_or((header, None), |(name, rest)| (name, Some(rest)));
    let form = match media_type {
        QUERY => Form::Der,
        JSON => Form::Json,
        _ => {
            return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, &format!("requests are {QUERY} or {JSON}"));
        }
    };
    let Ok(Ok(body)) = body.to_bytes_limited(MAX_BODY_BYTES).await else {
        return problem(StatusCode::BAD_REQUEST, &format!("requests have at most {MAX_BODY_BYTES} bytes"));
    };
    if body.is_empty() {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "the request has no body");
    }
    if parameters.is_some() {
        return problem(StatusCode::BAD_REQUEST, "the content type must have no parameters");
    }
    answer(form, &body, &authority).await
}

async fn answer(form: Form, body: &[u8], authority: &Stamper) -> HttpResponse {
    let request = match form {
        Form::Der => TimestampRequest::from_der(body),
        Form::Json => TimestampRequest::from_json(body),
    };
    let request = match request {
        Ok(request) => request,
        Err(refusal) => {
            tracing::info!(%refusal, "refused a timestamp request");
            return refused(form, refusal);
        }
    };
    match authority.answer(request, SystemTime::now()).await {
        Ok(reply) => replied(StatusCode::OK, reply),
        Err(error) => {
            tracing::error!(error = with_sources(&error), "no timestamp could be made");
            let words = "this authority has no timestamp at present";
            failed(form, StatusCode::INTERNAL_SERVER_ERROR, error.failure_info(), words)
        }
    }
}

fn refused(form: Form, refusal: Refusal) -> HttpResponse {
    failed(form, StatusCode::BAD_REQUEST, refusal.failure_info(), &refusal.to_string())
}

fn failed(form: Form, status: StatusCode, failure: FailureInfo, words: &str) -> HttpResponse {
    match (form, rejection(failure, words)) {
        (Form::Der, Ok(rejection)) => replied(status, rejection),
        _ => problem(status, words),
    }
}

fn replied(status: StatusCode, reply: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).content_type(REPLY).body(reply)
}

/// As sigstore's timestamp-authority has it.
fn problem(status: StatusCode, words: &str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({"code": status.as_u16(), "message": words}))
}

async fn certificate_chain(authority: Authority) -> HttpResponse {
    let chain = authority.chain().certificates.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>();
    HttpResponse::Ok().content_type("application/pem-certificate-chain").body(chain)
}
