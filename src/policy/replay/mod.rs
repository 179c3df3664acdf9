//! What recorded requests would meet under another policy.
//!
//! Owns the way from audit logs to a report: read as a stream by one thread, decided by as many as there are processors, in bounded
//! memory. Printing is the command's business.

mod record;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read as _};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

pub(crate) use table::{Decided, Example, Row, Table};

use self::record::{Entry, Was, read};
use super::{Outcome, Policy, Rule, Verdict, View};

/// What one worker takes at once, in bytes.
const CHUNK: usize = 512 * 1024;
/// The longest line that is read, in bytes: a token of 64 KiB has fewer in claims.
const MAX_LINE: u64 = 1024 * 1024;
/// Unreadable lines that are named.
const MAX_NAMED: usize = 10;

/// Which claims of a token a record has.
#[derive(Clone, Debug)]
pub(crate) enum RecordedClaims {
    /// Nothing is known: a claim that is not in the record may have been in the token.
    Unknown,
    /// All of them.
    All,
    /// Those that a policy named.
    Named(BTreeSet<String>),
}

/// How records are decided.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) view: View,
    pub(crate) claims: RecordedClaims,
}

/// What came of all records.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Another answer: who was allowed would be denied, or the other way round.
    pub(crate) changed: Table<(Decided, Decided)>,
    /// The same answer by another rule.
    pub(crate) moved: Table<(Decided, Decided)>,
    /// By rule, and what it needs.
    pub(crate) undecidable: Table<(String, String)>,
    /// The same answer by the same rule.
    pub(crate) unchanged: u64,
    /// Requests that were refused before a policy was asked, by reason.
    pub(crate) refused_before: BTreeMap<String, u64>,
    pub(crate) unreadable: u64,
    /// The first unreadable lines: file, line, and why.
    pub(crate) named_unreadable: Vec<(usize, u64, String)>,
}

impl Report {
    /// Records of decisions that the policy could be asked about.
    pub(crate) fn decisions(&self) -> u64 {
        self.changed.total() + self.moved.total() + self.undecidable.total() + self.unchanged
    }

    fn merge(&mut self, other: Self) {
        self.changed.merge(other.changed);
        self.moved.merge(other.moved);
        self.undecidable.merge(other.undecidable);
        self.unchanged += other.unchanged;
        for (reason, count) in other.refused_before {
            *self.refused_before.entry(reason).or_default() += count;
        }
        self.unreadable += other.unreadable;
        self.named_unreadable.extend(other.named_unreadable);
        self.named_unreadable.sort();
        self.named_unreadable.truncate(MAX_NAMED);
    }

    fn cannot_read(&mut self, place: (usize, u64), why: String) {
        self.unreadable += 1;
        if self.named_unreadable.len() < MAX_NAMED {
            self.named_unreadable.push((place.0, place.1, why));
        }
    }
}

/// Whole lines of one file.
struct Chunk {
    file: usize,
    first_line: u64,
    text: Vec<u8>,
}

/// Decides on every record of the files, which are read one after the other.
///
/// Errors: The file that could not be read, by its place, and why.
pub(crate) fn replay<R: BufRead>(
    question: &Question<'_>,
    files: impl Iterator<Item = io::Result<R>>,
    workers: usize,
) -> Result<Report, (usize, io::Error)> {
    let workers = workers.max(1);
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Chunk>(2 * workers);
        let receiver = std::sync::Arc::new(Mutex::new(receiver));
        let working: Vec<_> = (0..workers)
            .map(|_| {
                let receiver = std::sync::Arc::clone(&receiver);
                scope.spawn(move || work(question, &receiver))
            })
            .collect();
        drop(receiver);
        let read = files.enumerate().try_for_each(|(file, opened)| {
            opened.and_then(|reader| send_lines(reader, file, &sender)).map_err(|error| (file, error))
        });
        drop(sender);
        let mut report = Report::default();
        for worker in working {
            match worker.join() {
                Ok(part) => report.merge(part),
                // The hook of panics has said where.
                Err(_) => return Err((0, io::Error::other("a panic while records were decided"))),
            }
        }
        read.map(|()| report)
    })
}

