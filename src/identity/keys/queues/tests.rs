use super::*;

async fn turn(lane: &FetchQueue, ticket: Ticket, path: &[u64]) -> Result<Permit, KeyError> {
    lane.enter(ticket, path).turn(Some(Duration::ZERO)).await
}

fn assert_empty(lane: &FetchQueue) {
    let state = lane.0.lock();
    assert_eq!((state.shares.served(), state.shares.waiting(), state.waiting.len()), (0, 0, 0));
}

#[tokio::test]
async fn who_hangs_everywhere_leaves_turns_for_everybody_else() {
    let lane = FetchQueue::new(48, 512);
    let mut held = Vec::new();
    for ticket in 0..100 {
        held.extend(turn(&lane, ticket, &[1, 1, 1, 1]).await.ok());
    }
    assert_eq!(held.len(), 10, "one host of one client of one pattern");
    for (ticket, path) in [(200, [1, 1, 1, 2]), (201, [1, 1, 2, 1]), (202, [1, 2, 2, 1]), (203, [2, 1, 1, 1])] {
        assert!(turn(&lane, ticket, &path).await.is_ok(), "{path:?}");
    }
    assert!(turn(&lane, 300, &[1, 1, 1, 1]).await.is_err());
    held.pop();
    assert!(turn(&lane, 301, &[1, 1, 1, 1]).await.is_ok());
    drop(held);
    assert_empty(&lane);
}

#[tokio::test]
async fn a_full_queue_is_shared_out() {
    let lane = FetchQueue::new(1, 4);
    let running = turn(&lane, 0, &[9]).await.unwrap();
    let crowd: Vec<_> = (1..5).map(|ticket| lane.enter(ticket, &[1])).collect();
    let refused = lane.enter(5, &[1]);
    let honest = lane.enter(6, &[2]);
    assert!(matches!(refused.turn(None).await, Err(KeyError::Busy)));
    drop(running);
    let mut crowd = crowd.into_iter();
    let first = crowd.next().unwrap().turn(None).await.unwrap();
    drop(first);
    drop(honest.turn(None).await.expect("the second turn is the other group's"));
    let last = crowd.next_back().unwrap();
    assert!(matches!(last.turn(None).await, Err(KeyError::Busy)), "it gave way");
}

#[tokio::test]
async fn who_wants_what_another_has_queued_for_lends_it_his_share() {
    let lane = FetchQueue::new(1, 100);
    let running = turn(&lane, 0, &[9]).await.unwrap();
    let crowd: Vec<_> = (1..20).map(|ticket| lane.enter(ticket, &[1])).collect();
    let wanted = lane.enter(20, &[1]);
    lane.join(20, &[2]);
    lane.join(20, &[2]);
    drop(running);
    drop(crowd.into_iter().next().unwrap().turn(None).await.unwrap());
    drop(tokio::time::timeout(Duration::from_secs(5), wanted.turn(None)).await.expect("second").unwrap());
    assert_eq!(lane.0.lock().shares.served(), 0);
}

#[tokio::test]
async fn whoever_goes_away_takes_no_turn_along() {
    let lane = FetchQueue::new(1, 100);
    for ticket in 0..100 {
        // Half of these have been given their turn when they are dropped.
        let queued = [lane.enter(2 * ticket, &[1]), lane.enter(2 * ticket + 1, &[1])];
        drop(queued);
    }
    assert!(turn(&lane, 1000, &[1]).await.is_ok());
    assert_empty(&lane);
}
