//! HTTP/2 on hyper: the gRPC listener, and what the HTTP listener hands over.
//!
//! Owns connections: TLS, how many there are, when they are idle, and how they end. Knows neither path nor method.

use std::convert::Infallible;
use std::net::{IpAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::body::Body;

use super::Timeouts;
use super::admission::{Admission, HTTP2, TLS, within};
use super::answers::{Activity, Calls};
use super::connection::Connection;
use super::inflow::{CALL, Inflow};
use super::movable::Movable;
use super::preface;
use crate::api::grpc::Caller;
use crate::api::{Serves, Services};
use crate::limits::connections::Lease;
use crate::limits::inbound::Inbound;
use crate::limits::memory::{ConnectionMemory, MemoryBudget};

/// Calls that one connection may have in flight.
const MAX_STREAMS: u32 = 16;
/// Calls that a client may have begun and taken back before they were looked at (CVE-2023-44487): the connection ends then.
const MAX_RESETS: usize = 20;
/// Calls on one connection that may have been ended for breaking the protocol (CVE-2025-8671).
const MAX_ERRORS: usize = 64;
/// Bytes of one answer that may wait to be sent.
const MAX_UNSENT: usize = 16 * 1024;
/// Bytes of messages that a client may send ahead, on one stream and on all of one connection: 64 KiB fill a path of 100 ms with
/// 5 Mbit/s, and requests are a few KiB.
const WINDOW: u32 = 64 * 1024;
/// The largest set of headers, in bytes: one token of 64 KiB may stand in the metadata.
const MAX_HEADERS: u32 = 80 * 1024;
/// Bytes of header fields that a client may have us remember (RFC 7541 section 4): each would hold the buffer that it came in.
const HEADER_TABLE: u32 = 0;
/// How often a silent client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long its answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection without calls may take to close once it was asked to.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// How long to wait when the system accepts no more connections.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The gRPC listener, when it has an address of its own.
pub(super) struct Listener {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
}

/// Where connections come from, and what they are for.
pub(super) struct Sources {
    pub(super) grpc: Option<Listener>,
    /// What the HTTP listener hands over.
    pub(super) handed: mpsc::Receiver<Handoff>,
    /// What the HTTP listener is for.
    pub(super) http_serves: Serves,
}

/// A connection of the HTTP listener that speaks HTTP/2, and already has its place.
pub(super) struct Handoff {
    pub(super) socket: std::net::TcpStream,
    /// What TLS there is around the socket, which is to be put back.
    pub(super) tls: Option<Box<TlsStream<Movable>>>,
    pub(super) lease: Arc<Lease>,
}

/// What every connection is served with.
pub(super) struct Serving {
    pub(super) services: Services,
    pub(super) timeouts: Timeouts,
    pub(super) admission: Admission,
    pub(super) memory: Arc<MemoryBudget>,
}

/// Serves until draining; then finishes what is in flight. Dropping the future ends every connection at once.
pub(super) async fn serve(
    sources: Sources,
    serving: Serving,
    mut draining: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let Serving { services, timeouts, admission, memory } = serving;
    let mut accept = Accept::new(sources, admission.clone())?;
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept.next() => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
            _ = draining.wait_for(|draining| *draining) => break,
        };
        let (admission, draining) = (admission.clone(), draining.clone());
        let memory = ConnectionMemory::http2(Arc::clone(&memory));
        let service = Service { services: services.clone(), serves: accepted.serves, memory, timeouts };
        connections.spawn(connect(accepted, service, admission, draining));
        while connections.try_join_next().is_some() {}
    }
    drop(accept);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Sources that are ready to accept.
struct Accept {
    grpc: Option<(tokio::net::TcpListener, Option<TlsAcceptor>)>,
    handed: mpsc::Receiver<Handoff>,
    http_serves: Serves,
    admission: Admission,
}

/// A connection with its place.
struct Accepted {
    stream: Begun,
    serves: Serves,
    lease: Arc<Lease>,
}

/// How far a connection is.
enum Begun {
    /// Nothing has been looked at; TLS may have to come first.
    New(TcpStream, Option<TlsAcceptor>),
    /// Hands have been shaken, and the client speaks HTTP/2.
    Secure(Box<TlsStream<Movable>>),
}

impl Accept {
    fn new(sources: Sources, admission: Admission) -> std::io::Result<Self> {
        let Sources { grpc, handed, http_serves } = sources;
        let grpc = match grpc {
            Some(Listener { listener, tls }) => Some((tokio::net::TcpListener::from_std(listener)?, tls)),
            None => None,
        };
        Ok(Self { grpc, handed, http_serves, admission })
    }

