//! A log's files as HTTP answers.

use std::io;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::super::loopback::text;

pub(in crate::dev) fn checkpoint(note: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(note)
}

/// A tile of hashes or entries: what it holds never changes.
pub(in crate::dev) fn tile(content: io::Result<Option<Vec<u8>>>) -> HttpResponse {
    match content {
        Ok(Some(bytes)) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "application/octet-stream"))
            .insert_header((CACHE_CONTROL, "max-age=31536000, immutable"))
            .body(bytes),
        Ok(None) => text(StatusCode::NOT_FOUND, "the log has no such tile"),
        Err(error) => {
            tracing::error!(%error, "a development log's file cannot be read");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the log's file cannot be read")
        }
    }
}
