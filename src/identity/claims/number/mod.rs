//! The decimal digits of numbers as a token writes them: a float of 64 bits would round them beyond 2^53.
//!
//! Owns finding a member's number in the JSON and writing it without an exponent. Knows no claim by name.

/// The longest number that is written out, in characters. Every finite float of 64 bits that is whole has fewer.
const MAX_CHARACTERS: usize = 400;

/// The numbers among the members of a JSON object, each with its member's name, both as written. The text must be valid JSON.
pub(super) fn members_of(json: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    let (mut depth, mut last, mut at) = (0_usize, 0..0, 0_usize);
    while let Some(byte) = json.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                at = string_end(json, at);
                if depth == 1 {
                    last = start..at;
                }
            }
            b'-' | b'0'..=b'9' => {
                let rest = json.get(start..).unwrap_or_default();
                let length = rest.iter().take_while(|byte| is_of_number(**byte)).count();
                at = start + length;
                if depth == 1
                    && let (Some(name), Some(number)) = (json.get(last.clone()), json.get(start..at))
                {
                    found.push((name, number));
                }
            }
            _ => {}
        }
    }
    found
}

/// Where the string ends whose first character is at `at`, its quotation mark included.
fn string_end(json: &[u8], mut at: usize) -> usize {
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

const fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// A JSON number with all of its digits, without an exponent and without zeros at the end of a fraction. None if that is longer than
/// any float.
pub(super) fn in_full(number: &str) -> Option<String> {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |unsigned| ("-", unsigned));
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = i64::try_from(all.len() - digits.len()).ok()?;
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some(format!("{sign}0"));
    }
    // How many of the digits stand before the point; negative: how many zeros stand behind it first.
    let point = i64::try_from(whole.len()).ok()? + i64::from(exponent) - leading;
    let length = i64::try_from(digits.len()).ok()?;
    if usize::try_from(point.unsigned_abs()).ok()?.saturating_add(digits.len()) > MAX_CHARACTERS {
        return None;
    }
    Some(if point <= 0 {
        format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-point).ok()?))
    } else if point >= length {
        format!("{sign}{digits}{}", "0".repeat(usize::try_from(point - length).ok()?))
    } else {
        let (before, after) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{sign}{before}.{after}")
    })
}

#[cfg(test)]
mod tests;
