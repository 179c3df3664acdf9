//! Listeners and their life: bind, serve, and stop without losing what is in flight.
//!
//! Owns sockets, TLS and signals. Knows neither paths nor messages, nor what is behind them.

/// Writes of a stream that follows only what is read go through to its field `stream`.
macro_rules! writes_through {
    ($kind:ident) => {
        impl<I: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for $kind<I> {
            fn poll_write(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write(context, bytes)
            }

            fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_flush(context)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_shutdown(context)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                parts: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write_vectored(context, parts)
            }

            fn is_write_vectored(&self) -> bool {
                self.stream.is_write_vectored()
            }
        }
    };
}
use writes_through;

mod admission;
mod answers;
mod connection;
mod heads;
mod hpack;
mod http;
mod http2;
mod inflow;
mod kept;
mod listen;
pub mod listeners;
mod movable;
mod patience;
mod preface;
mod readiness;
mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::api::grpc::{Routes, RoutesError};
use crate::api::{Serves, Services};
use crate::issuance::Issuance;
use crate::limits::connections::ConnectionLimits;
use crate::server::listeners::{Address, Endpoint, Listeners};
use admission::Admission;
use http::Front;
use tls::ServerCertificate;

pub use listen::listen as listen_on;
pub use tls::{TlsError, read_certificate};

/// How long what is in flight may take once the server is told to stop.
const SHUTDOWN: Duration = Duration::from_secs(20);
/// Connections on their way from the HTTP listener to where HTTP/2 is served.
const HANDED: usize = 1024;

#[derive(Clone, Debug)]
pub struct ServerOptions {
    pub listeners: Listeners,
    pub timeouts: Timeouts,
    pub connections: ConnectionLimits,
}

/// For how long clients may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// While they send a request's headers, or shake hands.
    pub headers: Duration,
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { headers: Duration::from_secs(10), idle: Duration::from_secs(30) }
    }
}

impl Default for ServerOptions {
    /// Ports of the loopback address that the system chooses.
    fn default() -> Self {
        Self {
            listeners: Listeners::any_ports("127.0.0.1"),
            timeouts: Timeouts::default(),
            connections: ConnectionLimits::default(),
        }
    }
}

