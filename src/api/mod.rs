//! The wire: decode, call the core, encode. One file a transport, one error table for all ([`crate::failure`]).
//!
//! Owns what clients see of requests and answers. Decides nothing about certificates.

mod answer;
pub mod grpc;
mod middleware;
pub mod proto_json;
mod request_id;
mod rest;
mod rest_v1;
mod rest_v2;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use crate::failure::{Failure, FailureKind};
use crate::issuance::Issuance;

pub use answer::respond_to_failure;
pub use middleware::around;

/// The most header fields of a request, those of HTTP/2's own not counted.
const MAX_FIELDS: usize = 96;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Adds every route. Unknown paths and methods are answered in the same form as every other failure.
pub fn configure(service: &mut web::ServiceConfig, issuance: &Arc<Issuance>) {
    service
        .app_data(web::Data::from(Arc::clone(issuance)))
        .service(resource("/api/v2/signingCert", Method::POST, web::post().to(rest_v2::create_signing_certificate)))
        .service(resource("/api/v2/trustBundle", Method::GET, web::get().to(rest_v2::trust_bundle)))
        .service(resource("/api/v2/configuration", Method::GET, web::get().to(rest_v2::configuration)))
        .service(resource("/api/v1/signingCert", Method::POST, web::post().to(rest_v1::create_signing_certificate)))
        .service(resource("/api/v1/rootCert", Method::GET, web::get().to(rest_v1::root_certificate)))
        .service(resource("/healthz", Method::GET, web::get().to(rest_v2::health)))
        .service(resource("/readyz", Method::GET, web::get().to(rest_v2::readiness)))
        .default_service(web::to(not_found));
}

fn resource(path: &str, method: Method, route: actix_web::Route) -> impl HttpServiceFactory + use<> {
    let refuse = move |request: HttpRequest| ready(method_not_allowed(&request, &method));
    Resource::new(path).route(route).default_service(web::to(refuse))
}

async fn not_found(request: HttpRequest) -> HttpResponse {
    respond_to_failure(&request, &Failure::new(FailureKind::NotFound, "no such path"))
}

/// The answer names the method that the path knows (RFC 9110 section 15.5.6).
fn method_not_allowed(request: &HttpRequest, method: &Method) -> HttpResponse {
    let failure = Failure::new(FailureKind::MethodNotAllowed, "the path does not know the method");
    let mut response = respond_to_failure(request, &failure);
    if let Ok(value) = HeaderValue::from_str(method.as_str()) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
