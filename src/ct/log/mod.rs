//! One certificate transparency log over HTTP (RFC 6962, section 4): a chain goes in, a timestamp comes out.
//!
//! Owns every bound on that (time, size, retries, redirects, concurrency) and the judgement of one answer. Refuses to know other
//! logs. What is submitted is never logged; of an answer, what it says when it refuses.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use rustls::ClientConfig;
use thread_local::ThreadLocal;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::clock::{LogClock, Skew};
use super::error::{LogFault, LogSetupError};
use super::log_key::LogKey;
use super::roots;
use super::sct::{LogEntry, Sct};
use crate::http::backoff::Backoff;
use crate::http::encoding::{Unread, read_document};
use crate::http::trust::{self, Protocols, Trust};
use crate::http::{self, is_loopback, is_plain};
use crate::panics::caught;
use crate::text::peer_text::PeerText;

/// The largest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// The largest list of roots, in bytes: public logs take hundreds.
const MAX_ROOTS: usize = 8 * 1024 * 1024;
/// How much of a refusal's body is read, in bytes; less is kept.
const MAX_REFUSAL: usize = 1024;
/// How long a refusal's body is waited for. What it says is for people, and no client waits for that.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(300);
/// How often a log may send a submission elsewhere.
const MAX_REDIRECTS: usize = 3;
/// The longest that a connection may take to come about: a dead address leaves time for the retry.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Less than what servers and load balancers usually keep an idle connection for.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// How often a log that says 429 or 503 is asked again.
const MAX_RETRIES: u32 = 4;
/// The first wait when the log does not say how long; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const BACKOFF: Backoff = Backoff { first: FIRST_WAIT, longest: LONGEST_WAIT };
/// The longest wait that is reckoned with; any deadline is shorter.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Where a log is and who it is.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The submission prefix: `http` or `https`, without `/ct/v1`.
    pub url: String,
    /// The `Host` header, when it is not the URL's: a log behind a proxy that chooses by name.
    pub origin: Option<String>,
    /// The log's key. Without it an answer is checked for its form only.
    pub public_key: Option<LogKey>,
    /// PEM certificates to trust for `https` besides the system's.
    pub tls_ca: Option<Vec<u8>>,
}

/// One log and the connections to it.
#[derive(Debug)]
pub(super) struct Log {
    name: String,
    prefix: Url,
    origin: Option<HeaderValue>,
    key: Option<LogKey>,
    clients: Clients,
    permits: Semaphore,
    clock: fn() -> SystemTime,
    own_clock: LogClock,
}

/// Which kind of entry is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    AddChain,
    AddPreChain,
}

/// How one attempt ended without an answer.
enum Attempt {
    /// 429 or 503, with the wait that the log asks for.
    Busy(LogFault, Option<Duration>),
    /// No whole answer came, or one of a proxy whose log is just restarting.
    Broken(LogFault),
    Final(LogFault),
}

impl Log {
    pub(super) fn new(
        settings: LogSettings,
        max_in_flight: NonZeroUsize,
        clock: fn() -> SystemTime,
        clock_skew: Duration,
    ) -> Result<Self, LogSetupError> {
        let prefix = submission_prefix(&settings.url)?;
        let name = log_name(&prefix);
        let unusable = |what: &'static str| LogSetupError::Unusable { log: name.clone(), what };
        let origin = match settings.origin.filter(|origin| !origin.is_empty()) {
            Some(origin) => Some(HeaderValue::try_from(origin).map_err(|_| unusable("the origin is not a host name"))?),
            None => None,
        };
        let named = settings.tls_ca.map(|pem| trust::named_certificates(&pem)).transpose();
        let trust = named.and_then(|named| Trust::of_named(named.unwrap_or_default()));
        let trust = trust.map_err(|problem| LogSetupError::Certificates { log: name.clone(), problem })?;
        // HTTP/2 takes the name from the URL.
        let protocols = if origin.is_some() { Protocols::Http1 } else { Protocols::Http };
        let unusable_tls = |source| LogSetupError::Tls { log: name.clone(), source };
        let tls = trust.client_config(protocols).map_err(|error| unusable_tls(error.into()))?;
        let (own_host_header, on_this_machine) = (origin.is_some(), is_loopback(&prefix));
        let clients = Clients { tls, own_host_header, on_this_machine, by_thread: ThreadLocal::new() };
        clients.of_this_thread().map_err(|error| unusable_tls(error.into()))?;
        let permits = Semaphore::new(max_in_flight.get().min(Semaphore::MAX_PERMITS));
        Ok(Self {
            name,
            prefix,
            origin,
            key: settings.public_key,
            clients,
            permits,
            clock,
            own_clock: LogClock::new(clock_skew),
        })
    }

