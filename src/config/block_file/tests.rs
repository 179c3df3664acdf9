use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::blocklist::KeyHash;

const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn read(text: &str) -> Vec<BlockEntry> {
    parse("block.yaml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}")).iter().cloned().collect()
}

fn refused(text: &str) -> String {
    parse("block.yaml", text.as_bytes()).expect_err(text).to_string()
}

fn by_san(san: &str) -> BlockEntry {
    let conditions = Conditions { san: Some(san.to_owned()), ..Conditions::default() };
    BlockEntry { conditions, reason: "r".to_owned(), until: None }
}

#[test]
fn every_key_is_read() {
    let text = format!(
        "\u{feff}---\nentries:\n- issuer: https://a.example\n  san: 12\n  claims:\n    id: 123\n    big: 18446744073709551617\n    \
        \"on\": true\n    text: 'yes'\n    kubernetes.io: {{namespace: prod, serviceaccount: {{name: x}}}}\n  \
        key-sha256: {HASH}\n  reason: why\n  until: 2026-12-24T19:00:00+01:00\n"
    );
    let [entry] = read(&text).try_into().unwrap();
    let scalar = |text: &str| ClaimValue::Scalar(text.to_owned());
    let account = ClaimValue::Members([("name".to_owned(), scalar("x"))].into());
    let pod = [("namespace".to_owned(), scalar("prod")), ("serviceaccount".to_owned(), account)];
    let claims = [
        ("id".to_owned(), scalar("123")),
        ("big".to_owned(), scalar("18446744073709551617")),
        ("on".to_owned(), scalar("true")),
        ("text".to_owned(), scalar("yes")),
        ("kubernetes.io".to_owned(), ClaimValue::Members(pod.into())),
    ];
    assert_eq!(
        entry,
        BlockEntry {
            conditions: Conditions {
                issuer: Some("https://a.example".to_owned()),
                san: Some("12".to_owned()),
                claims: claims.into(),
                key_sha256: Some(HASH.parse().unwrap()),
            },
            reason: "why".to_owned(),
            until: Some(UNIX_EPOCH + Duration::from_hours(499_482)),
        }
    );
    let digits = "1".repeat(64);
    let text = format!("entries: [{{key-sha256: {digits}, reason: r}}]");
    assert_eq!(read(&text).first().and_then(|entry| entry.conditions.key_sha256), Some(KeyHash([0x11; 32])));
    assert_eq!(read("entries: []"), []);
    assert_eq!(read("{\"entries\": [{\"san\": \"a\", \"reason\": \"r\"}]}"), [by_san("a")]);
}

