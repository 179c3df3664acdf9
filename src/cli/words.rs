//! Text that is safe to show, and times in words.
//!
//! Owns what may reach a terminal: certificates, tokens and answers are written by others. Knows no certificate.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// The text with everything escaped that could move the cursor, recolour or reorder what a terminal shows.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unseen(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// JSON in which nothing but letters, signs and line breaks reaches a terminal.
///
/// # Errors
/// When the value has no JSON form.
pub fn json_text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(value)?;
    let mut out = String::with_capacity(text.len());
    let mut units = [0; 2];
    for character in text.chars() {
        // Only strings can hold such a character, and there this is the same character. Line breaks are ours.
        if is_unseen(character) && character != '\n' {
            for unit in character.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    Ok(out)
}

/// Control characters, and those that join, hide or reorder others (Unicode TR 36, section 3; RFC 9839).
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A span, rounded, in its largest unit that still says something: `90 seconds`, `10 minutes`, `3 hours`, `10 years`.
#[must_use]
pub fn span(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(365 * 86_400, "year"), (86_400, "day"), (3600, "hour"), (60, "minute")];
    let seconds = duration.as_secs();
    let fits = |(unit, _): &(u64, &str)| seconds >= 2 * unit;
    let (unit, name) = UNITS.into_iter().find(fits).unwrap_or((1, "second"));
    let count = (seconds + unit / 2) / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// Date and time in UTC: `2026-11-21 08:24:39 UTC`.
#[must_use]
pub fn utc(time: SystemTime) -> String {
    rfc3339(time).replace('T', " ").replace('Z', " UTC")
}

/// Date and time of RFC 3339, in UTC, whole seconds.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = unix_seconds(time);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Seconds since 1970, negative before.
fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    }
}

/// Year, month and day of a number of days since 1970 (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The moment of a number of seconds since 1970, if the clock can express it.
#[must_use]
pub fn moment(unix_seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(unix_seconds.unsigned_abs());
    if unix_seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(visible("a\u{1b}[31mred\r\n"), "a\\u{1b}[31mred\\u{d}\\u{a}");
        assert_eq!(visible("\u{9b}2J \u{202e}gpj.exe \u{200b}"), "\\u{9b}2J \\u{202e}gpj.exe \\u{200b}");
        assert_eq!(visible("Jürgen 日本 ' \" \\"), "Jürgen 日本 ' \" \\");
    }

    #[test]
    fn json_stays_the_same_value_and_holds_no_control_character() {
        let value = serde_json::json!({"a\u{9b}": "x\u{1b}\u{7f}\u{202e}\u{e0041}\n", "b": ["ü"]});
        let text = json_text(&value).unwrap();
        assert!(!text.chars().any(|character| is_unseen(character) && character != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn spans_are_told_in_the_unit_that_says_most() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (599, "10 minutes"),
            (600, "10 minutes"),
            (629, "10 minutes"),
            (7200, "2 hours"),
            (172_800, "2 days"),
            (3652 * 86_400, "10 years"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn times_are_told_in_utc() {
        for (seconds, words) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_795_250_679, "2026-11-21 08:44:39 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(utc(moment(seconds).unwrap()), words);
        }
        assert_eq!(rfc3339(moment(1_795_250_679).unwrap()), "2026-11-21T08:44:39Z");
    }

    proptest! {
        #[test]
        fn any_time_has_words(seconds in any::<i64>()) {
            if let Some(time) = moment(seconds) {
                prop_assert!(utc(time).ends_with(" UTC"));
            }
        }
    }
}
