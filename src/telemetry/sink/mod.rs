//! Where log lines go: a bounded queue, and a thread of its own that writes it to standard error.
//!
//! Owns that logging never blocks, fails or panics: a reader that is stuck or gone, or a full disk, costs lines and nothing else. Lines that
//! are lost are counted, and told of by one line once the sink takes lines again. Knows no event.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tracing_subscriber::fmt::MakeWriter;

/// What waits to be written at most, in bytes, lines' own costs included.
const QUEUE_BYTES: usize = 1024 * 1024;
/// What a line costs in the queue besides its text.
const LINE_BYTES: usize = 64;
/// The longest line that is taken.
const LONGEST_LINE: usize = 128 * 1024;
/// How large a buffer may stay while nothing is in it.
const KEPT_BYTES: usize = 64 * 1024;
/// How long lines are gathered before they are written: a hundred times a second costs next to nothing.
const GATHERING: Duration = Duration::from_millis(10);
/// The pause before a sink that is not ready is tried again.
const RETRY: Duration = Duration::from_millis(20);
/// How often it is said at most that lines were lost.
const REPORTS: Duration = Duration::from_secs(1);

/// Makes the line that tells of lost ones.
type Report = Box<dyn Fn(u64) -> String + Send>;

/// The way to the log's thread. Clones lead to the same.
#[derive(Clone, Debug)]
pub struct LogSink(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told when lines come in.
    arrived: Condvar,
    /// Told when nothing is left to write.
    written: Condvar,
    /// Lines lost since the start.
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Lines,
    /// The thread waits for lines.
    idle: bool,
    /// The thread has lines that it has not written yet.
    in_hand: bool,
    end: End,
}

/// How near the last line is: what tasks of a process that ends say after it is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// The next line is the last one.
    Closing,
    Closed,
}

/// Lines one after the other.
#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    /// Where each ends in the text.
    ends: Vec<usize>,
}

impl Lines {
    fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn cost(&self) -> usize {
        self.text.len() + self.ends.len() * LINE_BYTES
    }

    fn push(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.ends.push(self.text.len());
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.text.shrink_to(KEPT_BYTES);
        self.ends.shrink_to(KEPT_BYTES / LINE_BYTES);
    }
}

impl LogSink {
    /// A queue that nobody writes yet.
    pub fn new() -> Self {
        Self(Arc::new(Shared::default()))
    }

    /// Starts the thread that writes. `report` makes the line that tells of lost ones.
    pub fn start(&self, output: impl Write + Send + 'static, report: Report) -> io::Result<()> {
        self.start_with(output, report, REPORTS)
    }

    fn start_with(&self, output: impl Write + Send + 'static, report: Report, pause: Duration) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        let writer = Writer { shared, output, report, pause, told: 0, reported: None, torn: false };
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run()).map(drop)
    }

    /// Lines lost since the start.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Takes a line with its line feed, or counts it as lost. Never waits for the sink.
    pub fn push(&self, line: &[u8]) {
        self.add(self.0.queue.lock(), line);
    }

    /// As [`Self::push`], and takes nothing after it.
    pub fn push_last(&self, line: &[u8]) {
        let mut queue = self.0.queue.lock();
        if queue.end == End::Open {
            queue.end = End::Closing;
            self.add(queue, line);
        }
    }

    /// As [`Self::push`], and does not even wait for another thread's push: for the panic hook, whose thread may be inside one.
    pub fn try_push(&self, line: &[u8]) {
        match self.0.queue.try_lock() {
            Some(queue) => self.add(queue, line),
            None => self.lose(1),
        }
    }

    fn add(&self, mut queue: MutexGuard<'_, Queue>, line: &[u8]) {
        match queue.end {
            End::Open => {}
            End::Closing => queue.end = End::Closed,
            End::Closed => return,
        }
        let cost = line.len().saturating_add(LINE_BYTES);
        if line.len() > LONGEST_LINE || queue.lines.cost().saturating_add(cost) > QUEUE_BYTES {
            drop(queue);
            return self.lose(1);
        }
        queue.lines.push(line);
        let wake = std::mem::take(&mut queue.idle);
        drop(queue);
        if wake {
            self.0.arrived.notify_one();
        }
    }

    fn lose(&self, lines: u64) {
        self.0.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// Waits until everything is written, but no longer than `limit`: the sink may be stuck.
    pub fn flush(&self, limit: Duration) {
        let mut queue = self.0.queue.lock();
        let is_left = |queue: &mut Queue| !queue.lines.is_empty() || queue.in_hand;
        self.0.written.wait_while_for(&mut queue, is_left, limit);
    }
}

