//! The chain of records: what a line looks like around its content, and how each names the one before.
//!
//! Owns chain, place and hash. Knows neither what records say nor where they are written.

use std::fmt;

use serde::Deserialize;

use crate::crypto::sha256;

/// What readers of another form would misunderstand.
pub(crate) const VERSION: u8 = 1;
/// What a line costs besides its content, in bytes, with room to spare.
pub(super) const FRAME: usize = 192;

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A process began a chain.
    Start,
    /// A certificate is about to be signed.
    Intent,
    /// What became of it.
    Outcome,
    /// A verified identity was refused.
    Refusal,
    /// Tokens that did not verify, in one minute.
    Unverified,
    /// A signed head.
    Head,
    /// Records can be written again.
    Resume,
    /// The process closed its chain.
    End,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Start,
        Self::Intent,
        Self::Outcome,
        Self::Refusal,
        Self::Unverified,
        Self::Head,
        Self::Resume,
        Self::End,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Refusal => "refusal",
            Self::Unverified => "unverified",
            Self::Head => "head",
            Self::Resume => "resume",
            Self::End => "end",
        }
    }
}

/// Tells one process's chain from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId([u8; 8]);

impl ChainId {
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// How far a chain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub chain: ChainId,
    /// How many records it has.
    pub count: u64,
    /// The hash of the last one; before the first, that of the last record of the chain before.
    pub hash: [u8; 32],
}

/// Writes a record behind others. `content` is the object's further members, each with a comma in front.
pub(super) fn append(lines: &mut Vec<u8>, kind: Kind, at: Position, content: &[u8]) -> Position {
    let begin = lines.len();
    let Position { chain, count, hash } = at;
    let mut previous = [0; 64];
    // Twice 32 is 64.
    let _ = hex::encode_to_slice(hash, &mut previous);
    let frame = format!(r#"{{"v":{VERSION},"type":"{}","chain":"{chain}","seq":{count},"prev":""#, kind.name());
    lines.extend_from_slice(frame.as_bytes());
    lines.extend_from_slice(&previous);
    lines.push(b'"');
    lines.extend_from_slice(content);
    lines.push(b'}');
    let hash = sha256(lines.get(begin..).unwrap_or_default());
    lines.push(b'\n');
    Position { chain, count: count + 1, hash }
}

/// What the frame of a line says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Frame {
    v: u8,
    #[serde(rename = "type")]
    pub(super) kind: String,
    chain: String,
    pub(super) seq: u64,
    prev: String,
}

impl Frame {
    /// Reads a line of a form that is known.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(line).ok().filter(|frame| frame.v == VERSION)
    }

    pub(super) fn chain(&self) -> Option<ChainId> {
        ChainId::parse(&self.chain)
    }

    pub(super) fn previous(&self) -> Option<Digest> {
        let mut hash = [0; 32];
        hex::decode_to_slice(&self.prev, &mut hash).ok()?;
        Some(hash)
    }
}

/// A hash as a head or record writes it.
pub(super) fn parse_digest(text: &str) -> Option<Digest> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

pub(super) fn parse_chain(text: &str) -> Option<ChainId> {
    ChainId::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_names_the_line_before_it() {
        let mut lines = Vec::new();
        let start = Position { chain: ChainId::new([1, 2, 3, 4, 5, 6, 7, 8]), count: 0, hash: [0; 32] };
        let first = append(&mut lines, Kind::Start, start, br#","time":"x""#);
        let second = append(&mut lines, Kind::End, first, b"");
        let text = String::from_utf8(lines).unwrap();
        let [one, two] = text.lines().collect::<Vec<_>>().try_into().unwrap();
        let zeros = "0".repeat(64);
        assert_eq!(
            one,
            format!(r#"{{"v":1,"type":"start","chain":"0102030405060708","seq":0,"prev":"{zeros}","time":"x"}}"#)
        );
        let frame = Frame::parse(two.as_bytes()).unwrap();
        assert_eq!((frame.chain(), frame.seq, frame.previous()), (Some(start.chain), 1, Some(sha256(one.as_bytes()))));
        assert_eq!((first.hash, second.hash), (sha256(one.as_bytes()), sha256(two.as_bytes())));
        assert_eq!((first.count, second.count), (1, 2));
    }

    #[test]
    fn a_line_of_another_form_is_not_read() {
        let line = r#"{"v":1,"type":"end","chain":"0102030405060708","seq":0,"prev":""}"#;
        assert!(Frame::parse(line.as_bytes()).is_some());
        for other in [line.replace("\"v\":1", "\"v\":2"), line.replace("\"seq\":0,", ""), line.replace('}', "")] {
            assert!(Frame::parse(other.as_bytes()).is_none(), "{other}");
        }
    }
}
