//! Series of a metric that are found by an index.
//!
//! Owns the lazy making of series: one that never counted is not shown, as at Fulcio. Knows no metric in particular.

use std::fmt;
use std::hash::Hash;
use std::sync::OnceLock;

use prometheus_client::metrics::family::Family;

/// A metric's series, as many as its closed label sets allow. Made at first use; after that, getting one takes no lock.
pub(super) struct SeriesTable<L, M> {
    family: Family<L, M>,
    cells: Vec<OnceLock<M>>,
}

impl<L: Clone + Eq + Hash, M: Clone> SeriesTable<L, M> {
    pub(super) fn new(count: usize, make: fn() -> M) -> Self {
        let family = Family::new_with_constructor(make);
        Self { family, cells: std::iter::repeat_with(OnceLock::new).take(count).collect() }
    }

    /// What is to be registered.
    pub(super) fn family(&self) -> Family<L, M> {
        self.family.clone()
    }

    /// The series at the index, made if it is new. The same index must always come with the same labels.
    pub(super) fn get(&self, index: usize, labels: impl FnOnce() -> L) -> Option<&M> {
        let cell = self.cells.get(index)?;
        Some(cell.get_or_init(|| self.family.get_or_create_owned(&labels())))
    }
}

impl<L, M> fmt::Debug for SeriesTable<L, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} cells", self.cells.len())
    }
}
