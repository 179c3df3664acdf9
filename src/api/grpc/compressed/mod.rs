//! Messages that come compressed (<https://github.com/grpc/grpc/blob/master/doc/compression.md>).
//!
//! Owns their inflation: what comes out is reserved before it is held, and is no larger than a message may be. Knows no message.
//! tonic's own would hold up to the limit without asking anybody.

use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::bufread::MultiGzDecoder;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, HeaderValue};
use tonic::codegen::{Body as HttpBody, Bytes};

use super::arrival::MemoryBudget;

/// The length of a message's prefix: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// How much is inflated before memory is asked for again.
const PART: usize = 4 * 1024;

const ENCODING: &str = "grpc-encoding";
const GZIP: &str = "gzip";

/// How a call's messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

/// What the call says, which is then forgotten: behind [`Inflated`] nothing is compressed.
pub(super) fn take_encoding(headers: &mut HeaderMap) -> Result<Encoding, Status> {
    match headers.remove(ENCODING).as_ref().map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Encoding::Identity),
        Some(named) if named == GZIP.as_bytes() => Ok(Encoding::Gzip),
        Some(_) => {
            let mut refused =
                Status::unimplemented("the messages' compression is unknown: gzip and identity are known");
            refused.metadata_mut().insert("grpc-accept-encoding", tonic::metadata::MetadataValue::from_static(GZIP));
            Err(refused)
        }
    }
}

/// A body whose messages are inflated.
pub(super) struct Inflated {
    body: Body,
    room: MemoryBudget,
    limit: usize,
    /// Of a message that is not whole.
    pending: Vec<u8>,
}

impl Inflated {
    pub(super) const fn new(body: Body, room: MemoryBudget, limit: usize) -> Self {
        Self { body, room, limit, pending: Vec::new() }
    }

    /// The next message, if it is whole. One over the limit is passed on at once: it is refused by its length.
    fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let Some((&[flag, a, b, c, d], rest)) = self.pending.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.limit {
            return Ok(Some(std::mem::take(&mut self.pending).into()));
        }
        let Some(message) = rest.get(..length) else { return Ok(None) };
        let message = match flag {
            1 => inflate(message, self.limit, &mut |bytes| self.room.reserve(bytes))?,
            _ => self.pending.get(..PREFIX + length).unwrap_or_default().to_vec(),
        };
        self.pending.drain(..PREFIX + length);
        Ok(Some(message.into()))
    }
}

/// The message with the prefix of one that is not compressed.
fn inflate(
    compressed: &[u8],
    limit: usize,
    reserve: &mut dyn FnMut(usize) -> Result<(), Status>,
) -> Result<Vec<u8>, Status> {
    let mut decoder = MultiGzDecoder::new(compressed);
    let (mut message, mut part) = (vec![0; PREFIX], [0; PART]);
    loop {
        let read = decoder.read(&mut part).map_err(|_| Status::internal("the message is not gzip"))?;
        let Some(inflated) = part.get(..read).filter(|inflated| !inflated.is_empty()) else { break };
        if message.len() - PREFIX + read > limit {
            return Err(Status::out_of_range(format!("the inflated message is larger than {limit} bytes")));
        }
        reserve(read)?;
        message.extend_from_slice(inflated);
    }
    let length = u32::try_from(message.len() - PREFIX).unwrap_or(u32::MAX).to_be_bytes();
    for (place, byte) in message.iter_mut().skip(1).zip(length) {
        *place = byte;
    }
    Ok(message)
}

impl HttpBody for Inflated {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Status>>> {
        loop {
            if let Some(message) = self.next()? {
                return Poll::Ready(Some(Ok(hyper::body::Frame::data(message))));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)?) {
                Some(frame) => match frame.into_data() {
                    Ok(data) => self.pending.extend_from_slice(&data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                // What is not whole is for the reader of messages to refuse.
                None if self.pending.is_empty() => return Poll::Ready(None),
                None => {
                    return Poll::Ready(Some(Ok(hyper::body::Frame::data(std::mem::take(&mut self.pending).into()))));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
