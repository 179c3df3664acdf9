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

/// How long a client may take to take what is ready for it: all of what was to be written at once.
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

    pub(super) const fn stream(&self) -> &I {
        &self.stream
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

    /// An error when writing has been waiting for too long. A client that takes a few bytes now and then has not ended the wait.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
        is_all: impl FnOnce(&T) -> bool,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(outcome) = written {
            if outcome.as_ref().is_ok_and(is_all) {
                self.stall = None;
            }
            return Poll::Ready(outcome);
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
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written, |written| *written == bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        // To a socket itself there is nothing to flush: that says nothing of what was written before.
        self.watch(context, flushed, |()| false)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, closed, |()| true)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written, |written| *written == parts.iter().map(|part| part.len()).sum::<usize>())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