#[test]
fn what_is_empty_or_cut_off_is_not_a_list_of_nobody() {
    for text in ["", "\n\n", "# nobody\n", "---\n", "---\n# x\n...\n", "\u{feff}"] {
        assert!(refused(text).contains("the block list is empty"), "{text:?}");
    }
    for text in ["entries:", "entries:\n", "entries: ~", "entries: null\n# x"] {
        let said = refused(text);
        assert!(said.contains("entries has no value") && said.contains("entries: []"), "{text:?}: {said}");
    }
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_to_do() {
    let entry =
        |lines: &str| format!("entries:\n  - san: fine\n    reason: r\n  - {}\n", lines.replace('\n', "\n    "));
    for (text, expected) in [
        ("entris: []".to_owned(), &["block.yaml:1:1", "entris: unknown key", "did you mean \"entries\"?"][..]),
        ("{}".to_owned(), &["\"entries\" is missing"]),
        ("[]".to_owned(), &["block.yaml:1:1", "found a list, expected a mapping"]),
        ("entries: x".to_owned(), &["found one value, expected a list of entries"]),
        ("entries: []\nentries: []".to_owned(), &["block.yaml:2:1: entries: duplicate key"]),
        ("entries: [".to_owned(), &["block.yaml:"]),
        ("entries: []\n---\nentries: []".to_owned(), &["more than one document"]),
        (entry("claim: {a: b}\nreason: r"), &["block.yaml:4:", "unknown key", "did you mean \"claims\"?"]),
        (entry("key_sha256: x\nreason: r"), &["did you mean \"key-sha256\"?"]),
        (entry("frobnicate: x\nreason: r"), &["known are issuer, san, claims, key-sha256, reason, until"]),
        (entry("san: a\nsan: b\nreason: r"), &["duplicate key", ":5:"]),
        (entry("claims: {a: b, a: c}\nreason: r"), &["claims › a: duplicate key"]),
        (entry("reason: r"), &["block.yaml:4:", "would block everybody", "issuer, san, claims or key-sha256"]),
        (entry("reason: r\nuntil: 2026-12-24T00:00:00Z"), &["would block everybody"]),
        (entry("claims: {}\nreason: r"), &["claims is empty"]),
        (entry("claims: [a]\nreason: r"), &["claims: found a list, expected a mapping"]),
        (entry("claims: {a: [b, c]}\nreason: r"), &["a claim has one value"]),
        (entry("claims: {a: }\nreason: r"), &["a claim has no value"]),
        (entry("claims: {a: {}}\nreason: r"), &["has no name, or no value"]),
        (entry("claims: {a: {b: {c: {d: {e: {f: {g: {h: {i: {j: k}}}}}}}}}}\nreason: r"), &["too deep"]),
        (entry("san: a"), &["block.yaml:4:", "reason is needed"]),
        (entry("san: a\nreason: ''"), &["reason is needed"]),
        (entry("san: a\nreason: \"a\\nb\""), &["reason is needed, on one line"]),
        (entry(&format!("san: a\nreason: {}", "x".repeat(501))), &["at most 500 bytes"]),
        (entry("san:\nreason: r"), &["san is empty"]),
        (entry("san: ' a'\nreason: r"), &["blanks around it"]),
        (entry("san: https://github.com/org/*\nreason: r"), &["asterisk", "repository_owner_id"]),
        (entry("issuer: token.actions.example\nreason: r"), &["https or http URL"]),
        (entry("issuer: https://*.example\nreason: r"), &["asterisk"]),
        (entry("key-sha256: 00:11\nreason: r"), &["key-sha256 is not the SHA-256", "openssl pkey"]),
        (entry("san: a\nreason: r\nuntil: 2026-12-24"), &["until is not a time of RFC 3339", "2026-12-24T18:00:00Z"]),
        (entry("san: a\nreason: r\nuntil:"), &["until is not a time"]),
        ("entries: [x]".to_owned(), &["found one value, expected a mapping"]),
    ] {
        let said = refused(&text);
        for part in expected {
            assert!(said.contains(part), "{part:?} is not in {said}\n{text}");
        }
        assert!(said.contains("\n  hint: ") && !said.contains('\u{1f}') && !said.contains(" at line "), "{said}");
    }
    let said = parse("b", b"entries: [\xff]").unwrap_err().to_string();
    assert!(said.contains("not UTF-8"), "{said}");
}

#[test]
fn what_is_over_and_what_is_no_wildcard_is_warned_of() {
    let entries = parse(
        "b",
        b"entries:\n- {san: a, reason: r, until: 2026-01-01T00:00:00Z}\n- {claims: {repository: org/*}, reason: r}\n- {san: b, reason: r}\n",
    )
    .unwrap();
    let at = |text: &str| warnings(&entries, time(text).unwrap());
    let later = at("2026-01-01T00:00:00Z");
    assert_eq!(later.len(), 2, "{later:?}");
    assert!(
        later[0].contains("entry 1 is over since 2026-01-01T00:00:00Z") && later[1].contains("entry 2"),
        "{later:?}"
    );
    assert_eq!(at("2025-12-31T23:59:59Z").len(), 1);
}

/// A file of the usual form with comments everywhere.
const COMMENTED: &str = "\
# Ours.
entries:  # who
  # about a
  - san: \"a\"
    reason: r  # yes

  # about b
  # twice
  - reason: r
    san: b
# between
  - {san: c, reason: r}
  # the end
";

#[test]
fn an_added_entry_leaves_the_rest_as_it_is() {
    for (text, expected) in [
        (COMMENTED.to_owned(), format!("{COMMENTED}  - san: \"d\"\n    reason: \"r\"\n")),
        ("entries: []\n".to_owned(), "entries:\n  - san: \"d\"\n    reason: \"r\"\n".to_owned()),
        (
            "# x\nentries:   [ ]  # nobody".to_owned(),
            "# x\nentries:  # nobody\n  - san: \"d\"\n    reason: \"r\"\n".to_owned(),
        ),
        (
            "entries:\n- san: a\n  reason: r".to_owned(),
            "entries:\n- san: a\n  reason: r\n- san: \"d\"\n  reason: \"r\"\n".to_owned(),
        ),
    ] {
        let edited = add("b", &text, &by_san("d")).unwrap().unwrap();
        assert_eq!(edited.text, expected);
        assert!(!edited.is_rewritten);
        assert_eq!(edited.changed, [by_san("d")]);
        assert_eq!(read(&edited.text).len(), edited.entries);
        // The very same again changes nothing.
        assert!(add("b", &edited.text, &by_san("d")).unwrap().is_none());
    }
}

#[test]
fn a_removed_entry_takes_its_comments_along_and_no_others() {
    let without = |names: &'static [&str]| {
        let is_meant = |entry: &BlockEntry| entry.conditions.san.as_deref().is_some_and(|san| names.contains(&san));
        remove("b", COMMENTED, is_meant).unwrap().unwrap()
    };
    let edited = without(&["b"]);
    assert_eq!(
        edited.text,
        "# Ours.\nentries:  # who\n  # about a\n  - san: \"a\"\n    reason: r  # yes\n\n# between\n  - {san: c, reason: r}\n  # the end\n"
    );
    assert_eq!((edited.changed.len(), edited.entries, edited.is_rewritten), (1, 2, false));
    let edited = without(&["a", "c"]);
    assert_eq!(
        edited.text,
        "# Ours.\nentries:  # who\n\n  # about b\n  # twice\n  - reason: r\n    san: b\n  # the end\n"
    );
    let edited = without(&["a", "b", "c"]);
    assert_eq!(edited.text, "# Ours.\nentries: []  # who\n\n  # the end\n");
    assert_eq!((read(&edited.text).len(), edited.is_rewritten), (0, false));
    assert!(remove("b", COMMENTED, |entry| entry.conditions.san.as_deref() == Some("d")).unwrap().is_none());
}

