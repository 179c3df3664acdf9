//! The arrival of a call's message: the memory that it takes, and the moment from which on the caller waits for us.
//!
//! Owns the counting, and the reading of a message's length, which is reserved before the message is here. Knows no message.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::time::{self, Sleep};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes};

use crate::api::BODY_TIMEOUT;
use crate::limits::connections::{Lease, Serving};
use crate::limits::inbound::CallMemory;

/// What a byte of a message costs: where it was put together, and decoded.
const MESSAGE_BYTE: usize = 2;
/// The length of a message's prefix: whether it is compressed, and its length
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
const PREFIX: usize = 5;

/// What a call takes of its connection until it is answered.
pub(super) struct Arrival {
    state: Arc<Mutex<State>>,
}

struct State {
    connection: Arc<Lease>,
    memory: CallMemory,
    head: usize,
    messages: Messages,
    answered: bool,
    serving: Option<Serving>,
}

/// Where in the messages the client is.
struct Messages {
    /// The largest that is accepted.
    limit: usize,
    prefix: [u8; PREFIX],
    seen: usize,
    /// What is still to come of the message.
    left: usize,
}

impl Messages {
    /// Follows more of them: the bytes that those need whose length is now known. One over the limit needs none: it is refused by its length.
    fn follow(&mut self, mut bytes: &[u8]) -> usize {
        let mut needed = 0;
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.left -= taken;
                bytes = bytes.get(taken..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            if let Some(place) = self.prefix.get_mut(self.seen) {
                *place = *first;
                self.seen += 1;
            }
            if self.seen == PREFIX {
                let [_, a, b, c, d] = self.prefix;
                self.left = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                self.seen = 0;
                if self.left <= self.limit {
                    needed += self.left;
                }
            }
        }
        needed
    }
}

impl Arrival {
    /// Nothing has arrived but the headers.
    pub(super) fn new(connection: Arc<Lease>, mut memory: CallMemory, limit: usize) -> Self {
        let head = memory.reservation().bytes();
        let messages = Messages { limit, prefix: [0; PREFIX], seen: 0, left: 0 };
        let state = State { connection, memory, head, messages, answered: false, serving: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The body, followed as it is read.
    pub(super) fn follow(&self, body: Body) -> Body {
        // What is whole already, such as a call without a message, needs no following but counts as arrived.
        if body.is_end_stream() {
            self.state.lock().arrived();
        }
        Body::new(Followed { body, state: Arc::clone(&self.state), patience: None })
    }

    /// Memory for what is made of the message.
    pub(super) fn room(&self) -> MemoryBudget {
        MemoryBudget(Arc::clone(&self.state))
    }
}

/// Where memory for more of the call's message is reserved.
pub(super) struct MemoryBudget(Arc<Mutex<State>>);

impl MemoryBudget {
    /// Reserves it until the call is answered.
    pub(super) fn reserve(&self, bytes: usize) -> Result<(), Status> {
        self.0.lock().reserve(bytes)
    }
}

impl Drop for Arrival {
    /// The call is answered: a stream that goes on waits for its client, and holds its headers only.
    fn drop(&mut self) {
        let mut state = self.state.lock();
        (state.answered, state.serving) = (true, None);
        let head = state.head;
        // Less than it was: that cannot fail.
        let _ = state.memory.reservation().resize(head);
    }
}

impl State {
    fn arrived(&mut self) {
        if !self.answered && self.serving.is_none() {
            self.serving = Some(self.connection.serve());
        }
    }

    /// A frame of data was read.
    fn received(&mut self, data: &[u8]) -> Result<(), Status> {
        self.memory.frame_read();
        let needed = self.messages.follow(data);
        if needed == 0 { Ok(()) } else { self.reserve(needed) }
    }

    fn reserve(&mut self, needed: usize) -> Result<(), Status> {
        if self.answered {
            return Ok(());
        }
        let reserved = self.memory.reservation().grow(needed.saturating_mul(MESSAGE_BYTE));
        reserved.map_err(|exhausted| Status::resource_exhausted(exhausted.to_string()))
    }
}

struct Followed {
    body: Body,
    state: Arc<Mutex<State>>,
    /// For how long the client may keep us waiting, once it does.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Followed {
    /// The client has not sent what is to come. A stream whose answers have begun may be silent for as long as it likes.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let state = self.state.lock();
        if state.answered || state.serving.is_some() {
            return Poll::Pending;
        }
        drop(state);
        let patience = self.patience.get_or_insert_with(|| Box::pin(time::sleep(BODY_TIMEOUT)));
        patience.as_mut().poll(context).map(|()| Status::deadline_exceeded("the message took too long"))
    }
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            return self.wait(context).map(|late| Some(Err(late)));
        }
        let mut state = self.state.lock();
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && let Err(refused) = state.received(data)
        {
            return Poll::Ready(Some(Err(refused)));
        }
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            state.arrived();
        }
        drop(state);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the bytes are cut: each message within the limit is counted, once and by its whole length.
        #[test]
        fn messages_are_reserved_by_their_prefix(lengths in proptest::collection::vec(0..300_usize, 0..8), cut in 1..40_usize) {
            const LIMIT: usize = 200;
            let bytes: Vec<u8> = lengths
                .iter()
                .flat_map(|length| {
                    let prefix = u32::try_from(*length).unwrap().to_be_bytes();
                    [&[0][..], &prefix, &vec![7; *length]].concat()
                })
                .collect();
            let mut messages = Messages { limit: LIMIT, prefix: [0; PREFIX], seen: 0, left: 0 };
            let needed: usize = bytes.chunks(cut).map(|piece| messages.follow(piece)).sum();
            prop_assert_eq!(needed, lengths.iter().filter(|length| **length <= LIMIT).sum::<usize>());
        }
    }
}
