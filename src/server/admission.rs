//! The first thing that happens to a new connection: it gets a place or is closed.
//!
//! Owns what is counted and logged of that, how long it may take to begin, and how many files the system lets us open. Knows no protocol.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time;

use crate::limits::connections::{ConnectionLimits, Connections, Lease, Refused};
use crate::telemetry::metrics::{Closed, Metrics};

/// Files for everything but clients' connections: logs, signers, issuers, metrics, and connections that were cut but not closed yet.
const OTHER_FILES: usize = 512;

/// What a connection weighs once its client has begun to speak: about 12 KiB for one.
pub(super) const HTTP1: NonZeroUsize = NonZeroUsize::MIN;
/// HTTP/2 takes twice as much.
pub(super) const HTTP2: NonZeroUsize = NonZeroUsize::new(2).unwrap();
/// What TLS adds.
pub(super) const TLS: NonZeroUsize = NonZeroUsize::MIN;

#[derive(Clone)]
pub(super) struct Admission {
    connections: Connections,
    metrics: Metrics,
}

impl Admission {
    /// No more places than there can be open files.
    pub(super) fn new(limits: ConnectionLimits, metrics: Metrics) -> Self {
        Self { connections: Connections::new(within_files(limits, raise_open_files())), metrics }
    }

    /// A place, or nothing: the connection is then to be closed.
    pub(super) fn admit(&self, peer: Option<IpAddr>) -> Option<Arc<Lease>> {
        match self.connections.admit(peer) {
            Ok((lease, evicted)) => {
                if evicted {
                    self.metrics.connection_closed(Closed::Evicted);
                }
                Some(lease)
            }
            Err(refused) => {
                self.metrics.connection_closed(match refused {
                    Refused::Full => Closed::Full,
                    Refused::Address => Closed::Address,
                });
                tracing::debug!(reason = %refused, "a connection was closed at once");
                None
            }
        }
    }

    /// The client has begun to speak this.
    pub(super) fn begin(&self, lease: &Lease, protocol: NonZeroUsize) {
        for _ in 0..lease.begin(protocol) {
            self.metrics.connection_closed(Closed::EvictedBegun);
        }
    }
}

/// What a new connection does first, unless the time is over, the connection is cut or the server stops before that: who has not asked for
/// anything loses nothing.
pub(super) async fn within<T>(
    limit: Duration,
    lease: &Lease,
    stopping: impl Future<Output = ()>,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, ()> {
    let outcome = tokio::select! {
        outcome = time::timeout(limit, work) => outcome,
        () = poll_fn(|context| lease.poll_cut(context)) => return Err(()),
        () = stopping => return Err(()),
    };
    match outcome {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended before its first request"),
        Err(_) => tracing::debug!("a connection took too long before its first request"),
    }
    Err(())
}

/// As many open files as the system allows this process; most systems start with far fewer.
fn raise_open_files() -> Option<usize> {
    let limit = getrlimit(Resource::Nofile);
    let (Some(current), maximum) = (limit.current, limit.maximum) else { return None };
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map(|()| maximum);
    let allowed = raised.unwrap_or(Some(current));
    allowed.map(|allowed| usize::try_from(allowed).unwrap_or(usize::MAX))
}

fn within_files(limits: ConnectionLimits, files: Option<usize>) -> ConnectionLimits {
    let room = files.map_or(usize::MAX, |files| files.saturating_sub(OTHER_FILES));
    let Some(room) = NonZeroUsize::new(room).filter(|room| *room < limits.total) else { return limits };
    tracing::warn!(
        asked = limits.total,
        connections = room,
        "fewer connections are taken than --max-connections says: the limit of open files (ulimit -n) allows no more"
    );
    ConnectionLimits { total: room, ..limits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        let limits = ConnectionLimits::default();
        assert_eq!(within_files(limits, None), limits);
        assert_eq!(within_files(limits, Some(1_000_000)), limits);
        assert_eq!(within_files(limits, Some(1024)).total.get(), 512);
    }

    #[test]
    fn the_soft_limit_of_open_files_becomes_the_hard_one() {
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
