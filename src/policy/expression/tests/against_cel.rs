//! The same conditions in CEL's own interpreter: where neither errs the results are the same, and where CEL errs so do we.

use cel::{Context, Env};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;

/// What CEL's interpreter says; nothing for an error.
fn by_cel(source: &str, claims: &Json) -> Option<bool> {
    let mut context = Context::default();
    context.add_variable_from_value("claims", to_cel(claims));
    context.add_variable("issuer", "https://issuer.example").unwrap();
    context.add_variable("audience", "sigstore").unwrap();
    let program = Env::stdlib().compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    match program.execute(&context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        _ => None,
    }
}

/// Whole numbers are ints: the library's own conversion makes them unsigned where they are positive.
fn to_cel(json: &Json) -> cel::Value {
    match json {
        Json::Null => cel::Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => number.as_i64().unwrap().into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(list) => list.iter().map(to_cel).collect::<Vec<_>>().into(),
        Json::Object(members) => {
            let members = members.iter().map(|(name, member)| (name.clone(), to_cel(member)));
            members.collect::<std::collections::HashMap<String, cel::Value>>().into()
        }
    }
}

fn agree(source: &str, claims: &Json) -> Result<(), TestCaseError> {
    // What the check refuses is never evaluated.
    let Ok(expression) = compile(source) else { return Ok(()) };
    let facts = facts(claims);
    let ours = match expression.evaluate(&facts) {
        Ok(Value::Bool(value)) => Some(value),
        Ok(other) => return Err(TestCaseError::fail(format!("{source}: {other:?}"))),
        Err(_) => None,
    };
    match (ours, by_cel(source, claims)) {
        (Some(ours), theirs) => prop_assert_eq!(Some(ours), theirs, "{} over {}", source, claims),
        (None, _) => {}
    }
    Ok(())
}

#[test]
fn the_examples_agree() {
    let claims = json!({"s": "abc", "t": "B", "n": 7, "m": 2, "b": true, "l": ["x", "y"], "k": ["x"], "o": {"s": "abc", "n": 1}});
    for source in [
        "claims.n / claims.m == 3 && claims.n % claims.m == 1 && -7 / 2 == -3 && -7 % 2 == -1",
        "size('\u{e4}\u{1f600}') == 2 && 'a' < 'b' && '\u{e4}' > 'z'",
        "claims.l.exists_one(x, x == 'x') && claims.l.map(x, x + 'q') == ['xq', 'yq']",
        "int('-12') == -12 && string(-12) == '-12' && string(false) == 'false'",
        "claims.o == {'s': 'abc', 'n': 1} || true",
        "claims.s.matches('b') && matches(claims.s, '^a') && !claims.s.matches('^b')",
    ] {
        agree(source, &claims).unwrap();
        assert_eq!(by_cel(source, &claims), Some(true), "{source}");
    }
    // CEL hides the error; here it is the result.
    assert_eq!(
        (by_cel("claims.x == 1 || true", &claims), evaluate("claims.x == 1 || true", &claims).ok()),
        (Some(true), None)
    );
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("abc".to_owned()), Just(String::new()), Just("x".to_owned()), "[a-c\u{e4}]{0,3}"]
}

/// Strings, as they are written in a condition.
fn strings() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        text().prop_map(|text| format!("'{text}'")),
        Just("claims.s".to_owned()),
        Just("claims.t".to_owned()),
        Just("claims.x".to_owned()),
        Just("claims.o.s".to_owned()),
        Just("claims.l[0]".to_owned()),
        Just("issuer".to_owned()),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} + {other})")),
            (conditions_over(inner.clone(), ints_of_leaves()), inner.clone(), inner)
                .prop_map(|(condition, one, other)| format!("({condition} ? {one} : {other})")),
            ints_of_leaves().prop_map(|number| format!("string({number})")),
        ]
    })
}

