//! Which strings are an issuer's URL, a pattern of such URLs, or a domain that an issuer may speak for.
//!
//! Knows nothing of places in the file: what is wrong comes back as a message and a hint.

use url::{Host, Url};

use crate::identity::issuers::MetaPattern;
use crate::identity::kind::SubjectOrigin;

pub(super) type Objection = (String, String);

fn objection<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, Objection> {
    Err((message.into(), hint.into()))
}

/// The URL of one issuer (OIDC Core, section 2: no query, no fragment).
pub(super) fn issuer_url(text: &str) -> Result<Url, Objection> {
    if text.contains('*') {
        return objection("an issuer URL cannot contain *", "move the entry to meta-issuers (JSON: MetaIssuers)");
    }
    plain_url(text, text)
}

/// The pattern of a meta issuer, with one URL that fits it.
pub(super) fn meta_pattern(text: &str) -> Result<(MetaPattern, Url), Objection> {
    if text.split("://").next().is_some_and(|scheme| scheme.contains('*')) {
        return objection("* cannot stand in the scheme", "begin the pattern with https://");
    }
    // A letter fits in a host and a path, a digit in a port.
    let fitting = plain_url(&text.replace('*', "x"), text)
        .or_else(|error| plain_url(&text.replace('*', "1"), text).map_err(|_| error))?;
    Ok((MetaPattern::new(text), fitting))
}

fn plain_url(text: &str, written: &str) -> Result<Url, Objection> {
    let example = "write the token's iss, for example https://accounts.example.com";
    // The URL reader drops or fixes some of these silently; a token's iss is compared byte for byte.
    if written.is_empty() || written.contains(|c: char| c.is_whitespace() || c == '\\') {
        return objection("not a URL: empty, or with white space or a backslash", example);
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return objection(format!("not a URL: {error}"), example),
    };
    if !matches!(url.scheme(), "http" | "https") || !written.contains("://") || url.host_str().is_none_or(str::is_empty)
    {
        return objection("not an http or https URL with a host", example);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return objection("user information in an issuer URL", "remove what stands before the @");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return objection("query or fragment in an issuer URL", "remove what stands behind the ? or #");
    }
    Ok(url)
}

/// The `subject-domain` of a `uri` issuer.
pub(super) fn subject_origin(text: &str, issuer: &Url) -> Result<SubjectOrigin, Objection> {
    let example = || format!("write scheme and host, for example {}://{}", issuer.scheme(), host_of(issuer));
    if text.is_empty() {
        return objection("a uri issuer needs a subject-domain", example());
    }
    if !text.contains("://") {
        return objection("the subject-domain of a uri issuer needs a scheme", example());
    }
    match Url::parse(text) {
        Ok(domain) if domain.scheme() != issuer.scheme() => {
            objection(format!("scheme {} is not the issuer's, {}", domain.scheme(), issuer.scheme()), example())
        }
        Ok(domain) if domain.host_str().is_some_and(|host| !host.is_empty()) => {
            Ok(SubjectOrigin { scheme: domain.scheme().to_owned(), host: host_of(&domain).to_owned() })
        }
        _ => objection("not a scheme and a host", example()),
    }
}

/// The `subject-domain` of a `username` issuer: a bare host.
pub(super) fn subject_host(text: &str, issuer: &Url) -> Result<String, Objection> {
    let example = || format!("write the host alone, for example {}", host_of(issuer));
    if text.is_empty() {
        return objection("a username issuer needs a subject-domain", example());
    }
    if text.contains("://") {
        return objection("the subject-domain of a username issuer has no scheme", example());
    }
    match Host::parse(text) {
        Ok(_) if !text.contains(['!', '@', '/', ':', '%']) && text.is_ascii() => Ok(text.to_owned()),
        _ => objection("not a host", example()),
    }
}

/// Whether an issuer may speak for a host: its own, or one with the same last two labels.
pub(super) fn may_speak_for(issuer: &Url, host: &str) -> Result<(), Objection> {
    let own = host_of(issuer);
    if own.eq_ignore_ascii_case(host) {
        return Ok(());
    }
    if has_same_last_labels(issuer, host) {
        return Ok(());
    }
    objection(
        format!("{host} is not of the issuer's domain, {own}"),
        "the last two labels of both must be equal, or the whole host",
    )
}

/// Whether a host is a name whose last two labels are the issuer's: what Fulcio asks of a `subject-domain`.
pub(super) fn has_same_last_labels(issuer: &Url, host: &str) -> bool {
    let own = host_of(issuer);
    // The last two numbers of two addresses being equal says nothing about who owns them.
    let names = [Host::parse(own), Host::parse(host)].iter().all(|parsed| matches!(parsed, Ok(Host::Domain(_))));
    matches!((last_two_labels(own), last_two_labels(host)), (Some(left), Some(right)) if names && left.eq_ignore_ascii_case(right))
}

fn last_two_labels(host: &str) -> Option<&str> {
    let mut dots = host.rmatch_indices('.');
    dots.next()?;
    dots.next().map_or(Some(host), |(at, _)| host.get(at + 1..))
}

fn host_of(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
