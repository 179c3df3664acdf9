//! What the development servers are on: the loopback address, for this machine under a name of this machine.
//!
//! Owns the listener's address, the servers' bounds and the check of the Host header. Knows no path.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};

use super::folder::FolderError;
use super::tsa::TimestampingError;

/// How long a client may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How many connections a server serves at the same time.
const MAX_CONNECTIONS: usize = 256;

/// Why a development server does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum DevServerError {
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen { port: u16, source: io::Error },
    #[error("the {server}'s key cannot be used")]
    Key { server: &'static str, source: FolderError },
    #[error("the timestamp authority's key cannot be used")]
    Timestamping(#[source] TimestampingError),
    #[error("the {server}'s entries cannot be used")]
    Entries { server: &'static str, source: FolderError },
    #[error("the {server} has no first entry: {problem}")]
    FirstEntry { server: &'static str, problem: String },
    #[error("the development {server} stopped: {problem}")]
    Run { server: &'static str, problem: io::Error },
}

/// Binds 127.0.0.1; port 0 lets the system choose.
pub(super) fn listen(port: u16) -> Result<(TcpListener, SocketAddr), DevServerError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| DevServerError::Listen { port, source })
}

/// Serves these routes for this machine; the caller decides when that ends.
pub(super) fn serve(
    (listener, address): (TcpListener, SocketAddr),
    max_body: usize,
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> Result<Server, DevServerError> {
    let server = HttpServer::new(move || {
        App::new().app_data(web::PayloadConfig::new(max_body)).wrap(from_fn(loopback_only)).configure(routes.clone())
    })
    .workers(1)
    .max_connections(MAX_CONNECTIONS)
    .client_request_timeout(HEADER_TIMEOUT)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener);
    Ok(server.map_err(|source| DevServerError::Listen { port: address.port(), source })?.run())
}

/// Refuses requests that were not meant for this machine: a web page could otherwise reach the server under a name of its own that
/// resolves to the loopback address (DNS rebinding), and read what it answers.
async fn loopback_only(
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