fn ints_of_leaves() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        (-3_i64..9).prop_map(|number| if number < 0 { format!("({number})") } else { number.to_string() }),
        Just("claims.n".to_owned()),
        Just("claims.m".to_owned()),
        Just("claims.o.n".to_owned()),
        Just("9223372036854775807".to_owned()),
        Just("size(claims.s)".to_owned()),
        Just("size(claims.l)".to_owned()),
        Just("int(claims.s)".to_owned()),
    ]
}

fn ints() -> impl Strategy<Value = String> + Clone {
    ints_of_leaves().prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), prop_oneof!["\\+", "-", "\\*", "/", "%"], inner)
            .prop_map(|(one, operator, other)| format!("({one} {operator} {other})"))
    })
}

fn conditions_over(
    strings: impl Strategy<Value = String> + Clone + 'static,
    ints: impl Strategy<Value = String> + Clone + 'static,
) -> impl Strategy<Value = String> {
    let equal = || prop_oneof!["==", "!=", "<", "<=", ">", ">="];
    let order = || prop_oneof!["==", "!=", "<", "<=", ">", ">="];
    let search = prop_oneof!["startsWith", "endsWith", "contains"];
    prop_oneof![
        (strings.clone(), equal(), strings.clone())
            .prop_map(|(one, operator, other)| format!("{one} {operator} {other}")),
        (ints.clone(), order(), ints).prop_map(|(one, operator, other)| format!("{one} {operator} {other}")),
        (strings.clone(), search, strings.clone()).prop_map(|(one, method, other)| format!("{one}.{method}({other})")),
        strings.clone().prop_map(|one| format!("{one}.matches('^a.*c$')")),
        strings.clone().prop_map(|one| format!("{one} in ['abc', 'x', 'b']")),
        strings.clone().prop_map(|one| format!("{one} in claims.l")),
        strings.prop_map(|one| format!("claims.l.exists(e, e == {one})")),
        Just("claims.b".to_owned()),
        Just("has(claims.s)".to_owned()),
        Just("has(claims.o.n)".to_owned()),
        Just("'x' in claims".to_owned()),
        Just("claims.l.all(e, e in claims.k)".to_owned()),
        Just("claims.l.filter(e, e != 'x') == claims.k".to_owned()),
        Just("claims.l.map(e, e + 'x') == ['xx', 'yx']".to_owned()),
        Just("claims.l.exists_one(e, e == claims.s)".to_owned()),
    ]
}

fn conditions() -> impl Strategy<Value = String> {
    conditions_over(strings().boxed(), ints().boxed()).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(condition, one, other)| format!("({condition} ? {one} : {other})")),
        ]
    })
}

fn value() -> impl Strategy<Value = Json> {
    let scalar =
        prop_oneof![text().prop_map(Json::from), (-9_i64..9).prop_map(Json::from), any::<bool>().prop_map(Json::from)];
    prop_oneof![
        6 => scalar.clone(),
        1 => proptest::collection::vec(scalar.clone(), 0..4).prop_map(Json::from),
        1 => proptest::collection::btree_map("[sn]", scalar, 0..3).prop_map(|map| Json::from(Map::from_iter(map))),
    ]
}

fn claims() -> impl Strategy<Value = Json> {
    let texts = || proptest::collection::vec(text(), 0..4).prop_map(Json::from);
    let usual = (text(), text(), -3_i64..9, -3_i64..9, any::<bool>(), texts(), texts()).prop_map(
        |(s, t, n, m, b, l, k)| json!({"s": s, "t": t, "n": n, "m": m, "b": b, "l": l, "k": k, "o": {"s": s, "n": n}}),
    );
    (usual, proptest::collection::btree_map("[stnmblkox]", value(), 0..3)).prop_map(|(mut usual, changes)| {
        for (name, value) in changes {
            usual[name] = value;
        }
        usual
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Everything that has a value here has the same one there: strictness may err more, never less.
    #[test]
    fn results_agree(source in conditions(), claims in claims()) {
        agree(&source, &claims)?;
    }
}
