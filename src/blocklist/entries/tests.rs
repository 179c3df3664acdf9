use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::blocklist::Conditions;

const NOW: SystemTime = UNIX_EPOCH;
const ISSUER: &str = "https://issuer.example";

fn scalar(text: &str) -> ClaimValue {
    ClaimValue::Scalar(text.to_owned())
}

fn members<const N: usize>(members: [(&str, ClaimValue); N]) -> ClaimValue {
    ClaimValue::Members(members.map(|(name, value)| (name.to_owned(), value)).into())
}

fn with_claims<const N: usize>(claims: [(&str, ClaimValue); N]) -> Conditions {
    Conditions { claims: claims.map(|(name, value)| (name.to_owned(), value)).into(), ..Conditions::default() }
}

fn entry(conditions: Conditions) -> BlockEntry {
    BlockEntry { conditions, reason: "r".to_owned(), until: None }
}

fn email(address: &str) -> SubjectAlternativeName {
    SubjectAlternativeName::Email(address.to_owned())
}

fn claims(members: &str) -> Claims {
    Claims::parse(members.as_bytes()).unwrap()
}

const KEY: KeyHash = KeyHash([7; 32]);

/// Whether an entry with these conditions blocks an ordinary request with these claims.
fn blocks(conditions: Conditions, members: &str) -> bool {
    let (claims, name) = (claims(members), email("Dev@example.com"));
    let candidate = Candidate { issuer: ISSUER, name: &name, claims: &claims, key_sha256: &KEY };
    BlockEntries::new(vec![entry(conditions)]).find(&candidate, NOW).is_some()
}

