//! A connection that can be cut from outside, and that does not wait for ever for a client that does not read.
//!
//! Owns one stream and its place among all connections. Knows no protocol.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{self, Sleep};

use crate::limits::connections::Lease;

/// How long a client may take nothing of an answer that is ready for it.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// A stream with its place.
pub(super) struct Connection<I> {
    stream: I,
    lease: Arc<Lease>,
    /// Runs while an answer waits for the client.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<I> Connection<I> {
    pub(super) const fn new(stream: I, lease: Arc<Lease>) -> Self {
        Self { stream, lease, stall: None }
    }

    pub(super) const fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// An error once the connection has been cut.
    fn check(&self, context: &mut Context<'_>) -> io::Result<()> {
        match self.lease.poll_cut(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// An error when writing has been waiting for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(time::sleep(WRITE_STALL)));
        match stall.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Connection<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Connection<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, closed)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::connections::{ConnectionLimits, Connections, DEFAULT_BEGUN};
    use std::num::NonZeroUsize;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn one_place() -> Connections {
        Connections::new(ConnectionLimits { total: NonZeroUsize::MIN, begun: DEFAULT_BEGUN, per_address: None })
    }

    #[tokio::test]
    async fn a_connection_that_was_cut_wakes_and_fails() {
        let connections = one_place();
        let (_client, stream) = tokio::io::duplex(64);
        let mut connection = Connection::new(stream, connections.admit(None).unwrap().0);
        let reading = tokio::spawn(async move { connection.read_u8().await });
        tokio::task::yield_now().await;
        let _new = connections.admit(None).unwrap();
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_waited_for_and_then_given_up() {
        let (mut client, stream) = tokio::io::duplex(8);
        let mut connection = Connection::new(stream, one_place().admit(None).unwrap().0);
        let writing = tokio::spawn(async move { (connection.write_all(&[0; 24]).await, connection) });
        time::sleep(WRITE_STALL / 2).await;
        let mut eight = [0; 8];
        client.read_exact(&mut eight).await.unwrap();
        time::sleep(WRITE_STALL * 3 / 4).await;
        client.read_exact(&mut eight).await.unwrap();
        let (written, mut connection) = writing.await.unwrap();
        written.expect("each part came in time");
        let stalled = connection.write_all(&[0; 24]).await;
        assert_eq!(stalled.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
