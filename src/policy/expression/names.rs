//! Names that a condition compares, for the warnings about names that change hands.

/// How a claim is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `==`, `!=` or `in`.
    Whole,
    /// `startsWith`, `contains` or `matches`.
    Part,
    End,
}

/// A claim that is compared with something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameMatch {
    pub(crate) claim: String,
    pub(crate) comparison: Comparison,
    /// What it is compared with, if that stands in the condition.
    pub(crate) constant: Option<String>,
    /// Where, in bytes of the source.
    pub(crate) at: usize,
}
