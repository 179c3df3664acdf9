//! Absolute URIs for subject alternative names (RFC 3986, RFC 5280 section 4.2.1.6).
//!
//! Owns reading a URI from text that an issuer controls and writing it percent-encoded, the way verifiers of existing certificates
//! expect it: parts that are encoded already stay as they are, other bytes are encoded, nothing else is normalised. The `url` crate
//! follows the WHATWG rules instead (lower-cases hosts, drops default ports, adds slashes), which would change names.

use std::fmt::Write as _;

use crate::text::has_control_character;

/// An absolute URI: ASCII only, percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{text}")]
pub struct Uri {
    text: String,
    scheme_length: usize,
    host: String,
}

/// Why a string is not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    #[error("the URI has no scheme")]
    NoScheme,
    #[error("the URI contains a control character")]
    ControlCharacter,
    /// A `%` that is not followed by two hexadecimal digits.
    #[error("the URI contains an invalid percent-encoding")]
    PercentEncoding,
    #[error("the URI's host, port or user information is not valid")]
    Authority,
    #[error("the URI is not ASCII where it must be")]
    NotAscii,
    /// A `..` that leads out of the base.
    #[error("the path leads out of its base")]
    LeavesBase,
    #[error("the URI names nothing")]
    Empty,
}

impl Uri {
    /// Reads and re-encodes a URI.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if has_control_character(text) {
            return Err(UriError::ControlCharacter);
        }
        let (scheme, rest) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).ok_or(UriError::NoScheme)?;
        let (rest, fragment) = split_optional(rest, '#');
        let (rest, query) = split_optional(rest, '?');
        let mut out = scheme.to_ascii_lowercase();
        let scheme_length = out.len();
        out.push(':');
        let mut host = String::new();
        let path = match rest.strip_prefix("//") {
            Some(behind) => {
                let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
                out.push_str("//");
                host = push_authority(&mut out, authority)?;
                path
            }
            None => rest,
        };
        if host.is_empty() && path.is_empty() {
            return Err(UriError::Empty);
        }
        push_encoded(&mut out, path, Part::Path)?;
        if let Some(query) = query {
            out.push('?');
            push_query(&mut out, query)?;
        }
        if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
            out.push('#');
            push_encoded(&mut out, fragment, Part::Fragment)?;
        }
        Ok(Self { text: out, scheme_length, host })
    }

    /// A base URI without a path, and path segments joined to it: empty and `.` segments fall away, `..` takes one back.
    pub fn join(base: &str, path: &[&str]) -> Result<Self, UriError> {
        let mut kept: Vec<&str> = Vec::new();
        for segment in path.iter().flat_map(|part| part.split('/')) {
            match segment {
                "" | "." => {}
                ".." => drop(kept.pop().ok_or(UriError::LeavesBase)?),
                other => kept.push(other),
            }
        }
        if kept.is_empty() {
            return Err(UriError::Empty);
        }
        let slash = if path.last().is_some_and(|last| last.ends_with('/')) { "/" } else { "" };
        // A question mark or a number sign in a segment is part of the path here, not the start of a query or fragment.
        let joined = kept.join("/").replace('?', "%3F").replace('#', "%23");
        Self::parse(&format!("{}/{joined}{slash}", base.trim_end_matches('/')))
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        self.text.get(..self.scheme_length).unwrap_or_default()
    }

    /// The host without port and brackets; empty when there is no authority.
    pub fn host(&self) -> &str {
        &self.host
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    UserInfo,
    Path,
    Fragment,
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn split_optional(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Writes the authority and returns the host without port.
fn push_authority(out: &mut String, authority: &str) -> Result<String, UriError> {
    let host_and_port = match authority.rsplit_once('@') {
        Some((user, rest)) => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
            if !user.bytes().all(allowed) {
                return Err(UriError::Authority);
            }
            push_encoded(out, user, Part::UserInfo)?;
            out.push('@');
            rest
        }
        None => authority,
    };
    let (host, port) = split_port(host_and_port)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=[]:".contains(&byte);
    if !host.is_ascii() {
        return Err(UriError::NotAscii);
    }
    if !host.bytes().all(allowed) {
        return Err(UriError::Authority);
    }
    out.push_str(host);
    if let Some(port) = port {
        out.push(':');
        out.push_str(port);
    }
    Ok(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), UriError> {
    let (host, behind) = match text.rfind(']') {
        Some(end) if text.starts_with('[') => text.split_at(end + 1),
        Some(_) => return Err(UriError::Authority),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    match behind.strip_prefix(':') {
        None if behind.is_empty() => Ok((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok((host, Some(port))),
        _ => Err(UriError::Authority),
    }
}

/// Writes a part as it is when it is validly encoded, else decoded and encoded again.
fn push_encoded(out: &mut String, text: &str, part: Part) -> Result<(), UriError> {
    let decoded = percent_decode(text)?;
    if text.bytes().all(|byte| byte == b'%' || may_stand(byte, part) || is_sub_delimiter(byte)) {
        out.push_str(text);
        return Ok(());
    }
    for byte in decoded {
        if may_stand(byte, part) { out.push(char::from(byte)) } else { push_byte(out, byte) }
    }
    Ok(())
}

/// The query is opaque to us: valid encodings stay, what may not stand in a URI is encoded.
fn push_query(out: &mut String, query: &str) -> Result<(), UriError> {
    for byte in query.bytes() {
        match byte {
            _ if !byte.is_ascii() => return Err(UriError::NotAscii),
            b'%' | b'?' => out.push(char::from(byte)),
            _ if may_stand(byte, Part::Path) || is_sub_delimiter(byte) => out.push(char::from(byte)),
            _ => push_byte(out, byte),
        }
    }
    Ok(())
}

/// Bytes that stand unencoded when a part is encoded again.
fn may_stand(byte: u8, part: Part) -> bool {
    byte.is_ascii_alphanumeric()
        || b"-_.~$&+,;=".contains(&byte)
        || match part {
            Part::UserInfo => byte == b':',
            Part::Path => b":/@".contains(&byte),
            Part::Fragment => b":/@?!()*".contains(&byte),
        }
}

/// Further bytes that need no encoding if the part was encoded by its writer.
fn is_sub_delimiter(byte: u8) -> bool {
    b"!'()*[]".contains(&byte)
}

fn push_byte(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "%{byte:02X}");
}

fn percent_decode(text: &str) -> Result<Vec<u8>, UriError> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit =
            || bytes.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or(UriError::PercentEncoding);
        let byte = digit()? * 16 + digit()?;
        out.push(u8::try_from(byte).map_err(|_| UriError::PercentEncoding)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
