//! REST, whichever version of HTTP it comes by: which path is answered by what, and what goes around every answer.
//!
//! Owns the table of paths, the request's id, the count of answers, and reading a body within its bounds. Knows no socket: [`super::http1`]
//! and [`super::http2`] bring a request's head and body in their libraries' types, and take the answer.

use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use tonic::codegen::Bytes;

use super::answer::{Answer, of_failure};
use super::proto_json::JsonProblem;
use super::request_id::{REQUEST_ID, RequestId};
use super::{BODY_TIMEOUT, MAX_FIELDS, cross_origin, rest_v1, rest_v2, trust};
use crate::failure::{Failure, FailureKind};
use crate::issuance::Issuance;
use crate::limits::connections::Serving;
use crate::limits::memory::Reservation;
use crate::limits::{Limits, overloaded};
use crate::networks::Networks;
use crate::panics::caught;
use crate::trust::Document;

/// What is set aside for a body before any of it is here. More is given only to those who have filled it: an announcement alone costs nothing.
const FIRST_ROOM: usize = 8 * 1024;
/// What a byte of a body costs: its buffer grows by doubling, and what is decoded of it is no longer than it.
const BODY_BYTE: usize = 2;

pub(super) trait Fields {
    fn count(&self) -> usize;
    /// The first value of this name, which is in lower case.
    fn first(&self, name: &str) -> Option<&[u8]>;
    /// All values of this name in their order.
    fn all(&self, name: &str) -> Vec<&[u8]>;

    /// The first value of this name if it is visible ASCII.
    fn text(&self, name: &str) -> Option<&str> {
        let is_text = |value: &&[u8]| value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        self.first(name).filter(is_text).and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// A request's body on its way.
pub(super) trait Arriving {
    /// The body will be read; its length, if the client said it.
    fn want(&mut self, announced: Option<u64>);
    /// The next part, or what went wrong.
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>>;
    /// Nothing yet of the connection's memory.
    fn reservation(&self) -> Reservation;
    /// The body is whole: from now on the client waits for us.
    fn is_whole(&mut self) -> Option<Serving>;
}

/// A request without its body.
pub(super) struct Head<'a, F> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) fields: &'a F,
    pub(super) peer: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    CreateV2,
    TrustBundle,
    Configuration,
    CreateV1,
    RootCertificate,
    Health,
    Readiness,
    Trust(Document),
}

const PATHS: [(&str, Endpoint); 7] = [
    ("/api/v2/signingCert", Endpoint::CreateV2),
    ("/api/v1/signingCert", Endpoint::CreateV1),
    ("/api/v2/trustBundle", Endpoint::TrustBundle),
    ("/api/v2/configuration", Endpoint::Configuration),
    ("/api/v1/rootCert", Endpoint::RootCertificate),
    ("/healthz", Endpoint::Health),
    ("/readyz", Endpoint::Readiness),
];

impl Endpoint {
    /// What the `Allow` header says (RFC 9110 section 10.2.1).
    const fn methods(self) -> &'static str {
        match self {
            Self::CreateV1 | Self::CreateV2 => "POST",
            _ => "GET, HEAD",
        }
    }

    fn knows(self, method: &str) -> bool {
        self.methods().split(", ").any(|known| known == method)
    }
}

/// The path of the table that this is. Characters that need no escape may be escaped (RFC 3986 section 6.2.2.2).
fn find(path: &str) -> Option<(&'static str, Endpoint)> {
    let document = |path: &str| {
        let known = Document::ALL.into_iter().find(|document| document.path() == path);
        known.map(|document| (document.path(), Endpoint::Trust(document)))
    };
    let find = |path: &str| PATHS.into_iter().find(|(known, _)| *known == path).or_else(|| document(path));
    find(path).or_else(|| if path.contains('%') { find(&without_needless_escapes(path)) } else { None })
}

fn without_needless_escapes(path: &str) -> String {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escaped = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        match escaped.filter(|byte| byte.is_ascii_alphanumeric() || "-._~".contains(*byte)) {
            Some(byte) => plain.extend(std::iter::once(byte).chain(part.chars().skip(2))),
            None => plain.extend(std::iter::once('%').chain(part.chars())),
        }
    }
    plain
}

pub(super) fn has_path(path: &str) -> bool {
    find(path).is_some()
}

/// Answers a request. Unknown paths and methods are answered in the same form as every other failure.
pub(super) async fn answer<F: Fields, B: Arriving>(head: Head<'_, F>, body: B, issuance: &Issuance) -> Answer {
    let started = Instant::now();
    let id = RequestId::of(head.fields.first(REQUEST_ID));
    let mut answer = match cross_origin::preflight(&head) {
        Some(answer) => answer,
        None => cross_origin::share(dispatch(&head, body, issuance, &id).await, &head),
    };
    issuance.metrics.http(head.method, answer.status, started.elapsed());
    answer.fields.push((REQUEST_ID, id.into_text().into()));
    answer
}

