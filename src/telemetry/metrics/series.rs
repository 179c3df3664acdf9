//! Series of a metric that are found by an index: all of them from the start, or each from its first use.
//!
//! Owns the making of series. Knows no metric in particular.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::OnceLock;

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Registers a metric with a series for each of these labels, in their order: all exist from the start, so that a first failure is an
/// increase and not a new series.
pub(super) fn register_all<L, M>(
    registry: &mut Registry,
    (name, help): (&str, &str),
    make: fn() -> M,
    labels: impl IntoIterator<Item = L>,
) -> Vec<M>
where
    L: EncodeLabelSet + Clone + Eq + Hash + Debug + Send + Sync + 'static,
    M: EncodeMetric + TypedMetric + Clone + Debug + Send + Sync + 'static,
{
    let family = Family::<L, M, fn() -> M>::new_with_constructor(make);
    registry.register(name, help, family.clone());
    labels.into_iter().map(|labels| family.get_or_create_owned(&labels)).collect()
}

/// A metric's series, as many as its closed label sets allow. Made at first use: one that never counted is not shown, as at Fulcio.
/// After that, getting one takes no lock.
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
