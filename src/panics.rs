//! What becomes of a panic in a library below: the one call that met it fails, and nothing else.
//!
//! Owns the catching. The place and the message are logged by the hook that `telemetry` sets. Knows nothing of calls.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// A call that panicked; the log's line before says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a panic, which an ERROR line of the log describes")]
pub struct Panicked;

/// What a future comes to. One that panics is not polled again, and what it held is dropped.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

/// What a function comes to.
pub(crate) fn caught_in<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[allow(clippy::panic, reason = "it is what is caught")]
    async fn a_panic_is_the_end_of_one_call() {
        let late = async {
            tokio::task::yield_now().await;
            panic!("x")
        };
        assert_eq!(caught(late).await.map(|(): ()| ()), Err(Panicked));
        assert_eq!(caught(async { 7 }).await, Ok(7));
        assert_eq!(caught_in(|| -> u8 { panic!("x") }), Err(Panicked));
        assert_eq!(caught_in(|| 7), Ok(7));
    }
}
