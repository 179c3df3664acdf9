//! Owns calls to Google Cloud's REST interfaces: one request with an access token, bounded in time and size, and what its errors mean.
//!
//! Refuses to know keys and certificates: [`super::gcp_kms`] and [`crate::authority::google_ca`] say what is asked. Nothing is asked twice here.

mod credentials;
pub(crate) mod json;

use std::time::{Duration, SystemTime};

use reqwest::{Client, Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::remote::{OpenError, RemoteError};
use crate::http::clock::{self, with_difference};
use crate::http::trust::{Protocols, Trust};
use crate::http::{self, BodyError, is_loopback};
use crate::text::peer_text::{JsonFault, PeerText};

use credentials::AccessTokens;
pub use credentials::CredentialsSource;

/// The longest that a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often an HTTP/2 connection with calls under way is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The largest answer, in bytes: a page of CA certificates is the longest.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// The longest part of Google's own words that reaches a log.
const MAX_MESSAGE_CHARS: usize = 300;

/// Where a Google service is and how to call it.
#[derive(Clone, Debug)]
pub struct GoogleOptions {
    /// `https://host`, without a path; http only for this machine.
    pub endpoint: String,
    pub credentials: CredentialsSource,
    pub timeout: Duration,
}

impl GoogleOptions {
    /// Production: the service's public address, Application Default Credentials, ten seconds.
    pub fn at(endpoint: &str) -> Self {
        let (endpoint, timeout) = (endpoint.to_owned(), Duration::from_secs(10));
        Self { endpoint, credentials: CredentialsSource::Default, timeout }
    }
}

/// One Google service, with one pool of connections and one access token for all who ask.
#[derive(derive_more::Debug)]
#[debug("GoogleApi {{ endpoint: {:?}, .. }}", endpoint.as_str())]
pub(crate) struct GoogleApi {
    client: Client,
    endpoint: Url,
    tokens: AccessTokens,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) struct CallError {
    /// What it means for those who wait.
    pub(crate) problem: RemoteError,
    /// Google's word for it, such as `PERMISSION_DENIED`; none if there was no answer of that form.
    pub(crate) status: Option<String>,
}

impl From<RemoteError> for CallError {
    fn from(problem: RemoteError) -> Self {
        Self { problem, status: None }
    }
}

impl CallError {
    /// Puts the key's name and a hint to it. What has to do with credentials and the network is alike for all services.
    pub(crate) fn opening(self, key: &str, hint: impl FnOnce(&str) -> Option<String>) -> OpenError {
        let known = self.status.as_deref().and_then(hint);
        let hint = known.unwrap_or_else(|| match (&self.problem, self.status.as_deref()) {
            (RemoteError::Refused(_), None | Some("UNAUTHENTICATED")) => CREDENTIALS_HINT.to_owned(),
            (RemoteError::Unreachable(_), _) => UNREACHABLE_HINT.to_owned(),
            (RemoteError::Throttled(_), _) => "wait, or raise the project's quota for this API".to_owned(),
            _ => "see whether the API is enabled in the project and the name is right".to_owned(),
        });
        OpenError { key: key.to_owned(), problem: self.problem, hint }
    }
}

const CREDENTIALS_HINT: &str = "set GOOGLE_APPLICATION_CREDENTIALS to a service account's or workload identity \
    federation's JSON file, or run where a metadata server gives credentials (GCE, GKE with Workload Identity); a clock \
    that is wrong by minutes is refused, too";
const UNREACHABLE_HINT: &str = "see whether this machine reaches *.googleapis.com:443, directly or by HTTPS_PROXY, and \
    the metadata server if it has no credentials file";

impl GoogleApi {
    /// Prepares calls; nothing is sent yet. Needs a Tokio runtime.
    pub(crate) fn new(options: &GoogleOptions) -> Result<Self, CallError> {
        let refused = |text: String| CallError::from(RemoteError::Refused(text.into()));
        let endpoint = Url::parse(&options.endpoint)
            .ok()
            .filter(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
            .ok_or_else(|| refused(format!("{} is not an https address", options.endpoint)))?;
        let tls = Trust::of_system().client_config(Protocols::Http).map_err(|error| refused(error.to_string()))?;
        let mut builder = http::builder(tls, CONNECT_TIMEOUT)
            .timeout(options.timeout)
            .retry(reqwest::retry::never())
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .tcp_keepalive(Duration::from_secs(30));
        if is_loopback(&endpoint) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| refused(error.to_string()))?;
        Ok(Self { client, endpoint, tokens: AccessTokens::new(options.credentials.clone())? })
    }

    /// Reads a resource: `name` is its path below the version, made of checked parts.
    pub(crate) async fn get<A: DeserializeOwned>(&self, name: &str, query: &[(&str, &str)]) -> Result<A, CallError> {
        self.call(Method::GET, name, query, Vec::new()).await
    }

    pub(crate) async fn post<A: DeserializeOwned>(
        &self,
        name: &str,
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<A, CallError> {
        let body = serde_json::to_vec(body).map_err(|error| RemoteError::Refused(PeerText::of(error)))?;
        self.call(Method::POST, name, query, body).await
    }

    async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        name: &str,
        query: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<A, CallError> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("/v1/{name}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.request(method, url).headers(self.tokens.headers().await?);
        let request = request.header("content-type", "application/json").body(body);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status != StatusCode::OK {
            let date = clock::date(response.headers());
            return Err(refusal(status, &read(response).await?, date.as_deref()));
        }
        let answer = read(response).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| RemoteError::Unusable(PeerText::of(JsonFault::from(error))).into())
    }
}

/// Reads an answer, which may hold a secret.
async fn read(mut response: reqwest::Response) -> Result<Zeroizing<Vec<u8>>, RemoteError> {
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
    let mut answer = Zeroizing::new(Vec::with_capacity(expected.min(MAX_ANSWER_BYTES)));
    http::read_body(&mut response, MAX_ANSWER_BYTES, &mut answer).await.map_err(|error| match error {
        BodyError::Broken(error) => unreachable(error),
        BodyError::TooLong => RemoteError::Unusable(format!("longer than {MAX_ANSWER_BYTES} bytes").into()),
    })?;
    Ok(answer)
}

fn unreachable(error: reqwest::Error) -> RemoteError {
    RemoteError::Unreachable(http::reason(error))
}

/// Reads `{"error": {"status", "message"}}` (AIP-193), or makes do with the HTTP status.
fn refusal(http: StatusCode, answer: &[u8], date: Option<&str>) -> CallError {
    let answer: json::ErrorAnswer = serde_json::from_slice(answer).unwrap_or_default();
    let word = answer.error.status.filter(|word| !word.is_empty());
    let text = format!("{} {}: {}", http.as_u16(), word.as_deref().unwrap_or("?"), printable(&answer.error.message));
    let text = with_difference(text, date, SystemTime::now());
    let problem = match (word.as_deref(), http.as_u16()) {
        (Some("RESOURCE_EXHAUSTED"), _) | (None, 429) => RemoteError::Throttled(text.into()),
        (Some("UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED" | "ABORTED" | "CANCELLED" | "UNKNOWN"), _)
        | (None, 408 | 500..=599) => RemoteError::Unreachable(text.into()),
        (None, 200..=399) => RemoteError::Unusable(text.into()),
        _ => RemoteError::Refused(text.into()),
    };
    CallError { problem, status: word }
}

/// Google's own words for a log: no control characters, no e-mail address, and not too many of them.
fn printable(message: &str) -> String {
    let words = message.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    let text = words.collect::<Vec<_>>().join(" ");
    text.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE_CHARS).collect()
}

/// Whether a part of a resource name is one that Google could have given: no path can be built of it.
pub(crate) fn is_name_part(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    !part.is_empty() && part.len() <= 128 && part.bytes().all(allowed) && part.bytes().any(|byte| byte != b'.')
}

#[cfg(test)]
mod tests;