    /// Host and path, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn key(&self) -> Option<&LogKey> {
        self.key.as_ref()
    }

    /// As [`Self::submit`]; a library that panics below is a log that gave nothing.
    pub(super) async fn submit_caught(&self, to: Endpoint, body: Vec<u8>, deadline: Instant) -> Result<Sct, LogFault> {
        let panicked = |panic| Err(LogFault::Unreachable(PeerText::of(panic)));
        caught(self.submit(to, body, deadline)).await.unwrap_or_else(panicked)
    }

    /// Submits a body of [`request_body`]. Waits for a free slot and retries, both within the deadline. The answer is not yet judged.
    async fn submit(&self, to: Endpoint, body: Vec<u8>, deadline: Instant) -> Result<Sct, LogFault> {
        let Ok(Ok(_permit)) = timeout_at(deadline, self.permits.acquire()).await else { return Err(LogFault::Busy) };
        let request = self.request(to, body)?;
        let (mut busy, mut broken) = (0, false);
        loop {
            let attempt = match timeout_at(deadline, self.attempt(&request)).await {
                Ok(Ok(sct)) => return Ok(sct),
                Ok(Err(attempt)) => attempt,
                Err(_) => return Err(LogFault::Timeout),
            };
            match attempt {
                Attempt::Final(fault) => return Err(fault),
                Attempt::Broken(fault) if broken => return Err(fault),
                Attempt::Broken(_) => broken = true,
                Attempt::Busy(fault, asked) => {
                    let until = Instant::now() + self.wait(busy, asked);
                    // Waiting for what cannot come in time would only hold the client up.
                    if busy == MAX_RETRIES || until >= deadline {
                        return Err(fault);
                    }
                    busy += 1;
                    sleep_until(until).await;
                }
            }
        }
    }

    /// How far the log's clock is from ours, as its latest timestamp says.
    pub(super) fn clock_skew(&self) -> Skew {
        self.own_clock.latest()
    }

    /// Decides whether an answer is a promise for the entry, made since the request at `asked`. `named` is the key that the
    /// configuration has for the log that the answer names: a log without a key must not speak for one with a key.
    pub(super) fn judge(
        &self,
        sct: &Sct,
        entry: &LogEntry<'_>,
        named: Option<&LogKey>,
        asked: SystemTime,
    ) -> Result<(), LogFault> {
        if let Some(key) = self.key.as_ref().or(named) {
            key.verify(sct, entry)?;
        }
        self.own_clock.check(&self.name, sct.time(), asked, (self.clock)()).map_err(LogFault::Clock)
    }

    fn request(&self, to: Endpoint, body: Vec<u8>) -> Result<Request, LogFault> {
        let path = match to {
            Endpoint::AddChain => "ct/v1/add-chain",
            Endpoint::AddPreChain => "ct/v1/add-pre-chain",
        };
        let mut request = self.addressed(Request::new(Method::POST, self.target(path)?));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    fn target(&self, path: &str) -> Result<Url, LogFault> {
        self.prefix.join(path).map_err(|error| LogFault::Unreachable(PeerText::of(error)))
    }

    fn addressed(&self, mut request: Request) -> Request {
        if let Some(origin) = &self.origin {
            request.headers_mut().insert(HOST, origin.clone());
        }
        request
    }

    async fn attempt(&self, request: &Request) -> Result<Sct, Attempt> {
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let asked = retry_after(response.headers(), (self.clock)());
                return Err(Attempt::Busy(refusal(response).await, asked));
            }
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => return Err(Attempt::Broken(refusal(response).await)),
            _ => return Err(Attempt::Final(refusal(response).await)),
        }
        let body = read_capped(response, MAX_ANSWER).await?;
        Sct::from_add_chain_response(&body).map_err(|error| Attempt::Final(LogFault::BadAnswer(PeerText::of(error))))
    }

    /// Sends a request, also to where the log says that it has moved.
    async fn send(&self, request: &Request) -> Result<Response, Attempt> {
        let again = || {
            let unrepeatable = || Attempt::Final(LogFault::Unreachable("request cannot be repeated".into()));
            request.try_clone().ok_or_else(unrepeatable)
        };
        let client = self.clients.of_this_thread().map_err(broken)?;
        let mut moved: Option<Url> = None;
        let mut response = client.execute(again()?).await.map_err(broken)?;
        for _ in 0..MAX_REDIRECTS {
            let Some(to) = moved_to(moved.as_ref().unwrap_or(request.url()), &response) else { break };
            let mut next = again()?;
            if to.host() != request.url().host() {
                next.headers_mut().remove(HOST);
            }
            next.url_mut().clone_from(&to);
            moved = Some(to);
            response = client.execute(next).await.map_err(broken)?;
        }
        Ok(response)
    }

    /// The DER certificates that the log takes as roots (RFC 6962, section 4.7).
    pub(super) async fn roots(&self, deadline: Instant) -> Result<Vec<Vec<u8>>, LogFault> {
        let url = self.target("ct/v1/get-roots")?;
        let request = self.addressed(Request::new(Method::GET, url));
        let ask = async {
            let response = self.send(&request).await?;
            if response.status() != StatusCode::OK {
                return Err(Attempt::Final(refusal(response).await));
            }
            let body = read_capped(response, MAX_ROOTS).await?;
            roots::read(&body).map_err(|error| Attempt::Final(LogFault::BadAnswer(PeerText::of(error))))
        };
        match timeout_at(deadline, ask).await {
            Ok(Ok(roots)) => Ok(roots),
            Ok(Err(Attempt::Final(fault) | Attempt::Broken(fault) | Attempt::Busy(fault, _))) => Err(fault),
            Err(_) => Err(LogFault::Timeout),
        }
    }

    /// What the log asked for, or the doubled wait, and up to a quarter more so that many clients do not come back at once. The
    /// clock's fraction of a second is random enough for that.
    fn wait(&self, retries: u32, asked: Option<Duration>) -> Duration {
        let wait = asked.unwrap_or_else(|| BACKOFF.after(retries.saturating_add(1), 1.0, 1.0)).max(FIRST_WAIT);
        let fraction = (self.clock)().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.subsec_micros());
        wait.saturating_add((wait / 4_000_000).saturating_mul(fraction)).min(LONGEST_WAIT)
    }
}

