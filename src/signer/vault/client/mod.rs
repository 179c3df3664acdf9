//! One Vault or OpenBao server over HTTP: JSON goes out, JSON comes in.
//!
//! Owns every bound on one call (time, size, redirects, which certificates are trusted) and what an answer's status means. Refuses
//! to know keys. Bodies and tokens are never logged.

use std::time::SystemTime;

use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::options::Settings;
use super::tls::{OneHost, renamed};
use super::token::Token;
use crate::http::clock::{self, with_difference};
use crate::http::{self, BodyError, is_loopback};
use crate::signer::backend::BackendError;
use crate::signer::remote::RemoteError;
use crate::signer::unfit::Unfit;
use crate::text::peer_text::{JsonFault, PeerText};

/// The largest answer, in bytes: that of a key with a thousand versions.
const MAX_ANSWER: usize = 1024 * 1024;
/// What transit says with a status of 500 though no repetition changes it: a version that may not sign or is not there, and a key
/// that is soft-deleted.
const REFUSALS: [&str; 2] = ["requested version for signing", "refusing to use soft-deleted key"];

const TOKEN: &str = "x-vault-token";
const NAMESPACE: &str = "x-vault-namespace";
/// Vault's agents and proxies can be set to want it: a browser cannot be made to send it.
const REQUEST: &str = "x-vault-request";

/// The connections to one server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    address: Url,
    token: Token,
}

/// One path below `/v1`.
#[derive(Debug)]
pub(super) struct Endpoint(Url);

/// How a call ended without an answer that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server said no, with these words.
    Status(StatusCode, PeerText),
    /// The token was refused, and there is a new one by now.
    TokenReplaced,
    NoAnswer(PeerText),
    /// 200, and nothing that was asked for.
    Unusable(PeerText),
}

/// What every answer has around its contents.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Default, Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<String>,
}

impl Client {
    pub(super) async fn new(settings: &Settings) -> Result<Self, BackendError> {
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static(REQUEST), HeaderValue::from_static("true"))]);
        if let Some(namespace) = &settings.namespace {
            let hint = "set VAULT_NAMESPACE to a path like team/production, or unset it";
            let value = HeaderValue::try_from(namespace)
                .map_err(|_| BackendError::refused("VAULT_NAMESPACE is not a path", hint))?;
            headers.insert(HeaderName::from_static(NAMESPACE), value);
        }
        headers.extend(settings.headers.clone());
        // No redirect is followed: the token would go along.
        let mut builder = http::builder(settings.tls.client_config()?, settings.timeout)
            .timeout(settings.timeout)
            // A call that is given up closes its connection. With HTTP/2 all calls would share one, and a dead one for long.
            .http1_only()
            .tcp_nodelay(true);
        if is_loopback(&settings.address) || settings.proxy.is_some() {
            builder = builder.no_proxy();
        }
        if let Some(proxy) = settings.proxy.clone() {
            builder = builder.proxy(proxy);
        }
        let mut address = settings.address.clone();
        if let Some(name) = settings.tls.server_name.as_ref().filter(|_| address.scheme() == "https") {
            let (host, port) = (address.host_str().unwrap_or_default(), address.port());
            let authority = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            builder = builder.dns_resolver(OneHost(host.to_owned())).no_proxy();
            if let Ok(value) = HeaderValue::try_from(authority) {
                headers.insert(HOST, value);
            }
            address = renamed(&address, name);
        }
        let hint = "see the other settings of Vault";
        let http = builder.default_headers(headers).build();
        let http =
            http.map_err(|error| BackendError::refused(format!("the client cannot be set up: {error}"), hint))?;
        Ok(Self { http, address, token: Token::open(&settings.token).await? })
    }

    pub(super) fn token_is_fixed(&self) -> bool {
        self.token.is_fixed()
    }

    /// A path below an engine's mount, whose parts are escaped.
    pub(super) fn endpoint(&self, mount: &str, parts: &[&str]) -> Endpoint {
        let mut url = self.address.clone();
        // An http URL has segments: `Err` is for `mailto:` and its like.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(mount.split('/')).extend(parts);
        }
        Endpoint(url)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, endpoint: &Endpoint) -> Result<T, Failure> {
        self.call(self.http.request(Method::GET, endpoint.0.clone())).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Unusable(PeerText::of(error)))?;
        let request = self.http.request(Method::POST, endpoint.0.clone());
        self.call(request.header(CONTENT_TYPE, "application/json").body(body)).await
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let token = self.token.current().await;
        let response = request.header(TOKEN, &*token).send().await.map_err(no_answer)?;
        let status = response.status();
        if status == StatusCode::FORBIDDEN && self.token.replaces(&token).await {
            return Err(Failure::TokenReplaced);
        }
        if !status.is_success() {
            let date = clock::date(response.headers());
            let said = words(&read_capped(response).await?).to_string();
            return Err(Failure::Status(status, with_difference(said, date.as_deref(), SystemTime::now()).into()));
        }
        let body = read_capped(response).await?;
        let answer: Result<Envelope<T>, _> = serde_json::from_slice(&body);
        answer.map(|answer| answer.data).map_err(|error| Failure::Unusable(PeerText::of(JsonFault::from(error))))
    }
}

impl From<Failure> for RemoteError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Status(status, words) => of_status(status, format!("{status}: {words}")),
            Failure::TokenReplaced => Self::Unreachable("the token was refused, and has been replaced since".into()),
            Failure::NoAnswer(cause) => Self::Unreachable(cause),
            Failure::Unusable(what) => Self::Unusable(what),
        }
    }
}

fn of_status(status: StatusCode, text: String) -> RemoteError {
    match status {
        StatusCode::TOO_MANY_REQUESTS => RemoteError::Throttled(text.into()),
        // Of what is sent, only the length of the message that Ed25519 signs differs from one call to the next.
        StatusCode::PAYLOAD_TOO_LARGE => RemoteError::Unfit(Unfit::Refused(text.into())),
        StatusCode::INTERNAL_SERVER_ERROR if REFUSALS.iter().any(|refusal| text.contains(refusal)) => {
            RemoteError::Refused(text.into())
        }
        // A standby that has not seen a write yet, and a request that came in too slowly: both pass.
        StatusCode::PRECONDITION_FAILED | StatusCode::REQUEST_TIMEOUT => RemoteError::Unreachable(text.into()),
        // Sealed, standby or broken; or a standby that names the active server, where the token is not carried.
        _ if status.is_server_error() || status.is_redirection() => RemoteError::Unreachable(text.into()),
        _ => RemoteError::Refused(text.into()),
    }
}

/// What Vault says is wrong, on one line and not too long; a proxy's page is not repeated.
fn words(body: &[u8]) -> PeerText {
    let errors: Errors = serde_json::from_slice(body).unwrap_or_default();
    let text = errors.errors.join("; ");
    let clean = |character: char| if character.is_control() { ' ' } else { character };
    let words: String = text.chars().map(clean).collect();
    let words: Vec<&str> = words.split_whitespace().collect();
    let words = words.join(" ");
    if words.is_empty() { "no reason given".into() } else { words.into() }
}

async fn read_capped(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    http::read_body(&mut response, MAX_ANSWER, &mut body).await.map_err(|error| match error {
        BodyError::Broken(error) => no_answer(error),
        BodyError::TooLong => Failure::Unusable(format!("longer than {MAX_ANSWER} bytes").into()),
    })?;
    Ok(body)
}

fn no_answer(error: reqwest::Error) -> Failure {
    Failure::NoAnswer(http::reason(error))
}

#[cfg(test)]
mod tests;
