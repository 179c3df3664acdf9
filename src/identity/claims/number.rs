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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_keep_their_digits_and_lose_their_exponent() {
        for (number, text) in [
            ("0", "0"),
            ("-0", "-0"),
            ("0.000", "0"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("12.5e1", "125"),
            ("12.345e1", "123.45"),
            ("1e-6", "0.000001"),
            ("0.00120e2", "0.12"),
            ("100e-2", "1"),
            ("-1.5", "-1.5"),
            ("1e20", "100000000000000000000"),
            ("9007199254740993.0", "9007199254740993"),
            ("123456789012345678901234", "123456789012345678901234"),
            ("1.00000000000000000001", "1.00000000000000000001"),
        ] {
            assert_eq!(in_full(number).as_deref(), Some(text), "{number}");
        }
        assert_eq!(in_full("1e308").unwrap().len(), 309);
        for endless in ["1e401", "1e-401", "1e99999999999", &"9".repeat(401)] {
            assert_eq!(in_full(endless), None, "{endless}");
        }
    }

    #[test]
    fn only_the_objects_own_numbers_are_found() {
        let json =
            br#" {"a":1, "b\"":-2.5e+3 ,"c":[3,{"d":4}],"e":"5","f":{"g":6},"\u0068":7,"i":true,"j":"x\\","k":8}"#;
        let found: Vec<(&str, &str)> = members_of(json)
            .into_iter()
            .map(|(name, number)| (std::str::from_utf8(name).unwrap(), std::str::from_utf8(number).unwrap()))
            .collect();
        let expected = [("\"a\"", "1"), ("\"b\\\"\"", "-2.5e+3"), ("\"\\u0068\"", "7"), ("\"k\"", "8")];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn a_float_that_is_written_exactly_is_written_as_rust_writes_it(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            let shortest = format!("{value:e}");
            if let Some(text) = in_full(&shortest) {
                prop_assert_eq!(text, value.to_string());
            }
        }

        #[test]
        fn two_numbers_with_one_text_are_one_number(a in 0_u128.., b in 0_u128.., e in -20_i32..20) {
            let (one, two) = (in_full(&format!("{a}e{e}")).unwrap(), in_full(&format!("{b}e{e}")).unwrap());
            prop_assert_eq!(one == two, a == b);
        }

        #[test]
        fn searching_never_panics(json in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = members_of(&json);
        }
    }
}
