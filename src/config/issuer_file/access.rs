//! Turns an entry's settings about its keys into a [`KeyAccess`]: where they are, and what may be done to get them.
//!
//! Knows nothing of identities, and of patterns only what they must not be combined with.

use std::path::PathBuf;

use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::IssuerRules;
use super::fault::Fault;
use super::record::Record;
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
) -> Result<KeyAccess, Fault> {
    let plain_http = plain_http(record, url, breadth, rules)?;
    let strangers = if truth(record, "allow-private-addresses")? { Reach::Anywhere } else { Reach::PublicInternet };
    let origin = origin(record, plain_http, rules)?;
    if origin == KeyOrigin::Discovery && !is_safe(url, plain_http) {
        let message = "without TLS, whoever is on the way can put in keys of his own";
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
fn plain_http(record: &Record<'_>, url: &Url, breadth: Breadth, rules: IssuerRules) -> Result<PlainHttp, Fault> {
    let allowed = truth(record, "allow-http")?;
    if rules.require_https && (allowed || url.scheme() == "http") {
        let place = if allowed { record.place_of("allow-http") } else { record.place.key() };
        return Err(place.fault("http without TLS, and --require-https is set", "use https"));
    }
    let elsewhere = ORIGINS.into_iter().any(|key| !record.text(key).trim().is_empty());
    let named = breadth == Breadth::One && url.scheme() == "http" && !is_loopback(url) && !elsewhere;
    Ok(if allowed || named { PlainHttp::Anywhere } else { PlainHttp::Loopback })
}

/// The words that the incumbent's YAML reader takes for a boolean setting.
pub(super) fn truth(record: &Record<'_>, key: &'static str) -> Result<bool, Fault> {
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

fn origin(record: &Record<'_>, plain_http: PlainHttp, rules: IssuerRules) -> Result<KeyOrigin, Fault> {
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
                let message = "without TLS, whoever is on the way can put in keys of his own";
                Err(place.fault(message, format!("use https, or {}", allow_http(record))))
            }
            Ok(_) => Ok(KeyOrigin::Url(text.to_owned())),
            Err(error) => Err(place.fault(format!("not a URL: {error}"), "write the URL of the issuer's JWK set")),
        },
    }
}

/// PEM of one certificate or more.
fn ca_certificate(record: &Record<'_>) -> Result<Option<String>, Fault> {
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
    // Written anew: whoever reads it later need not cope with what is around the blocks.
    Ok(Some(found.to_pem()))
}

#[cfg(test)]
mod tests {
    use super::super::refusals::{issuer, parse, refused};
    use super::*;
    use crate::identity::issuers::Issuers;

    const HEAD: &str = "oidc-issuers:\n  https://a.example.com:\n    client-id: s\n    type: email\n";
    const JWKS: &str =
        r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn access(settings: &str) -> KeyAccess {
        issuer(&format!("{HEAD}{settings}")).keys.as_ref().clone()
    }

    #[test]
    fn every_setting_about_keys_counts_in_both_spellings() {
        assert_eq!(access(""), KeyAccess::default());
        for (yaml, json, expected) in [
            (
                "jwks-url: https://k.example/x",
                "JWKSURL: https://k.example/x",
                KeyOrigin::Url("https://k.example/x".into()),
            ),
            ("jwks-file: /etc/jwks.json", "JWKSFile: /etc/jwks.json", KeyOrigin::File("/etc/jwks.json".into())),
            (&format!("jwks: '{JWKS}'"), &format!("JWKS: '{JWKS}'"), KeyOrigin::Fixed(FixedKeys::parse(JWKS).unwrap())),
        ] {
            for setting in [yaml, json] {
                assert_eq!(access(&format!("    {setting}\n")).origin, expected, "{setting}");
            }
        }
        let all = access("    token-file: /run/token\n    allow-http: true\n    allow-private-addresses: yes\n");
        assert_eq!((all.plain_http, all.strangers), (PlainHttp::Anywhere, Reach::Anywhere));
        assert_eq!(all.token_file, Some("/run/token".into()));
        assert_eq!(all, access("    TokenFile: /run/token\n    AllowHTTP: on\n    AllowPrivateAddresses: true\n"));
    }

    #[test]
    fn keys_are_in_one_place() {
        for (first, second) in [("jwks-url: https://k.example", "jwks-file: x"), ("jwks-file: x", "jwks: '{}'")] {
            refused(
                &format!("{HEAD}    {first}\n    {second}\n"),
                (6, second.find(' ').unwrap() + 6),
                "both say",
                "keep one",
            );
        }
        for broken in ["k", "'{}'", "'{\"keys\": []}'", "'{\"keys\": [{\"kty\": \"oct\"}]}'"] {
            refused(&format!("{HEAD}    jwks: {broken}\n"), (5, 11), "not a JWK set", "keys");
        }
        for broken in ["k", "file:///x", "https://u@k.example"] {
            refused(&format!("{HEAD}    jwks-url: {broken}\n"), (5, 15), "not a", "JWK set");
        }
    }