#[test]
fn an_unusual_form_is_written_again_and_says_the_same() {
    for text in [
        "# head\nentries: [{san: a, reason: r}]\n",
        "# head\n{\"entries\": [{\"san\": \"a\", \"reason\": \"r\"}]}\n",
        "# head\n'entries':\n- san: a\n  reason: r\n",
        "# head\nentries:\n  -\n    san: a\n    reason: r\n...\n",
    ] {
        let edited = add("b", text, &by_san("d")).unwrap().unwrap();
        assert_eq!(read(&edited.text), [by_san("a"), by_san("d")], "{text}");
        assert!(edited.is_rewritten && edited.text.starts_with("# head\nentries:\n"), "{}", edited.text);
        let edited = remove("b", &edited.text, |_| true).unwrap().unwrap();
        assert_eq!(read(&edited.text), []);
    }
}

#[test]
fn a_file_that_cannot_be_loaded_is_not_edited() {
    let broken = "entries:\n  - san: a\n";
    assert!(matches!(add("b", broken, &by_san("d")), Err(EditProblem::Unusable(_))));
    assert!(matches!(remove("b", broken, |_| true), Err(EditProblem::Unusable(_))));
    let mut nobody = by_san("d");
    nobody.conditions = Conditions::default();
    assert!(matches!(add("b", "entries: []", &nobody), Err(EditProblem::Unsafe(_))));
    let full = format!("# {}\nentries: []\n", "x".repeat(MAX_BYTES));
    assert!(matches!(add("b", &full, &by_san("d")), Err(EditProblem::Unsafe(_))));
}

fn entries() -> impl Strategy<Value = Vec<BlockEntry>> {
    let text = || "[^\\p{C}\\p{Z}*]([^\\p{C}*]{0,12}[^\\p{C}\\p{Z}*])?";
    let scalar = "[^\\p{Cc}]{0,12}".prop_map(ClaimValue::Scalar);
    let value = scalar.prop_recursive(3, 8, 3, |inner| {
        prop::collection::btree_map("[^\\p{Cc}]{1,8}", inner, 1..3).prop_map(ClaimValue::Members)
    });
    let claims = prop::collection::btree_map("[^\\p{Cc}]{1,8}", value, 0..3);
    let key = prop::option::of(any::<[u8; 32]>().prop_map(KeyHash));
    let until = prop::option::of((0..4_000_000_000_u64).prop_map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)));
    let entry = (text(), claims, key, text(), until).prop_map(|(san, claims, key_sha256, reason, until)| BlockEntry {
        conditions: Conditions { issuer: None, san: Some(san), claims, key_sha256 },
        reason,
        until,
    });
    prop::collection::vec(entry, 1..5)
}

proptest! {
    #[test]
    fn what_is_added_is_read_and_what_is_removed_is_gone(list in entries(), commented in any::<bool>()) {
        let mut text = if commented { COMMENTED.to_owned() } else { "entries: []\n".to_owned() };
        let mut expected = read(&text);
        for entry in &list {
            if let Some(edited) = add("b", &text, entry).unwrap() {
                prop_assert!(!edited.is_rewritten);
                text = edited.text;
                expected.push(entry.clone());
            }
        }
        prop_assert_eq!(&read(&text), &expected);
        for entry in &list {
            if let Some(edited) = remove("b", &text, |other| other == entry).unwrap() {
                prop_assert!(!edited.is_rewritten);
                text = edited.text;
                expected.retain(|other| other != entry);
            }
        }
        prop_assert_eq!(read(&text), expected);
        prop_assert!(!commented || text.contains("# about b"));
    }

    #[test]
    fn reading_and_editing_never_panic(text in "(entries:)?[ -~\n]{0,80}") {
        let _ = parse("b", text.as_bytes());
        let _ = add("b", &text, &by_san("d"));
        let _ = remove("b", &text, |_| true);
    }
}
