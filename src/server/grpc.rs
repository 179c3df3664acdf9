//! The gRPC listener: HTTP/2 on hyper.
//!
//! Owns connections: TLS, how many there are, when they are idle, and how they end. Knows no method.

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Request;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::Status;
use tonic::body::Body;

use super::Timeouts;
use super::admission::{Admission, HTTP2, TLS, within};
use super::connection::Connection;
use crate::api::grpc::{Caller, Routes};
use crate::limits::connections::Lease;
use crate::limits::room::Room;

/// Calls that one connection may have in flight.
const MAX_STREAMS: u32 = 100;
/// Calls that a client may have begun and taken back before they were looked at (CVE-2023-44487): the connection ends then.
const MAX_RESETS: usize = 20;
/// Calls on one connection that may have been ended for breaking the protocol (CVE-2025-8671).
const MAX_ERRORS: usize = 64;
/// Octets of one answer that may wait to be sent.
const MAX_UNSENT: usize = 64 * 1024;
/// Octets of messages that a client may send ahead, on one stream and on all of one connection: 64 KiB fill a path of 100 ms with
/// 5 Mbit/s, and requests are a few KiB.
const WINDOW: u32 = 64 * 1024;
/// The largest set of headers, in bytes: a token may stand in the metadata.
const MAX_HEADERS: u32 = 128 * 1024;
/// How often a silent client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long its answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection without calls may take to close once it was asked to.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// How long to wait when the system accepts no more connections.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Where connections come from.
pub(super) enum Source {
    /// An own listener.
    Listener(TcpListener, Option<TlsAcceptor>),
    /// The HTTP listener, which tells them apart.
    Handed(mpsc::Receiver<Handed>),
}

/// A connection that already has its place.
pub(super) struct Handed {
    pub(super) stream: std::net::TcpStream,
    pub(super) lease: Arc<Lease>,
}

/// Serves until draining; then finishes what is in flight. Dropping the future ends every connection at once.
pub(super) async fn serve(
    source: Source,
    routes: Routes,
    timeouts: Timeouts,
    admission: Admission,
    mut draining: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut accept = Accept::new(source, admission.clone())?;
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept.next() => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
            _ = draining.wait_for(|draining| *draining) => break,
        };
        let (routes, admission, draining) = (routes.clone(), admission.clone(), draining.clone());
        connections.spawn(connect(accepted, routes, timeouts, admission, draining));
        while connections.try_join_next().is_some() {}
    }
    drop(accept);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// A source that is ready to accept.
enum Accept {
    Listener(tokio::net::TcpListener, Option<TlsAcceptor>, Admission),
    Handed(mpsc::Receiver<Handed>),
}

/// A connection with its place, before TLS.
struct Accepted {
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    lease: Arc<Lease>,
}

impl Accept {
    fn new(source: Source, admission: Admission) -> std::io::Result<Self> {
        Ok(match source {
            Source::Listener(listener, tls) => {
                Self::Listener(tokio::net::TcpListener::from_std(listener)?, tls, admission)
            }
            Source::Handed(connections) => Self::Handed(connections),
        })
    }

    /// The next connection; none when there will be no more.
    async fn next(&mut self) -> Option<Accepted> {
        loop {
            match self {
                Self::Listener(listener, tls, admission) => match listener.accept().await {
                    Ok((stream, peer)) => {
                        if let Some(lease) = admission.admit(Some(peer.ip())) {
                            return Some(Accepted { stream, tls: tls.clone(), lease });
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a gRPC connection could not be accepted");
                        time::sleep(ACCEPT_AGAIN).await;
                    }
                },
                Self::Handed(connections) => {
                    let Handed { stream, lease } = connections.recv().await?;
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        return Some(Accepted { stream, tls: None, lease });
                    }
                }
            }
        }
    }
}

async fn connect(
    accepted: Accepted,
    routes: Routes,
    timeouts: Timeouts,
    admission: Admission,
    draining: watch::Receiver<bool>,
) {
    let Accepted { stream, tls, lease } = accepted;
    // Frames are small and wait for nothing.
    let _ = stream.set_nodelay(true);
    let address = stream.peer_addr().ok().map(|peer| peer.ip());
    let caller = Caller { address, connection: Arc::clone(&lease), room: Room::own() };
    let greeting = async {
        // Connections that never send an octet take no memory for HTTP.
        stream.readable().await?;
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
    // Boxed, so that a task has room for the one that it needs and not for both.
    match within(timeouts.headers, &lease, greeting).await {
        Ok(Greeted::Plain(stream)) => Box::pin(serve_connection(stream, routes, caller, timeouts, draining)).await,
        Ok(Greeted::Tls(stream)) => Box::pin(serve_connection(stream, routes, caller, timeouts, draining)).await,
        Err(()) => {}
    }
}

/// A connection that has begun to speak.
enum Greeted {
    Plain(Connection<TcpStream>),
    Tls(Box<TlsStream<Connection<TcpStream>>>),
}

async fn serve_connection<I>(
    stream: I,
    routes: Routes,
    caller: Caller,
    timeouts: Timeouts,
    mut draining: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new();
    let calls = activity.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (routes, caller, call) = (routes.clone(), caller.clone(), calls.begin());
        async move {
            let response = routes.call(caller, request.map(Body::new)).await;
            Ok::<_, Infallible>(response.map(|body| Counted { body, _stream: call.answered() }))
        }
    });
    let mut connection = pin!(builder().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        outcome = connection.as_mut() => return log_end(outcome),
        () = activity.idle_for(timeouts.idle, |state| state.streams) => {}
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
fn builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
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
        tracing::debug!(%error, "a gRPC connection broke");
    }
}

/// What goes on in one connection.
#[derive(Clone)]
struct Activity(Arc<Mutex<State>>);

struct State {
    /// Calls that are not answered yet.
    calls: usize,
    /// Calls whose answer has not ended yet, the former included.
    streams: usize,
    /// When one of the numbers last went down.
    since: Instant,
}

impl Activity {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(State { calls: 0, streams: 0, since: Instant::now() })))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn begin(&self) -> Call {
        self.change(|state| {
            state.calls += 1;
            state.streams += 1;
        });
        Call { _call: CallGuard(self.clone()), stream: StreamGuard(self.clone()) }
    }

    /// Waits until the number has been zero for this long, counted from now at the earliest.
    async fn idle_for(&self, limit: Duration, number: fn(&State) -> usize) {
        let now = Instant::now();
        loop {
            let mut rest = limit;
            self.change(|state| {
                if number(state) == 0 {
                    rest = limit.saturating_sub(state.since.max(now).elapsed());
                }
            });
            if rest.is_zero() {
                return;
            }
            time::sleep(rest).await;
        }
    }
}

/// A call that is not answered yet.
struct Call {
    _call: CallGuard,
    stream: StreamGuard,
}

impl Call {
    /// The call is answered; its stream goes on until the answer has been sent.
    fn answered(self) -> StreamGuard {
        self.stream
    }
}

struct CallGuard(Activity);

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.calls = state.calls.saturating_sub(1);
            state.since = Instant::now();
        });
    }
}

struct StreamGuard(Activity);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.streams = state.streams.saturating_sub(1);
            state.since = Instant::now();
        });
    }
}

/// An answer's body, which counts as activity until it has been sent.
struct Counted {
    body: Body,
    _stream: StreamGuard,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
