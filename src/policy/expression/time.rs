//! Timestamps and durations of the language: nanoseconds, within CEL's bounds (years 1 to 9999).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::node::Part;
use crate::text::go_duration;

/// Nanoseconds: since 1970, or of a duration.
pub(crate) type Nanos = i128;

pub(super) const SECOND: Nanos = 1_000_000_000;
/// The first and the last second that a timestamp can be.
const FIRST: Nanos = -62_135_596_800 * SECOND;
const LAST: Nanos = 253_402_300_799 * SECOND + (SECOND - 1);
/// The longest duration: what separates the two.
const LONGEST: Nanos = LAST - FIRST;

/// A timestamp, if it is within CEL's bounds.
pub(super) fn timestamp(nanos: Nanos) -> Option<Nanos> {
    (FIRST..=LAST).contains(&nanos).then_some(nanos)
}

/// A duration, if it is within CEL's bounds.
pub(super) fn duration(nanos: Nanos) -> Option<Nanos> {
    (-LONGEST..=LONGEST).contains(&nanos).then_some(nanos)
}

/// RFC 3339.
pub(crate) fn parse_timestamp(text: &str) -> Option<Nanos> {
    OffsetDateTime::parse(text, &Rfc3339).ok().and_then(|time| timestamp(time.unix_timestamp_nanos()))
}

/// As Go writes durations, with a sign.
pub(crate) fn parse_duration(text: &str) -> Option<Nanos> {
    let (sign, length) = text.strip_prefix('-').map_or((1, text), |length| (-1, length));
    // A second sign is not one.
    let length = go_duration::parse(length).filter(|_| sign == 1 || !length.starts_with('+'))?;
    duration(sign * Nanos::try_from(length.as_nanos()).ok()?)
}

pub(super) fn of_system(time: SystemTime) -> Nanos {
    let nanos = |duration: Duration| Nanos::try_from(duration.as_nanos()).unwrap_or(LAST);
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -nanos(before.duration()), nanos).clamp(FIRST, LAST)
}

/// RFC 3339 in UTC, with as many digits of the second as are needed.
pub(super) fn display(timestamp: Nanos) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(timestamp).ok()?.format(&Rfc3339).ok()
}

pub(super) fn part(timestamp: Nanos, part: Part) -> Option<i64> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(timestamp).ok()?;
    Some(match part {
        Part::Year => i64::from(time.year()),
        Part::Month => i64::from(u8::from(time.month())) - 1,
        Part::Date => i64::from(time.day()),
        Part::DayOfMonth => i64::from(time.day()) - 1,
        Part::DayOfWeek => i64::from(time.weekday().number_days_from_sunday()),
        Part::Hours => i64::from(time.hour()),
        Part::Minutes => i64::from(time.minute()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_sign_and_a_bound() {
        assert_eq!(parse_duration("1h"), Some(3600 * SECOND));
        assert_eq!(parse_duration("-1.5s"), Some(-SECOND * 3 / 2));
        for bad in ["", "-", "--1s", "-+1s", "10", "900000000h"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_timestamp_has_its_parts_in_utc() {
        let time = parse_timestamp("2026-11-28T01:30:00+02:00").unwrap();
        let parts =
            [Part::Year, Part::Month, Part::Date, Part::DayOfMonth, Part::DayOfWeek, Part::Hours, Part::Minutes];
        assert_eq!(parts.map(|which| part(time, which).unwrap()), [2026, 10, 27, 26, 5, 23, 30]);
        assert_eq!(display(time).unwrap(), "2026-11-27T23:30:00Z");
        assert_eq!(parse_timestamp("2026-11-28"), None);
        assert_eq!(timestamp(LAST + 1), None);
    }
}
