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
    let json = br#" {"a":1, "b\"":-2.5e+3 ,"c":[3,{"d":4}],"e":"5","f":{"g":6},"\u0068":7,"i":true,"j":"x\\","k":8}"#;
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
