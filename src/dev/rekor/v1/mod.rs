//! Rekor v1's write, and as much of its read as clients need: they ask for an entry again, or by what it is about.
//!
//! Owns the answers. Entries of both versions are in one log; v1 shows its head under a name of its own, since that is how clients tell
//! which version an entry is of.

mod proposed;
mod verifier;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::super::tiles;
use super::ledger::{AppendError, Inclusion, Ledger};
use super::record::Record;
use super::{ORIGIN, Shared, seconds};
use crate::ct::read::{Hash, leaf_hash};
use crate::text::pem;
use proposed::Entry;

type Log = web::Data<Shared>;

const ENTRIES: &str = "/api/v1/log/entries";
/// A leaf's hash, in hexadecimal digits.
const UUID: usize = 64;
/// The most entries that a search names.
const MAX_FOUND: usize = 1000;

pub(super) fn configure(service: &mut web::ServiceConfig) {
    service
        .route(ENTRIES, web::post().to(create))
        .route(ENTRIES, web::get().to(by_index))
        .route(&format!("{ENTRIES}/{{id}}"), web::get().to(by_id))
        .route("/api/v1/log", web::get().to(log_info))
        .route("/api/v1/log/publicKey", web::get().to(public_key))
        .route("/api/v1/index/retrieve", web::post().to(search));
}

