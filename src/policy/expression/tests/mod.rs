//! The language: what it evaluates to, what it refuses, and that it agrees with CEL's own interpreter.

mod against_cel;
mod bounds;

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use super::*;
use crate::identity::IdentityKind;
use crate::policy::{KeyFacts, catalogue::ClaimType};

/// Claims of any type are known here.
const OPEN: [IdentityKind; 1] = [IdentityKind::CiProvider];

pub(super) fn compile(source: &str) -> Result<Expression, Fault> {
    compile_as(source, &Type::Bool)
}

fn compile_as(source: &str, wanted: &Type) -> Result<Expression, Fault> {
    Expression::compile(source, &Vocabulary::new(&OPEN, &BTreeMap::new()), wanted)
}

/// With the claims of GitHub alone.
fn compile_strictly(source: &str) -> Result<Expression, Fault> {
    let extra = BTreeMap::from([("flag".to_owned(), ClaimType::Bool), ("tags".to_owned(), ClaimType::Strings)]);
    Expression::compile(source, &Vocabulary::new(&[IdentityKind::GithubWorkflow], &extra), &Type::Bool)
}

fn facts(claims: &Json) -> Facts<'_> {
    Facts {
        claims: claims.as_object().unwrap(),
        issuer: "https://issuer.example",
        audience: Some("sigstore"),
        kind: IdentityKind::GithubWorkflow,
        san: Some("https://github.com/o/r"),
        key: Some(KeyFacts::recorded(crate::crypto::KeyKind::P256, Some("00ff"))),
        now: UNIX_EPOCH + Duration::from_secs(1_795_824_000),
    }
}

/// True, false, or the error in words.
fn evaluate(source: &str, claims: &Json) -> Result<bool, String> {
    let expression = compile(source).unwrap_or_else(|fault| panic!("{source}: {fault:?}"));
    match expression.evaluate(&facts(claims)) {
        Ok(Value::Bool(value)) => Ok(value),
        Ok(other) => panic!("{source}: {other:?}"),
        Err(trouble) => Err(trouble.to_string()),
    }
}

#[test]
fn conditions_that_hold() {
    let claims = json!({"s": "abc", "n": 7, "b": true, "l": ["x", "y"], "m": {"k": {"d": "v"}}, "e": "", "f": 3.0,
        "when": 1_795_820_400, "https://x.example/y": "z", "nested": [["a"], ["b", "c"]]});
    for source in [
        "claims.s == 'abc' && claims.n == 7 && claims.b",
        "claims['https://x.example/y'] == \"z\" && 'https://x.example/y' in claims && !('q' in claims)",
        "has(claims.s) && !has(claims.t) && (has(claims.t) || claims.n > 6)",
        "claims.s in ['q', 'abc'] && !(claims.s in ['q']) && claims.n in [1, 7] && 'x' in claims.l && !('z' in claims.l)",
        "claims.m.k.d == 'v' && has(claims.m.k) && !has(claims.m.q) && claims.m['k']['d'] == 'v' && 'k' in claims.m",
        "claims.l[1] == 'y' && size(claims.l) == 2 && claims.l.size() == 2 && claims.s.size() == 3 && size('\u{e4}') == 1",
        "claims.s.startsWith('ab') && claims.s.endsWith('bc') && claims.s.contains('b') && claims.s.matches('^a.c$')",
        "'ABC'.lowerAscii() == claims.s && claims.e == '' && claims.s + '!' == 'abc!' && claims.s < 'abd'",
        "claims.n + 1 == 8 && claims.n - 10 == -3 && claims.n * 2 == 14 && claims.n / 2 == 3 && claims.n % 4 == 3 && -claims.n == -7",
        "claims.f == 3 && string(claims.n) == '7' && int('12') == 12 && string(true) == 'true' && 0x10 == 16",
        "claims.l.exists(x, x == 'y') && claims.l.all(x, x < 'z') && claims.l.exists_one(x, x == 'x') && !claims.l.exists_one(x, x != 'q')",
        "claims.l.map(x, x + '1') == ['x1', 'y1'] && claims.l.filter(x, x == 'x') == ['x'] && claims.l.map(x, x == 'x', x + '2') == ['x2']",
        "claims.nested.exists(inner, inner.exists(x, x == 'c')) && claims.m.exists(name, name == 'k') && [].all(x, x == 1)",
        "(claims.n > 5 ? 'big' : 'small') == 'big' && {'prod': 'p', 'dev': 'd'}['prod'] == 'p'",
        "issuer == 'https://issuer.example' && audience == 'sigstore' && principal.kind == 'github-workflow' && principal.san.endsWith('/r')",
        "key.kind == 'ecdsa-p256' && key.bits == 256 && key.sha256 == '00ff'",
        "now == timestamp('2026-11-28T00:00:00Z') && now - timestamp(claims.when) == duration('1h') && now > timestamp(claims.when)",
        "now.getDayOfWeek() == 6 && now.getHours() == 0 && now.getFullYear() == 2026 && now.getMonth() == 10 && now.getDate() == 28",
        "now + duration('90m') - duration('1h30m') == now && duration('-1m') < duration('1s') && int(now) == 1795824000",
        "string(now) == '2026-11-28T00:00:00Z' && r'\\d' == '\\\\d' && '''a'b''' == \"a'b\"",
    ] {
        assert_eq!(evaluate(source, &claims), Ok(true), "{source}");
        assert_eq!(evaluate(&format!("!({source})"), &claims), Ok(false), "{source}");
    }
}

