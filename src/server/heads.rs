//! The way of an HTTP/1 client's bytes to the library: only as much is read as is wanted, within memory and time.
//!
//! Owns a connection's stream. What is wanted is [`Intake`]'s to say.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};

use super::kept::poll_read_kept;
use super::patience::Patience;
use crate::limits::intake::{Hold, Intake};

/// A stream that is read as it is wanted.
pub(super) struct Heads<I> {
    stream: I,
    intake: Arc<Intake>,
    /// Read, but not passed on yet.
    kept: Vec<u8>,
    /// The library is to have its turn.
    turn: bool,
    patience: Patience,
}

impl<I> Heads<I> {
    /// Nothing has been read. What begins must be complete within the limit; the library's own comes first and is answered.
    pub(super) fn new(stream: I, intake: Arc<Intake>, limit: Duration) -> Self {
        let patience = Patience::new(limit + Duration::from_secs(1));
        Self { stream, intake, kept: Vec::new(), turn: false, patience }
    }

    pub(super) const fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// Passes on what may be. Pending when nothing may.
    fn pass_on(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>, before: usize) -> Poll<io::Result<()>> {
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let (mut passed, mut hold) = self.intake.pass(fresh);
        while hold.is_none() && passed < fresh.len() {
            let (more, next) = self.intake.pass(fresh.get(passed..).unwrap_or_default());
            (passed, hold) = (passed + more, next);
        }
        if let Some(rest) = fresh.get(passed..).filter(|rest| !rest.is_empty()) {
            self.kept = rest.to_vec();
            buffer.set_filled(before + passed);
        }
        self.turn = hold == Some(Hold::Turn);
        if passed > 0 {
            return Poll::Ready(Ok(()));
        }
        match hold {
            Some(Hold::Memory) => self.patience.look_again(context),
            _ => context.waker().wake_by_ref(),
        }
        self.pause(context)
    }

    /// Nothing to pass on; what has begun is waited for no longer than it may take.
    fn pause(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.intake.has_begun() {
            self.patience.rest();
            return Poll::Pending;
        }
        ready!(self.patience.poll_over(context));
        tracing::debug!("a request's head did not arrive in time, or there was no memory for it");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Heads<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if std::mem::take(&mut this.turn) {
            context.waker().wake_by_ref();
            return this.pause(context);
        }
        if this.intake.poll_wanted(context).is_pending() {
            this.patience.rest();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let rest = match poll_read_kept(&mut this.stream, &mut this.kept, context, buffer) {
            Poll::Ready(rest) => rest?,
            Poll::Pending => return this.pause(context),
        };
        let passed = this.pass_on(context, buffer, before);
        this.kept.extend_from_slice(&rest);
        passed
    }
}

super::writes_through!(Heads);
