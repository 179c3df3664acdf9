//! A log of RFC 6962: get-sth and get-entries.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::client::Client;
use super::entry::Entry;
use super::error::ReadError;
use super::tree_head::TreeHead;
use crate::ct::log_key::LogKey;
use crate::ct::sct::DigitallySigned;

/// The largest answer to get-sth, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The largest answer to get-entries, in bytes: 256 entries of 256 KiB each.
const MAX_ENTRIES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct HeadAnswer {
    tree_size: u64,
    timestamp: u64,
    sha256_root_hash: String,
    tree_head_signature: String,
}

#[derive(Deserialize)]
struct EntriesAnswer<'a> {
    #[serde(borrow)]
    entries: Vec<EntryAnswer<'a>>,
}

#[derive(Deserialize)]
struct EntryAnswer<'a> {
    #[serde(borrow)]
    leaf_input: Cow<'a, str>,
    #[serde(borrow, default)]
    extra_data: Cow<'a, str>,
}

pub(super) async fn tree_head(client: &Client, key: Option<&LogKey>) -> Result<TreeHead, ReadError> {
    const PATH: &str = "ct/v1/get-sth";
    let body = client.get(PATH, MAX_HEAD).await?;
    let bad = |problem: &'static str| ReadError::bad_answer(PATH, problem);
    let answer: HeadAnswer = serde_json::from_slice(&body).map_err(|error| ReadError::bad_answer(PATH, error))?;
    let root = STANDARD.decode(answer.sha256_root_hash).ok().and_then(|root| root.try_into().ok());
    let root = root.ok_or_else(|| bad("the root hash is not 32 bytes in base64"))?;
    let head = TreeHead { size: answer.tree_size, root, timestamp: answer.timestamp };
    if let Some(key) = key {
        let signature = STANDARD.decode(answer.tree_head_signature).ok();
        let signature = signature.and_then(|bytes| DigitallySigned::from_tls(&bytes).ok());
        head.verify(key, &signature.ok_or_else(|| bad("the signature is not a DigitallySigned in base64"))?)?;
    }
    Ok(head)
}

/// All entries of a range: a log may give fewer at once than it is asked for.
pub(super) async fn entries(client: &Client, range: Range<u64>) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    let mut next = range.start;
    while next < range.end {
        let path = format!("ct/v1/get-entries?start={next}&end={}", range.end - 1);
        let body = client.get(&path, MAX_ENTRIES).await?;
        let answer: EntriesAnswer<'_> =
            serde_json::from_slice(&body).map_err(|error| ReadError::bad_answer(&path, error))?;
        let before = next;
        for entry in &answer.entries {
            // What a log gives beyond the range is asked for again.
            if next == range.end {
                break;
            }
            entries.push(decoded(next, entry).map_err(|problem| ReadError::bad_answer(&path, problem))?);
            next += 1;
        }
        if next == before {
            return Err(ReadError::bad_answer(&path, "no entries, although the tree head has them"));
        }
    }
    Ok(entries)
}

fn decoded(index: u64, answer: &EntryAnswer<'_>) -> Result<Entry, String> {
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| format!("entry {index} is not base64"));
    let (leaf, extra) = (decode(&answer.leaf_input)?, decode(&answer.extra_data)?);
    Entry::of_leaf(index, &leaf, &extra).ok_or_else(|| format!("entry {index} is malformed"))
}
