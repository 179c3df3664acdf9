//! Durations as Go writes them: `1h30m`, `1.5h`, `250ms`. Without a sign and without blanks.

use std::time::Duration;

const UNITS: [(&str, f64); 8] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// A duration, or nothing when it is not written so.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let is_number = |character: char| character.is_ascii_digit() || character == '.';
        let (number, behind) = rest.split_at(rest.find(|character| !is_number(character))?);
        let (unit, behind) = behind.split_at(behind.find(is_number).unwrap_or(behind.len()));
        let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * length;
        rest = behind;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_fractions_add_up_and_nothing_else_is_a_duration() {
        assert_eq!(parse("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(parse("1.5h"), Some(Duration::from_mins(90)));
        assert_eq!(parse("+250ms"), Some(Duration::from_millis(250)));
        for bad in ["", "10", "m", "10 m", "-5m", "1d", "1.2.3s", "1e9h"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
