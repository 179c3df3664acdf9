use super::*;
use crate::limits::memory::{ConnectionMemory, MemoryBudget};
use hyper::body::Body as _;

fn memory() -> Reservation {
    Reservation::new(ConnectionMemory::http2(Arc::<MemoryBudget>::default()))
}

async fn part(body: &mut AnswerBody) -> Part {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await.unwrap().unwrap();
    frame.into_data().unwrap_or_else(|_| panic!("no data"))
}

#[tokio::test(start_paused = true)]
async fn a_call_is_ended_when_its_answer_is_not_taken_and_the_connection_when_that_does_not_help() {
    let activity = Activity::new();
    let mut body = activity.begin(memory()).answered(Body::new("answer".to_owned()));
    let (ended, mut end) = tokio::sync::oneshot::channel::<()>();
    Calls(activity.clone()).execute(async move {
        let _ended = ended;
        let _part = part(&mut body).await;
        std::future::pending::<()>().await;
    });
    time::sleep(UNREAD.checked_sub(Duration::from_secs(1)).unwrap()).await;
    assert!(end.try_recv().is_err_and(|error| error == tokio::sync::oneshot::error::TryRecvError::Empty));
    time::sleep(Duration::from_secs(2)).await;
    assert!(end.await.is_err(), "the task was dropped");
    assert_eq!(activity.0.lock().streams, 0);

    let mut body = activity.begin(memory()).answered(Body::new("answer".to_owned()));
    let kept = part(&mut body).await;
    drop(body);
    let begun = activity.0.lock().begun.take();
    drop(begun);
    assert_eq!(activity.0.lock().streams, 1, "the answer is not gone");
    let start = Instant::now();
    activity.unread_for_too_long().await;
    assert!(start.elapsed() >= UNREAD + UNREAD_AT_LAST);
    drop(kept);
    assert_eq!(activity.0.lock().streams, 0);
    assert!(activity.0.lock().unread.is_empty());
    let waited = time::timeout(UNREAD * 10, activity.unread_for_too_long()).await;
    assert!(waited.is_err(), "nothing waits");
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_nothing_to_say_is_not_ended() {
    let activity = Activity::new();
    let _call = activity.begin(memory());
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    Calls(activity.clone()).execute(async move {
        let _ended = ended;
        std::future::pending::<()>().await;
    });
    assert!(time::timeout(UNREAD * 10, end).await.is_err());
}
