//! The way of an HTTP/1 client's bytes to the library: only as much is read as is wanted, within memory and time.
//!
//! Owns a connection's stream. What is wanted is [`Intake`]'s to say.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{self, Instant, Sleep};

use crate::limits::intake::{Hold, Intake};

/// How often to look whether there is memory again.
const AGAIN: Duration = Duration::from_millis(20);

/// A stream that is read as it is wanted.
pub(super) struct Heads<I> {
    stream: I,
    intake: Arc<Intake>,
    /// Read, but not passed on yet.
    kept: Vec<u8>,
    /// The library is to have its turn.
    turn: bool,
    deadline: Option<Pin<Box<Sleep>>>,
    again: Option<Pin<Box<Sleep>>>,
    limit: Duration,
}

impl<I> Heads<I> {
    /// Nothing has been read. What begins must be complete within the limit; the library's own comes first and is answered.
    pub(super) fn new(stream: I, intake: Arc<Intake>, limit: Duration) -> Self {
        let limit = limit + Duration::from_secs(1);
        Self { stream, intake, kept: Vec::new(), turn: false, deadline: None, again: None, limit }
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
            Some(Hold::Memory) => self.wait_for_memory(context),
            _ => context.waker().wake_by_ref(),
        }
        self.pause(context)
    }

    fn wait_for_memory(&mut self, context: &mut Context<'_>) {
        let again = self.again.get_or_insert_with(|| Box::pin(time::sleep(AGAIN)));
        if again.as_mut().poll(context).is_ready() {
            again.as_mut().reset(Instant::now() + AGAIN);
            let _ = again.as_mut().poll(context);
        }
    }

    /// Nothing to pass on; what has begun is waited for no longer than it may take.
    fn pause(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.intake.has_begun() {
            (self.deadline, self.again) = (None, None);
            return Poll::Pending;
        }
        let limit = self.limit;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(time::sleep(limit)));
        ready!(deadline.as_mut().poll(context));
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
            (this.deadline, this.again) = (None, None);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if this.kept.is_empty() {
            match Pin::new(&mut this.stream).poll_read(context, buffer) {
                Poll::Ready(outcome) => outcome?,
                Poll::Pending => return this.pause(context),
            }
            return this.pass_on(context, buffer, before);
        }
        let length = this.kept.len().min(buffer.remaining());
        let rest = this.kept.split_off(length);
        buffer.put_slice(&std::mem::take(&mut this.kept));
        let passed = this.pass_on(context, buffer, before);
        this.kept.extend_from_slice(&rest);
        passed
    }
}

super::writes_through!(Heads);
