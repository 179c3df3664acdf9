//! How much of what an HTTP/1 client sends is read, and what the heads among it hold.
//!
//! The HTTP library reads ahead: up to sixteen heads of up to 128 KiB wait for an answer to the first. So a connection is read only while
//! something is wanted: a head, or the body that a handler reads. Owns that state of one connection and the reservation of its head. Knows
//! no socket: one side asks what may be passed on, the other says what it wants.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::memory::{ConnectionMemory, MemoryExhausted, Reservation};

/// What a byte of a head costs: the buffer that it is read into grows by doubling.
const HEAD_BYTE: usize = 2;
/// What a line of a head costs once it is a field of a map.
const FIELD: usize = 320;
/// How much of a body that nobody reads is buffered before it is thrown away.
const UNWANTED: usize = 128 * 1024;
/// After how many bytes of a body that nobody reads the library is to have its turn.
const TURN: usize = 8 * 1024;
/// The same of a body in chunks, each of which the library keeps for itself, however small it is.
const CHUNKS_TURN: usize = 2 * 1024;
/// How often a body of unknown length may seem to end before the turns become longer.
const SHORT_TURNS: usize = 16;
/// Their length from then on. What comes behind the body's end within it is read ahead.
const LONGER_TURN: usize = 512;

#[derive(Debug)]
pub(crate) struct Intake(Mutex<State>);

#[derive(Debug)]
struct State {
    memory: Arc<ConnectionMemory>,
    wanted: Wanted,
    lines: Lines,
    /// Of the head, and of what was passed on behind it.
    head: Reservation,
    /// Bytes passed on behind the head's end.
    ahead: usize,
    /// A body is announced and not read.
    unread_body: bool,
    waker: Option<Waker>,
}

/// What is wanted of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Head,
    /// Nothing: a request is being handled.
    Nothing,
    /// So much of a body.
    Body(u64),
    /// A body of unknown length, and how often it seemed to end.
    Chunks {
        ends: usize,
        since: usize,
    },
    /// A body is thrown away.
    Unwanted,
}

/// Finds the empty line that ends a head, as the library does: lines end with LF, CR before it does not count, empty lines before the first
/// one are skipped.
#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    begun: bool,
    /// The current line is not empty.
    in_line: bool,
}

/// Why not everything is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The library is to look at what it has first.
    Turn,
    /// Nothing more is wanted for now.
    Unwanted,
    Memory,
}

/// A request that is being handled. What is left of its body is thrown away once this is dropped; then the next head is wanted.
#[derive(Debug)]
pub(crate) struct Handling(Arc<Intake>);

impl Lines {
    /// The length of the rest of the head, if it ends within these bytes.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut read = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            read += line.len();
            let whole = line.last() == Some(&b'\n');
            self.in_line |= line.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
            if !whole {
                break;
            }
            if self.in_line {
                (self.begun, self.in_line) = (true, false);
            } else if self.begun {
                *self = Self::default();
                return Some(read);
            }
        }
        None
    }
}

impl Intake {
    /// Of a new connection: its first head is wanted.
    pub(crate) fn new(memory: Arc<ConnectionMemory>) -> Arc<Self> {
        let head = Reservation::new(Arc::clone(&memory));
        Arc::new(Self(Mutex::new(State {
            memory,
            wanted: Wanted::Head,
            lines: Lines::default(),
            head,
            ahead: 0,
            unread_body: false,
            waker: None,
        })))
    }

    /// The connection's memory, for what else of it is held.
    pub(crate) fn memory(&self) -> Arc<ConnectionMemory> {
        Arc::clone(&self.0.lock().memory)
    }

