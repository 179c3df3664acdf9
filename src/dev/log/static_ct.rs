//! What the log shows as files (c2sp.org/static-ct-api): checkpoint, tiles, issuers.
//!
//! Owns paths and status codes.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::super::loopback::text;
use super::super::tiles::note;
use super::super::tiles::path::{Span, level_and_span};
use super::super::tiles::served;
use super::Shared;
use crate::crypto::sha256;
use crate::ct::read::Hash;

type Log = web::Data<Shared>;

/// The signature type of RFC 6962's tree heads in signed notes.
const RFC_6962: u8 = 5;

pub(super) fn configure(service: &mut web::ServiceConfig) {
    service
        .route("/checkpoint", web::get().to(checkpoint))
        .route("/tile/data/{tile:.*}", web::get().to(data_tile))
        .route("/tile/{tile:.*}", web::get().to(tile))
        .route("/issuer/{hash}", web::get().to(issuer));
}

async fn checkpoint(log: Log) -> HttpResponse {
    let Ok(head) = log.tree_head() else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "the checkpoint could not be signed");
    };
    let body = note::text(&log.origin, head.size, &head.root);
    let signature = [&head.timestamp.to_be_bytes()[..], &head.signature].concat();
    served::checkpoint(note::signed(&body, &log.origin, key_id(&log), &signature))
}

/// How the note names the log's key.
fn key_id(log: &Shared) -> note::KeyId {
    let named = [log.origin.as_bytes(), b"\n", &[RFC_6962], &log.key.id()].concat();
    let [a, b, c, d, ..] = sha256(&named);
    [a, b, c, d]
}

async fn tile(log: Log, path: web::Path<String>) -> HttpResponse {
    let tile = level_and_span(&path).and_then(|(level, span)| log.ledger.lock().tile(level, span));
    served::tile(Ok(tile))
}

async fn data_tile(log: Log, path: web::Path<String>) -> HttpResponse {
    let Some(span) = Span::parse(&path) else { return served::tile(Ok(None)) };
    served::tile(log.ledger.lock().data_tile(span))
}

async fn issuer(log: Log, hash: web::Path<String>) -> HttpResponse {
    let mut wanted = Hash::default();
    // One name for one certificate.
    let is_name = hex::decode_to_slice(hash.as_bytes(), &mut wanted).is_ok() && hex::encode(wanted) == *hash;
    match log.ledger.lock().issuer(&wanted).filter(|_| is_name) {
        Some(der) => HttpResponse::Ok().content_type("application/pkix-cert").body(der.to_vec()),
        None => text(StatusCode::NOT_FOUND, "no entry was issued by this certificate"),
    }
}
