//! Owns the reading of PEM files (RFC 7468, and RFC 1421 headers for old encrypted keys) into labelled blocks: one reader
//! for every file that an operator gives us.
//!
//! Refuses to know what a label means, but for certificates. It reads bytes, not text: comments and `Bag Attributes` may be
//! in any encoding. Lenient about byte order marks, line ends, widths and text around blocks, because these files are
//! pasted together by people and tools; what it decodes is wiped from memory when dropped, because it may be a private key.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::text;

/// As Go and OpenSSL decode: padding may be missing, and spare bits set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const DASHES: &[u8] = b"-----";
/// No word of prose is as long, and every line of PEM but the last is longer.
const SHORTEST_DATA: usize = 40;

/// One `-----BEGIN ..-----` block.
pub(crate) struct Block {
    /// What follows `BEGIN`, such as `CERTIFICATE`.
    pub(crate) label: String,
    /// The `Name: value` lines before the data, in order.
    headers: Vec<(String, String)>,
    data: Result<Zeroizing<Vec<u8>>, PemError>,
}

/// Why a block cannot be used. No variant carries the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("the PEM block that begins at line {line} has no matching END line")]
    Unterminated {
        /// The line of `BEGIN`, from 1.
        line: usize,
    },
    #[error("the PEM block that begins at line {line} does not contain valid base64")]
    Base64 {
        /// The line of `BEGIN`, from 1.
        line: usize,
    },
    #[error(
        "a PEM block `{0}` is not read: take the certificates out with `openssl pkcs7 -print_certs -in FILE -out chain.pem`"
    )]
    Pkcs7(String),
    #[error("the file contains no PEM block{}", hint_for(*.binary))]
    NoBlock {
        /// Whether it looks like DER.
        binary: bool,
    },
}

/// The certificates of a file, DER.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub(crate) ders: Vec<Vec<u8>>,
    /// The labels of blocks that are not certificates.
    pub(crate) others: Vec<String>,
}

impl Certificates {
    /// The certificates as PEM with nothing around them, for readers that want it so.
    pub(crate) fn to_pem(&self) -> String {
        self.ders.iter().map(|der| text::pem("CERTIFICATE", der)).collect()
    }
}

fn hint_for(binary: bool) -> &'static str {
    if binary {
        ": if it is DER, convert it with `openssl x509 -inform DER` (a certificate) or `openssl pkey -inform DER` (a key); \
         if it is PKCS #12, with `openssl pkcs12 -nodes`"
    } else {
        ""
    }
}

impl Block {
    pub(crate) fn data(&self) -> Result<&Zeroizing<Vec<u8>>, PemError> {
        self.data.as_ref().map_err(Clone::clone)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_certificate(&self) -> bool {
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }

    /// Whether it is a private key in any format, encrypted or not.
    pub(crate) fn is_private_key(&self) -> bool {
        self.label.contains("PRIVATE KEY")
    }
}

/// Why a string without a block has none.
pub(crate) fn no_block(text: &[u8]) -> PemError {
    // A DER SEQUENCE of more than 127 bytes.
    PemError::NoBlock { binary: matches!(text, [0x30, 0x81..=0x84, ..]) }
}

/// The certificates among a string's blocks. Keys and other blocks beside them are left out.
pub(crate) fn certificates(text: &[u8]) -> Result<Certificates, PemError> {
    let blocks = parse(text);
    if blocks.is_empty() && !text.trim_ascii().is_empty() {
        return Err(no_block(text));
    }
    let mut found = Certificates { ders: Vec::new(), others: Vec::new() };
    for block in blocks {
        match block.label.as_str() {
            "TRUSTED CERTIFICATE" => found.ders.push(without_trust_settings(block.data()?)),
            _ if block.is_certificate() => found.ders.push(block.data()?.to_vec()),
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => return Err(PemError::Pkcs7(block.label)),
            _ => found.others.push(block.label),
        }
    }
    Ok(found)
}

/// OpenSSL writes what a certificate is trusted for behind it (`openssl x509 -trustout`).
fn without_trust_settings(data: &[u8]) -> Vec<u8> {
    let behind = X509Certificate::from_der(data).map_or(0, |(behind, _)| behind.len());
    data.get(..data.len() - behind).unwrap_or_default().to_vec()
}

/// Reads every block of a string; none is an empty list.
pub(crate) fn parse(text: &[u8]) -> Vec<Block> {
    let text = from_utf16(text);
    let mut lines = Lines::new(&text);
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        if let Some((label, behind)) = begin(line) {
            lines.put_back(number, behind);
            blocks.push(read_block(label, number, &mut lines));
        }
    }
    blocks
}

