use super::*;

fn claims(json: &str) -> Claims {
    Claims::parse(json.as_bytes()).unwrap()
}

#[test]
fn a_member_that_stands_twice_is_refused_at_any_depth() {
    for json in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"b":2}]}"#, r#"{"a":1,"\u0061":2}"#] {
        assert!(Claims::parse(json.as_bytes()).is_err(), "{json}");
    }
}

#[test]
fn only_an_object_is_a_set_of_claims() {
    for json in ["[]", "null", "1", "\"a\"", "", "{", "{}x", "{\"a\":1e999}"] {
        assert!(Claims::parse(json.as_bytes()).is_err(), "{json}");
    }
    assert!(Claims::parse(b"{}").is_ok());
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert!(Claims::parse(deep.as_bytes()).is_err(), "depth is bounded");
}

#[test]
fn a_wrong_type_is_never_taken_for_absent() {
    let claims = claims(r#"{"n":null,"i":1,"l":[],"e":"","t":"x","o":{"m":"","k":"v","z":null}}"#);
    assert_eq!(claims.optional_text("absent"), Ok(None));
    let wrong = ClaimError::WrongType { claim: "i".into(), found: "a number", wanted: "a string" };
    assert_eq!(claims.optional_text("i"), Err(wrong));
    assert_eq!(claims.non_empty_str("e"), Err(ClaimError::Empty("e".into())));
    assert_eq!(claims.text("e"), Ok(""));
    assert_eq!(claims.non_empty_str("t"), Ok("x"));
    assert_eq!(claims.text("absent"), Err(ClaimError::Missing("absent".into())));
    assert!(claims.object("l").is_err());
    let object = claims.object("o").unwrap();
    assert_eq!(filled_member(object, "k", "o.k"), Ok("v"));
    for (member, claim) in [("m", "o.m"), ("z", "o.z"), ("gone", "o.gone")] {
        assert_eq!(filled_member(object, member, claim).unwrap_err().claim(), claim);
    }
}

#[test]
fn null_is_absent_and_a_needed_claim_that_is_null_is_named() {
    let claims = claims(r#"{"n":null,"o":{"z":null}}"#);
    assert_eq!((claims.get("n"), claims.optional_text("n"), claims.scalar("n")), (None, Ok(None), Ok(None)));
    assert_eq!(claims.numeric_date("n"), Ok(None));
    let missing = ClaimError::Missing("n".into());
    assert_eq!((claims.text("n"), claims.non_empty_str("n")), (Err(missing.clone()), Err(missing.clone())));
    assert_eq!(claims.object("n"), Err(missing));
    assert_eq!(filled_member(claims.object("o").unwrap(), "z", "o.z"), Err(ClaimError::Missing("o.z".into())));
    assert!(Claims::parse(br#"{"n":null,"n":null}"#).is_err(), "a duplicate is one all the same");
}

#[test]
fn numbers_are_written_in_full_and_never_rounded() {
    let cases = [
        ("42", "42"),
        ("-7", "-7"),
        ("12345678901", "12345678901"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551617", "18446744073709551617"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("123456789012345678901234", "123456789012345678901234"),
        ("9007199254740993.0", "9007199254740993"),
        ("1.0", "1"),
        ("1.5", "1.5"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1000000000000000000000"),
        ("100000000000000000001e0", "100000000000000000001"),
        ("0.000001", "0.000001"),
        ("1e3", "1000"),
    ];
    for (json, text) in cases {
        // The name's spelling and numbers elsewhere do not matter.
        let claims = claims(&format!(r#"{{"o":{{"n":1.5}},"l":[2.5],"\u006e" : {json} ,"s":"3.5"}}"#));
        assert_eq!(claims.scalar("n").unwrap().unwrap(), text, "{json}");
    }
    let claims = claims(r#"{"t":true,"f":false,"n":null,"l":["x",true,-7],"o":{},"s":"x","long":1e-401,"r":[1.5]}"#);
    assert_eq!(claims.scalars("l"), Ok(Some(vec!["x".into(), "true".into(), "-7".into()])));
    assert_eq!((claims.scalars("r"), claims.scalars("s")), (Ok(None), Ok(None)));
    assert_eq!(
        (claims.scalar("t").unwrap().unwrap(), claims.scalar("f").unwrap().unwrap()),
        ("true".into(), "false".into())
    );
    assert_eq!((claims.scalar("s").unwrap().unwrap(), claims.scalar("absent")), ("x".into(), Ok(None)));
    assert_eq!(claims.scalar("n"), Ok(None));
    for name in ["l", "o", "long"] {
        assert!(matches!(claims.scalar(name), Err(ClaimError::WrongType { .. })), "{name}");
    }
}

#[test]
fn a_control_character_is_refused_wherever_a_string_is_used() {
    for character in ["\\u0000", "\\n", "\\u001f", "\\u007f", "\\u0080", "\\u0085", "\\u009f", "\u{85}", "\u{7f}"] {
        let claims = claims(&format!(r#"{{"c":"a{character}b","o":{{"m":"{character}"}}}}"#));
        let refused = |name: &str| ClaimError::ControlCharacter(name.to_owned());
        assert_eq!(claims.text("c"), Err(refused("c")), "{character}");
        assert_eq!(claims.non_empty_str("c"), Err(refused("c")));
        assert_eq!(claims.optional_text("c"), Err(refused("c")));
        assert_eq!(claims.scalar("c"), Err(refused("c")));
        assert_eq!(filled_member(claims.object("o").unwrap(), "m", "o.m"), Err(refused("o.m")));
    }
    for allowed in [" ", "~", "\u{a0}", "\u{202e}", "\u{e9}", "\u{1f600}"] {
        assert_eq!(claims(&format!(r#"{{"c":"{allowed}"}}"#)).text("c"), Ok(allowed));
    }
}

#[test]
fn debug_shows_no_values() {
    let shown = format!("{:?}", claims(r#"{"email":"jane@example.com"}"#));
    assert!(shown.contains("email") && !shown.contains("jane"), "{shown}");
}
