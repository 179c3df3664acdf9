//! Text that is safe to show, and times in words.
//!
//! Owns what may reach a terminal: certificates, tokens and answers are written by others. Knows no certificate.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The text with everything escaped that could move the cursor, recolour or reorder what a terminal shows.
pub(crate) fn visible(text: &str) -> String {
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

/// The same for a text of several lines, which stay lines.
pub(crate) fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// JSON in which nothing but letters, signs and line breaks reaches a terminal.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, serde_json::Error> {
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
pub(crate) fn span(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(365 * 86_400, "year"), (86_400, "day"), (3600, "hour"), (60, "minute")];
    let seconds = duration.as_secs();
    let fits = |(unit, _): &(u64, &str)| seconds >= 2 * unit;
    let (unit, name) = UNITS.into_iter().find(fits).unwrap_or((1, "second"));
    let count = (seconds + unit / 2) / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// Date and time of RFC 3339, in UTC, whole seconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    let formatted = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    formatted.unwrap_or_else(|| format!("{seconds} seconds after 1970"))
}

/// The moment of a number of seconds since 1970, if the clock can express it.
pub(crate) fn moment(unix_seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(unix_seconds.unsigned_abs());
    if unix_seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn times_are_told_in_utc_and_any_time_has_words() {
        for (seconds, words) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 seconds after 1970"),
        ] {
            assert_eq!(rfc3339(moment(seconds).unwrap()), words);
        }
    }
}
