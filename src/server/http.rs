//! The HTTP listener: REST on actix.
//!
//! Owns how connections become requests: plain, with TLS, or on the port that gRPC shares. Knows no path.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::{HttpServiceBuilder, Request, Response, TlsAcceptorConfig};
use actix_server::GracefulShutdownSignal;
use actix_service::{
    IntoServiceFactory as _, Service, ServiceFactory, ServiceFactoryExt as _, boxed, fn_service, map_config,
};
use actix_web::App;
use actix_web::dev::AppConfig;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::preface::{self, Protocol};
use super::{MAX_CONNECTIONS, SHUTDOWN, Timeouts};
use crate::api;
use crate::issuance::Issuance;

/// How long a closed connection may linger.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What comes before HTTP on a connection.
#[derive(Clone)]
pub(super) enum Front {
    /// Nothing.
    Plain,
    /// TLS.
    Tls(Box<rustls::ServerConfig>),
    /// A look at the first bytes; connections that speak HTTP/2 are sent on to gRPC.
    Shared(mpsc::Sender<std::net::TcpStream>),
}

/// An HTTP server on this listener. It runs when it is polled, and is stopped by its handle only.
pub(super) fn server(
    listener: TcpListener,
    issuance: Arc<Issuance>,
    timeouts: Timeouts,
    front: Front,
) -> std::io::Result<actix_server::Server> {
    let address = listener.local_addr()?;
    let builder = actix_server::Server::build()
        .disable_signals()
        .shutdown_timeout(SHUTDOWN.as_secs())
        .max_concurrent_connections(MAX_CONNECTIONS);
    let draining = builder.graceful_shutdown_signal();
    let builder = builder.listen("http", listener, move || {
        let issuance = Arc::clone(&issuance);
        let app = App::new()
            .wrap(actix_web::middleware::from_fn(api::around))
            .configure(move |service| api::configure(service, &issuance))
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        let app = map_config(app, |()| AppConfig::default());
        let draining = draining.clone();
        match front.clone() {
            Front::Plain => boxed::factory(http(address, timeouts, draining).finish(app).tcp().map_err(drop)),
            Front::Tls(config) => {
                let acceptor = TlsAcceptorConfig::default().handshake_timeout(timeouts.headers);
                let http = http(address, timeouts, draining).secure().finish(app);
                boxed::factory(http.rustls_0_23_with_config(*config, acceptor).map_err(drop))
            }
            Front::Shared(grpc) => {
                let sort = move |stream| sort(stream, grpc.clone(), timeouts.headers);
                let http = http(address, timeouts, draining).finish(app).tcp().map_err(drop);
                boxed::factory(fn_service(sort).and_then(http))
            }
        }
    })?;
    Ok(builder.run())
}

/// HTTP/1 on connections of any kind.
fn http<T, S>(address: SocketAddr, timeouts: Timeouts, draining: GracefulShutdownSignal) -> HttpServiceBuilder<T, S>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: std::fmt::Debug,
    <S::Service as Service<Request>>::Future: 'static,
{
    HttpServiceBuilder::default()
        .graceful_shutdown_signal(move || {
            let draining = draining.clone();
            async move { draining.notified().await }
        })
        .keep_alive(timeouts.idle)
        .client_request_timeout(timeouts.headers)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .local_addr(address)
}

/// Lets HTTP/1 pass and sends HTTP/2 to gRPC; to this worker the connection is then done with.
async fn sort(stream: TcpStream, grpc: mpsc::Sender<std::net::TcpStream>, limit: Duration) -> Result<TcpStream, ()> {
    match preface::detect(&stream, limit).await {
        Ok(Protocol::Http1) => return Ok(stream),
        // When gRPC has no room for it, closing the connection is the answer.
        Ok(Protocol::Http2) => {
            let sent = stream.into_std().map(|stream| grpc.try_send(stream));
            tracing::trace!(sent = sent.is_ok_and(|sent| sent.is_ok()), "a connection speaks HTTP/2");
        }
        Err(error) => tracing::debug!(%error, "a connection said nothing that tells its protocol"),
    }
    Err(())
}
