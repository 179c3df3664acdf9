//! Cross-origin rules (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Owns the headers that let pages of any origin use REST. Knows no message.

use super::answer::Answer;
use super::rest::{Fields, Head};

/// Methods and headers that pages of any origin may use: those of simple requests and JSON.
const ALLOWED_METHODS: [&str; 3] = ["GET", "POST", "HEAD"];
const ALLOWED_HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];

const ORIGIN: &str = "origin";
const OPTIONS: &str = "OPTIONS";
const REQUEST_METHOD: &str = "access-control-request-method";
const REQUEST_HEADERS: &str = "access-control-request-headers";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const VARY: &str = "vary";

/// The answer, for pages of any origin.
pub(super) fn share<F: Fields>(answer: Answer, head: &Head<'_, F>) -> Answer {
    let answer = answer.with(VARY, "Origin");
    let is_foreign = head.fields.first(ORIGIN).is_some() && head.method != OPTIONS;
    if is_foreign { answer.with(ALLOW_ORIGIN, "*") } else { answer }
}

/// The answer of a preflight, if it is one: the method and headers asked for, if they are allowed.
pub(super) fn preflight<F: Fields>(head: &Head<'_, F>) -> Option<Answer> {
    let fields = head.fields;
    let method = fields.first(REQUEST_METHOD).filter(|_| head.method == OPTIONS)?;
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    let answer = Answer::empty(204).with(VARY, vary);
    let allowed = ALLOWED_METHODS.into_iter().find(|allowed| allowed.as_bytes() == method);
    let is_allowed = |asked: &[u8]| std::str::from_utf8(asked).is_ok_and(are_allowed_headers);
    let (true, Some(method), true) =
        (fields.first(ORIGIN).is_some(), allowed, fields.first(REQUEST_HEADERS).is_none_or(is_allowed))
    else {
        return Some(answer);
    };
    let answer = answer.with(ALLOW_ORIGIN, "*").with("access-control-allow-methods", method);
    Some(match fields.text(REQUEST_HEADERS) {
        Some(asked) => answer.with("access-control-allow-headers", asked.to_owned()),
        None => answer,
    })
}

fn are_allowed_headers(asked: &str) -> bool {
    asked.split(',').all(|name| ALLOWED_HEADERS.iter().any(|allowed| name.trim().eq_ignore_ascii_case(allowed)))
}