async fn create(log: Log, body: Result<web::Bytes, actix_web::Error>) -> HttpResponse {
    let Ok(body) = body else { return refused(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large") };
    let entry = match Entry::accept(&body) {
        Ok(entry) => entry,
        Err(refusal) => {
            tracing::info!(error = %refusal, "the log of signatures refused an entry");
            return refused(StatusCode::BAD_REQUEST, &format!("error processing entry: {refusal}"));
        }
    };
    let record = Record { integrated: seconds(), index_keys: entry.index_keys, body: entry.body.into_bytes() };
    let id = log.entry_id(&leaf_hash(&[&record.body]));
    let appended = log.ledger.lock().append(&record);
    let location = format!("{ENTRIES}/{id}");
    match appended {
        Ok(inclusion) => {
            let mut answer = HttpResponse::Created();
            answer.insert_header((ETAG, id)).insert_header((LOCATION, location));
            shown(answer, &log, &record, &inclusion)
        }
        Err(AppendError::Duplicate(_)) => {
            let message = format!("an equivalent entry already exists in the transparency log with UUID {id}");
            let answer = json!({"code": 409, "message": message});
            HttpResponse::Conflict().insert_header((LOCATION, location)).json(answer)
        }
        Err(AppendError::Log(tiles::AppendError::Full(full))) => {
            refused(StatusCode::SERVICE_UNAVAILABLE, &full.to_string())
        }
        Err(error @ AppendError::TooLong) => {
            refused(StatusCode::BAD_REQUEST, &format!("error processing entry: {error}"))
        }
        Err(error) => failed(&error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIndex {
    log_index: usize,
}

async fn by_index(log: Log, query: web::Query<LogIndex>) -> HttpResponse {
    retrieved(&log, |_| Some(query.log_index))
}

async fn by_id(log: Log, id: web::Path<String>) -> HttpResponse {
    // With the tree's number in front or without it.
    let uuid = id.strip_prefix(&log.tree_prefix()).unwrap_or(&id);
    let mut hash = Hash::default();
    if uuid.len() != UUID || hex::decode_to_slice(uuid, &mut hash).is_err() {
        return refused(StatusCode::BAD_REQUEST, "UUID must be a 64-character hexadecimal string");
    }
    retrieved(&log, |ledger| ledger.index_of(&hash))
}

fn retrieved(log: &Shared, index: impl FnOnce(&Ledger) -> Option<usize>) -> HttpResponse {
    let found = {
        let ledger = log.ledger.lock();
        let index = index(&ledger);
        index.and_then(|index| Some((ledger.record(index).transpose()?, ledger.inclusion(index)?)))
    };
    match found {
        Some((Ok(record), inclusion)) => shown(HttpResponse::Ok(), log, &record, &inclusion),
        Some((Err(error), _)) => failed(&error),
        None => refused(StatusCode::NOT_FOUND, "the log has no such entry"),
    }
}

fn shown(mut answer: HttpResponseBuilder, log: &Shared, record: &Record, inclusion: &Inclusion) -> HttpResponse {
    let body = STANDARD.encode(&record.body);
    let (integrated, index, log_id) = (record.integrated, inclusion.index, hex::encode(log.key.id()));
    // The promise is over these four, as canonical JSON.
    let promised =
        format!(r#"{{"body":"{body}","integratedTime":{integrated},"logID":"{log_id}","logIndex":{index}}}"#);
    let checkpoint = || log.checkpoint(&log.origin_v1(), inclusion.size, &inclusion.root);
    let signed = log.key.sign(promised.as_bytes()).and_then(|promise| Ok((promise, checkpoint()?)));
    let Ok((promise, checkpoint)) = signed else { return failed(&Unspecified) };
    answer.json(json!({log.entry_id(&leaf_hash(&[&record.body])): {
        "body": body,
        "integratedTime": integrated,
        "logID": log_id,
        "logIndex": index,
        "verification": {
            "inclusionProof": {
                "checkpoint": checkpoint,
                "hashes": inclusion.hashes.iter().map(hex::encode).collect::<Vec<_>>(),
                "logIndex": index,
                "rootHash": hex::encode(inclusion.root),
                "treeSize": inclusion.size,
            },
            "signedEntryTimestamp": STANDARD.encode(promise),
        },
    }}))
}

async fn log_info(log: Log) -> HttpResponse {
    let (size, root) = log.ledger.lock().head();
    match log.checkpoint(&log.origin_v1(), size, &root) {
        Ok(checkpoint) => HttpResponse::Ok().json(json!({
            "rootHash": hex::encode(root),
            "signedTreeHead": checkpoint,
            "treeID": log.tree_id().to_string(),
            "treeSize": size,
        })),
        Err(error) => failed(&error),
    }
}

async fn public_key(log: Log) -> HttpResponse {
    let answer = pem("PUBLIC KEY", log.key.spki_der());
    HttpResponse::Ok().content_type("application/x-pem-file").body(answer)
}

/// What entries are looked for by; with several, one of them is enough unless the operator says `and`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    email: Option<String>,
    hash: Option<String>,
    public_key: Option<SearchKey>,
    operator: Option<Operator>,
}

#[derive(Deserialize)]
struct SearchKey {
    content: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operator {
    And,
    #[default]
    Or,
}

async fn search(log: Log, body: web::Bytes) -> HttpResponse {
    let Ok(search) = serde_json::from_slice::<Search>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the search is malformed");
    };
    let mut keys: Vec<String> = search.email.iter().map(|email| email.to_lowercase()).collect();
    // Without an algorithm it is SHA-256.
    keys.extend(
        search
            .hash
            .iter()
            .map(|hash| if hash.contains(':') { hash.to_lowercase() } else { format!("sha256:{hash}").to_lowercase() }),
    );
    if let Some(key) = search.public_key {
        let pem = key.content.and_then(|content| STANDARD.decode(content).ok());
        let found = pem.and_then(|pem| verifier::PemVerifier::parse(&pem)?.index_keys().into_iter().next());
        let Some(found) = found else {
            return refused(StatusCode::BAD_REQUEST, "public key provided could not be parsed");
        };
        keys.push(found);
    }
    let ledger = log.ledger.lock();
    let mut lists = keys.iter().map(|key| ledger.found_by(key));
    let mut found = lists.next().unwrap_or_default().to_vec();
    for list in lists {
        match search.operator.unwrap_or_default() {
            Operator::And => found.retain(|index| list.contains(index)),
            Operator::Or => found.extend(list),
        }
    }
    found.sort_unstable();
    found.dedup();
    let hashes = found.into_iter().take(MAX_FOUND).filter_map(|index| ledger.leaf(index));
    HttpResponse::Ok().json(hashes.map(|hash| log.entry_id(&hash)).collect::<Vec<_>>())
}

impl Shared {
    /// v1 numbers its trees: ours is named after its key.
    fn tree_id(&self) -> u64 {
        let id = self.key.id();
        let beginning = id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        // Positive as a signed number, and never 0.
        (beginning >> 1) | 1
    }

    fn tree_prefix(&self) -> String {
        format!("{:016x}", self.tree_id())
    }

    fn entry_id(&self, leaf: &Hash) -> String {
        format!("{}{}", self.tree_prefix(), hex::encode(leaf))
    }

    /// The origin of checkpoints in v1's form, with the tree's number.
    fn origin_v1(&self) -> String {
        format!("{ORIGIN} - {}", self.tree_id())
    }
}

fn refused(status: StatusCode, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"code": status.as_u16(), "message": message}))
}

/// The log's own fault.
fn failed(error: &dyn std::error::Error) -> HttpResponse {
    tracing::error!(%error, "the log of signatures failed");
    refused(StatusCode::INTERNAL_SERVER_ERROR, "unexpected result from transparency log")
}
