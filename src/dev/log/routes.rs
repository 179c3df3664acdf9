//! The log's requests and answers (RFC 6962 section 4), one function for each.
//!
//! Owns JSON and status codes. What is taken in, kept and proven is said elsewhere.

use std::io;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::loopback::text;
use super::super::tiles;
use super::ledger::AppendError;
use super::record::Record;
use super::submission::{Kind, Submission};
use super::{Shared, milliseconds};
use crate::ct::read::Hash;

/// The most entries in an answer of get-entries; a client asks again for more.
const MAX_ENTRIES_AT_ONCE: usize = 256;

type Log = web::Data<Shared>;

pub(super) fn configure(service: &mut web::ServiceConfig) {
    service
        .route("/ct/v1/add-chain", web::post().to(add_chain))
        .route("/ct/v1/add-pre-chain", web::post().to(add_pre_chain))
        .route("/ct/v1/get-sth", web::get().to(get_sth))
        .route("/ct/v1/get-sth-consistency", web::get().to(get_sth_consistency))
        .route("/ct/v1/get-proof-by-hash", web::get().to(get_proof_by_hash))
        .route("/ct/v1/get-entries", web::get().to(get_entries))
        .route("/ct/v1/get-roots", web::get().to(get_roots))
        .route("/ct/v1/get-entry-and-proof", web::get().to(get_entry_and_proof));
}

#[derive(Deserialize)]
struct Chain {
    chain: Vec<String>,
}

async fn add_chain(log: Log, body: web::Bytes) -> HttpResponse {
    add(&log, Kind::Certificate, &body)
}

async fn add_pre_chain(log: Log, body: web::Bytes) -> HttpResponse {
    add(&log, Kind::Precertificate, &body)
}

fn add(log: &Shared, kind: Kind, body: &[u8]) -> HttpResponse {
    let Ok(Chain { chain }) = serde_json::from_slice(body) else { return bad("the body is not {\"chain\": [..]}") };
    let Ok(chain) = chain.iter().map(|der| STANDARD.decode(der)).collect::<Result<Vec<_>, _>>() else {
        return bad("a member of the chain is not base64");
    };
    let submission = match Submission::accept(kind, &chain, &log.root) {
        Ok(submission) => submission,
        Err(refusal) => return bad(&refusal.to_string()),
    };
    match log.ledger.lock().append(&submission, milliseconds(), |leaf| log.digitally_sign(leaf)) {
        Ok(issued) => HttpResponse::Ok().json(json!({
            "sct_version": 0,
            "id": STANDARD.encode(log.key.id()),
            "timestamp": issued.timestamp,
            "extensions": STANDARD.encode(issued.extensions),
            "signature": STANDARD.encode(issued.signature),
        })),
        Err(AppendError::Log(tiles::AppendError::Full(full))) => {
            text(StatusCode::SERVICE_UNAVAILABLE, &full.to_string())
        }
        Err(error) => failed(&error),
    }
}

async fn get_sth(log: Log) -> HttpResponse {
    match log.tree_head() {
        Ok(head) => HttpResponse::Ok().json(json!({
            "tree_size": head.size,
            "timestamp": head.timestamp,
            "sha256_root_hash": STANDARD.encode(head.root),
            "tree_head_signature": STANDARD.encode(head.signature),
        })),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the tree head could not be signed"),
    }
}

#[derive(Deserialize)]
struct Sizes {
    first: usize,
    second: usize,
}

async fn get_sth_consistency(log: Log, query: web::Query<Sizes>) -> HttpResponse {
    match log.ledger.lock().consistency_proof(query.first, query.second) {
        Some(proof) => HttpResponse::Ok().json(json!({"consistency": encoded(&proof)})),
        None => bad("there are no trees of these sizes, first and second"),
    }
}

#[derive(Deserialize)]
struct LeafHash {
    hash: String,
    tree_size: usize,
}

async fn get_proof_by_hash(log: Log, query: web::Query<LeafHash>) -> HttpResponse {
    let Some(hash) = STANDARD.decode(&query.hash).ok().and_then(|hash| Hash::try_from(hash).ok()) else {
        return bad("the hash is not 32 bytes in base64");
    };
    let ledger = log.ledger.lock();
    let Some(index) = ledger.index_of(&hash) else {
        return text(StatusCode::NOT_FOUND, "no entry has this hash");
    };
    match ledger.inclusion_proof(index, query.tree_size) {
        Some(proof) => HttpResponse::Ok().json(json!({"leaf_index": index, "audit_path": encoded(&proof)})),
        None => bad("the entry is not in a tree of this size, or there is none"),
    }
}

#[derive(Deserialize)]
struct Range {
    start: usize,
    end: usize,
}

async fn get_entries(log: Log, query: web::Query<Range>) -> HttpResponse {
    let ledger = log.ledger.lock();
    if query.start > query.end || query.start >= ledger.size() {
        return bad("there are no such entries");
    }
    let wanted = (query.start..=query.end).take(MAX_ENTRIES_AT_ONCE);
    let records = wanted.map_while(|index| ledger.record(index).transpose());
    match records.map(|record| Ok(shown(&record?))).collect::<io::Result<Vec<Value>>>() {
        Ok(entries) => HttpResponse::Ok().json(json!({"entries": entries})),
        Err(error) => failed(&error),
    }
}

async fn get_roots(log: Log) -> HttpResponse {
    HttpResponse::Ok().json(json!({"certificates": [STANDARD.encode(&log.root)]}))
}

#[derive(Deserialize)]
struct LeafIndex {
    leaf_index: usize,
    tree_size: usize,
}

async fn get_entry_and_proof(log: Log, query: web::Query<LeafIndex>) -> HttpResponse {
    let ledger = log.ledger.lock();
    let proof = ledger.inclusion_proof(query.leaf_index, query.tree_size);
    let (proof, record) = match (proof, ledger.record(query.leaf_index)) {
        (Some(proof), Ok(Some(record))) => (proof, record),
        (_, Err(error)) => return failed(&error),
        _ => return bad("the entry is not in a tree of this size, or there is none"),
    };
    let mut answer = shown(&record);
    if let Value::Object(members) = &mut answer {
        members.insert("audit_path".to_owned(), encoded(&proof).into());
    }
    HttpResponse::Ok().json(answer)
}

fn shown(entry: &Record) -> Value {
    json!({"leaf_input": STANDARD.encode(&entry.leaf), "extra_data": STANDARD.encode(&entry.extra_data)})
}

fn encoded(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| STANDARD.encode(hash)).collect()
}

fn bad(problem: &str) -> HttpResponse {
    text(StatusCode::BAD_REQUEST, problem)
}

/// The log's own fault.
fn failed(error: &dyn std::error::Error) -> HttpResponse {
    tracing::error!(%error, "the development log failed");
    text(StatusCode::INTERNAL_SERVER_ERROR, "the log failed; its own messages say why")
}
