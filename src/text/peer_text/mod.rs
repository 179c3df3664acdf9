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
///
/// Shown to programmers as it is: to escape it again would make it longer, and no safer.
#[derive(Clone, Default, PartialEq, Eq, Hash, derive_more::Debug, derive_more::Display)]
#[debug("\"{_0}\"")]
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

/// Why a document is not the JSON that was expected: what kind of fault and where, and nothing of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at line {line} column {column}")]
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

#[cfg(test)]
mod tests;
