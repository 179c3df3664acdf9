//! Is the log as it was written? Finds edits, removed and swapped lines, and cuts before the last signed head.
//!
//! Owns the verdict over any number of files in any order: they are put together by their hashes. docs/audit.md says what cannot be found.

mod heads;
mod link;
mod walk;

use std::fmt;
use std::path::{Path, PathBuf};

use super::chain::Position;
use super::read::ReadError;
use crate::crypto::signature_check::SignatureCheck;
use heads::Heads;

/// Problems that are told one by one.
const TOLD: usize = 100;

#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Public keys that heads may be signed by. Without any, signatures are not looked at.
    pub keys: Vec<SignatureCheck>,
    /// Files with heads from elsewhere (`--audit-anchor`).
    pub anchors: Vec<PathBuf>,
    /// The oldest files are not there any more, and that is no problem.
    pub is_begin_missing: bool,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    /// From 1; 0 for the whole file.
    pub line: u64,
    pub kind: ProblemKind,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    #[error("is not a whole record, and no later start names the record before it")]
    Damaged,
    #[error(
        "does not follow the record before it: one of the two was changed, or records between them were removed or moved"
    )]
    Unlinked,
    #[error("has the wrong number in its chain")]
    Number,
    #[error("begins a chain and is not a start, or is a start in the middle of one")]
    Start,
    #[error("names another record as the last one before it than there is")]
    Last,
    #[error("the records before the first one are missing: give the files with them, or say --begin-missing")]
    BeginMissing,
    #[error("two files follow the same record")]
    Fork,
    #[error("the head's signature is not by the key")]
    Signature,
    #[error("is not a head")]
    NotAHead,
    #[error("the head does not fit the record that it names: that one or one before it was changed")]
    Head,
    #[error("the record that the head names is missing: the log was cut")]
    Cut,
    #[error("there is no signed head at all")]
    NoHead,
    #[error("is empty or has no record")]
    Empty,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.file.display(), self.kind),
            line => write!(formatter, "{}:{line}: {}", self.file.display(), self.kind),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub records: u64,
    /// Processes that wrote them.
    pub chains: u64,
    /// Files that nothing comes before: one for each log.
    pub begins: u64,
    /// Heads in the files whose signature is good; all of them where there is no key.
    pub heads: u64,
    /// Heads from elsewhere whose signature is good.
    pub anchors: u64,
    /// Incomplete lines that a later start accounts for.
    pub torn: u64,
    /// Records that no head covers yet.
    pub uncovered: u64,
    /// The last position that a head covers, for each sequence of files.
    pub covered: Vec<Position>,
    /// The first problems.
    pub problems: Vec<Problem>,
    /// How many there are.
    pub problem_count: u64,
}

impl Report {
    pub const fn is_good(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, file: &Path, line: u64, kind: ProblemKind) {
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(Problem { file: file.to_owned(), line, kind });
        }
    }
}

/// Verifies files that belong together.
///
/// Errors: A file cannot be read. What is wrong with its content is in the report.
pub fn verify(files: &[PathBuf], options: &VerifyOptions) -> Result<Report, ReadError> {
    let mut report = Report::default();
    let mut heads = Heads::read(files, options, &mut report)?;
    let mut walked = Vec::new();
    for file in files {
        walked.push(walk::walk(file, &mut heads, &mut report)?);
    }
    link::link(&walked, options.is_begin_missing, &mut report);
    heads.finish(&walked, options.is_begin_missing, &mut report);
    if !options.keys.is_empty()
        && report.heads + report.anchors == 0
        && let Some(file) = files.first()
    {
        report.problem(file, 0, ProblemKind::NoHead);
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
