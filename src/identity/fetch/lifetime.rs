//! How long an answer says that it may be used (RFC 9111), and when it says that it was made.
//!
//! Knows nothing of what is answered, nor how much of that is believed.

use std::time::{Duration, SystemTime};

use reqwest::header::{AGE, CACHE_CONTROL, DATE, HeaderMap};

/// What is left of `Cache-Control`'s `max-age` after `Age`; zero for `no-store` and `no-cache`; nothing if it says nothing.
pub(super) fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut longest = None;
    for directive in values.flat_map(|value| value.split(',')).map(str::trim) {
        let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if name.eq_ignore_ascii_case("max-age") {
            // What is not a number is taken for stale (section 4.2.1); what is beyond any number is as good as for ever.
            let text = argument.trim().trim_matches('"');
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            longest = Some(if digits { text.parse().unwrap_or(u64::MAX) } else { 0 });
        }
    }
    longest.map(|seconds: u64| Duration::from_secs(seconds.saturating_sub(age(headers))))
}

/// `Date`, and how long the answer was kept by a cache since (`Age`).
pub(super) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    date.checked_add(Duration::from_secs(age(headers)))
}

fn age(headers: &HeaderMap) -> u64 {
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    age.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        lifetime(&headers).map(|duration| duration.as_secs())
    }

    #[test]
    fn max_age_less_age_counts_and_nothing_else() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("cache-control", "public, must-revalidate")]), None);
        assert_eq!(of(&[("expires", "Thu, 01 Jan 2099 00:00:00 GMT")]), None);
        assert_eq!(of(&[("cache-control", "public, Max-Age=300")]), Some(300));
        assert_eq!(of(&[("cache-control", "s-maxage=9999, max-age=\"60\"")]), Some(60));
        assert_eq!(of(&[("cache-control", "public"), ("cache-control", "max-age=7")]), Some(7));
        assert_eq!(of(&[("cache-control", "max-age=300"), ("age", "100")]), Some(200));
        assert_eq!(of(&[("cache-control", "max-age=300"), ("age", "1000")]), Some(0));
        assert_eq!(of(&[("cache-control", "max-age=300, no-cache")]), Some(0));
        assert_eq!(of(&[("cache-control", "no-store")]), Some(0));
        assert_eq!(of(&[("cache-control", "max-age=soon")]), Some(0));
        assert_eq!(of(&[("cache-control", "max-age=-1")]), Some(0));
        assert_eq!(of(&[("cache-control", "max-age=99999999999999999999999")]), Some(u64::MAX));
    }
}