async fn dispatch<F: Fields, B: Arriving>(head: &Head<'_, F>, body: B, issuance: &Issuance, id: &RequestId) -> Answer {
    let found = find(head.path);
    let failed = |failure: &Failure| of_failure(failure, found.map_or("", |(path, _)| path), id, &issuance.metrics);
    if head.fields.count() > MAX_FIELDS {
        let cause = "a request with more header fields than are accepted";
        return failed(&Failure::new(FailureKind::TooManyHeaders, cause));
    }
    let Some((_, endpoint)) = found else {
        return failed(&Failure::new(FailureKind::NotFound, "no such path"));
    };
    if !endpoint.knows(head.method) {
        let failure = Failure::new(FailureKind::MethodNotAllowed, "the path does not know the method");
        return failed(&failure).with("allow", endpoint.methods());
    }
    let outcome = caught(async {
        match endpoint {
            Endpoint::CreateV2 => rest_v2::create_signing_certificate(head, body, issuance, id).await,
            Endpoint::CreateV1 => rest_v1::create_signing_certificate(head, body, issuance, id).await,
            Endpoint::TrustBundle => Ok(rest_v2::trust_bundle(issuance)),
            Endpoint::Configuration => Ok(rest_v2::configuration(issuance)),
            Endpoint::RootCertificate => Ok(rest_v1::root_certificate(issuance)),
            Endpoint::Health => Ok(rest_v2::health()),
            Endpoint::Readiness => Ok(rest_v2::readiness(issuance)),
            Endpoint::Trust(document) => trust::document(head, document, issuance),
        }
    });
    outcome.await.unwrap_or_else(|panic| Err(panic.into())).unwrap_or_else(|failure| failed(&failure))
}

/// The memory that a body takes, and the connection's being served. Held until the request is answered, when the bytes themselves are
/// read and gone.
pub(super) type Held = (Reservation, Option<Serving>);

/// Counts a request for a certificate towards its client's address, and says where that is. Comes before anything is read.
pub(super) fn admit<F: Fields>(head: &Head<'_, F>, limits: &Limits) -> Result<Option<Networks>, Failure> {
    limits.admit_address(limits.client(head.peer, |name| head.fields.all(name).into_iter()))
}

/// Reads the body up to its limit, whatever content type it says it has. From then on the connection is being served.
pub(super) async fn read_body<F: Fields, B: Arriving>(
    head: &Head<'_, F>,
    mut body: B,
    limits: &Limits,
) -> Result<(Vec<u8>, Held), Failure> {
    let (largest, announced) = (limits.message_bytes(), announced_length(head.fields));
    if announced.is_some_and(|announced| usize::try_from(announced).map_or(true, |announced| announced > largest)) {
        return Err(too_large(largest));
    }
    body.want(announced);
    let mut memory = body.reservation();
    let late = |_| Failure::new(FailureKind::RequestIncomplete, "the body took too long");
    let whole = tokio::time::timeout(BODY_TIMEOUT, read_whole(&mut body, &mut memory, largest));
    let bytes = whole.await.map_err(late)??;
    let serving = body.is_whole();
    Ok((bytes, (memory, serving)))
}

fn too_large(largest: usize) -> Failure {
    let cause = format!("the body is larger than {largest} bytes");
    Failure::new(FailureKind::RequestTooLarge, cause).with("limitBytes", largest.to_string())
}

async fn read_whole<B: Arriving>(body: &mut B, memory: &mut Reservation, largest: usize) -> Result<Vec<u8>, Failure> {
    let mut read = Vec::new();
    while let Some(part) = poll_fn(|context| body.poll_part(context)).await {
        let part = part.map_err(|error| Failure::new(FailureKind::RequestIncomplete, error))?;
        if read.len() + part.len() > largest {
            return Err(too_large(largest));
        }
        let reserved = memory.grow(part.len().saturating_mul(BODY_BYTE));
        reserved.map_err(|_| overloaded("too much is being received at the same time"))?;
        if read.is_empty() {
            read.reserve(FIRST_ROOM.min(2 * part.len()));
        }
        read.extend_from_slice(&part);
    }
    Ok(read)
}

/// What the client says it will send.
fn announced_length<F: Fields>(fields: &F) -> Option<u64> {
    fields.text("content-length")?.trim().parse().ok()
}

/// The token of the `Authorization` header (RFC 6750); a bare token without the scheme's name is taken as well.
pub(super) fn bearer_token<F: Fields>(fields: &F) -> &str {
    let value = fields.text("authorization").unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        _ => value,
    }
}

impl JsonProblem {
    /// The failure of a body that is not the message's JSON.
    pub(super) fn into_failure(self) -> Failure {
        Failure::new(FailureKind::RequestMalformed, self).with("problem", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_however_its_letters_are_escaped_and_no_other_is() {
        for path in ["/api/v2/signingCert", "/api/v2/signing%43ert", "/%61pi/v2/signingCert"] {
            assert_eq!(find(path), Some(("/api/v2/signingCert", Endpoint::CreateV2)), "{path}");
        }
        for path in
            ["", "/", "/healthz/", "//healthz", "/Healthz", "/healthz%", "/%2fhealthz", "/health%7", "/healthz%00"]
        {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
