//! What changes: how often each old decision becomes each new one, with examples.

use std::collections::HashMap;

/// Rows of a table; what comes after them is counted together.
const MAX_ROWS: usize = 10_000;
/// Examples of a row.
const MAX_EXAMPLES: usize = 3;

/// A decision in words: the outcome, and the rule if one decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Decided {
    pub(crate) outcome: String,
    pub(crate) rule: Option<String>,
}

/// One record, for people to find it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Example {
    /// Which of the files.
    pub(crate) file: usize,
    /// From 1.
    pub(crate) line: u64,
    pub(crate) time: String,
    pub(crate) issuer: String,
    pub(crate) san: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) count: u64,
    /// The first ones.
    pub(crate) examples: Vec<Example>,
}

/// Rows by what they are about.
#[derive(Debug)]
pub(crate) struct Table<K> {
    rows: HashMap<K, Row>,
    /// Records for which there was no row.
    pub(crate) beyond: u64,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { rows: HashMap::new(), beyond: 0 }
    }
}

impl<K: std::hash::Hash + Ord> Table<K> {
    pub(super) fn add(&mut self, key: K, example: impl FnOnce() -> Example) {
        if self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let row = self.rows.entry(key).or_default();
        row.count += 1;
        // A worker sees its records in the order of the files.
        if row.examples.len() < MAX_EXAMPLES {
            row.examples.push(example());
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.beyond += other.beyond;
        for (key, more) in other.rows {
            if self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&key) {
                self.beyond += more.count;
                continue;
            }
            let row = self.rows.entry(key).or_default();
            row.count += more.count;
            row.examples.extend(more.examples);
            row.examples.sort();
            row.examples.truncate(MAX_EXAMPLES);
        }
    }

    /// The rows, the most frequent one first.
    pub(crate) fn sorted(&self) -> Vec<(&K, &Row)> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by(|(one, first), (other, second)| second.count.cmp(&first.count).then_with(|| one.cmp(other)));
        rows
    }

    /// How many records are in it.
    pub(crate) fn total(&self) -> u64 {
        self.rows.values().map(|row| row.count).sum::<u64>() + self.beyond
    }
}