#[test]
fn each_condition_matches_by_itself_and_all_must_together() {
    let issuer = |text: &str| Conditions { issuer: Some(text.to_owned()), ..Conditions::default() };
    let san = |text: &str| Conditions { san: Some(text.to_owned()), ..Conditions::default() };
    let key = |byte| Conditions { key_sha256: Some(KeyHash([byte; 32])), ..Conditions::default() };
    for (conditions, expected) in [
        (issuer(ISSUER), true),
        (issuer("https://issuer.example/"), true),
        (issuer("https://issuer.example/x"), false),
        (issuer("https://issuer.exampl"), false),
        (san("Dev@example.com"), true),
        (san("dev@EXAMPLE.com"), true),
        (san("dev@example.co"), false),
        (key(7), true),
        (key(8), false),
        (with_claims([("a", scalar("1"))]), true),
        (with_claims([("a", scalar("2"))]), false),
        (with_claims([("b", scalar("1"))]), false),
        (Conditions { san: Some("dev@example.com".to_owned()), ..issuer(ISSUER) }, true),
        (Conditions { san: Some("dev@example.com".to_owned()), ..issuer("https://other.example") }, false),
        (Conditions { key_sha256: Some(KEY), ..issuer("https://other.example") }, false),
        (Conditions { key_sha256: Some(KEY), ..with_claims([("a", scalar("1"))]) }, true),
        // It would block everybody.
        (Conditions::default(), false),
    ] {
        assert_eq!(blocks(conditions.clone(), r#"{"a":"1"}"#), expected, "{conditions:?}");
    }
}

#[test]
fn names_that_are_not_addresses_are_compared_to_the_letter() {
    let none = claims("{}");
    let name = SubjectAlternativeName::OtherName("Dev!example.com".to_owned());
    let candidate = Candidate { issuer: ISSUER, name: &name, claims: &none, key_sha256: &KEY };
    for (san, expected) in [("Dev!example.com", true), ("dev!example.com", false)] {
        let conditions = Conditions { san: Some(san.to_owned()), ..Conditions::default() };
        assert_eq!(BlockEntries::new(vec![entry(conditions)]).find(&candidate, NOW).is_some(), expected, "{san}");
    }
}

#[test]
fn a_claim_matches_as_it_is_written_whatever_its_type() {
    for (value, claim, expected) in [
        (scalar("123"), "123", true),
        (scalar("123"), r#""123""#, true),
        (scalar("123"), "123.0", true),
        (scalar("123"), "1.23e2", true),
        (scalar("123"), "1234", false),
        (scalar("18446744073709551617"), "18446744073709551617", true),
        (scalar("18446744073709551617"), "18446744073709551618", false),
        (scalar("1.5"), "1.5", true),
        (scalar("true"), "true", true),
        (scalar("true"), r#""true""#, true),
        (scalar("true"), "false", false),
        (scalar(""), r#""""#, true),
        (scalar("null"), "null", false),
        (scalar("a"), r#""A""#, false),
        // Elements of a list, at any depth.
        (scalar("admins"), r#"["users","admins"]"#, true),
        (scalar("admins"), r#"["users"]"#, false),
        (scalar("7"), r"[[6,7]]", true),
        (scalar("a"), r#"{"a":"a"}"#, false),
        // Members of an object, others beside them.
        (members([("ns", scalar("prod"))]), r#"{"ns":"prod","x":1}"#, true),
        (members([("ns", scalar("prod"))]), r#"{"ns":"dev"}"#, false),
        (members([("ns", scalar("prod"))]), r#""prod""#, false),
        (members([("sa", members([("name", scalar("x"))]))]), r#"{"sa":{"name":"x"}}"#, true),
        (members([("roles", scalar("x"))]), r#"[{"roles":["y","x"]}]"#, true),
        (members([("a", scalar("1")), ("b", scalar("2"))]), r#"{"a":1}"#, false),
    ] {
        let found = blocks(with_claims([("claim", value.clone())]), &format!(r#"{{"claim":{claim}}}"#));
        assert_eq!(found, expected, "{value:?} against {claim}");
    }
}

#[test]
fn an_entry_counts_until_its_time_and_the_first_one_gives_the_reason() {
    let name = email("dev@example.com");
    let none = claims("{}");
    let candidate = Candidate { issuer: ISSUER, name: &name, claims: &none, key_sha256: &KEY };
    let conditions = Conditions { san: Some("dev@example.com".to_owned()), ..Conditions::default() };
    let second = Duration::from_secs(1);
    let timed = BlockEntry { until: Some(NOW + second), reason: "first".to_owned(), ..entry(conditions) };
    let for_good = BlockEntry {
        reason: "second".to_owned(),
        ..entry(Conditions { key_sha256: Some(KEY), ..Conditions::default() })
    };
    let entries = BlockEntries::new(vec![timed, for_good]);
    let reason = |now| entries.find(&candidate, now).map(|entry| entry.reason.as_str());
    assert_eq!((reason(NOW), reason(NOW + second)), (Some("first"), Some("second")));
    assert_eq!((entries.in_effect(NOW), entries.in_effect(NOW + second)), (2, 1));
    assert_eq!(entries.find_key(&KEY, NOW).map(|entry| entry.reason.as_str()), Some("second"));
    assert_eq!(entries.find_key(&KeyHash([1; 32]), NOW), None);
}

#[test]
fn a_key_is_blocked_whoever_holds_it_only_by_an_entry_that_asks_nothing_else() {
    let key_of_issuer = Conditions { key_sha256: Some(KEY), issuer: Some(ISSUER.to_owned()), ..Conditions::default() };
    let entries = BlockEntries::new(vec![entry(key_of_issuer)]);
    assert!(!entries.has_bare_keys());
    assert_eq!(entries.find_key(&KEY, NOW), None);
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let word = || prop::sample::select(vec!["a", "b", "1", "true"]).prop_map(str::to_owned);
    let value = prop_oneof![
        word().prop_map(ClaimValue::Scalar),
        prop::collection::btree_map(word(), word().prop_map(ClaimValue::Scalar), 1..3).prop_map(ClaimValue::Members),
    ];
    let claims = prop::collection::btree_map(word(), value, 0..3);
    let (issuer, san, key) = (prop::option::of(word()), prop::option::of(word()), prop::option::of(0..3_u8));
    (issuer, san, claims, key).prop_map(|(issuer, san, claims, key)| Conditions {
        issuer,
        san,
        claims,
        key_sha256: key.map(|byte| KeyHash([byte; 32])),
    })
}

proptest! {
    /// The index leaves nobody out and adds nobody.
    #[test]
    fn the_index_finds_what_a_walk_through_all_entries_finds(
        list in prop::collection::vec(conditions(), 0..12),
        issuer in prop::sample::select(vec!["a", "b", "a/"]),
        name in prop::sample::select(vec!["a", "A", "b"]),
        is_email in any::<bool>(),
        members in prop::collection::btree_map(prop::sample::select(vec!["a", "b", "1"]), prop::sample::select(vec![
            json!("a"), json!(1), json!(true), json!(["a", "b"]), json!({"a": "b", "1": 1}), json!([{"b": "1"}]), json!(null),
        ]), 0..3),
        key in 0..3_u8,
    ) {
        let claims = claims(&json!(members.into_iter().collect::<BTreeMap<_, _>>()).to_string());
        let name = if is_email { email(name) } else { SubjectAlternativeName::OtherName(name.to_owned()) };
        let key = KeyHash([key; 32]);
        let candidate = Candidate { issuer, name: &name, claims: &claims, key_sha256: &key };
        let numbered = list.into_iter().enumerate();
        let list: Vec<_> = numbered.map(|(n, conditions)| BlockEntry { reason: n.to_string(), ..entry(conditions) }).collect();
        let walked = list.iter().find(|entry| entry.conditions.matches(&candidate)).cloned();
        prop_assert_eq!(BlockEntries::new(list).find(&candidate, NOW).cloned(), walked);
    }
}