    /// The next connection; none when there will be no more.
    async fn next(&mut self) -> Option<Accepted> {
        loop {
            let accepted = async {
                match &self.grpc {
                    Some((listener, tls)) => (listener.accept().await, tls),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                (accepted, tls) = accepted => match accepted {
                    Ok((stream, peer)) => {
                        if let Some(lease) = self.admission.admit(Some(peer.ip())) {
                            let stream = Begun::New(stream, tls.clone());
                            return Some(Accepted { stream, serves: Serves::Grpc, lease });
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a gRPC connection could not be accepted");
                        time::sleep(ACCEPT_AGAIN).await;
                    }
                },
                handed = self.handed.recv() => {
                    let Handoff { socket, tls, lease } = handed?;
                    if let Ok(stream) = take_over(socket, tls) {
                        return Some(Accepted { stream, serves: self.http_serves, lease });
                    }
                }
            }
        }
    }
}

/// Makes the connection this runtime's.
fn take_over(socket: std::net::TcpStream, tls: Option<Box<TlsStream<Movable>>>) -> std::io::Result<Begun> {
    Ok(match tls {
        Some(mut tls) => {
            tls.get_mut().0.put(socket)?;
            Begun::Secure(tls)
        }
        None => Begun::New(TcpStream::from_std(socket)?, None),
    })
}

/// What a connection is served with.
struct Service {
    services: Services,
    serves: Serves,
    memory: Arc<ConnectionMemory>,
    timeouts: Timeouts,
}

async fn connect(accepted: Accepted, service: Service, admission: Admission, draining: watch::Receiver<bool>) {
    let Accepted { stream, lease, .. } = accepted;
    let (stream, tls) = match stream {
        Begun::New(stream, tls) => (stream, tls),
        Begun::Secure(stream) => {
            let socket = stream.get_ref().0;
            let _ = socket.set_nodelay();
            let peer = Peer { address: socket.peer_address(), lease: Arc::clone(&lease) };
            admission.begin(&lease, HTTP2);
            return Box::pin(serve_connection(Connection::new(stream, lease), service, peer, draining)).await;
        }
    };
    // Frames are small and wait for nothing.
    let _ = stream.set_nodelay(true);
    let address = stream.peer_addr().ok().map(|peer| peer.ip());
    let greeting = async {
        // Connections that never send a byte take no memory for HTTP.
        preface::first_byte(&stream).await?;
        let stream = Connection::new(stream, Arc::clone(&lease));
        let greeted = match tls {
            Some(acceptor) => {
                admission.begin(&lease, TLS);
                // Boxed: a task without TLS, or with the handshake behind it, has no room for it.
                Greeted::Tls(Box::new(Box::pin(acceptor.accept(stream)).await?))
            }
            None => Greeted::Plain(stream),
        };
        admission.begin(&lease, HTTP2);
        Ok(greeted)
    };
    let stopping = stopping(draining.clone());
    // Boxed as well: the task keeps no room for it afterwards.
    let greeted = Box::pin(within(service.timeouts.headers, &lease, stopping, greeting)).await;
    let peer = Peer { address, lease };
    // Boxed, so that a task has room for the one that it needs and not for both.
    match greeted {
        Ok(Greeted::Plain(stream)) => Box::pin(serve_connection(stream, service, peer, draining)).await,
        Ok(Greeted::Tls(stream)) => Box::pin(serve_connection(stream, service, peer, draining)).await,
        Err(()) => {}
    }
}

/// Ready when the server stops.
async fn stopping(mut draining: watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// A connection that has begun to speak.
enum Greeted {
    Plain(Connection<TcpStream>),
    Tls(Box<TlsStream<Connection<TcpStream>>>),
}

/// A connection's other end, and its place.
#[derive(Clone)]
struct Peer {
    address: Option<IpAddr>,
    lease: Arc<Lease>,
}

async fn serve_connection<I>(stream: I, service: Service, peer: Peer, mut draining: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Service { services, serves, memory, timeouts } = service;
    let (activity, inbound) = (Activity::new(), Inbound::new(&memory));
    let stream = Inflow::new(stream, Arc::clone(&inbound), timeouts.headers);
    let calls = activity.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut memory = inbound.begin_call();
        let call = calls.begin(memory.reservation().split(CALL));
        let (services, Peer { address, lease }) = (services.clone(), peer.clone());
        async move {
            let caller = Caller { address, connection: lease, memory };
            let response = services.answer(serves, caller, request.map(Body::new)).await;
            Ok::<_, Infallible>(response.map(|body| call.answered(body)))
        }
    });
    let mut connection = pin!(builder(&activity).serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        outcome = connection.as_mut() => return log_end(outcome),
        () = activity.idle_for(timeouts.idle, |state| state.streams) => {}
        () = activity.unread_for_too_long() => return tracing::debug!("an HTTP/2 connection is closed: an answer was not read"),
        _ = draining.wait_for(|draining| *draining) => {}
    }
    connection.as_mut().graceful_shutdown();
    // Streams without end, such as a watch of the health, are cut off; calls are finished.
    tokio::select! {
        outcome = connection.as_mut() => log_end(outcome),
        () = activity.idle_for(CLOSE_GRACE, |state| state.calls) => {}
    }
}

/// HTTP/2 within its bounds (RFC 9113 section 10.5).
fn builder(activity: &Activity) -> http2::Builder<Calls> {
    let mut builder = http2::Builder::new(Calls(activity.clone()));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .header_table_size(HEADER_TABLE)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_ERRORS)
        .max_send_buf_size(MAX_UNSENT)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

fn log_end(outcome: Result<(), hyper::Error>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "an HTTP/2 connection broke");
    }
}
