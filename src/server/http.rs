//! The HTTP listener: HTTP/1 on actix; what speaks HTTP/2 is handed over.
//!
//! Owns how connections become requests, plain or with TLS. Knows no path.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::{HttpServiceBuilder, Request, Response};
use actix_server::GracefulShutdownSignal;
use actix_service::{Service, ServiceFactory, ServiceFactoryExt as _, boxed, fn_service};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::admission::{Admission, HTTP1, TLS, within};
use super::connection::Connection;
use super::heads::Heads;
use super::http2::Handoff;
use super::movable::Movable;
use super::preface::{self, Protocol};
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

/// What comes before HTTP on a connection, and where HTTP/2 goes.
#[derive(Clone)]
pub(super) struct Front {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) http2: mpsc::Sender<Handoff>,
}

/// What the HTTP service takes: a connection that speaks HTTP/1, and its other end.
type Ready<I> = (Connection<Heads<I>>, actix_http::Protocol, Option<SocketAddr>);

/// What a new connection is taken in with.
#[derive(Clone)]
struct Entry {
    admission: Admission,
    memory: Arc<MemoryBudget>,
    /// How long it may take to begin.
    limit: Duration,
    draining: GracefulShutdownSignal,
    /// Where connections go that speak HTTP/2; to this worker they are then done with.
    http2: mpsc::Sender<Handoff>,
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
    let Front { tls, http2 } = front;
    let memory = Arc::clone(issuance.limits.memory());
    let entry = Entry { admission, memory, limit: timeouts.headers, draining: draining.clone(), http2 };
    let builder = builder.listen("http", listener, move || {
        let issuance = Arc::clone(&issuance);
        let answer = fn_service(move |request: Request| {
            let issuance = Arc::clone(&issuance);
            // Boxed: a connection has room for its request's future, and an idle one would keep it.
            Box::pin(async move { Ok::<_, Response<BoxBody>>(api::answer_http1(request, &issuance).await) })
        });
        let (draining, entry) = (draining.clone(), entry.clone());
        match tls.clone() {
            None => {
                let greet = move |stream| plain(stream, entry.clone());
                let http = http(address, timeouts, draining).finish(answer);
                boxed::factory(fn_service(greet).and_then(http.map_err(drop)))
            }
            Some(acceptor) => {
                let greet = move |stream| secure(stream, acceptor.clone(), entry.clone());
                let http = http(address, timeouts, draining).secure().finish(answer);
                boxed::factory(fn_service(greet).and_then(http.map_err(drop)))
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
        (Connection::new(Heads::new(stream, intake, self.limit), lease), actix_http::Protocol::Http1, peer)
    }

    /// The connection speaks HTTP/2. When there is no room for it, closing it is the answer.
    fn hand_over<T>(
        &self,
        socket: std::io::Result<std::net::TcpStream>,
        tls: Option<Box<TlsStream<Movable>>>,
        lease: Arc<Lease>,
    ) -> Result<T, ()> {
        let sent = socket.is_ok_and(|socket| self.http2.try_send(Handoff { socket, tls, lease }).is_ok());
        tracing::trace!(sent, "a connection speaks HTTP/2");
        Err(())
    }
}

/// Looks at the first bytes: connections that never send one take no memory for HTTP.
async fn plain(stream: TcpStream, entry: Entry) -> Result<Ready<TcpStream>, ()> {
    let (lease, peer) = entry.admit(&stream)?;
    // Boxed: what comes after takes the room of this future.
    match Box::pin(within(entry.limit, &lease, entry.draining.notified(), preface::detect(&stream))).await? {
        Protocol::Http1 => Ok(entry.ready(stream, lease, peer)),
        Protocol::Http2 => entry.hand_over(stream.into_std(), None, lease),
    }
}

async fn secure(stream: TcpStream, acceptor: TlsAcceptor, entry: Entry) -> Result<Ready<TlsStream<Movable>>, ()> {
    let (lease, peer) = entry.admit(&stream)?;
    let greeting = within(entry.limit, &lease, entry.draining.notified(), async {
        preface::first_byte_of_tls(&stream).await?;
        entry.admission.begin(&lease, TLS);
        let mut stream = acceptor.accept(Movable::new(stream)).await?;
        let protocol = preface::of_tls(&mut stream).await?;
        Ok((stream, protocol))
    });
    match greeting.await? {
        (stream, Protocol::Http1) => Ok(entry.ready(stream, lease, peer)),
        (mut stream, Protocol::Http2) => {
            let socket = stream.get_mut().0.take();
            entry.hand_over(socket, Some(Box::new(stream)), lease)
        }
    }
}
