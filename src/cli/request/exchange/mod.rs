//! The request to the certificate authority, and its answer.
//!
//! Owns REST v2 from the client's side, and what a refusal looks like to people. Knows no command line.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::super::display::visible;
use super::super::error::CommandError;
use crate::failure::with_sources;
use crate::http::trust::{Protocols, Trust};
use crate::http::{self, BodyError, SetupError};
use crate::text::tls_words::in_words;

/// How long a request may take, connection and answer included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// What the authority answered.
pub(crate) struct Answer {
    /// The whole of it, for machines.
    pub(crate) json: Value,
    /// PEM, the new certificate first.
    pub(crate) chain: Vec<String>,
}

/// A client that follows no redirect: the token is for one server only.
pub(super) fn client_for(url: &Url) -> Result<Client, CommandError> {
    let build = || -> Result<Client, SetupError> {
        let tls = Trust::of_system().client_config(Protocols::Http)?;
        let builder = http::builder(tls, TIMEOUT).timeout(TIMEOUT);
        // This machine is reached without the proxy that the environment may name.
        Ok(if http::is_loopback(url) { builder.no_proxy() } else { builder }.build()?)
    };
    build().map_err(|error| CommandError::failed(with_sources(&error)))
}

/// Reads an answer up to the limit.
pub(super) async fn read_answer(mut answer: Response) -> Result<Vec<u8>, CommandError> {
    let mut body = Vec::new();
    http::read_body(&mut answer, MAX_ANSWER_BYTES, &mut body).await.map_err(|error| match error {
        BodyError::Broken(error) => CommandError::failed(format!("the answer broke off: {}", http::reason(error))),
        BodyError::TooLong => {
            CommandError::failed("the answer is longer than 4 MiB: this is not a certificate authority")
        }
    })?;
    Ok(body)
}

/// Nobody there, or nobody who speaks HTTP.
pub(super) fn unreachable(who: &str, base: &Url, error: &reqwest::Error) -> CommandError {
    let why = if error.is_timeout() { "it took too long".to_owned() } else { innermost(error) };
    CommandError::failed(format!("cannot reach {who} at {base}: {why}"))
}

/// The cause that says most: `Connection refused`, not `error sending request`.
fn innermost(error: &dyn Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    in_words(cause.to_string())
}

/// Asks for a certificate.
pub(crate) async fn post(
    base: &Url,
    token: &SecretString,
    public_key: &str,
    proof: &[u8],
) -> Result<Answer, CommandError> {
    let cannot = || {
        CommandError::usage(format!("{base} cannot be a server's address"))
            .hint("use one like https://fulcio.example.com")
    };
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| cannot())?.pop_if_empty().extend(["api", "v2", "signingCert"]);
    let body = json!({
        "credentials": {"oidcIdentityToken": token.expose_secret()},
        "publicKeyRequest": {"publicKey": {"content": public_key}, "proofOfPossession": STANDARD.encode(proof)},
    });
    let request = client_for(&url)?.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
    let hint = "is the server running, and is --url its address?";
    let answer = request.send().await.map_err(|error| unreachable("the server", base, &error).hint(hint))?;
    let (status, request_id) = (answer.status(), header(&answer, "x-request-id"));
    let body = read_answer(answer).await?;
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    match json {
        Some(json) if status.is_success() => match chain(&json) {
            Some(chain) => Ok(Answer { json, chain }),
            None => Err(CommandError::failed("the server answered without a certificate").hint(hint)),
        },
        Some(Value::Object(refusal)) => Err(refused(status.as_u16(), &refusal, &request_id)),
        _ => Err(CommandError::failed(format!(
            "the server at {base} answered {status}, but not as a certificate authority does"
        ))
        .hint(hint)),
    }
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The PEM blocks of either form of the answer.
fn chain(json: &Value) -> Option<Vec<String>> {
    let certificate = json.get("signedCertificateEmbeddedSct").or_else(|| json.get("signedCertificateDetachedSct"))?;
    let list = certificate.get("chain")?.get("certificates")?.as_array()?;
    let texts: Option<Vec<String>> = list.iter().map(|text| text.as_str().map(|text| text.trim().to_owned())).collect();
    texts.filter(|texts| !texts.is_empty())
}

/// A refusal: what the server says, why, and how its operator finds it in the log.
fn refused(status: u16, refusal: &Map<String, Value>, request_id: &str) -> CommandError {
    let message = refusal.get("message").and_then(Value::as_str).unwrap_or("no reason given");
    let mut text = format!("the server refused (HTTP {status}): {}", visible(message));
    let details = refusal.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut reason = "";
    for detail in details {
        if let Some(word) = detail.get("reason").and_then(Value::as_str) {
            reason = word;
            add(&mut text, "reason", word);
        }
        for (name, value) in detail.get("metadata").and_then(Value::as_object).into_iter().flatten() {
            add(&mut text, name, value.as_str().unwrap_or_default());
        }
    }
    if !request_id.is_empty() {
        add(&mut text, "request id", request_id);
    }
    let error = CommandError::failed(text);
    match what_to_do(reason) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn add(text: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n  {}: {}", visible(name), visible(value));
}

/// For reasons that a caller can fix.
fn what_to_do(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "TOKEN_EXPIRED" => "get a new token: they live for minutes",
        "TOKEN_NOT_YET_VALID" => "compare the clocks of this machine, the issuer and the server",
        "TOKEN_AUDIENCE_MISMATCH" => "ask the issuer for a token with the expected audience",
        "TOKEN_TYPE_NOT_ACCEPTED" => "give the ID token; logout tokens, DPoP proofs and the like are not accepted",
        "TOKEN_TOO_OLD" => "get a new token: the server accepts this issuer's for a shorter time than they live",
        "TOKEN_ISSUER_UNKNOWN" => {
            "use a token of an issuer that the server trusts: GET /api/v2/configuration lists them"
        }
        "TOKEN_MISSING" | "TOKEN_MALFORMED" => "check that the whole token was given, and nothing else",
        "TOKEN_SIGNATURE_INVALID" | "TOKEN_KEY_UNKNOWN" => {
            "check that the token was not changed, and that the issuer still publishes the key that signed it"
        }
        "IDENTITY_REFUSED" | "IDENTITY_CLAIM_MISSING" | "TOKEN_CLAIM_INVALID" => {
            "compare the token's claims with what the server expects of this issuer"
        }
        "PUBLIC_KEY_INSECURE" | "PUBLIC_KEY_NOT_CERTIFIABLE" | "SIGNING_ALGORITHM_NOT_PERMITTED" => {
            "try another --key-kind, or ask the operator which are accepted"
        }
        "ISSUER_UNAVAILABLE" | "SIGNER_UNAVAILABLE" => {
            "try again in a few seconds; tell the operator the request id if it lasts"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
