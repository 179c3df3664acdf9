//! What others say, where it enters an error or the log: an issuer, a log, a signing service, a client's token.
//!
//! Owns the one bound on it. Everybody else's words pass through [`PeerText`], so that no peer decides how much is kept, how much is
//! written, or how a log line looks.

use std::fmt::{self, Write as _};

use crate::text::tls_words::in_words;

/// The most that is kept of what a peer says, in bytes, escapes included.
pub(crate) const MAX_PEER_TEXT: usize = 300;
/// What stands at the end of a message that was cut.
const CUT: char = '…';

/// A peer's message on one line, at most [`MAX_PEER_TEXT`] bytes.
///
/// Characters that a terminal or a log would act on (control characters, line breaks, invisible and direction marks) are written as
/// `<U+001B>`. Quotes and backslashes stay: the log's own form escapes them, once.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct PeerText(Box<str>);

impl PeerText {
    /// Keeps as much of a message as is kept of any. What is beyond is never formatted.
    pub fn of(message: impl fmt::Display) -> Self {
        Self(bounded(message, MAX_PEER_TEXT).into())
    }

    /// An error with its sources; what a message repeats of its source is said once.
    pub fn of_error(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = bounded(error, MAX_PEER_TEXT);
        let mut source = error.source();
        while let Some(cause) = source.filter(|_| text.len() + 2 < MAX_PEER_TEXT) {
            let more = bounded(cause, MAX_PEER_TEXT);
            if !text.contains(&more) {
                text = bounded(format_args!("{text}: {more}"), MAX_PEER_TEXT);
            }
            source = cause.source();
        }
        Self(bounded(in_words(text), MAX_PEER_TEXT).into())
    }

    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the message has this in it.
    pub fn contains(&self, part: &str) -> bool {
        self.0.contains(part)
    }
}

/// A message on one line, at most `most` bytes.
pub(crate) fn bounded(message: impl fmt::Display, most: usize) -> String {
    let mut line = Line { text: String::new(), most };
    // An error says that the line is full.
    let _ = write!(line, "{message}");
    line.text
}

struct Line {
    text: String,
    most: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            let before = self.text.len();
            if acts(character) {
                write!(self.text, "<U+{:04X}>", u32::from(character))?;
            } else {
                self.text.push(character);
            }
            if self.text.len() > self.most {
                self.text.truncate(before);
                self.cut();
                return Err(fmt::Error);
            }
        }
        Ok(())
    }
}

impl Line {
    fn cut(&mut self) {
        while self.text.len() + CUT.len_utf8() > self.most && self.text.pop().is_some() {}
        self.text.push(CUT);
    }
}

/// Whether a character does something to a line instead of standing in it.
fn acts(character: char) -> bool {
    !matches!(character, ' '..='~') && character.escape_debug().len() > 1
}

impl From<&str> for PeerText {
    fn from(message: &str) -> Self {
        Self::of(message)
    }
}

impl From<String> for PeerText {
    fn from(message: String) -> Self {
        Self::of(message)
    }
}

impl fmt::Display for PeerText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for PeerText {
    /// As it is shown: to escape it again would make it longer, and no safer.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0)
    }
}

/// Why a document is not the JSON that was expected: what kind of fault and where, and nothing of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonFault {
    what: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        let what = match error.classify() {
            Category::Data => "JSON of another shape than expected",
            Category::Eof => "JSON that ends too early",
            Category::Syntax | Category::Io => "not well-formed JSON",
        };
        Self { what, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, at line {} column {}", self.what, self.line, self.column)
    }
}

impl std::error::Error for JsonFault {}

#[cfg(test)]
mod tests {
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
}
