//! Owns the reading of PEM text (RFC 7468, and RFC 1421 headers for old encrypted keys) into labelled blocks.
//!
//! Refuses to know what a label means. Lenient about line ends, widths and text between blocks, because operators paste
//! these files together; what it decodes is wiped from memory when dropped, because a block may be a private key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// One `-----BEGIN ..-----` block.
pub(super) struct Block {
    /// What stands after `BEGIN`, such as `CERTIFICATE`.
    pub(super) label: String,
    /// The `Name: value` lines before the data, in order.
    pub(super) headers: Vec<(String, String)>,
    /// The decoded data.
    pub(super) data: Zeroizing<Vec<u8>>,
}

/// Why a text is no PEM. No variant carries the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The bytes are no text.
    #[error("the file is not PEM text")]
    NotText,
    /// A block is not closed by an END line with the label of its BEGIN line.
    #[error("the PEM block that begins at line {line} has no matching END line")]
    Unterminated {
        /// The line of `BEGIN`, from 1.
        line: usize,
    },
    /// What stands between the lines is no base64.
    #[error("the PEM block that begins at line {line} does not contain valid base64")]
    Base64 {
        /// The line of `BEGIN`, from 1.
        line: usize,
    },
}

impl Block {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads every block of a text; none is an empty list.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Block>, PemError> {
    let text = std::str::from_utf8(text).map_err(|_| PemError::NotText)?;
    let mut lines = text.lines().map(str::trim).enumerate();
    let mut blocks = Vec::new();
    while let Some((index, line)) = lines.next() {
        let Some(label) = label(line, "-----BEGIN ") else { continue };
        let body = lines.by_ref().map(|(_, line)| line);
        blocks.push(read_block(label, index + 1, text.len(), body)?);
    }
    Ok(blocks)
}

fn read_block<'a>(
    label_text: &str,
    line: usize,
    capacity: usize,
    body: impl Iterator<Item = &'a str>,
) -> Result<Block, PemError> {
    let mut headers = Vec::new();
    // Room for all of it at once: a buffer that grows leaves unwiped copies behind.
    let mut base64 = Zeroizing::new(String::with_capacity(capacity));
    for text in body {
        if let Some(end) = label(text, "-----END ") {
            if end != label_text {
                return Err(PemError::Unterminated { line });
            }
            let data = STANDARD.decode(base64.as_bytes()).map(Zeroizing::new).map_err(|_| PemError::Base64 { line })?;
            return Ok(Block { label: label_text.to_owned(), headers, data });
        }
        if text.starts_with("-----BEGIN ") {
            break;
        }
        // A colon is no base64 character, so a line with one is a header.
        match text.split_once(':') {
            Some((name, value)) => headers.push((name.trim().to_owned(), value.trim().to_owned())),
            None => base64.extend(text.split_ascii_whitespace()),
        }
    }
    Err(PemError::Unterminated { line })
}

fn label<'a>(line: &'a str, opening: &str) -> Option<&'a str> {
    line.strip_prefix(opening)?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use super::{PemError, parse};
    use crate::text;

    #[test]
    fn blocks_are_read_with_headers_any_line_end_and_text_between() {
        let text = "bag attributes\r\n-----BEGIN A-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\nAQ\r\nID\r\n-----END A-----\r\n\
                    note\n-----BEGIN B-----\nBA==\n-----END B-----";
        let blocks = parse(text.as_bytes()).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].label, "A");
        assert_eq!(blocks[0].header("Proc-Type"), Some("4,ENCRYPTED"));
        assert_eq!(blocks[0].data.as_slice(), [1, 2, 3]);
        assert_eq!((blocks[1].label.as_str(), blocks[1].data.as_slice()), ("B", [4].as_slice()));
    }

    #[test]
    fn a_block_cut_short_or_closed_by_another_label_is_refused_by_line() {
        for text in ["x\n-----BEGIN A-----\nAQID", "x\n-----BEGIN A-----\nAQID\n-----END B-----"] {
            assert_eq!(parse(text.as_bytes()).err(), Some(PemError::Unterminated { line: 2 }));
        }
        let nested = "-----BEGIN A-----\nAQID\n-----BEGIN A-----\nAQID\n-----END A-----";
        assert_eq!(parse(nested.as_bytes()).err(), Some(PemError::Unterminated { line: 1 }));
    }

    #[test]
    fn bad_base64_and_binary_are_refused() {
        let text = "-----BEGIN A-----\nA!==\n-----END A-----";
        assert_eq!(parse(text.as_bytes()).err(), Some(PemError::Base64 { line: 1 }));
        assert_eq!(parse(b"\xff\xfe").err(), Some(PemError::NotText));
    }

    #[test]
    fn a_text_without_blocks_is_an_empty_list() {
        assert!(parse(b"nothing here").unwrap().is_empty());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let der: Vec<u8> = (0..=255).collect();
        let text = text::pem("CERTIFICATE", &der);
        assert!(text.ends_with("-----END CERTIFICATE-----\n") && text.lines().all(|line| line.len() <= 64));
        assert_eq!(parse(text.as_bytes()).unwrap()[0].data.as_slice(), der);
    }
}
