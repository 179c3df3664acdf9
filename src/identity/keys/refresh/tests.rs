use std::time::Duration;

use super::*;

const DOUBT: Reason = Reason::UnknownKey { newer: false };
const NEWER: Reason = Reason::UnknownKey { newer: true };

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn doubt_asks_once_per_cool_down() {
    let (timing, start, mut life) = (KeyTiming::default(), Instant::now(), RefreshState::default());
    life.asked(Reason::Due, start);
    life.succeeded();
    assert!(!life.permits(DOUBT, &timing, start + seconds(29)), "the keys have just been fetched");
    assert!(life.permits(NEWER, &timing, start + seconds(1)), "but the token is younger still");
    life.asked(NEWER, start + seconds(1));
    life.succeeded();
    for reason in [DOUBT, NEWER] {
        assert!(!life.permits(reason, &timing, start + seconds(30)), "{reason:?}");
        assert!(life.permits(reason, &timing, start + seconds(31)), "{reason:?}");
    }
    assert!(life.permits(Reason::Due, &timing, start + seconds(2)), "what is due is not held up by doubt");
}

#[test]
fn an_issuer_that_failed_is_left_alone_for_longer_and_longer() {
    let (timing, start, mut life) = (KeyTiming::default(), Instant::now(), RefreshState::default());
    let mut now = start;
    for rest in [1, 2, 4, 8, 16, 30, 30] {
        life.asked(Reason::Due, now);
        life.failed(Arc::new(KeyError::Slow), &timing, now, 1.0);
        let almost = now + seconds(rest).saturating_sub(Duration::from_millis(1));
        for reason in [Reason::Due, DOUBT, NEWER] {
            assert!(!life.permits(reason, &timing, almost), "{reason:?}");
        }
        now += seconds(rest);
        assert!(life.permits(Reason::Due, &timing, now));
        assert!(life.failure().is_some());
    }
    assert_eq!(life.succeeded(), 7);
    assert!(life.permits(Reason::Due, &timing, now) && life.failure().is_none());
    life.failed(Arc::new(KeyError::Slow), &timing, now, 1.0);
    assert_eq!(life.retry_at(), Some(now + seconds(1)), "counted from the beginning again");
    assert!(life.failed_recently(&timing, now + seconds(59)));
    assert!(!life.failed_recently(&timing, now + seconds(60)), "that is long ago: it may be waited for again");
}

#[test]
fn an_issuer_that_was_not_asked_has_not_failed() {
    let (timing, now, mut life) = (KeyTiming::default(), Instant::now(), RefreshState::default());
    life.asked(Reason::Due, now);
    life.turned_away(Arc::new(KeyError::Busy));
    assert!(life.permits(Reason::Due, &timing, now) && !life.failed_recently(&timing, now));
    assert!(life.failure().is_some(), "but those who ask are told why");
}