/// Why the server does not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {}:{}: {source}", address.host, address.port)]
    Listen { address: Address, source: io::Error },
    /// There is no certificate for TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// gRPC cannot be set up.
    #[error(transparent)]
    Grpc(#[from] RoutesError),
    #[error("the server stopped: {0}")]
    Run(#[from] io::Error),
    #[error("stopped at once by a second signal; requests in flight were not answered")]
    Interrupted,
}

/// A server that is bound and ready to run.
pub struct Server {
    addresses: [SocketAddr; 2],
    http: actix_server::Server,
    http2: http2::Sources,
    routes: Routes,
    issuance: Arc<Issuance>,
    timeouts: Timeouts,
    admission: Admission,
    certificates: Vec<Arc<ServerCertificate>>,
    stop: Arc<Notify>,
}

/// Stops a server from elsewhere.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<Notify>);

impl StopHandle {
    /// Asks the server to finish what is in flight and stop.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

impl Server {
    /// Binds the listeners. Needs a Tokio runtime.
    pub fn bind(issuance: Arc<Issuance>, options: &ServerOptions) -> Result<Self, ServerError> {
        let routes = Routes::new(Arc::clone(&issuance))?;
        let authority_of = Arc::clone(&issuance);
        let admission = Admission::new(options.connections, issuance.metrics.clone());
        let mut certificates = Vec::new();
        let (sender, handed) = mpsc::channel(HANDED);
        let (http, grpc) = match &options.listeners {
            Listeners::Shared(endpoint) => (endpoint, None),
            Listeners::Separate { http, grpc } => (http, Some(grpc)),
        };
        let front = Front { tls: tls(http, &[preface::HTTP2, preface::HTTP1], &mut certificates)?, http2: sender };
        let http_serves = if grpc.is_some() { Serves::Rest } else { Serves::Both };
        let grpc = match grpc {
            Some(grpc) => {
                let tls = tls(grpc, &[preface::HTTP2], &mut certificates)?;
                Some(http2::Listener { listener: listen(&grpc.address)?, tls })
            }
            None => None,
        };
        let listener = listen(&http.address)?;
        let http_address = listener.local_addr()?;
        let grpc_address = match &grpc {
            Some(grpc) => grpc.listener.local_addr()?,
            None => http_address,
        };
        Ok(Self {
            addresses: [http_address, grpc_address],
            http: http::server(listener, issuance, options.timeouts, admission.clone(), front)?,
            http2: http2::Sources { grpc, handed, http_serves },
            routes,
            issuance: authority_of,
            timeouts: options.timeouts,
            admission,
            certificates,
            stop: Arc::new(Notify::new()),
        })
    }

    pub const fn local_addr(&self) -> SocketAddr {
        let [http, _] = self.addresses;
        http
    }

    pub const fn grpc_addr(&self) -> SocketAddr {
        let [_, grpc] = self.addresses;
        grpc
    }

    pub fn handle(&self) -> StopHandle {
        StopHandle(Arc::clone(&self.stop))
    }

    /// Serves until SIGTERM, SIGINT or the handle; what is in flight is finished first, within [`SHUTDOWN`].
    ///
    /// Errors: When a listener fails, or a second signal comes.
    pub async fn run(self) -> Result<(), ServerError> {
        let mut signals = Signals::new()?;
        self.routes.set_serving(true).await;
        let (drain, draining) = watch::channel(false);
        let memory = Arc::clone(self.issuance.limits.memory());
        let services = Services::new(self.routes.clone(), Arc::clone(&self.issuance));
        let serving = http2::Serving { services, timeouts: self.timeouts, admission: self.admission, memory };
        let http2 = http2::serve(self.http2, serving, draining);
        let (http_handle, mut http, mut http2) = (self.http.handle(), tokio::spawn(self.http), tokio::spawn(http2));
        let mut accompanying: Vec<_> = self
            .certificates
            .into_iter()
            .map(|certificate| tokio::spawn(certificate.keep_up(self.issuance.metrics.clone())))
            .collect();
        accompanying.push(tokio::spawn(readiness::keep_up(self.issuance, self.routes.clone())));
        let outcome = tokio::select! {
            () = signals.next() => Ok(()),
            () = self.stop.notified() => Ok(()),
            ended = &mut http => Err(unexpected(ended)),
            ended = &mut http2 => Err(unexpected(ended)),
        };
        for task in accompanying {
            task.abort();
        }
        tracing::info!(seconds = SHUTDOWN.as_secs(), "stopping: finishing what is in flight");
        self.routes.set_serving(false).await;
        let _ = drain.send(true);
        let finished = async {
            let _ = tokio::join!(http_handle.stop(true), tokio::time::timeout(SHUTDOWN, &mut http2));
        };
        let interrupted = tokio::select! {
            () = finished => false,
            () = signals.next() => true,
        };
        http2.abort();
        if interrupted { Err(ServerError::Interrupted) } else { outcome }
    }
}

/// A listener ended though nobody told it to.
fn unexpected(ended: Result<io::Result<()>, tokio::task::JoinError>) -> ServerError {
    let error = match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => io::Error::other("a listener ended"),
        Err(error) => io::Error::other(error),
    };
    ServerError::Run(error)
}

fn tls(
    endpoint: &Endpoint,
    protocols: &[&[u8]],
    certificates: &mut Vec<Arc<ServerCertificate>>,
) -> Result<Option<TlsAcceptor>, TlsError> {
    let Some(files) = &endpoint.tls else { return Ok(None) };
    // Both listeners may have the same files, which are then read, watched and complained about once.
    let certificate = if let Some(certificate) = certificates.iter().find(|certificate| certificate.is_of(files)) {
        Arc::clone(certificate)
    } else {
        let certificate = ServerCertificate::load(files.clone())?;
        certificates.push(Arc::clone(&certificate));
        certificate
    };
    Ok(Some(TlsAcceptor::from(Arc::new(certificate.server_config(protocols)?))))
}

fn listen(address: &Address) -> Result<TcpListener, ServerError> {
    listen::listen(address).map_err(|source| ServerError::Listen { address: address.clone(), source })
}

/// The signals that stop the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
