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

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::HttpServiceFactory;
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use crate::failure::{Failure, FailureKind};
use crate::issuance::Issuance;

pub use answer::respond_to_failure;
pub use middleware::around;

/// The largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Adds every route. Unknown paths and methods are answered in the same form as every other failure.
pub fn configure(service: &mut web::ServiceConfig, issuance: &Arc<Issuance>) {
    service
        .app_data(web::Data::from(Arc::clone(issuance)))
        .service(resource("/api/v2/signingCert", web::post().to(rest_v2::create_signing_certificate)))
        .service(resource("/api/v2/trustBundle", web::get().to(rest_v2::trust_bundle)))
        .service(resource("/api/v2/configuration", web::get().to(rest_v2::configuration)))
        .service(resource("/api/v1/signingCert", web::post().to(rest_v1::create_signing_certificate)))
        .service(resource("/api/v1/rootCert", web::get().to(rest_v1::root_certificate)))
        .service(resource("/healthz", web::get().to(rest_v2::health)))
        .service(resource("/readyz", web::get().to(rest_v2::readiness)))
        .default_service(web::to(not_found));
}

fn resource(path: &str, route: actix_web::Route) -> impl HttpServiceFactory + use<> {
    Resource::new(path).route(route).default_service(web::to(method_not_allowed))
}

async fn not_found(request: HttpRequest) -> HttpResponse {
    respond_to_failure(&request, &Failure::new(FailureKind::NotFound, "no such path"))
}

async fn method_not_allowed(request: HttpRequest) -> HttpResponse {
    respond_to_failure(&request, &Failure::new(FailureKind::MethodNotAllowed, "the path does not know the method"))
}
