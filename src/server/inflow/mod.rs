//! The way of an HTTP/2 client's bytes to the library that decodes them: what they will cost is reserved first.
//!
//! The library decodes header blocks, and buffers data, before anybody is asked; one byte that names a field of the static table becomes an
//! entry of a map. So the frames are followed here (RFC 9113 section 4.1): a frame is passed on when there is memory for it, and waits in
//! the system's buffers until then. At most one header block is passed on before the library has made a call of it or refused it.
//!
//! Owns a connection's stream and the reading of frame heads. What is malformed is left to the library.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::hpack::Block;
use super::kept::poll_read_kept;
use super::patience::Patience;
use crate::limits::inbound::Inbound;

/// What a client sends first (RFC 9113 section 3.4).
const PREFACE: usize = 24;
/// The length of a frame's head.
const HEAD: usize = 9;
/// What a call costs until its answer has been sent, without headers and message: its task and the library's stream.
pub(super) const CALL: usize = 8 * 1024;
/// The buffer that holds the header block's strings; several frames may share one.
const BUFFER: usize = 8 * 1024;
/// The most that the fields of one block cost: the library keeps no more of it than the list's limit allows.
const WORST_FIELDS: usize = 832 * 1024;
/// The longest buffer that the library begins with.
const FIRST_BUFFER: usize = 8 * 1024;

/// Calls that a client may take back within [`RESETS_IN`] (CVE-2023-44487): each has cost a beginning.
const RESETS: u32 = 100;
const RESETS_IN: Duration = Duration::from_secs(1);
/// The longest frame that the library takes; it refuses a longer one by its head.
const MAX_FRAME: usize = 16 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
/// Of SETTINGS.
const ACK: u8 = 0x1;
/// Of HEADERS and CONTINUATION.
const END_HEADERS: u8 = 0x4;
/// Of HEADERS.
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// A stream whose frames are followed.
pub(super) struct Inflow<I> {
    stream: I,
    frames: Frames,
    /// Read, but not passed on yet.
    kept: Vec<u8>,
    /// Nothing was passed on last: by now the library has dealt with what it had.
    paused: bool,
    /// With what has begun and is not all there, or waits for memory.
    patience: Patience,
    refused: Option<&'static str>,
}

/// Where in the frames the client is.
struct Frames {
    inbound: Arc<Inbound>,
    place: Place,
    block: Option<OpenBlock>,
    /// A header block was passed on since the library last had nothing to read.
    passed_block: bool,
    /// A frame has ended outside of a header block: the client goes on.
    progress: bool,
    last_stream: u32,
    table: Table,
    /// Since when how many calls were taken back.
    resets: (Instant, u32),
}

enum Place {
    Preface(usize),
    Head([u8; HEAD], usize),
    Payload(Payload),
}

struct Payload {
    left: usize,
    /// Of a header block: bytes before and behind it, and whether the length of the padding has yet to be read.
    skip: usize,
    padding: usize,
    padded: bool,
    is_block: bool,
    ends_block: bool,
}

#[derive(Default)]
struct OpenBlock {
    fields: Block,
    wire: usize,
    stream: u32,
}

/// What is known of the dynamic table, which we allow no client once it knows.
struct Table {
    since: Instant,
    acknowledged: bool,
    emptied: bool,
}

/// Why the rest is not passed on now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The library is to deal with a header block first.
    Turn,
    Memory,
    /// The client does what we do not allow.
    Refuse(&'static str),
}

impl<I> Inflow<I> {
    /// Nothing has been read. What begins must be complete within the limit.
    pub(super) fn new(stream: I, inbound: Arc<Inbound>, limit: Duration) -> Self {
        let table = Table { since: Instant::now(), acknowledged: false, emptied: false };
        let frames = Frames {
            inbound,
            place: Place::Preface(0),
            block: None,
            passed_block: false,
            progress: false,
            last_stream: 0,
            table,
            resets: (Instant::now(), 0),
        };
        Self { stream, frames, kept: Vec::new(), paused: false, patience: Patience::new(limit), refused: None }
    }

