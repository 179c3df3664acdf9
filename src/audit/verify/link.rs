//! The files put together: each goes on where another one ends, or begins a log.

use std::collections::HashMap;

use super::walk::{First, Torn, Walked};
use super::{ProblemKind, Report};
use crate::audit::chain::Position;

pub(super) fn link(files: &[Walked], is_begin_missing: bool, report: &mut Report) {
    let ends: HashMap<[u8; 32], usize> =
        files.iter().enumerate().filter_map(|(index, file)| Some((file.last?.hash, index))).collect();
    let mut before: Vec<Option<usize>> = vec![None; files.len()];
    let mut is_followed = vec![false; files.len()];
    for (index, file) in files.iter().enumerate() {
        let Some(first) = &file.first else {
            report.problem(&file.file, 0, ProblemKind::Empty);
            continue;
        };
        match ends.get(&first.previous).filter(|end| **end != index).and_then(|end| Some((*end, files.get(*end)?))) {
            Some((end, earlier)) => {
                if let Some(kind) = earlier.last.and_then(|last| broken(first, &last, earlier.torn)) {
                    report.problem(&file.file, 1, kind);
                }
                report.torn += u64::from(earlier.torn.is_some());
                match is_followed.get_mut(end) {
                    Some(followed) if *followed => report.problem(&file.file, 1, ProblemKind::Fork),
                    Some(followed) => *followed = true,
                    None => {}
                }
                if let Some(place) = before.get_mut(index) {
                    *place = Some(end);
                }
            }
            None => begin(file, first, is_begin_missing, report),
        }
    }
    for (index, file) in files.iter().enumerate() {
        if is_followed.get(index) == Some(&true) {
            continue;
        }
        if let Some(torn) = file.torn {
            report.problem(&file.file, torn.line, ProblemKind::Damaged);
        }
        cover(files, &before, index, report);
    }
}

/// What is wrong with a file's first record behind another file's last one.
fn broken(first: &First, last: &Position, torn: Option<Torn>) -> Option<ProblemKind> {
    // Either file may have what was cut off.
    match (&first.start, torn.or(first.torn)) {
        (Some(start), torn) if start.follows(last, torn) => None,
        // A file that was moved away keeps what was cut off, and the start does not know of it.
        (Some(start), Some(_)) if start.follows(last, None) => None,
        (Some(_), _) => Some(ProblemKind::Last),
        (None, Some(_)) => Some(ProblemKind::Damaged),
        (None, None) if first.at.chain != last.chain => Some(ProblemKind::Start),
        (None, None) => (first.at.count != last.count.saturating_add(1)).then_some(ProblemKind::Number),
    }
}

/// A file that no other one leads to.
fn begin(file: &Walked, first: &First, is_begin_missing: bool, report: &mut Report) {
    let is_begin = first.previous == [0; 32] && first.start.as_ref().is_some_and(|start| start.last.is_none());
    let is_torn_known = first.torn.map(|torn| torn.bytes) == first.start.as_ref().and_then(|start| start.torn);
    if !is_torn_known {
        report.problem(&file.file, 1, ProblemKind::Damaged);
    } else if first.torn.is_some() {
        report.torn += 1;
    }
    report.begins += 1;
    if !is_begin && !is_begin_missing {
        report.problem(&file.file, 1, ProblemKind::BeginMissing);
    }
}

/// From the end of a sequence back to the last record that a head names.
fn cover(files: &[Walked], before: &[Option<usize>], end: usize, report: &mut Report) {
    let mut at = Some(end);
    // Each file once: hashes make no circle, but nothing here relies on that.
    for _ in 0..files.len() {
        let Some(file) = at.and_then(|index| files.get(index)) else { return };
        report.uncovered += file.uncovered;
        if let Some(covered) = file.covered {
            report.covered.push(covered);
            return;
        }
        at = at.and_then(|index| before.get(index).copied().flatten());
    }
}
