//! What to suggest to someone who wrote a word that is not known: [`crate::text::hint`], under the name that this folder uses.

pub(in crate::config) use crate::text::hint::{for_unknown, misspelled, nearest, within};
