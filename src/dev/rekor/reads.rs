//! What the log shows as files (c2sp.org/tlog-tiles), below `/api/v2` as rekor-tiles has it, and at the root.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::super::loopback::text;
use super::super::tiles::path::{Span, level_and_span};
use super::super::tiles::served;
use super::{ORIGIN, Shared};

type Log = web::Data<Shared>;

pub(super) fn configure(service: &mut web::ServiceConfig) {
    for prefix in ["", "/api/v2"] {
        service
            .route(&format!("{prefix}/checkpoint"), web::get().to(checkpoint))
            .route(&format!("{prefix}/tile/entries/{{tile:.*}}"), web::get().to(bundle))
            .route(&format!("{prefix}/tile/{{tile:.*}}"), web::get().to(tile));
    }
}

async fn checkpoint(log: Log) -> HttpResponse {
    let (size, root) = log.ledger.lock().head();
    match log.checkpoint(ORIGIN, size, &root) {
        Ok(note) => served::checkpoint(note),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the checkpoint could not be signed"),
    }
}

async fn tile(log: Log, path: web::Path<String>) -> HttpResponse {
    let tile = level_and_span(&path).and_then(|(level, span)| log.ledger.lock().tile(level, span));
    served::tile(Ok(tile))
}

async fn bundle(log: Log, path: web::Path<String>) -> HttpResponse {
    let Some(span) = Span::parse(&path) else { return served::tile(Ok(None)) };
    served::tile(log.ledger.lock().bundle(span))
}