/// The JSON of a submission, the certificate first (RFC 6962, section 4.1).
pub(super) fn request_body(chain: &[&[u8]]) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let certificates: Vec<String> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    // Base64 needs no escaping.
    format!(r#"{{"chain":["{}"]}}"#, certificates.join(r#"",""#)).into_bytes()
}

pub(super) fn submission_prefix(url: &str) -> Result<Url, LogSetupError> {
    // What stands before an `@` may be a password, which belongs in no log.
    let refused = || LogSetupError::Url(url.rsplit('@').next().unwrap_or_default().to_owned());
    // A path without a final slash would lose its last segment when joined.
    let prefix = Url::parse(&format!("{}/", without_endpoint(url))).map_err(|_| refused())?;
    if matches!(prefix.scheme(), "http" | "https") && is_plain(&prefix) { Ok(prefix) } else { Err(refused()) }
}

/// The prefix inside of a URL that somebody copied with the path of a request.
fn without_endpoint(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    let endpoints = ["/add-pre-chain", "/add-chain", "/get-sth", "/get-roots"];
    let base = endpoints.into_iter().find_map(|endpoint| url.strip_suffix(endpoint)).unwrap_or(url);
    base.strip_suffix("/ct/v1").unwrap_or(url).trim_end_matches('/')
}

