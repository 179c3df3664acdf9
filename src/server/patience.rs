//! How long what a client has begun is waited for, and how often memory for it is looked for meanwhile.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{self, Instant, Sleep};

/// How often to look whether there is memory again.
const AGAIN: Duration = Duration::from_millis(20);

/// The timers of a connection; none while nothing is waited for.
pub(super) struct Patience {
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    again: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, deadline: None, again: None }
    }

    /// Nothing is waited for any more; the next wait has the whole time.
    pub(super) fn rest(&mut self) {
        (self.deadline, self.again) = (None, None);
    }

    /// Wakes the task when memory is to be looked for again.
    pub(super) fn look_again(&mut self, context: &mut Context<'_>) {
        let again = self.again.get_or_insert_with(|| Box::pin(time::sleep(AGAIN)));
        if again.as_mut().poll(context).is_ready() {
            again.as_mut().reset(Instant::now() + AGAIN);
            let _ = again.as_mut().poll(context);
        }
    }

    /// Ready when the time since the first call is over.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        self.deadline.get_or_insert_with(|| Box::pin(time::sleep(limit))).as_mut().poll(context)
    }
}