    /// Ready while anything is wanted of the client.
    pub(crate) fn poll_wanted(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if !matches!(state.wanted, Wanted::Nothing | Wanted::Body(0)) {
            return Poll::Ready(());
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// Whether something has begun that the client must bring to its end: a head, or a body to be thrown away.
    pub(crate) fn has_begun(&self) -> bool {
        let state = self.0.lock();
        match state.wanted {
            Wanted::Head => state.lines.begun || state.lines.in_line,
            Wanted::Unwanted => true,
            _ => false,
        }
    }

    /// How many of these bytes may be passed on, and why not all.
    pub(crate) fn pass(&self, bytes: &[u8]) -> (usize, Option<Hold>) {
        self.0.lock().pass(bytes)
    }

    /// A request is being handled, with or without a body.
    pub(crate) fn begin(self: &Arc<Self>, has_body: bool) -> Handling {
        let mut state = self.0.lock();
        state.wanted = Wanted::Nothing;
        state.unread_body = has_body;
        drop(state);
        Handling(Arc::clone(self))
    }

    /// The body is to be read, of this length if it is known.
    pub(crate) fn want_body(&self, length: Option<u64>) {
        let mut state = self.0.lock();
        if !state.unread_body {
            return;
        }
        let ahead = u64::try_from(state.ahead).unwrap_or(u64::MAX);
        state.wanted = match length {
            Some(length) => Wanted::Body(length.saturating_sub(ahead)),
            None => Wanted::Chunks { ends: 0, since: 0 },
        };
        state.lines = Lines::default();
        state.wake();
    }

    /// The body has been read to its end.
    pub(crate) fn body_is_read(&self) {
        let mut state = self.0.lock();
        (state.unread_body, state.wanted, state.lines) = (false, Wanted::Nothing, Lines::default());
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> (usize, Option<Hold>) {
        match self.wanted {
            Wanted::Head => self.pass_head(bytes),
            Wanted::Nothing => (0, Some(Hold::Unwanted)),
            Wanted::Body(left) => {
                let passed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.wanted = Wanted::Body(left.saturating_sub(u64::try_from(passed).unwrap_or(u64::MAX)));
                (passed, (passed < bytes.len()).then_some(Hold::Unwanted))
            }
            Wanted::Chunks { mut ends, mut since } => {
                let (length, bytes) = (bytes.len(), bytes.get(..CHUNKS_TURN).unwrap_or(bytes));
                let (passed, hold) = match self.lines.end(bytes) {
                    Some(end) if ends < SHORT_TURNS || since + end >= LONGER_TURN => {
                        (ends, since) = (ends + 1, 0);
                        (end, Some(Hold::Turn))
                    }
                    Some(end) => {
                        since += end;
                        (end, None)
                    }
                    None => {
                        since += bytes.len();
                        (bytes.len(), (bytes.len() < length).then_some(Hold::Turn))
                    }
                };
                self.wanted = Wanted::Chunks { ends, since };
                (passed, hold)
            }
            Wanted::Unwanted => {
                let now = bytes.len().min(TURN);
                if self.head.bytes() < UNWANTED && self.head.grow(now).is_err() {
                    return (0, Some(Hold::Memory));
                }
                (now, Some(Hold::Turn))
            }
        }
    }

    fn pass_head(&mut self, bytes: &[u8]) -> (usize, Option<Hold>) {
        let mut lines = self.lines;
        let end = lines.end(bytes);
        let behind = end.and_then(|end| bytes.get(end..)).unwrap_or_default();
        // A body that came with its head is passed on with it, unless another head may stand in it.
        let together = !behind.contains(&b'\n');
        let passed = if together { bytes.len() } else { end.unwrap_or(bytes.len()) };
        let fields = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let fields = fields.split(|byte| *byte == b'\n').count() - 1;
        if self.reserve(passed.saturating_mul(HEAD_BYTE) + fields.saturating_mul(FIELD)).is_err() {
            return (0, Some(Hold::Memory));
        }
        self.lines = lines;
        if end.is_some() {
            self.ahead = if together { behind.len() } else { 0 };
            self.lines.in_line = self.ahead > 0;
            self.wanted = Wanted::Nothing;
        }
        (passed, (passed < bytes.len()).then_some(Hold::Unwanted))
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), MemoryExhausted> {
        self.head.grow(bytes)
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        if state.unread_body {
            state.wanted = Wanted::Unwanted;
        } else {
            state.wanted = Wanted::Head;
            let kept = if state.lines.in_line { state.ahead.saturating_mul(HEAD_BYTE) } else { 0 };
            if kept == 0 {
                state.lines = Lines::default();
            }
            // Less than it was: that cannot fail.
            let kept = kept.min(state.head.bytes());
            let _ = state.head.resize(kept);
        }
        state.ahead = 0;
        state.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::memory::MemoryBudget;
    use std::sync::atomic::{AtomicBool, Ordering};

    const HEAD: &[u8] = b"GET / HTTP/1.1\nhost: a\n\n";
    const TURN: Option<Hold> = Some(Hold::Turn);
    const UNWANTED: Option<Hold> = Some(Hold::Unwanted);

    struct Woken(AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn intake() -> Arc<Intake> {
        Intake::new(ConnectionMemory::http1(Arc::<MemoryBudget>::default()))
    }

    fn is_wanted(intake: &Intake) -> bool {
        intake.poll_wanted(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// A request whose head came with these bytes behind it.
    fn begun(behind: &[u8], has_body: bool) -> (Arc<Intake>, Handling) {
        let (intake, bytes) = (intake(), [HEAD, behind].concat());
        assert_eq!(intake.pass(&bytes), (bytes.len(), None));
        let handling = intake.begin(has_body);
        (intake, handling)
    }

    #[test]
    fn a_head_is_passed_on_to_its_end() {
        for (pieces, left) in [
            (&[HEAD][..], 0),
            (&[b"\r\nGET / HTTP/1.1\r", b"\nhost: a", b"\n\r", b"\n"], 0),
            (&[b"GET / HTTP/1.1\n", b"\nGET / HTTP/1.1\n"], 15),
            (&[b"GET / HTTP/1.1\n\na body"], 0),
            (&[b"GET / HTTP/1.1\n\na\nbody"], 6),
        ] {
            let (intake, last) = (intake(), pieces.len() - 1);
            assert_eq!((intake.pass(b"\r\n"), intake.has_begun()), ((2, None), false), "empty lines are skipped");
            for (place, piece) in pieces.iter().enumerate() {
                assert_eq!((is_wanted(&intake), intake.has_begun()), (true, place > 0));
                let left = if place == last { left } else { 0 };
                assert_eq!(intake.pass(piece), (piece.len() - left, (left > 0).then_some(Hold::Unwanted)));
            }
            assert_eq!((is_wanted(&intake), intake.pass(b"x")), (false, (0, UNWANTED)));
        }
        let intake = intake();
        assert_eq!((intake.pass(HEAD), intake.0.lock().head.bytes()), ((24, None), 2 * 24 + 3 * 320));
        assert_eq!(self::intake().pass(&vec![b'a'; 1 << 26]), (0, Some(Hold::Memory)));
    }

    #[test]
    fn the_next_head_may_have_come_with_the_one_before() {
        let (intake, handling) = begun(b"GET", false);
        intake.want_body(Some(9));
        assert!(!is_wanted(&intake), "it has no body");
        drop(handling);
        assert_eq!((is_wanted(&intake), intake.has_begun(), intake.0.lock().head.bytes()), (true, true, 6));
        assert_eq!((intake.pass(b" / HTTP/1.1\n\n"), is_wanted(&intake)), ((13, None), false));
        drop(intake.begin(false));
        assert_eq!((is_wanted(&intake), intake.has_begun(), intake.0.lock().head.bytes()), (true, false, 0));
    }

    #[test]
    fn a_body_is_passed_on_when_it_is_read() {
        let (intake, handling) = begun(b"ab", true);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        assert!(intake.poll_wanted(&mut Context::from_waker(&Arc::clone(&woken).into())).is_pending());
        intake.want_body(Some(5));
        assert!(woken.0.load(Ordering::Relaxed) && is_wanted(&intake) && !intake.has_begun());
        assert_eq!([&b"c"[..], b"def"].map(|bytes| intake.pass(bytes)), [(1, None), (2, UNWANTED)]);
        assert!(!is_wanted(&intake));
        intake.body_is_read();
        drop(handling);
        assert_eq!((is_wanted(&intake), intake.has_begun()), (true, false));
    }

    #[test]
    fn a_body_in_chunks_is_passed_on_in_turns_that_become_longer() {
        let (intake, _handling) = begun(b"", true);
        intake.want_body(None);
        let pass = |length: usize, end: &[u8]| intake.pass(&[&vec![b'a'; length], end].concat());
        assert_eq!([pass(3000, b""), pass(2048, b""), pass(0, b"\n\nb")], [(2048, TURN), (2048, None), (2, TURN)]);
        assert_eq!([(); 15].map(|()| pass(1, b"\n\nb")), [(3, TURN); 15]);
        assert_eq!([pass(1, b"\n\nb"), pass(506, b"\n\n"), pass(0, b"b\n\n")], [(3, None), (508, None), (3, TURN)]);
        assert_eq!([pass(1, b"\n\nb"), pass(507, b"\n\n")], [(3, None), (509, TURN)]);
        assert_eq!([pass(600, b""), pass(0, b"\n\n")], [(600, None), (2, TURN)]);
    }

    #[test]
    fn a_body_that_nobody_reads_is_thrown_away_and_only_its_buffer_counts() {
        let (intake, handling) = begun(b"", true);
        drop(handling);
        assert!(is_wanted(&intake) && intake.has_begun());
        let before = intake.0.lock().head.bytes();
        assert_eq!(intake.pass(&vec![0; 128 * 1024 - before - 15 * 8192]), (8192 - before, TURN));
        for turn in 0..30 {
            assert_eq!(intake.pass(&[0; 10_000]), (8192, TURN), "{turn}");
        }
        assert_eq!(intake.0.lock().head.bytes(), 128 * 1024);
    }
}
