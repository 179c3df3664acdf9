//! What goes around every answer: the request's id, cross-origin rules, the spelling of header names, and the count of it.
//!
//! Owns headers that no handler should have to think of. Knows no message.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse, web};

use super::request_id::{self, RequestId};
use crate::issuance::Issuance;
use crate::limits::intake::Intake;

const REQUEST_ID: HeaderName = HeaderName::from_static(request_id::REQUEST_ID);

/// Methods and headers that pages of any origin may use: those of simple requests and JSON.
const ALLOWED_METHODS: [Method; 3] = [Method::GET, Method::POST, Method::HEAD];
const ALLOWED_HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];

/// Wraps every request.
///
/// # Errors
/// Passes on what the handlers return.
pub async fn around<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let (method, issuance) = (request.method().clone(), request.app_data::<web::Data<Issuance>>().cloned());
    let id = RequestId::of(request.headers().get(REQUEST_ID).map(HeaderValue::as_bytes));
    let id_header = HeaderValue::from_str(id.as_str());
    request.extensions_mut().insert(id);
    if let Some(intake) = request.conn_data::<Arc<Intake>>() {
        request.extensions_mut().insert(intake.begin(has_body(request.headers())));
    }
    let cross_origin = request.headers().contains_key(header::ORIGIN);
    let mut response = if is_preflight(&request) {
        let answer = preflight(request.headers());
        request.into_response(answer)
    } else {
        let mut response = next.call(request).await?.map_into_boxed_body();
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
        if cross_origin && response.request().method() != Method::OPTIONS {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        response
    };
    if let Ok(id) = id_header {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // Header names are case-insensitive, but the incumbent's spelling is what scripts grep for.
    response.response_mut().head_mut().set_camel_case_headers(true);
    if let Some(issuance) = issuance {
        issuance.metrics.http(method.as_str(), response.status().as_u16(), started.elapsed());
    }
    Ok(response)
}

/// Whether a body follows the head, as far as the HTTP library goes by it.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).is_some_and(|value| value.as_bytes() != b"0");
    length || headers.contains_key(header::TRANSFER_ENCODING)
}

fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight (<https://fetch.spec.whatwg.org/#http-cors-protocol>): the method and headers asked for, if they are allowed.
fn preflight(headers: &HeaderMap) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::NO_CONTENT);
    response.insert_header((header::VARY, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    let method = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let allowed_method =
        method.filter(|method| ALLOWED_METHODS.iter().any(|allowed| allowed.as_str().as_bytes() == method.as_bytes()));
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let (true, Some(method), true) =
        (headers.contains_key(header::ORIGIN), allowed_method, asked.is_none_or(are_allowed_headers))
    else {
        return response.finish();
    };
    response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, method.clone()));
    if let Some(asked) = asked {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
    }
    response.finish()
}

fn are_allowed_headers(asked: &HeaderValue) -> bool {
    asked.to_str().is_ok_and(|names| {
        names.split(',').all(|name| ALLOWED_HEADERS.iter().any(|allowed| name.trim().eq_ignore_ascii_case(allowed)))
    })
}
