//! Reading a transparency log from its first entry to its signed tree head, over RFC 6962 or as static tiles (c2sp.org/static-ct-api).
//!
//! Owns the two ways to read, what they have in common, and that the entries read are those that the log signed. Every answer has a time
//! limit and a size cap, and few are under way at once. Knows no certificate: an entry is bytes.

mod checkpoint;
mod client;
mod entry;
mod error;
mod frontier;
mod rfc6962;
mod static_ct;
mod tree_head;

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinHandle;

pub use entry::{Entry, EntryContent};
pub use error::{Contradiction, ReadError};
pub use frontier::{Frontier, Hash};
pub(crate) use frontier::{leaf_hash, node_hash};
pub use tree_head::TreeHead;

use super::log_key::LogKey;
use crate::text::peer_text::PeerText;
use client::Client;

/// How many entries are asked for at once; a static log's tiles have as many.
const BATCH: u64 = 256;
/// How many answers are under way, or read and not yet used.
const PARALLEL: usize = 4;

/// The two ways to read a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogApi {
    /// get-sth and get-entries (RFC 6962 sections 4.3 and 4.6).
    Rfc6962,
    /// A checkpoint and tiles, as files.
    StaticCt,
}

impl LogApi {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc6962 => "rfc6962",
            Self::StaticCt => "static-ct",
        }
    }
}

/// Where a log is read.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// What `/ct/v1` or, of a static log, `/checkpoint` comes behind.
    pub url: String,
    /// Nothing: whichever the log answers to.
    pub api: Option<LogApi>,
    /// The log's key. Without it no signature of the log is checked.
    pub public_key: Option<LogKey>,
    /// PEM certificates to trust for `https` besides the system's.
    pub tls_ca: Option<Vec<u8>>,
    pub clock: fn() -> SystemTime,
}

/// A log that is read.
#[derive(Clone, Debug)]
pub struct LogReader {
    client: Arc<Client>,
    key: Option<LogKey>,
    api: LogApi,
}

impl LogReader {
    /// Sets the client up, and asks the log which API it has unless that is said.
    pub async fn connect(settings: ReaderSettings) -> Result<Self, ReadError> {
        let client = Arc::new(Client::new(&settings.url, settings.tls_ca.as_deref(), settings.clock)?);
        let api = match settings.api {
            Some(api) => api,
            None => which_api(&client).await?,
        };
        Ok(Self { client, key: settings.public_key, api })
    }

    /// Host and path, for people.
    pub fn name(&self) -> &str {
        self.client.name()
    }

    pub const fn api(&self) -> LogApi {
        self.api
    }

    pub const fn key(&self) -> Option<&LogKey> {
        self.key.as_ref()
    }

    /// What the log signed last.
    pub async fn tree_head(&self) -> Result<TreeHead, ReadError> {
        match self.api {
            LogApi::Rfc6962 => rfc6962::tree_head(&self.client, self.key.as_ref()).await,
            LogApi::StaticCt => checkpoint::tree_head(&self.client, self.key.as_ref()).await,
        }
    }

    /// The entries of a range that lies within a tree of `tree_size` entries, in order.
    pub fn entries(&self, range: Range<u64>, tree_size: u64) -> Entries {
        Entries { reader: self.clone(), next: range.start, end: range.end, tree_size, under_way: VecDeque::new() }
    }

    async fn batch(&self, range: Range<u64>, tree_size: u64) -> Result<Vec<Entry>, ReadError> {
        match self.api {
            LogApi::Rfc6962 => rfc6962::entries(&self.client, range).await,
            LogApi::StaticCt => static_ct::entries(&self.client, range, tree_size).await,
        }
    }
}

/// A static log has a checkpoint; a log of RFC 6962 knows no such path.
async fn which_api(client: &Client) -> Result<LogApi, ReadError> {
    match checkpoint::fetch(client).await {
        Ok(note) if checkpoint::is_note(&note) => Ok(LogApi::StaticCt),
        Ok(_) | Err(ReadError::Refused { status: 400..=499, .. }) => Ok(LogApi::Rfc6962),
        Err(error) => Err(error),
    }
}

/// Entries in order, some of them fetched ahead. Dropping it abandons what is under way.
pub struct Entries {
    reader: LogReader,
    next: u64,
    end: u64,
    tree_size: u64,
    under_way: VecDeque<JoinHandle<Result<Vec<Entry>, ReadError>>>,
}

impl Entries {
    /// The next entries, at most 256; nothing behind the last one.
    ///
    /// Errors: nothing can be read any more.
    pub async fn next_batch(&mut self) -> Result<Option<Vec<Entry>>, ReadError> {
        while self.under_way.len() < PARALLEL && self.next < self.end {
            // Up to the end of a tile.
            let until = (self.next / BATCH).saturating_add(1).saturating_mul(BATCH).min(self.end);
            let (reader, range, tree_size) = (self.reader.clone(), self.next..until, self.tree_size);
            self.under_way.push_back(tokio::spawn(async move { reader.batch(range, tree_size).await }));
            self.next = until;
        }
        let Some(task) = self.under_way.pop_front() else { return Ok(None) };
        match task.await {
            Ok(entries) => entries.map(Some),
            Err(panicked) => Err(ReadError::Unreachable(PeerText::of(panicked))),
        }
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        for task in &self.under_way {
            task.abort();
        }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entries").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}
