//! One file from its first line to its last: does each record follow the one before?

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::heads::Heads;
use super::{ProblemKind, Report};
use crate::audit::chain::{ChainId, Frame, Kind, Position, parse_chain};
use crate::audit::read::{Line, ReadError, each_line};
use crate::crypto::sha256;

/// What a walk leaves behind, for the files to be put together.
pub(super) struct Walked {
    pub(super) file: PathBuf,
    pub(super) first: Option<First>,
    pub(super) last: Option<Position>,
    /// An incomplete end of the file, by its line.
    pub(super) torn: Option<Torn>,
    /// Records after the last one that a head names; all of them if there is none.
    pub(super) uncovered: u64,
    pub(super) covered: Option<Position>,
}

/// The first record of a file.
pub(super) struct First {
    /// Up to and with this record.
    pub(super) at: Position,
    /// The hash of the record before it.
    pub(super) previous: [u8; 32],
    pub(super) start: Option<StartMembers>,
    /// What stands before it, by its line.
    pub(super) torn: Option<Torn>,
}

/// Bytes that are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Torn {
    pub(super) line: u64,
    pub(super) bytes: u64,
}

/// What a start says of what was before it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StartMembers {
    pub(super) last: Option<LastMembers>,
    pub(super) torn: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct LastMembers {
    chain: String,
    seq: u64,
}

impl LastMembers {
    fn names(&self, at: &Position) -> bool {
        parse_chain(&self.chain) == Some(at.chain) && self.seq.checked_add(1) == Some(at.count)
    }
}

impl StartMembers {
    /// Whether the start accounts for the record and the bytes before it.
    pub(super) fn follows(&self, before: &Position, torn: Option<Torn>) -> bool {
        self.last.as_ref().is_some_and(|last| last.names(before)) && self.torn == torn.map(|torn| torn.bytes)
    }
}

struct Walk<'a> {
    walked: Walked,
    /// What cannot be compared with: the record before is damaged.
    is_lost: bool,
    heads: &'a mut Heads,
    report: &'a mut Report,
}

pub(super) fn walk(file: &Path, heads: &mut Heads, report: &mut Report) -> Result<Walked, ReadError> {
    let walked = Walked { file: file.to_owned(), first: None, last: None, torn: None, uncovered: 0, covered: None };
    let mut walk = Walk { walked, is_lost: false, heads, report };
    each_line(file, |line| walk.line(line))?;
    Ok(walk.walked)
}

impl Walk<'_> {
    fn line(&mut self, line: Line<'_>) {
        let frame = if line.is_whole { Frame::parse(line.bytes) } else { None };
        let read = frame.and_then(|frame| {
            let (chain, previous) = (frame.chain()?, frame.previous()?);
            let start =
                if frame.kind == Kind::Start.name() { Some(serde_json::from_slice(line.bytes).ok()?) } else { None };
            let (hash, is_head) = (sha256(line.bytes), frame.kind == Kind::Head.name());
            Some(Record { number: line.number, hash, chain, previous, seq: frame.seq, start, is_head })
        });
        match read {
            Some(record) => self.record(record),
            None => self.torn(line),
        }
    }

    fn torn(&mut self, line: Line<'_>) {
        let bytes = line.bytes.len() as u64;
        let torn = self.walked.torn.get_or_insert(Torn { line: line.number, bytes: 0 });
        torn.bytes += if torn.line == line.number { bytes } else { bytes + 1 };
    }

    fn record(&mut self, record: Record) {
        self.report.records += 1;
        let at = Position { chain: record.chain, count: record.seq.saturating_add(1), hash: record.hash };
        let torn = self.walked.torn.take();
        if record.start.is_some() {
            self.report.chains += 1;
            if record.seq != 0 {
                self.problem(record.number, ProblemKind::Start);
            }
        }
        let is_head = record.is_head;
        if let Some(before) = self.walked.last {
            self.follow(&record, &before, torn);
        } else {
            // Files are put together later.
            if record.start.is_none() && record.seq == 0 {
                self.problem(record.number, ProblemKind::Start);
            }
            let previous = record.previous;
            self.walked.first = Some(First { at, previous, start: record.start, torn });
        }
        self.walked.last = Some(at);
        // A head shows by its own signature that it is as it was.
        self.walked.uncovered += u64::from(!is_head);
        if self.heads.meet(&at, self.report) {
            (self.walked.uncovered, self.walked.covered) = (0, Some(at));
        }
    }

    fn follow(&mut self, record: &Record, before: &Position, torn: Option<Torn>) {
        if let Some(torn) = torn
            && !record.start.as_ref().is_some_and(|start| start.follows(before, Some(torn)))
        {
            self.is_lost = true;
            self.problem(torn.line, ProblemKind::Damaged);
        } else if let Some(torn) = torn {
            self.report.torn += u64::from(torn.bytes > 0);
        }
        // After a damaged record, only that is told.
        if std::mem::take(&mut self.is_lost) {
            return;
        }
        if record.previous != before.hash {
            self.problem(record.number, ProblemKind::Unlinked);
            return;
        }
        let wrong = match &record.start {
            Some(start) => (!start.follows(before, torn)).then_some(ProblemKind::Last),
            None if record.chain != before.chain => Some(ProblemKind::Start),
            None => (record.seq != before.count).then_some(ProblemKind::Number),
        };
        if let Some(kind) = wrong {
            self.problem(record.number, kind);
        }
    }

    fn problem(&mut self, line: u64, kind: ProblemKind) {
        self.report.problem(&self.walked.file, line, kind);
    }
}

struct Record {
    number: u64,
    hash: [u8; 32],
    chain: ChainId,
    previous: [u8; 32],
    seq: u64,
    start: Option<StartMembers>,
    is_head: bool,
}
