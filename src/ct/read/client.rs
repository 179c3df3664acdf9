//! GET from a log: time limit, size cap, retries with pauses, encodings.
//!
//! Redirects are not followed: the address that was configured is the one that is read.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Response, StatusCode, Url};
use tokio::time::{sleep, timeout};

use super::error::ReadError;
use crate::ct::error::LogSetupError;
use crate::ct::log::{log_name, retry_after, said, submission_prefix};
use crate::http::backoff::Backoff;
use crate::http::encoding::{Unread, read_document};
use crate::http::trust::{self, Protocols, Trust};
use crate::http::{self, SetupError, is_loopback};
use crate::text::peer_text::PeerText;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one answer may take, all of it.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How often the same is asked for.
const ATTEMPTS: u32 = 5;
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(15) };
/// The longest pause that a log may ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Client {
    name: String,
    prefix: Url,
    http: reqwest::Client,
    clock: fn() -> SystemTime,
}

/// How one attempt ended without an answer.
enum Attempt {
    /// It may go better, after the pause that the log asks for.
    Again(ReadError, Option<Duration>),
    Final(ReadError),
}

impl Client {
    pub(super) fn new(url: &str, tls_ca: Option<&[u8]>, clock: fn() -> SystemTime) -> Result<Self, ReadError> {
        let prefix = submission_prefix(url.trim_end_matches('/').trim_end_matches("/checkpoint"));
        let prefix = prefix.map_err(|error| match error {
            LogSetupError::Url(url) => ReadError::Url(url),
            other => ReadError::Certificates(other.to_string()),
        })?;
        let named = tls_ca.map(trust::named_certificates).transpose();
        let trust = named.and_then(|named| Trust::of_named(named.unwrap_or_default()));
        let tls = trust.map_err(ReadError::Certificates)?.client_config(Protocols::Http).map_err(SetupError::from)?;
        let builder = http::builder(tls, CONNECT_TIMEOUT).timeout(TIMEOUT);
        let builder = if is_loopback(&prefix) { builder.no_proxy() } else { builder };
        Ok(Self { name: log_name(&prefix), prefix, http: builder.build().map_err(SetupError::from)?, clock })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The body of an answer, of at most `most` bytes, decoded.
    pub(super) async fn get(&self, path: &str, most: usize) -> Result<Vec<u8>, ReadError> {
        let mut failures = 0;
        loop {
            let attempt = timeout(TIMEOUT, self.attempt(path, most)).await;
            match attempt.unwrap_or(Err(Attempt::Again(ReadError::Timeout, None))) {
                Ok(body) => return Ok(body),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(error, asked)) => {
                    failures += 1;
                    if failures == ATTEMPTS {
                        return Err(error);
                    }
                    let pause = asked.unwrap_or_else(|| BACKOFF.after(failures, 0.5, self.chance()));
                    sleep(pause.min(LONGEST_PAUSE)).await;
                }
            }
        }
    }

    async fn attempt(&self, path: &str, most: usize) -> Result<Vec<u8>, Attempt> {
        let url = self.prefix.join(path).map_err(|error| Attempt::Final(ReadError::bad_answer(path, error)))?;
        let request = self.http.get(url).header(ACCEPT_ENCODING, "gzip");
        let response = request.send().await.map_err(broken)?;
        if response.status() != StatusCode::OK {
            return Err(refusal(path, response, (self.clock)()).await);
        }
        let bad = |what: fmt::Arguments<'_>| Attempt::Final(ReadError::bad_answer(path, what));
        read_document(response, most).await.map_err(|unread| match unread {
            Unread::Broken(error) => broken(error),
            Unread::TooLong => bad(format_args!("longer than {most} bytes")),
            Unread::UnknownEncoding(name) => bad(format_args!("in the encoding {name}")),
            Unread::BrokenGzip(cause) => bad(format_args!("broken gzip: {cause}")),
        })
    }

    /// The clock's fraction of a second: random enough that many do not come back at once.
    fn chance(&self) -> f64 {
        let now = (self.clock)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        f64::from(now.subsec_micros()) / 1_000_000.0
    }
}

impl ReadError {
    pub(super) fn bad_answer(path: &str, problem: impl fmt::Display) -> Self {
        Self::BadAnswer { path: path.to_owned(), problem: PeerText::of(problem) }
    }
}

async fn refusal(path: &str, mut response: Response, now: SystemTime) -> Attempt {
    let status = response.status();
    let pause = retry_after(response.headers(), now);
    let said = said(&mut response).await;
    let error = ReadError::Refused { path: path.to_owned(), status: status.as_u16(), said };
    let may_go_better =
        status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if may_go_better && status != StatusCode::NOT_IMPLEMENTED {
        Attempt::Again(error, pause)
    } else {
        Attempt::Final(error)
    }
}

fn broken(error: reqwest::Error) -> Attempt {
    if error.is_timeout() {
        return Attempt::Again(ReadError::Timeout, None);
    }
    Attempt::Again(ReadError::Unreachable(http::reason(error)), None)
}
