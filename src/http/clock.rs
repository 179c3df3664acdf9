//! What an answer's `Date` says of this machine's clock, for people who look for the cause of a refusal.
//!
//! Owns the one comparison. Knows no service.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};

/// A difference that no refusal comes from: services allow some minutes, and answers take some seconds.
const UNREMARKABLE: Duration = Duration::from_mins(1);

/// A refusal's text with the difference between the clocks in front, if there is one: a longer text may be cut at its end.
pub(crate) fn with_difference(text: String, date: Option<&str>, now: SystemTime) -> String {
    match difference(date, now) {
        Some(difference) => format!("{difference}: {text}"),
        None => text,
    }
}

/// What the answer's headers say.
pub(crate) fn date(headers: &HeaderMap) -> Option<String> {
    headers.get(DATE)?.to_str().ok().map(ToOwned::to_owned)
}

fn difference(date: Option<&str>, now: SystemTime) -> Option<String> {
    let theirs = httpdate::parse_http_date(date?.trim()).ok()?;
    let (by, direction) = match now.duration_since(theirs) {
        Ok(by) => (by, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    (by > UNREMARKABLE).then(|| format!("this machine's clock is {} s {direction} the service's", by.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_named_with_how_far() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let then = httpdate::parse_http_date(date).unwrap();
        let said = |now| with_difference("no".to_owned(), Some(date), now);
        assert_eq!(said(then + Duration::from_mins(7)), "this machine's clock is 420 s ahead of the service's: no");
        assert_eq!(said(then - Duration::from_hours(1)), "this machine's clock is 3600 s behind the service's: no");
        for unremarkable in [then, then + UNREMARKABLE, then - UNREMARKABLE] {
            assert_eq!(said(unremarkable), "no");
        }
        for none in [None, Some(""), Some("yesterday")] {
            assert_eq!(with_difference("no".to_owned(), none, then), "no");
        }
    }
}
