//! A static log's checkpoint: a signed note (c2sp.org/signed-note) whose signature is the tree head's of RFC 6962
//! (c2sp.org/static-ct-api, section Checkpoints).

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::Client;
use super::error::ReadError;
use super::tree_head::TreeHead;
use crate::ct::log_key::LogKey;
use crate::ct::sct::DigitallySigned;

const PATH: &str = "checkpoint";
/// The largest checkpoint, in bytes: witnesses may have signed it, too.
const MAX_CHECKPOINT: usize = 64 * 1024;
/// What a signature line begins with: an em dash and a space.
const SIGNATURE: &str = "\u{2014} ";
/// The signature type of [`TreeHead`]s in signed notes.
const RFC_6962: u8 = 5;
/// The length of a key id in a signed note, in bytes.
const KEY_ID: usize = 4;

pub(super) async fn fetch(client: &Client) -> Result<Vec<u8>, ReadError> {
    client.get(PATH, MAX_CHECKPOINT).await
}

/// Whether this may be a checkpoint at all: some servers answer every path with a page.
pub(super) fn is_note(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| text.contains(&format!("\n\n{SIGNATURE}")))
}

pub(super) async fn tree_head(client: &Client, key: Option<&LogKey>) -> Result<TreeHead, ReadError> {
    read(&fetch(client).await?, key)
}

fn read(note: &[u8], key: Option<&LogKey>) -> Result<TreeHead, ReadError> {
    let bad = |problem: &'static str| ReadError::bad_answer(PATH, problem);
    let note = std::str::from_utf8(note).map_err(|_| bad("not UTF-8"))?;
    let (text, signatures) = note.rsplit_once("\n\n").ok_or_else(|| bad("not a signed note"))?;
    let mut lines = text.lines();
    let origin = lines.next().filter(|origin| !origin.is_empty()).ok_or_else(|| bad("no origin"))?;
    let size = lines.next().and_then(|size| size.parse().ok()).ok_or_else(|| bad("no tree size"))?;
    let root = lines.next().and_then(|root| STANDARD.decode(root).ok()?.try_into().ok());
    let root = root.ok_or_else(|| bad("no root hash of 32 bytes"))?;
    // Whatever is not this log's signature of this form, such as a witness's, is passed over.
    let named = signatures.lines().filter_map(|line| line.strip_prefix(SIGNATURE)?.split_once(' '));
    let own = named.filter(|(name, _)| *name == origin).filter_map(|(_, signature)| {
        let signature = STANDARD.decode(signature).ok()?;
        let (id, signature) = signature.split_first_chunk::<KEY_ID>()?;
        let (timestamp, signature) = signature.split_first_chunk()?;
        let signature = DigitallySigned::from_tls(signature).ok()?;
        Some((*id, u64::from_be_bytes(*timestamp), signature))
    });
    let wanted = key.map(|key| key_id(origin, key));
    let mut found = own.filter(|(id, ..)| wanted.is_none_or(|wanted| wanted == *id));
    let unsigned = match key {
        Some(_) => "no signature with the log's key under the origin's name",
        None => "no signature of a tree head under the origin's name",
    };
    let (_, timestamp, signature) = found.next().ok_or_else(|| bad(unsigned))?;
    let head = TreeHead { size, root, timestamp };
    key.map_or(Ok(()), |key| head.verify(key, &signature))?;
    Ok(head)
}

/// How a signed note names the key of a log.
fn key_id(origin: &str, key: &LogKey) -> [u8; KEY_ID] {
    let mut context = Context::new(&SHA256);
    for part in [origin.as_bytes(), b"\n", &[RFC_6962], &key.id().0] {
        context.update(part);
    }
    let mut id = [0; KEY_ID];
    id.copy_from_slice(context.finish().as_ref().get(..KEY_ID).unwrap_or(&[0; KEY_ID]));
    id
}

#[cfg(test)]
mod tests;
