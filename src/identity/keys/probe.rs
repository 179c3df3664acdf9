//! One look at an issuer, for people: whether it can be asked for its keys, and what its clock says.
//!
//! Owns nothing that a server uses: the fetch is the one that it makes.

use std::sync::Arc;
use std::time::SystemTime;

use super::error::KeyError;
use super::jwk::LeftOut;
use super::source::Source;
use crate::identity::fetch::{ClusterFiles, Fetcher};
use crate::identity::issuers::Issuer;

/// What an issuer answered.
#[derive(Debug)]
pub struct Probed {
    /// How many of its keys verify tokens.
    pub keys: usize,
    /// The others, by their id.
    pub left_out: Vec<(Option<String>, LeftOut)>,
    /// Its server's clock, within a second; nothing of keys that came from none, or one that does not say.
    pub server_time: Option<SystemTime>,
}

/// Asks an issuer for its keys, as a start does.
pub async fn probe(
    url: &str,
    issuer: &Arc<Issuer>,
    fetcher: &Fetcher,
    cluster: &ClusterFiles,
) -> Result<Probed, KeyError> {
    let answer = Source::new(url, issuer).fetch(fetcher, cluster).await?;
    let left_out = answer.keys.left_out().map(|(id, reason)| (id.map(str::to_owned), reason)).collect();
    Ok(Probed { keys: answer.keys.len(), left_out, server_time: answer.server_time })
}