    #[test]
    fn http_without_tls_is_for_this_machine_or_allowed() {
        let file = |url: &str, more: &str| format!("oidc-issuers:\n  {url}: {{client-id: s, type: email{more}}}\n");
        for url in ["http://127.0.0.1:80/x", "http://localhost:80", "http://[::1]:80", "https://a.example.com"] {
            assert!(parse(&file(&format!("\"{url}\""), "")).is_ok(), "{url}");
        }
        for url in ["http://a.example.com", "http://10.0.0.1:8080/realms/x"] {
            let named = parse(&file(&format!("\"{url}\""), "")).unwrap();
            let keys = &named.iter().next().unwrap().keys;
            assert_eq!(keys.plain_http, PlainHttp::Anywhere, "an issuer that is named by such a URL, as at Fulcio");
        }
        assert!(parse(&file("http://a.example.com", ", allow-http: true")).is_ok());
        assert!(
            parse(&file("http://a.example.com", ", jwks-url: 'https://k.example'")).is_ok(),
            "nothing is fetched there"
        );
        let elsewhere = parse(&file("http://a.example.com", ", jwks-url: 'https://k.example'")).unwrap();
        assert_eq!(elsewhere.iter().next().unwrap().keys.plain_http, PlainHttp::Loopback, "and so it is no WARN");
        let error = parse(&file("http://a.example.com", ", jwks-url: 'http://k.example'")).unwrap_err();
        assert!(error.hint.contains("allow-http: true"), "the URL of the issuer says nothing of another host: {error}");
        refused(&format!("{HEAD}    jwks-url: http://k.example\n"), (5, 15), "without TLS", "allow-http: true");
        refused(&file("http://*.example.com", "").replace("oidc", "meta"), (2, 3), "without TLS", "allow-http");
    }

    #[test]
    fn https_can_be_demanded_of_every_issuer() {
        let rules = IssuerRules { require_https: true, ..IssuerRules::default() };
        let file = |url: &str, more: &str| format!("oidc-issuers:\n  \"{url}\": {{client-id: s, type: email{more}}}\n");
        let read = |text: &str| Issuers::parse_with("config.yaml", text, rules);
        for (url, more) in [
            ("http://a.example.com", ""),
            ("http://127.0.0.1:5556", ""),
            ("https://a.example.com", ", allow-http: true"),
            ("http://a.example.com", ", jwks-url: 'https://k.example'"),
            ("https://a.example.com", ", jwks-url: 'http://127.0.0.1:8080/keys'"),
        ] {
            assert!(read(&file(url, more)).unwrap_err().message.contains("--require-https"), "{url}{more}");
        }
        let pattern = file("http://*.example.com", ", allow-http: true").replace("oidc", "meta");
        assert!(read(&pattern).unwrap_err().message.contains("--require-https"));
        assert!(read(&file("https://a.example.com", "")).is_ok());
    }

    #[test]
    fn a_pattern_has_neither_keys_nor_a_token_of_its_own() {
        for setting in ["jwks-url: 'https://k.example'", "jwks-file: x", &format!("jwks: '{JWKS}'"), "token-file: x"] {
            let text =
                format!("meta-issuers:\n  https://*.example.com:\n    client-id: s\n    type: email\n    {setting}\n");
            refused(&text, (5, setting.find(' ').unwrap() + 6), "pattern", "oidc-issuers");
        }
    }

    #[test]
    fn a_list_gives_an_issuer_several_identities() {
        let list = |items: &str| format!("oidc-issuers:\n  https://a.example.com:\n{items}");
        let item = |more: &str| format!("    - {{client-id: s, type: email{more}}}\n");
        let issuers = parse(&list(&(item(", order: 2") + &item(", order: 1, description: first")))).unwrap();
        let found = issuers.find("https://a.example.com");
        assert_eq!((found.len(), found[0].description.as_deref()), (2, Some("first")));
        let json = r#"{"OIDCIssuers": {"https://a.example.com": [{"ClientID": "a", "Type": "email"}, {"ClientID": "b", "Type": "email"}]}}"#;
        assert_eq!(parse(json).unwrap().find("https://a.example.com").len(), 2);
        let aliased =
            format!("define: [&i {{client-id: s, type: email}}]\n{}", list("    - *i\n    - {<<: *i, client-id: t}\n"));
        assert_eq!(parse(&aliased).unwrap().find("https://a.example.com")[1].audience, "t");

        refused(&list("    []\n"), (3, 5), "empty list", "one identity");
        refused(&list("    - email\n"), (3, 7), "expected a mapping", "key: value");
        refused(&list(&(item("") + "    - {client-id: s}\n")), (4, 7), "type is missing", "types are");
        refused(&list(&(item("") + "    - {client-id: s, typ: email}\n")), (4, 22), "unknown key", "type");
        refused(&list(&(item(", order: 1") + &item(""))), (4, 7), "some entries", "all of them");
        refused(&list(&(item(", order: 1") + &item(", order: 1"))), (4, 7), "another entry", "1, 2, 3");
        refused(&list(&item(", order: first")), (3, 42), "whole number", "1, 2, 3");
        refused(&list(&(item("") + &item(", allow-http: true"))), (4, 7), "other access", "anchor");
    }
}
