//! Turns an entry's settings about its keys into a [`KeyAccess`]: where they are, and what may be done to get them.
//!
//! Knows nothing of identities, and of patterns only what they must not be combined with.

use std::path::PathBuf;

use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::IssuerRules;
use crate::config::document::{ConfigError, Record};
use crate::crypto::pem;
use crate::http::is_loopback;
use crate::identity::fetch::{PlainHttp, Reach};
use crate::identity::issuers::{ClusterTies, FixedKeys, KeyAccess, KeyOrigin};

/// The settings of which an entry has one at most.
const ORIGINS: [&str; 3] = ["jwks-url", "jwks-file", "jwks"];

/// What the settings are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    One,
    /// Every issuer that fits a pattern.
    Pattern,
}

/// Reads them. `url` is the issuer's, or fits the pattern.
pub(super) fn key_access(
    record: &Record<'_>,
    url: &Url,
    breadth: Breadth,
    rules: IssuerRules,
) -> Result<KeyAccess, ConfigError> {
    let plain_http = plain_http(record, url, breadth, rules)?;
    let strangers = if truth(record, "allow-private-addresses")? { Reach::Anywhere } else { Reach::PublicInternet };
    let origin = origin(record, plain_http, rules)?;
    if origin == KeyOrigin::Discovery && !is_safe(url, plain_http) {
        let message = "without TLS, a network attacker can put in keys of their own";
        return Err(record.place.key().fault(message, format!("use https, or {}", allow_http(record))));
    }
    let token_file = Some(record.text("token-file")).filter(|text| !text.is_empty()).map(PathBuf::from);
    if breadth == Breadth::Pattern {
        // One place of keys, or one token, for issuers that strangers run: each of them could speak for all others.
        for setting in ORIGINS.into_iter().chain(["token-file"]) {
            if !record.text(setting).is_empty() {
                let message = format!("{} cannot be set for a pattern", record.spelled(setting));
                let hint = "list each issuer under oidc-issuers (JSON: OIDCIssuers) with its own";
                return Err(record.place_of(setting).fault(message, hint));
            }
        }
    }
    let (ca_certificate, ca_certificate_only) = (ca_certificate(record)?, truth(record, "ca-cert-only")?);
    if ca_certificate_only && ca_certificate.is_none() {
        let message = format!("there is no {}: no server could be trusted", record.spelled("ca-cert"));
        return Err(record.place_of("ca-cert-only").fault(message, "give the certificates, or leave it out"));
    }
    Ok(KeyAccess {
        origin,
        ca_certificate,
        ca_certificate_only,
        token_file,
        plain_http,
        strangers,
        cluster: ClusterTies::None,
    })
}

/// Where HTTP without TLS is good enough. An issuer that the file names by such a URL says so by that, as at Fulcio; for the issuers of
/// a pattern, and for keys elsewhere, it takes a word.
fn plain_http(record: &Record<'_>, url: &Url, breadth: Breadth, rules: IssuerRules) -> Result<PlainHttp, ConfigError> {
    let allowed = truth(record, "allow-http")?;
    if rules.require_https && (allowed || url.scheme() == "http") {
        let place = if allowed { record.place_of("allow-http") } else { record.place.key() };
        return Err(place.fault("http without TLS, and --require-https is set", "use https"));
    }
    let elsewhere = ORIGINS.into_iter().any(|key| !record.text(key).trim().is_empty());
    let named = breadth == Breadth::One && url.scheme() == "http" && !is_loopback(url) && !elsewhere;
    Ok(if allowed || named { PlainHttp::Anywhere } else { PlainHttp::Loopback })
}

/// The words that Fulcio's YAML reader takes for a boolean setting.
pub(super) fn truth(record: &Record<'_>, key: &'static str) -> Result<bool, ConfigError> {
    match record.text(key) {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Ok(true),
        "" | "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Ok(false),
        _ => Err(record.place_of(key).fault("neither true nor false", "write true or false")),
    }
}

fn is_safe(url: &Url, plain_http: PlainHttp) -> bool {
    url.scheme() == "https" || plain_http == PlainHttp::Anywhere || is_loopback(url)
}

fn allow_http(record: &Record<'_>) -> String {
    format!("write {}: true if nobody else is on the way", record.spelled("allow-http"))
}

fn origin(record: &Record<'_>, plain_http: PlainHttp, rules: IssuerRules) -> Result<KeyOrigin, ConfigError> {
    let mut set = ORIGINS.into_iter().filter(|key| !record.text(key).trim().is_empty());
    let Some(key) = set.next() else { return Ok(KeyOrigin::Discovery) };
    if let Some(second) = set.next() {
        let message = format!("{} and {} both say where the keys are", record.spelled(key), record.spelled(second));
        return Err(record.place_of(second).fault(message, "keep one of the two"));
    }
    let (text, place) = (record.text(key), record.place_of(key));
    match key {
        "jwks" => FixedKeys::parse(text).map(KeyOrigin::Fixed).map_err(|error| {
            place.fault(
                format!("not a JWK set: {error}"),
                "give the JSON that the issuer would serve: {\"keys\": [...]}",
            )
        }),
        "jwks-file" => Ok(KeyOrigin::File(PathBuf::from(text))),
        _ => match Url::parse(text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() => {
                Err(place.fault("not an http or https URL", "write the URL of the issuer's JWK set"))
            }
            Ok(url) if rules.require_https && url.scheme() == "http" => {
                Err(place.fault("http without TLS, and --require-https is set", "use https"))
            }
            Ok(url) if !is_safe(&url, plain_http) => {
                let message = "without TLS, a network attacker can put in keys of their own";
                Err(place.fault(message, format!("use https, or {}", allow_http(record))))
            }
            Ok(_) => Ok(KeyOrigin::Url(text.to_owned())),
            Err(error) => Err(place.fault(format!("not a URL: {error}"), "write the URL of the issuer's JWK set")),
        },
    }
}

/// PEM of one certificate or more.
fn ca_certificate(record: &Record<'_>) -> Result<Option<String>, ConfigError> {
    let key = "ca-cert";
    let text = record.text(key);
    if text.trim().is_empty() {
        return Ok(None);
    }
    let hint = "give one or more blocks from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----";
    let found =
        pem::certificates(text.as_bytes()).map_err(|error| record.place_of(key).fault(error.to_string(), hint))?;
    for (index, der) in found.ders.iter().enumerate() {
        if !matches!(X509Certificate::from_der(der), Ok(([], _))) {
            let message = format!("certificate {} is malformed", index + 1);
            return Err(record.place_of(key).fault(message, hint));
        }
    }
    if found.ders.is_empty() {
        return Err(record.place_of(key).fault("no certificate among its PEM blocks", hint));
    }
    // Written again: later readers need not cope with what is around the blocks.
    Ok(Some(found.to_pem()))
}

#[cfg(test)]
mod tests;
