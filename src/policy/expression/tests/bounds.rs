//! No condition and no claim takes the check or the evaluation far.

use serde_json::json;

use super::*;

#[test]
fn conditions_that_are_too_long_or_too_deep_are_refused() {
    let long = format!("claims.s == '{}'", "x".repeat(MAX_SOURCE));
    let sum = format!("1{} == 2", "+1".repeat(600));
    for source in [
        long.as_str(),
        &sum,
        &format!("{}true{}", "(".repeat(60), ")".repeat(60)),
        &format!("{}true", "!".repeat(700)),
        &format!("claims.a{} == 'x'", ".a".repeat(900)),
        &format!("{}[0]{} == [0]", "[".repeat(50), "]".repeat(50)),
        &format!("claims.n in [{}0]", "0,".repeat(1500)),
        &"[".repeat(4000),
        &"a?".repeat(2000),
    ] {
        assert!(compile(source).is_err(), "{}", &source[..40]);
    }
    // As deep as is taken: the parser and the check are up to it.
    for source in [
        format!("1{} == 249", "+1".repeat(248)),
        format!("{}true", "!".repeat(248)),
        format!("{}true{}", "(".repeat(24), ")".repeat(24)),
        format!("claims.n == 1{}", " || claims.n == 1".repeat(60)),
        format!("claims.a{} == 'x'", ".a".repeat(200)),
        format!("claims.s in [{}'q']", "'0123456789',".repeat(250)),
    ] {
        assert!(compile(&source).is_ok(), "{}: {:?}", &source[..40], compile(&source).unwrap_err());
    }
}

#[test]
fn comprehensions_are_nested_once() {
    assert!(compile("claims.l.all(x, claims.l.all(y, x == y))").is_ok());
    let fault = compile("claims.l.all(x, claims.l.all(y, claims.l.all(z, x == y && y == z)))").unwrap_err();
    assert!(fault.message.contains("nested once"), "{fault:?}");
}

#[test]
fn large_values_are_an_error_and_no_work() {
    let list: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
    let claims = json!({"l": list, "m": list[..900], "s": "x".repeat(700_000), "t": "y".repeat(9000)});
    for (source, problem) in [
        ("claims.l.all(x, x != '')", "a string or a list is too long"),
        ("'q' in claims.l", "a string or a list is too long"),
        ("claims.m.all(x, claims.m.exists(y, x == y))", "it takes more steps than are allowed"),
        ("claims.s.contains('y')", "it takes more steps than are allowed"),
        ("claims.s.matches('y')", "it takes more steps than are allowed"),
        ("claims.t + claims.t == 'y'", "a string or a list is too long"),
        ("claims.m.map(x, claims.t) == claims.m.map(x, claims.t)", "it takes more steps than are allowed"),
    ] {
        assert_eq!(evaluate(source, &claims), Err(problem.to_owned()), "{source}");
    }
}

#[test]
fn patterns_are_bounded_when_they_are_compiled() {
    for (pattern, word) in [
        ("(a{1000}){1000}", "too large"),
        ("(?=x)", "look-around"),
        ("(a)\\\\1", "backreference"),
        ("(", "unclosed"),
        ("[z-a]", "range"),
    ] {
        let fault = compile(&format!("claims.s.matches('{pattern}')")).unwrap_err();
        assert!(fault.message.contains(word) && fault.hint.is_some(), "{pattern}: {fault:?}");
    }
    let fault = compile("claims.s.matches(claims.t)").unwrap_err();
    assert!(fault.message.contains("must stand in the condition"), "{fault:?}");
}
