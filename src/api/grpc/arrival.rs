//! The arrival of a call's message: the room that it takes, and the moment from which on the caller waits for us.
//!
//! Owns the counting. Knows no message.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes};

use crate::limits::connections::{Lease, Serving};
use crate::limits::room::{Room, Taken};

/// What a call takes of its connection until it is answered.
pub(super) struct Arrival {
    state: Arc<Mutex<State>>,
}

struct State {
    connection: Arc<Lease>,
    room: Option<Taken>,
    serving: Option<Serving>,
}

impl Arrival {
    /// Nothing has arrived.
    pub(super) fn new(connection: Arc<Lease>, own: Arc<Room>, shared: Arc<Room>) -> Self {
        let state = State { connection, room: Some(Taken::new(own, shared)), serving: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The body, followed as it is read.
    pub(super) fn follow(&self, body: Body) -> Body {
        // What is whole already, such as a call without a message, needs no following but counts as arrived.
        if body.is_end_stream() {
            State::lock(&self.state).arrived();
        }
        Body::new(Followed { body, state: Arc::clone(&self.state) })
    }
}

impl Drop for Arrival {
    /// The call is answered: a stream that goes on waits for its client.
    fn drop(&mut self) {
        let mut state = State::lock(&self.state);
        (state.room, state.serving) = (None, None);
    }
}

impl State {
    fn lock(state: &Mutex<Self>) -> MutexGuard<'_, Self> {
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&mut self) {
        if self.room.is_some() && self.serving.is_none() {
            self.serving = Some(self.connection.serve());
        }
    }
}

struct Followed {
    body: Body,
    state: Arc<Mutex<State>>,
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let mut state = State::lock(&self.state);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let (Some(data), Some(room)) = (frame.data_ref(), &mut state.room)
            && let Err(full) = room.grow(data.len())
        {
            return Poll::Ready(Some(Err(Status::resource_exhausted(full.to_string()))));
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
