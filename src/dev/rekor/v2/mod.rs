//! Rekor v2's write: `POST /api/v2/log/entries`, answered with 201 and a `TransparencyLogEntry`.
//!
//! Owns the answers, in rekor-tiles' words. What is refused is told clients in a word, and in the log why.

mod entry;
mod request;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::tiles;
use super::ledger::{AppendError, Inclusion};
use super::record::Record;
use super::{ORIGIN, Shared, seconds};
use entry::Refusal;
pub(super) use entry::canonical;
use request::CreateEntry;

type Log = web::Data<Shared>;

/// A code of gRPC, whose gateway puts it into every error.
#[derive(Clone, Copy)]
enum Code {
    InvalidArgument = 3,
    AlreadyExists = 6,
    Internal = 13,
    Unavailable = 14,
}

pub(super) fn configure(service: &mut web::ServiceConfig) {
    service
        .route("/api/v2/log/entries", web::post().to(create))
        .route("/healthz", web::get().to(async || HttpResponse::Ok().json(json!({"status": "SERVING"}))));
}

async fn create(log: Log, body: Result<web::Bytes, actix_web::Error>) -> HttpResponse {
    let Ok(body) = body else { return refused(Code::InvalidArgument, "http: request body too large") };
    // An empty body is an empty request.
    let request = if body.is_empty() { Ok(CreateEntry::default()) } else { serde_json::from_slice(&body) };
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            tracing::info!(%error, "a request to the log of signatures cannot be read");
            return refused(Code::InvalidArgument, "proto: not the JSON of a CreateEntryRequest");
        }
    };
    let entry = match entry::body(request) {
        Ok(entry) => entry,
        Err(refusal) => return not_logged(refusal),
    };
    let record = Record { integrated: seconds(), index_keys: Vec::new(), body: entry.into_bytes() };
    let appended = log.ledger.lock().append(&record);
    match appended {
        Ok(inclusion) => created(&log, &inclusion, &record.body),
        Err(AppendError::Duplicate(index)) => {
            let mut answer = refused(Code::AlreadyExists, &AppendError::Duplicate(index).to_string());
            let index = index.into();
            answer.headers_mut().insert(actix_web::http::header::HeaderName::from_static("x-log-index"), index);
            answer
        }
        Err(AppendError::Log(tiles::AppendError::Full(full))) => refused(Code::Unavailable, &full.to_string()),
        Err(AppendError::TooLong) => refused(Code::InvalidArgument, "invalid entry"),
        Err(error) => {
            tracing::error!(%error, "an entry could not be logged");
            refused(Code::Internal, "failed to integrate entry")
        }
    }
}

fn not_logged(refusal: Refusal) -> HttpResponse {
    tracing::info!(error = %refusal, "the log of signatures refused an entry");
    let words = match refusal {
        Refusal::Type => "invalid type, must be hashedrekord",
        Refusal::Two | Refusal::TwoKeys | Refusal::UnknownKeyDetails => "proto: not the JSON of a CreateEntryRequest",
        Refusal::Several => "invalid dsse request",
        Refusal::Missing(_) | Refusal::KeyDetails | Refusal::Unverified(_) => "invalid hashedrekord request",
    };
    refused(Code::InvalidArgument, words)
}

fn created(log: &Shared, inclusion: &Inclusion, entry: &[u8]) -> HttpResponse {
    let Ok(checkpoint) = log.checkpoint(ORIGIN, inclusion.size, &inclusion.root) else {
        return refused(Code::Internal, "failed to integrate entry");
    };
    let hashes: Vec<Value> = inclusion.hashes.iter().map(|hash| STANDARD.encode(hash).into()).collect();
    HttpResponse::Created().json(json!({
        "logIndex": inclusion.index.to_string(),
        "logId": {"keyId": STANDARD.encode(log.key.id())},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
        "integratedTime": "0",
        "inclusionPromise": null,
        "inclusionProof": {
            "logIndex": inclusion.index.to_string(),
            "rootHash": STANDARD.encode(inclusion.root),
            "treeSize": inclusion.size.to_string(),
            "hashes": hashes,
            "checkpoint": {"envelope": checkpoint},
        },
        "canonicalizedBody": STANDARD.encode(entry),
    }))
}

fn refused(code: Code, message: &str) -> HttpResponse {
    let status = match code {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::AlreadyExists => StatusCode::CONFLICT,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    HttpResponse::build(status).json(json!({"code": code as u8, "message": message, "details": []}))
}
