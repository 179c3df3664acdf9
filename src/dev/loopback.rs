//! Who may talk to the development servers: this machine, under a name of this machine.
//!
//! Owns the listener's address and the check of the Host header. Knows no path.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::middleware::Next;

/// How long a client may take to send its headers.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How many connections a server serves at the same time.
pub(super) const MAX_CONNECTIONS: usize = 256;

/// Binds 127.0.0.1; port 0 lets the system choose.
pub(super) fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// Refuses requests that were not meant for this machine: a web page could otherwise reach the server under a name of its own that
/// resolves to the loopback address (DNS rebinding), and read what it answers.
pub(super) async fn loopback_only(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let target = request.uri().authority().map(actix_web::http::uri::Authority::as_str);
    let hosts_fit = header.is_some_and(is_loopback) && target.is_none_or(is_loopback);
    if hosts_fit && request.headers().get_all(HOST).count() == 1 {
        return next.call(request).await;
    }
    Ok(request.into_response(text(
        StatusCode::FORBIDDEN,
        "this server answers on the loopback address only, under that name\n",
    )))
}

/// Whether `host[:port]` is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn text(status: StatusCode, words: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(words.to_owned())
}
