//! The HTTP listener: REST on actix.
//!
//! Owns how connections become requests: plain, with TLS, or on the port that gRPC shares. Knows no path.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::{HttpServiceBuilder, Protocol, Request, Response};
use actix_server::GracefulShutdownSignal;
use actix_service::{
    IntoServiceFactory as _, Service, ServiceFactory, ServiceFactoryExt as _, boxed, fn_service, map_config,
};
use actix_web::App;
use actix_web::dev::AppConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::admission::{Admission, HTTP1, TLS, within};
use super::connection::Connection;
use super::grpc::Handed;
use super::heads::Heads;
use super::preface;
use super::{SHUTDOWN, Timeouts};
use crate::api;
use crate::issuance::Issuance;
use crate::limits::connections::Lease;
use crate::limits::intake::Intake;
use crate::limits::memory::{ConnectionMemory, MemoryBudget};

/// How long a closed connection may linger.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections of a worker from which on it accepts no more. Never reached: [`Admission`] closes them before.
const WORKER_CONNECTIONS: usize = 1 << 20;

/// What comes before HTTP on a connection.
#[derive(Clone)]
pub(super) enum Front {
    /// Nothing.
    Plain,
    /// TLS.
    Tls(TlsAcceptor),
    /// A look at the first bytes; connections that speak HTTP/2 are sent on to gRPC.
    Shared(mpsc::Sender<Handed>),
}

/// What the HTTP service takes: a connection that speaks HTTP/1, and its other end.
type Ready<I> = (Connection<Heads<I>>, Protocol, Option<SocketAddr>);

/// What a new connection is taken in with.
#[derive(Clone)]
struct Entry {
    admission: Admission,
    memory: Arc<MemoryBudget>,
    /// How long it may take to begin.
    limit: Duration,
}

/// An HTTP server on this listener. It runs when it is polled, and is stopped by its handle only.
pub(super) fn server(
    listener: TcpListener,
    issuance: Arc<Issuance>,
    timeouts: Timeouts,
    admission: Admission,
    front: Front,
) -> std::io::Result<actix_server::Server> {
    let address = listener.local_addr()?;
    let builder = actix_server::Server::build()
        .disable_signals()
        .shutdown_timeout(SHUTDOWN.as_secs())
        .max_concurrent_connections(WORKER_CONNECTIONS);
    let draining = builder.graceful_shutdown_signal();
    let entry = Entry { admission, memory: Arc::clone(issuance.limits.memory()), limit: timeouts.headers };
    let builder = builder.listen("http", listener, move || {
        let issuance = Arc::clone(&issuance);
        let app = App::new()
            .wrap(actix_web::middleware::from_fn(api::around))
            .configure(move |service| api::configure(service, &issuance))
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        let app = map_config(app, |()| AppConfig::default());
        let (draining, entry) = (draining.clone(), entry.clone());
        match front.clone() {
            Front::Plain => {
                let greet = move |stream| plain(stream, entry.clone());
                boxed::factory(fn_service(greet).and_then(http(address, timeouts, draining).finish(app).map_err(drop)))
            }
            Front::Tls(acceptor) => {
                let greet = move |stream| secure(stream, acceptor.clone(), entry.clone());
                let http = http(address, timeouts, draining).secure().finish(app);
                boxed::factory(fn_service(greet).and_then(http.map_err(drop)))
            }
            Front::Shared(grpc) => {
                let greet = move |stream| sort(stream, grpc.clone(), entry.clone());
                boxed::factory(fn_service(greet).and_then(http(address, timeouts, draining).finish(app).map_err(drop)))
            }
        }
    })?;
    Ok(builder.run())
}

/// HTTP/1 on connections of any kind.
fn http<I, S>(
    address: SocketAddr,
    timeouts: Timeouts,
    draining: GracefulShutdownSignal,
) -> HttpServiceBuilder<Connection<Heads<I>>, S>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
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
        .on_connect_ext(|connection: &Connection<Heads<I>>, extensions| {
            extensions.insert(Arc::clone(connection.lease()));
            extensions.insert(Arc::clone(connection.stream().intake()));
        })
}

impl Entry {
    /// A place for a new connection, and its other end.
    fn admit(&self, stream: &TcpStream) -> Result<(Arc<Lease>, Option<SocketAddr>), ()> {
        let peer = stream.peer_addr().ok();
        let lease = self.admission.admit(peer.map(|peer| peer.ip())).ok_or(())?;
        Ok((lease, peer))
    }

    /// The connection speaks HTTP/1.
    fn ready<I>(&self, stream: I, lease: Arc<Lease>, peer: Option<SocketAddr>) -> Ready<I> {
        self.admission.begin(&lease, HTTP1);
        let intake = Intake::new(ConnectionMemory::http1(Arc::clone(&self.memory)));
        (Connection::new(Heads::new(stream, intake, self.limit), lease), Protocol::Http1, peer)
    }
}

/// Waits for a first byte: connections that never send one take no memory for HTTP.
async fn plain(stream: TcpStream, entry: Entry) -> Result<Ready<TcpStream>, ()> {
    let (lease, peer) = entry.admit(&stream)?;
    within(entry.limit, &lease, stream.readable()).await?;
    Ok(entry.ready(stream, lease, peer))
}

/// Shakes hands.
async fn secure(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    entry: Entry,
) -> Result<Ready<tokio_rustls::server::TlsStream<TcpStream>>, ()> {
    let (lease, peer) = entry.admit(&stream)?;
    let stream = within(entry.limit, &lease, async {
        stream.readable().await?;
        entry.admission.begin(&lease, TLS);
        acceptor.accept(stream).await
    });
    let stream = stream.await?;
    Ok(entry.ready(stream, lease, peer))
}

/// Lets HTTP/1 pass and sends HTTP/2 to gRPC; to this worker the connection is then done with.
async fn sort(stream: TcpStream, grpc: mpsc::Sender<Handed>, entry: Entry) -> Result<Ready<TcpStream>, ()> {
    let (lease, peer) = entry.admit(&stream)?;
    match within(entry.limit, &lease, preface::detect(&stream)).await? {
        preface::Protocol::Http1 => Ok(entry.ready(stream, lease, peer)),
        preface::Protocol::Http2 => {
            // When gRPC has no room for it, closing the connection is the answer.
            let sent = stream.into_std().is_ok_and(|stream| grpc.try_send(Handed { stream, lease }).is_ok());
            tracing::trace!(sent, "a connection speaks HTTP/2");
            Err(())
        }
    }
}
