//! What clients trust this deployment by, at stable paths, if the operator has said what it is (`--trust-config`).

use super::answer::Answer;
use super::rest::{Fields, Head};
use crate::failure::{Failure, FailureKind};
use crate::issuance::Issuance;
use crate::trust::Document;

/// For how long a cache may answer: a CA that will sign is published days before it does.
const CACHE_CONTROL: &str = "public, max-age=300";

pub(super) fn document<F: Fields>(
    head: &Head<'_, F>,
    document: Document,
    issuance: &Issuance,
) -> Result<Answer, Failure> {
    let documents = issuance.trust.load();
    let served = documents.as_ref().and_then(|documents| documents.get(document));
    let served = served.ok_or_else(|| Failure::new(FailureKind::NotFound, "no trust file is configured"))?;
    let known = head.fields.all("if-none-match").into_iter().filter_map(|tags| std::str::from_utf8(tags).ok());
    let answer = if known.into_iter().any(|tags| served.is_known(tags)) {
        Answer::empty(304)
    } else {
        Answer::new(200, document.content_type(), served.body.clone())
    };
    Ok(answer.with("etag", served.etag.clone()).with("cache-control", CACHE_CONTROL))
}
