//! Signed heads: how far the chain is, under a key that whoever writes the log does not have.
//!
//! Owns what is signed and who is told of it outside of this machine. Knows no backend of keys.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::chain::{self, Position};
use super::json::Members;
use crate::crypto::sha256;
use crate::crypto::signature_check::SignatureCheck;
use crate::signer::{Signer, SignerError};

/// The first line of what is signed, so that the signature is good for nothing else.
const CONTEXT: &str = "sigmint audit head v1";

/// A key that signs heads.
#[derive(Clone, Debug)]
pub struct HeadKey {
    signer: Arc<dyn Signer>,
    verification: SignatureCheck,
    spki: Vec<u8>,
}

/// Why a head has no signature.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error("the audit key's signature is not one of its public key")]
    Wrong,
    #[error("the audit key is a CA's key: the log needs a key of its own")]
    KeyOfCa,
}

/// How far a chain is, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    pub position: Position,
    signature: Vec<u8>,
}

impl HeadKey {
    /// `spki` is the public half, DER `SubjectPublicKeyInfo`.
    pub fn new(signer: Arc<dyn Signer>, spki: Vec<u8>) -> Result<Self, crate::crypto::signature_check::KeyError> {
        Ok(Self { signer, verification: SignatureCheck::from_spki_der(&spki)?, spki })
    }

    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    pub fn spki_sha256(&self) -> [u8; 32] {
        sha256(&self.spki)
    }

    /// Signs a head, and verifies the signature: a head that cannot be verified later proves nothing.
    pub async fn sign(&self, position: Position) -> Result<SignedHead, HeadError> {
        let message = message(&position);
        let signature = self.signer.sign(&message).await?;
        self.verification.verify(&message, &signature).map_err(|_| HeadError::Wrong)?;
        Ok(SignedHead { position, signature })
    }
}

/// Four lines: the context, the chain, how many records it has, and the hash of the last one.
fn message(Position { chain, count, hash }: &Position) -> Vec<u8> {
    format!("{CONTEXT}\n{chain}\n{count}\n{}\n", hex::encode(hash)).into_bytes()
}

impl SignedHead {
    pub(super) fn to_members(&self, now: SystemTime) -> Members {
        let mut members = Members::default();
        members.add_time("time", now);
        members.add_object("head", |members| {
            members.add("chain", &self.position.chain.to_string());
            members.add("count", &self.position.count);
            members.add_hex("sha256", &self.position.hash);
        });
        members.add("signature", &STANDARD.encode(&self.signature));
        members
    }

    /// A line of an anchor: a JSON object with its line feed.
    pub fn to_line(&self, now: SystemTime) -> Vec<u8> {
        let members = self.to_members(now);
        let frame = format!(r#"{{"v":{},"type":"head""#, chain::VERSION);
        [frame.as_bytes(), members.as_bytes(), b"}\n"].concat()
    }

    /// Reads a head record or a line of an anchor.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let read: HeadLine = serde_json::from_slice(line).ok()?;
        if read.v != chain::VERSION || read.kind != "head" {
            return None;
        }
        let position = Position {
            chain: chain::parse_chain(&read.head.chain)?,
            count: read.head.count,
            hash: chain::parse_digest(&read.head.sha256)?,
        };
        Some(Self { position, signature: STANDARD.decode(read.signature).ok()? })
    }

    pub(super) fn is_signed_by(&self, key: &SignatureCheck) -> bool {
        key.verify(&message(&self.position), &self.signature).is_ok()
    }
}

#[derive(Deserialize)]
struct HeadLine {
    v: u8,
    #[serde(rename = "type")]
    kind: String,
    head: HeadMembers,
    signature: String,
}

#[derive(Deserialize)]
struct HeadMembers {
    chain: String,
    count: u64,
    sha256: String,
}