    /// Follows what was read; keeps what must not be passed on yet. Pending when nothing may be.
    fn pass_on(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>, before: usize) -> Poll<io::Result<()>> {
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let (passed, stop) = self.frames.follow(fresh);
        if std::mem::take(&mut self.frames.progress) {
            self.patience.rest();
        }
        if let Some(rest) = fresh.get(passed..).filter(|rest| !rest.is_empty()) {
            self.kept = rest.to_vec();
            buffer.set_filled(before + passed);
        }
        if let Some(Stop::Refuse(why)) = stop {
            self.refused = Some(why);
        }
        if passed > 0 {
            return Poll::Ready(Ok(()));
        }
        self.check()?;
        match stop {
            Some(Stop::Memory) => self.patience.look_again(context),
            _ => context.waker().wake_by_ref(),
        }
        self.pause(context)
    }

    /// An error once the client was refused.
    fn check(&self) -> io::Result<()> {
        let Some(why) = self.refused else { return Ok(()) };
        tracing::debug!(why, "an HTTP/2 connection is closed");
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }

    /// Nothing to pass on; what has begun is waited for no longer than it may take.
    fn pause(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.paused = true;
        if self.kept.is_empty() && self.frames.block.is_none() {
            self.patience.rest();
            return Poll::Pending;
        }
        ready!(self.patience.poll_over(context));
        tracing::debug!("a header block of an HTTP/2 connection did not arrive in time, or there was no memory for it");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Frames {
    /// How many of these bytes may be passed on, and why not all.
    fn follow(&mut self, bytes: &[u8]) -> (usize, Option<Stop>) {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            let step = match &mut self.place {
                Place::Preface(seen) => {
                    let taken = rest.len().min(PREFACE - *seen);
                    *seen += taken;
                    if *seen == PREFACE {
                        self.place = Place::Head([0; HEAD], 0);
                    }
                    Ok(taken)
                }
                Place::Head(head, seen) => {
                    let before = *seen;
                    let taken = rest.len().min(HEAD - before);
                    for (to, from) in head.iter_mut().skip(before).zip(rest) {
                        *to = *from;
                    }
                    *seen += taken;
                    if *seen == HEAD {
                        let head = *head;
                        self.begin(head).inspect_err(|_| self.place = Place::Head(head, before)).map(|()| taken)
                    } else {
                        Ok(taken)
                    }
                }
                Place::Payload(_) => self.payload(rest),
            };
            match step {
                Ok(taken) => passed += taken,
                Err(reason) => return (passed, Some(reason)),
            }
        }
        (passed, None)
    }

    /// A frame begins, if it may.
    fn begin(&mut self, head: [u8; HEAD]) -> Result<(), Stop> {
        let ([high, middle, low, kind, flags, ..], [.., first, second, third, fourth]) = (head, head);
        let left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let stream = u32::from_be_bytes([first, second, third, fourth]) & 0x7fff_ffff;
        let length = left.min(MAX_FRAME);
        let buffer = if length + HEAD > FIRST_BUFFER { 2 * (length + HEAD) } else { 0 };
        let is_block = matches!(kind, HEADERS | CONTINUATION);
        if kind == HEADERS {
            if self.passed_block {
                return Err(Stop::Turn);
            }
            // No client of ours sends trailers; a second block of one stream would be kept until somebody reads it.
            if stream <= self.last_stream && stream != 0 {
                return Err(Stop::Refuse("a second header block for a stream"));
            }
        }
        if kind == RESET && self.resets_too_often() {
            return Err(Stop::Refuse("calls are taken back too often"));
        }
        if kind == PUSH_PROMISE {
            return Err(Stop::Refuse("a push promise from a client"));
        }
        let wire = self.block.as_ref().map_or(0, |block| block.wire) + length;
        if is_block {
            self.reserve(stream, wire)?;
        }
        let data_for = (kind == DATA && left > 0).then_some(stream);
        self.inbound.frame(length + HEAD, buffer, data_for).map_err(|_| Stop::Memory)?;
        match kind {
            HEADERS => {
                self.last_stream = self.last_stream.max(stream);
                self.block = Some(OpenBlock { wire, stream, ..OpenBlock::default() });
            }
            CONTINUATION => {
                if let Some(block) = &mut self.block {
                    block.wire = wire;
                }
            }
            SETTINGS if flags & ACK != 0 => self.table.acknowledged = true,
            _ => {}
        }
        let padded = kind == HEADERS && flags & PADDED != 0;
        let skip = usize::from(padded) + if kind == HEADERS && flags & PRIORITY != 0 { 5 } else { 0 };
        let ends_block = is_block && flags & END_HEADERS != 0;
        self.place = Place::Payload(Payload { left, skip, padding: 0, padded, is_block, ends_block });
        if left == 0 { self.end(ends_block) } else { Ok(()) }
    }

    fn resets_too_often(&mut self) -> bool {
        if self.resets.0.elapsed() > RESETS_IN {
            self.resets = (Instant::now(), 0);
        }
        self.resets.1 += 1;
        self.resets.1 > RESETS
    }

    /// More of a frame's payload.
    fn payload(&mut self, rest: &[u8]) -> Result<usize, Stop> {
        let Place::Payload(payload) = &mut self.place else { return Ok(0) };
        let taken = rest.len().min(payload.left);
        let mut bytes = rest.get(..taken).unwrap_or_default();
        if payload.is_block {
            if payload.padded
                && let Some(first) = bytes.first()
            {
                (payload.padding, payload.padded) = (usize::from(*first), false);
            }
            let skipped = payload.skip.min(bytes.len());
            let behind = (payload.left - skipped).saturating_sub(payload.padding);
            bytes = bytes.get(skipped..).unwrap_or_default();
            bytes = bytes.get(..bytes.len().min(behind)).unwrap_or_default();
            if let Some(block) = &mut self.block {
                let mut fields = block.fields;
                fields.read(bytes);
                let (stream, wire) = (block.stream, block.wire);
                let cost = Self::cost(wire, fields.cost());
                self.inbound.block(stream, cost).map_err(|_| Stop::Memory)?;
                block.fields = fields;
            }
            payload.skip -= skipped;
        }
        payload.left -= taken;
        if payload.left == 0 {
            let ends_block = payload.ends_block;
            self.end(ends_block)?;
        }
        Ok(taken)
    }

    /// Reserves what the block costs with a frame more.
    fn reserve(&self, stream: u32, wire: usize) -> Result<(), Stop> {
        let fields = self.block.as_ref().map_or(0, |block| block.fields.cost());
        self.inbound.block(stream, Self::cost(wire, fields)).map_err(|_| Stop::Memory)
    }

    fn cost(wire: usize, fields: usize) -> usize {
        CALL + BUFFER + wire + fields.min(WORST_FIELDS)
    }

    fn end(&mut self, ends_block: bool) -> Result<(), Stop> {
        self.place = Place::Head([0; HEAD], 0);
        if ends_block && let Some(block) = self.block.take() {
            self.passed_block = true;
            if self.table.acknowledged && block.fields.empties_table() {
                self.table.emptied = true;
                self.inbound.table_is_empty();
            }
            if block.fields.uses_table() && !self.table.emptied {
                // A client that used it before it knew, and has said since that it is empty, is not meant.
                if self.table.since.elapsed() > Table::LEARNED {
                    return Err(Stop::Refuse("the header table is used though its size is zero"));
                }
                // Each entry holds the buffer that it came in.
                let kept = self.inbound.table(BUFFER + block.wire);
                kept.map_err(|_| Stop::Refuse("no memory for the header table"))?;
            }
        }
        self.progress |= self.block.is_none();
        Ok(())
    }
}

impl Table {
    /// How long a client may take to learn that the table's size is zero.
    const LEARNED: Duration = Duration::from_secs(10);
}

impl<I: AsyncRead + Unpin> AsyncRead for Inflow<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.check()?;
        if std::mem::take(&mut this.paused) && std::mem::take(&mut this.frames.passed_block) {
            this.frames.inbound.block_is_gone();
        }
        let before = buffer.filled().len();
        let rest = match poll_read_kept(&mut this.stream, &mut this.kept, context, buffer) {
            Poll::Ready(rest) => rest?,
            Poll::Pending => return this.pause(context),
        };
        let passed = this.pass_on(context, buffer, before);
        this.kept.extend_from_slice(&rest);
        passed
    }
}

super::writes_through!(Inflow);

#[cfg(test)]
mod tests;