/// Cuts a file into chunks of whole lines.
fn send_lines(mut reader: impl BufRead, file: usize, sender: &SyncSender<Chunk>) -> io::Result<()> {
    let mut next_line = 1;
    loop {
        let (first_line, mut text) = (next_line, Vec::with_capacity(CHUNK + CHUNK / 8));
        let mut is_end = false;
        while text.len() < CHUNK {
            let length = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut text)?;
            if length == 0 {
                is_end = true;
                break;
            }
            if u64::try_from(length).is_ok_and(|length| length == MAX_LINE) && !text.ends_with(b"\n") {
                // The rest of the line is not kept; what is left of it is no JSON and is counted as unreadable.
                skip_line(&mut reader)?;
                text.push(b'\n');
            }
            next_line += 1;
        }
        if !text.is_empty() && sender.send(Chunk { file, first_line, text }).is_err() {
            // All workers panicked, which their end says.
            return Ok(());
        }
        if is_end {
            return Ok(());
        }
    }
}

/// Reads on to the end of a line, and keeps nothing.
fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn work(question: &Question<'_>, chunks: &Mutex<Receiver<Chunk>>) -> Report {
    let mut report = Report::default();
    loop {
        let next = chunks.lock().map(|chunks| chunks.recv());
        let Ok(Ok(Chunk { file, first_line, text })) = next else { return report };
        for (line, number) in text.split(|byte| *byte == b'\n').zip(first_line..) {
            if !line.trim_ascii().is_empty() {
                decide(question, line, (file, number), &mut report);
            }
        }
    }
}

fn decide(question: &Question<'_>, line: &[u8], place: (usize, u64), report: &mut Report) {
    let record = match read(line) {
        Ok(Entry::Decision(record)) => record,
        Ok(Entry::RefusedBefore(reason)) => {
            *report.refused_before.entry(reason.into_owned()).or_default() += 1;
            return;
        }
        Ok(Entry::Other) => return,
        Err(why) => return report.cannot_read(place, why),
    };
    let example = || Example {
        file: place.0,
        line: place.1,
        time: record.time.to_string(),
        issuer: record.facts.issuer.clone(),
        san: record.facts.san.clone(),
    };
    let unrecorded = |claim: &str| question.claims.may_lack(claim) || record.is_redacted(claim);
    let facts = record.facts.facts();
    match question.policy.replay(&facts, &unrecorded, question.view) {
        Verdict::Undecidable { rule, missing } => report.undecidable.add((rule.id().to_owned(), missing), example),
        Verdict::Decided { outcome, rule } => {
            let (was, rule) = (&record.was, rule.as_deref().map(Rule::id));
            let key = || (Decided::of_record(was), Decided::of(outcome, rule));
            if was.is_allowed != outcome.is_allowed() {
                report.changed.add(key(), example);
            } else if was.rule.as_deref() != rule {
                report.moved.add(key(), example);
            } else {
                report.unchanged += 1;
            }
        }
    }
}

impl RecordedClaims {
    fn may_lack(&self, claim: &str) -> bool {
        match self {
            Self::Unknown => true,
            Self::All => false,
            Self::Named(names) => !names.contains(claim),
        }
    }
}

impl Decided {
    fn of(outcome: Outcome, rule: Option<&str>) -> Self {
        Self { outcome: outcome.name().replace('_', "-"), rule: rule.map(str::to_owned) }
    }

    fn of_record(was: &Was<'_>) -> Self {
        let outcome = if was.outcome == "none" { "no policy" } else { &was.outcome };
        Self { outcome: outcome.to_owned(), rule: was.rule.as_ref().map(ToString::to_string) }
    }
}

#[cfg(test)]
mod tests;
