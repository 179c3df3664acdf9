//! What goes on in one HTTP/2 connection: calls, their answers, and answers that the client does not take.
//!
//! Owns when a connection is idle and when an answer has waited too long. Knows no frame: that an answer's bytes are gone shows when their
//! buffer is dropped.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Buf, Bytes, Frame};
use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::time::{self, Instant};
use tonic::Status;
use tonic::body::Body;

use crate::limits::memory::Reservation;

/// How long a client may take nothing of an answer that is ready for it, its windows closed or its socket full.
const UNREAD: Duration = Duration::from_secs(30);
/// How much longer the connection may go on when the stream could not be ended alone: the library had the whole answer already.
const UNREAD_AT_LAST: Duration = Duration::from_secs(5);

/// What goes on in one connection.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

pub(super) struct State {
    /// Calls that are not answered yet.
    pub(super) calls: usize,
    /// Calls whose answer has not ended yet, the former included.
    pub(super) streams: usize,
    /// When one of the numbers last went down.
    since: Instant,
    /// Parts of answers that the client has not taken yet, and since when.
    unread: BTreeMap<u64, Instant>,
    next_part: u64,
    /// The call that has just begun: its task begins next.
    begun: Option<Arc<Answer>>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            calls: 0,
            streams: 0,
            since: Instant::now(),
            unread: BTreeMap::new(),
            next_part: 0,
            begun: None,
        })))
    }

    /// A call begins, which holds this until its answer is gone.
    pub(super) fn begin(&self, memory: Reservation) -> Call {
        let answer = Arc::new(Answer { activity: self.clone(), last_part: Mutex::new(None), _memory: memory });
        let mut state = self.0.lock();
        state.calls += 1;
        state.streams += 1;
        let previous = state.begun.replace(Arc::clone(&answer));
        drop(state);
        drop(previous);
        Call { activity: self.clone(), answer }
    }

    /// Waits until the number has been zero for this long, counted from now at the earliest.
    pub(super) async fn idle_for(&self, limit: Duration, number: fn(&State) -> usize) {
        let now = Instant::now();
        loop {
            let rest = self.rest(limit, now, number);
            if rest.is_zero() {
                return;
            }
            time::sleep(rest).await;
        }
    }

    /// What is left of this long until the number has been zero for it.
    fn rest(&self, limit: Duration, begin: Instant, number: fn(&State) -> usize) -> Duration {
        let state = self.0.lock();
        if number(&state) == 0 { limit.saturating_sub(state.since.max(begin).elapsed()) } else { limit }
    }

    /// Waits until the client has left a part of an answer for too long.
    pub(super) async fn unread_for_too_long(&self) {
        let limit = UNREAD + UNREAD_AT_LAST;
        loop {
            let oldest = self.0.lock().unread.first_key_value().map(|(_, since)| *since);
            let rest = oldest.map_or(limit, |since| limit.saturating_sub(since.elapsed()));
            if rest.is_zero() {
                return;
            }
            time::sleep(rest).await;
        }
    }
}

/// A call that is not answered yet.
pub(super) struct Call {
    activity: Activity,
    answer: Arc<Answer>,
}

impl Call {
    /// The call is answered with this; its stream goes on until the answer has been sent.
    pub(super) fn answered(self, body: Body) -> AnswerBody {
        AnswerBody { body, answer: Arc::clone(&self.answer) }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.activity.0.lock();
        state.calls = state.calls.saturating_sub(1);
        state.since = Instant::now();
    }
}

/// An answer, until it is gone.
pub(super) struct Answer {
    activity: Activity,
    last_part: Mutex<Option<u64>>,
    _memory: Reservation,
}

impl Answer {
    /// Since when the client has not taken the last part, if it has not.
    fn unread_since(&self) -> Option<Instant> {
        let part = (*self.last_part.lock())?;
        self.activity.0.lock().unread.get(&part).copied()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut state = self.activity.0.lock();
        state.streams = state.streams.saturating_sub(1);
        state.since = Instant::now();
    }
}

/// An answer's body, which counts as activity until it has been sent.
pub(super) struct AnswerBody {
    body: Body,
    answer: Arc<Answer>,
}

impl hyper::body::Body for AnswerBody {
    type Data = Part;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Part>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        polled.map_ok(|frame| frame.map_data(|bytes| Part::new(bytes, &self.answer)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of an answer; dropped when they are written or thrown away.
pub(super) struct Part {
    bytes: Bytes,
    answer: Arc<Answer>,
    number: u64,
}

impl Part {
    fn new(bytes: Bytes, answer: &Arc<Answer>) -> Self {
        let mut state = answer.activity.0.lock();
        let number = state.next_part;
        state.next_part += 1;
        state.unread.insert(number, Instant::now());
        drop(state);
        *answer.last_part.lock() = Some(number);
        Self { bytes, answer: Arc::clone(answer), number }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.answer.activity.0.lock().unread.remove(&self.number);
    }
}

impl Buf for Part {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

/// Runs a connection's calls, and ends one whose answer the client does not take: the library then resets its stream.
#[derive(Clone)]
pub(super) struct Calls(pub(super) Activity);

impl<F> Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let answer = self.0.0.lock().begun.take();
        tokio::spawn(async move {
            let (mut call, mut patience) = (pin!(call), None);
            poll_fn(|context| {
                if call.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                let Some(since) = answer.as_ref().and_then(|answer| answer.unread_since()) else {
                    patience = None;
                    return Poll::Pending;
                };
                let patience = patience.get_or_insert_with(|| Box::pin(time::sleep_until(since + UNREAD)));
                if patience.deadline() != since + UNREAD {
                    patience.as_mut().reset(since + UNREAD);
                }
                std::task::ready!(patience.as_mut().poll(context));
                tracing::debug!("an HTTP/2 stream was ended: its answer was not read");
                Poll::Ready(())
            })
            .await;
        });
    }
}

#[cfg(test)]
mod tests;
