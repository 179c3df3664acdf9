use super::*;
use proptest::prelude::*;

#[test]
fn what_acts_on_a_line_is_written_out_and_the_rest_stays() {
    for (said, kept) in [
        ("no such key", "no such key"),
        ("x\n2026 INFO issued\u{1b}[2J\u{202e}\0", "x<U+000A>2026 INFO issued<U+001B>[2J<U+202E><U+0000>"),
        ("\u{85}\u{2028}\u{feff}\u{7f}\t", "<U+0085><U+2028><U+FEFF><U+007F><U+0009>"),
        (r#"key "a\b" isn't here"#, r#"key "a\b" isn't here"#),
        ("Schlüssel 鍵 🔑", "Schlüssel 鍵 🔑"),
    ] {
        assert_eq!(PeerText::of(said).as_str(), kept);
    }
    assert_eq!(format!("{:?}", PeerText::of("a\n\"b\"")), "\"a<U+000A>\"b\"\"", "escaped once");
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let kept = PeerText::of("é".repeat(1_000_000));
    assert_eq!((kept.as_str().len(), kept.as_str().chars().last()), (299, Some(CUT)));
    assert_eq!(PeerText::of("a".repeat(MAX_PEER_TEXT)).as_str(), "a".repeat(MAX_PEER_TEXT));
}

#[test]
fn what_is_beyond_the_bound_is_never_formatted() {
    struct Endless(std::cell::Cell<usize>);
    impl fmt::Display for Endless {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                self.0.set(self.0.get() + 1);
                formatter.write_str("again ")?;
            }
        }
    }
    let endless = Endless(std::cell::Cell::new(0));
    assert!(PeerText::of(&endless).contains("again again"));
    assert!(endless.0.get() < 60);
}

#[test]
fn a_json_fault_has_the_place_and_nothing_of_the_document() {
    #[derive(Debug, serde::Deserialize)]
    struct Numbers {
        #[serde(rename = "n")]
        _numbers: Vec<u8>,
    }
    let fault = |text: &str| JsonFault::from(serde_json::from_str::<Numbers>(text).unwrap_err()).to_string();
    assert_eq!(fault(r#"{"n":"secret"}"#), "JSON of another shape than expected, at line 1 column 13");
    assert_eq!(fault("{\"n\":\n[1,"), "JSON that ends too early, at line 2 column 3");
    assert_eq!(fault("secret"), "not well-formed JSON, at line 1 column 1");
}

proptest! {
    #[test]
    fn whatever_a_peer_says_is_short_and_on_one_line(said in "(\\PC|\\pC|.|\n){0,400}") {
        let kept = PeerText::of(&said);
        for shown in [kept.to_string(), format!("{kept:?}")] {
            prop_assert!(shown.len() <= MAX_PEER_TEXT + 2);
            prop_assert!(!shown.chars().any(|character| acts(character) || character.is_control()));
        }
        prop_assert_eq!(PeerText::of(&kept), kept, "escaped once");
    }

    #[test]
    fn an_error_of_any_depth_is_short_and_on_one_line(said in proptest::collection::vec("(.|\n){0,200}", 0..8)) {
        let error = said.into_iter().fold(None, |source, text| Some(Box::new(Nested { text, source })));
        if let Some(error) = error {
            let kept = PeerText::of_error(error.as_ref());
            prop_assert!(kept.as_str().len() <= MAX_PEER_TEXT && !kept.as_str().chars().any(acts));
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Nested {
    text: String,
    source: Option<Box<Nested>>,
}