pub(super) fn log_name(prefix: &Url) -> String {
    let port = prefix.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}{}", prefix.host_str().unwrap_or_default(), prefix.path().trim_end_matches('/'))
}

/// One client, and so one pool of connections, for each thread that submits: an answer then arrives where it is waited for. A shared
/// pool costs a wake-up of another thread for every read and write.
#[derive(Debug)]
struct Clients {
    tls: ClientConfig,
    own_host_header: bool,
    on_this_machine: bool,
    by_thread: ThreadLocal<Client>,
}

impl Clients {
    fn of_this_thread(&self) -> Result<&Client, reqwest::Error> {
        self.by_thread.get_or_try(|| self.client())
    }

    fn client(&self) -> Result<Client, reqwest::Error> {
        let mut builder =
            http::builder(self.tls.clone(), CONNECT_TIMEOUT).pool_idle_timeout(IDLE_TIMEOUT).tcp_nodelay(true);
        if self.on_this_machine {
            builder = builder.no_proxy();
        }
        if self.own_host_header {
            builder = builder.http1_only();
        }
        builder.build()
    }
}

async fn read_capped(response: Response, most: usize) -> Result<Vec<u8>, Attempt> {
    let bad = |what: PeerText| Attempt::Final(LogFault::BadAnswer(what));
    read_document(response, most).await.map_err(|unread| match unread {
        Unread::Broken(error) => broken(error),
        Unread::TooLong => bad(format!("longer than {most} bytes").into()),
        Unread::UnknownEncoding(name) => bad(PeerText::of(format_args!("in the encoding {name}, unasked"))),
        Unread::BrokenGzip(cause) => bad(PeerText::of(format_args!("broken gzip: {cause}"))),
    })
}

/// Where a log sends a submission: only with the method kept, and to the same host or to https, never from https back to http.
fn moved_to(from: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return None;
    }
    let to = from.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    let plain = to.scheme() == "http" && from.scheme() == "http" && to.host() == from.host();
    let named = to.username().is_empty() && to.password().is_none();
    ((to.scheme() == "https" || plain) && named).then_some(to)
}

/// What a log says when it gives no timestamp.
async fn refusal(mut response: Response) -> LogFault {
    let status = response.status().as_u16();
    LogFault::Refused { status, said: said(&mut response).await }
}

/// The beginning of what a log says when it refuses, and where it sends its callers.
pub(super) async fn said(response: &mut Response) -> Option<PeerText> {
    let elsewhere =
        response.headers().get(LOCATION).map(|to| format!("sent to {}: ", String::from_utf8_lossy(to.as_bytes())));
    let mut body = Vec::new();
    let read = async {
        while body.len() < MAX_REFUSAL {
            let Ok(Some(chunk)) = response.chunk().await else { break };
            body.extend_from_slice(&chunk);
        }
    };
    // What does not come in time is not missed.
    let _ = timeout(REFUSAL_TIMEOUT, read).await;
    body.truncate(MAX_REFUSAL);
    let said = format!("{}{}", elsewhere.unwrap_or_default(), String::from_utf8_lossy(&body));
    Some(said.trim()).filter(|said| !said.is_empty()).map(PeerText::of)
}

/// Seconds or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok().map(|date| date.duration_since(now).unwrap_or_default()),
    }
}

/// None of its words quotes a body.
fn broken(error: reqwest::Error) -> Attempt {
    Attempt::Broken(LogFault::Unreachable(http::reason(error)))
}

#[cfg(test)]
mod tests;