fn read_block(label: &[u8], line: usize, lines: &mut Lines<'_>) -> Block {
    let mut headers = Vec::new();
    let mut body = Vec::new();
    let mut data = Err(PemError::Unterminated { line });
    while let Some((number, text)) = lines.next() {
        if let Some((end, behind)) = end(text) {
            // Files are joined without a line end between them: the next block begins behind the dashes.
            lines.put_back(number, behind);
            if end == label {
                data = decode(&body).map_err(|_| PemError::Base64 { line });
            }
            break;
        }
        if begin(text).is_some() {
            lines.put_back(number, text);
            break;
        }
        // All in one line, or the last line of it.
        if let Some(place) = find(text, b"-----END ") {
            let (before, end) = text.split_at(place);
            body.push(before);
            lines.put_back(number, end);
            continue;
        }
        // A colon is not a base64 character, so a line with one is a header.
        match text.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (name, value) = text.split_at(colon);
                headers.push((trimmed(name), trimmed(value.get(1..).unwrap_or_default())));
            }
            None => body.push(text),
        }
    }
    Block { label: String::from_utf8_lossy(label).into_owned(), headers, data }
}

fn decode(lines: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, base64::DecodeError> {
    // Room for all of it at once: a buffer that grows leaves unwiped copies behind.
    let mut base64 = Zeroizing::new(Vec::with_capacity(lines.iter().map(|line| line.len()).sum()));
    base64.extend(lines.iter().flat_map(|line| line.iter()).filter(|byte| !byte.is_ascii_whitespace()));
    BASE64.decode(base64.as_slice()).map(Zeroizing::new)
}

fn trimmed(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).into_owned()
}

/// The label of a BEGIN line, and the data behind it: a shell or YAML's `>` makes one line of a file. Prose that quotes such a
/// line goes on with words.
fn begin(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (label, behind) = label(line.strip_prefix(b"-----BEGIN ")?)?;
    let behind = behind.trim_ascii();
    let data = behind.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
    (behind.is_empty() || data >= SHORTEST_DATA).then_some((label, behind))
}

/// The label of an END line, and what follows it.
fn end(line: &[u8]) -> Option<(&[u8], &[u8])> {
    label(line.strip_prefix(b"-----END ")?)
}

fn label(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = find(rest, DASHES)?;
    let (label, behind) = rest.split_at(end);
    Some((label, behind.get(DASHES.len()..).unwrap_or_default()))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Numbered lines without blanks around them, ended by LF, CR LF or CR.
struct Lines<'a> {
    rest: Option<&'a [u8]>,
    next_number: usize,
    put_back: Option<(usize, &'a [u8])>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: Some(text), next_number: 1, put_back: None }
    }

    fn put_back(&mut self, number: usize, line: &'a [u8]) {
        self.put_back = Some((number, line.trim_ascii())).filter(|(_, line)| !line.is_empty());
    }

    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        if let Some(again) = self.put_back.take() {
            return Some(again);
        }
        let rest = self.rest?;
        let number = self.next_number;
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, behind) = end.map_or((rest, None), |end| {
            let (line, behind) = rest.split_at(end);
            (line, behind.strip_prefix(b"\r\n").or_else(|| behind.get(1..)))
        });
        self.rest = behind;
        self.next_number += 1;
        let line = line.trim_ascii();
        Some((number, line.strip_prefix(UTF8_MARK).unwrap_or(line).trim_ascii()))
    }
}

/// What PowerShell's `>` writes; everything in a PEM block is ASCII.
fn from_utf16(text: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match text {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Cow::Borrowed(text),
    };
    let (pairs, _) = text.as_chunks::<2>();
    Cow::Owned(pairs.iter().skip(1).map(|pair| u8::try_from(unit(*pair)).unwrap_or(b'?')).collect())
}

#[cfg(test)]
mod tests;
