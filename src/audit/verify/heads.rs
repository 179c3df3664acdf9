//! The heads of files and anchors: which record each names, and whether that is there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::walk::Walked;
use super::{ProblemKind, Report, VerifyOptions};
use crate::audit::chain::{ChainId, Position};
use crate::audit::head::SignedHead;
use crate::audit::read::{ReadError, each_line};
use crate::crypto::signature_check::SignatureCheck;

/// How a head record begins: what does not begin so is not read twice.
const BEGIN: &[u8] = br#"{"v":1,"type":"head""#;

/// What heads say.
pub(super) struct Heads {
    named: HashMap<(ChainId, u64), Vec<Named>>,
}

/// What one head says of a record.
struct Named {
    hash: [u8; 32],
    file: PathBuf,
    line: u64,
    is_met: bool,
}

impl Heads {
    /// Reads all heads whose signature is good.
    pub(super) fn read(files: &[PathBuf], options: &VerifyOptions, report: &mut Report) -> Result<Self, ReadError> {
        let mut heads = Self { named: HashMap::new() };
        for file in files {
            each_line(file, |line| {
                // A line that was cut off is the walk's to judge.
                if line.is_whole && line.bytes.starts_with(BEGIN) {
                    let is_good = heads.add(file, line.number, line.bytes, &options.keys, report);
                    report.heads += u64::from(is_good);
                }
            })?;
        }
        for anchor in &options.anchors {
            each_line(anchor, |line| {
                let is_good = heads.add(anchor, line.number, line.bytes, &options.keys, report);
                report.anchors += u64::from(is_good);
            })?;
        }
        Ok(heads)
    }

    fn add(&mut self, file: &Path, line: u64, bytes: &[u8], keys: &[SignatureCheck], report: &mut Report) -> bool {
        let Some(head) = SignedHead::parse(bytes) else {
            report.problem(file, line, ProblemKind::NotAHead);
            return false;
        };
        if !keys.is_empty() && !keys.iter().any(|key| head.is_signed_by(key)) {
            report.problem(file, line, ProblemKind::Signature);
            return false;
        }
        let Position { chain, count, hash } = head.position;
        self.named.entry((chain, count)).or_default().push(Named { hash, file: file.to_owned(), line, is_met: false });
        true
    }

    /// A record of the log. Returns whether a head names it.
    pub(super) fn meet(&mut self, at: &Position, report: &mut Report) -> bool {
        let Some(named) = self.named.get_mut(&(at.chain, at.count)) else { return false };
        let mut is_covered = false;
        for head in named.iter_mut().filter(|head| !head.is_met) {
            head.is_met = true;
            if head.hash == at.hash {
                is_covered = true;
            } else {
                report.problem(&head.file, head.line, ProblemKind::Head);
            }
        }
        is_covered
    }

    /// Heads whose record was not met. Where old files may be missing, those before the first record that is there do not count.
    pub(super) fn finish(&self, walked: &[Walked], is_begin_missing: bool, report: &mut Report) {
        let is_old = |chain: &ChainId, count: u64| {
            let begins = walked.iter().filter_map(|file| file.first.as_ref()).filter(|first| first.at.chain == *chain);
            let first = begins.map(|first| first.at.count).min();
            is_begin_missing && first.is_none_or(|first| count < first)
        };
        let mut missing: Vec<&Named> = self
            .named
            .iter()
            .filter(|((chain, count), _)| !is_old(chain, *count))
            .flat_map(|(_, named)| named.iter().filter(|head| !head.is_met))
            .collect();
        missing.sort_unstable_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        for head in missing {
            report.problem(&head.file, head.line, ProblemKind::Cut);
        }
    }
}