impl Default for LogSink {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for &LogSink {
    /// One event: the log's formatter writes each with one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogSink {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

struct Writer<W> {
    shared: Arc<Shared>,
    output: W,
    report: Report,
    /// Between two of these lines at least.
    pause: Duration,
    /// Lost lines that were told of.
    told: u64,
    reported: Option<Instant>,
    /// Whether the last line was written in part.
    torn: bool,
}

impl<W: Write> Writer<W> {
    /// Writes until the process ends.
    fn run(mut self) {
        let mut lines = Lines::default();
        loop {
            self.await_lines();
            self.take(&mut lines);
            let lost = lines.ends.len().saturating_sub(self.write_lines(&lines));
            lines.clear();
            self.shared.lost.fetch_add(u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
            if lost == 0 {
                self.tell();
            }
            let mut queue = self.shared.queue.lock();
            queue.in_hand = false;
            if queue.lines.is_empty() {
                self.shared.written.notify_all();
            }
        }
    }

    /// Until there are lines, and until those that come right after them are there, too.
    fn await_lines(&self) {
        let mut queue = self.shared.queue.lock();
        let is_empty = |queue: &mut Queue| {
            queue.idle = queue.lines.is_empty();
            queue.idle
        };
        // Lost lines are told of even when no other line comes.
        let due = self.shared.lost.load(Ordering::Relaxed) > self.told;
        let limit = if due { self.pause } else { Duration::from_mins(1) };
        self.shared.arrived.wait_while_for(&mut queue, is_empty, limit);
        drop(queue);
        thread::sleep(GATHERING);
    }

    /// Changes what waits for the empty buffers in `lines`.
    fn take(&self, lines: &mut Lines) {
        let mut queue = self.shared.queue.lock();
        queue.idle = false;
        std::mem::swap(&mut queue.lines, lines);
        queue.in_hand = !lines.is_empty();
    }

    /// Writes lines with as few calls as the sink allows, and says how many of them it took whole.
    fn write_lines(&mut self, lines: &Lines) -> usize {
        // What was cut off stands alone on its line.
        if self.torn && self.write_all(b"\n") == 0 {
            return 0;
        }
        let taken = self.write_all(&lines.text);
        let whole = lines.ends.partition_point(|end| *end <= taken);
        self.torn = whole.checked_sub(1).and_then(|last| lines.ends.get(last)).copied().unwrap_or_default() < taken;
        whole
    }

    /// How many bytes the sink took until it failed. Blocks for as long as the sink does.
    fn write_all(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.output.write(rest) {
                Ok(0) => break,
                Ok(count) => taken += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody who shares the pipe made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(_) => break,
            }
        }
        taken
    }

    /// Says how many lines were lost, once the sink takes lines again.
    fn tell(&mut self) {
        let lost = self.shared.lost.load(Ordering::Relaxed);
        if lost == self.told || self.reported.is_some_and(|last| last.elapsed() < self.pause) {
            return;
        }
        let mut one = Lines::default();
        one.push((self.report)(lost - self.told).as_bytes());
        if self.write_lines(&one) == 1 {
            self.told = lost;
            self.reported = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