#[test]
fn what_is_met_on_the_way_and_cannot_be_evaluated_is_the_result() {
    let claims = json!({"s": "abc", "n": 7, "half": 0.5, "big": 18_446_744_073_709_551_615_u64, "nil": null, "l": ["x", 1],
        "max": i64::MAX, "m": {"nil": null}});
    for (source, problem) in [
        ("claims.x == 'a'", "the claim \"x\" is absent"),
        ("claims.nil == 'a'", "the claim \"nil\" is absent"),
        ("claims.m.nil == 'a'", "the claim \"nil\" is absent"),
        ("claims.x == 'a' || true", "the claim \"x\" is absent"),
        ("claims.x == 'a' && false", "the claim \"x\" is absent"),
        ("[1, 2].exists(x, claims.y == x || x == 1)", "the claim \"y\" is absent"),
        ("claims.s == claims.n", "a string is compared with a number"),
        ("claims.s > claims.n", "a string is compared with a number"),
        ("'q' in claims.l", "a string is compared with a number"),
        ("claims.s.startsWith(claims.n)", "a value is a number; expected: a string"),
        ("claims.n.startsWith('a')", "a value is a number; expected: a string"),
        ("claims.s && true", "a value is a string; expected: true or false"),
        ("claims.half > 0", "a number is not whole, or too large"),
        ("claims.big > 0", "a number is not whole, or too large"),
        ("claims.max + 1 > 0", "a result is out of range"),
        ("claims.n / 0 == 1", "a division by zero"),
        ("claims.n % 0 == 1", "a division by zero"),
        ("claims.l[2] == 'x'", "an index is outside its list"),
        ("claims.l[-1] == 'x'", "an index is outside its list"),
        ("claims.m[claims.s] == 'x'", "a member of a map is absent"),
        ("claims.s.k == 'x'", "a value is a string; expected: a map"),
        ("int(claims.s) == 1", "a value cannot be read as an int"),
        ("timestamp(claims.s) < now", "a value cannot be read as a timestamp"),
        ("duration(claims.s) < duration('1s')", "a value cannot be read as a duration"),
        ("timestamp(claims.max) < now", "a result is out of range"),
        ("claims.s.exists(x, x == 'a')", "a value is a string; expected: a list or a map"),
    ] {
        assert_eq!(evaluate(source, &claims), Err(problem.to_owned()), "{source}");
    }
}

#[test]
fn operators_look_no_further_than_they_must() {
    let claims = json!({"s": "abc"});
    for (source, value) in [
        ("has(claims.x) && claims.x == 'a'", false),
        ("!has(claims.x) || claims.x == 'a'", true),
        ("(has(claims.x) ? claims.x : 'none') == 'none'", true),
        ("['a', 'b'].exists(x, x == 'a' || claims.x == x)", true),
        ("['a', 'b'].all(x, x == 'b' && claims.x == x)", false),
    ] {
        assert_eq!(evaluate(source, &claims), Ok(value), "{source}");
    }
}

#[test]
fn a_claim_of_another_type_than_the_catalogue_s_is_an_error_that_names_it() {
    let claims = json!({"repository_id": 12, "flag": "true", "tags": ["a", 1]});
    for (source, problem) in [
        ("claims.repository_id == '12'", "the claim \"repository_id\" is a number; expected: string"),
        ("claims.flag", "the claim \"flag\" is a string; expected: bool"),
        ("'a' in claims.tags", "the claim \"tags\" is a list; expected: list of strings"),
    ] {
        let expression = compile_strictly(source).unwrap();
        assert_eq!(expression.evaluate(&facts(&claims)).unwrap_err().to_string(), problem, "{source}");
    }
}

#[test]
fn what_was_not_recorded_is_an_error_where_it_is_looked_at() {
    let claims = json!({});
    let facts = Facts { audience: None, san: None, key: None, ..facts(&claims) };
    for (source, problem) in [
        ("audience == 'x'", "the audience is not recorded"),
        ("principal.san == 'x'", "the subject alternative name is not recorded"),
        ("key.bits > 255", "the key is not recorded"),
    ] {
        assert_eq!(compile(source).unwrap().evaluate(&facts).unwrap_err().to_string(), problem);
    }
    assert!(matches!(compile("issuer != ''").unwrap().evaluate(&facts), Ok(Value::Bool(true))));
}

#[test]
fn what_a_condition_looks_at_is_known() {
    let expression =
        compile("has(claims.a) && claims['b/c'] == 'x' && 'd' in claims && now > timestamp(claims.e)").unwrap();
    assert_eq!(expression.uses().claims.iter().collect::<Vec<_>>(), ["a", "b/c", "d", "e"]);
    assert_eq!(expression.uses().guarded.iter().collect::<Vec<_>>(), ["a", "d"]);
    assert!(!expression.uses().is_constant && compile("1 < 2").unwrap().uses().is_constant);
}

#[test]
fn a_place_is_in_bytes_and_exact() {
    for (source, part) in [
        ("'\u{e4}\u{f6}' == 'x' && clams.y == 'z'", "clams"),
        ("true &&\n  claims.s == 'a' &&\n  claims.s.startswith('b')", "startswith"),
        ("claims.s == 'a' &&\n  foo", "foo"),
        ("claims.s == 'a' && (true || nope)", "nope"),
    ] {
        let fault = compile(source).unwrap_err();
        assert_eq!(fault.at, source.find(part).unwrap(), "{source}: {fault:?}");
    }
    assert_eq!(compile("").unwrap_err().at, 0);
}
