//! Owns the `pkcs11:` URI (RFC 7512) as the name of a key: reading it into options, and writing it for messages.
//!
//! Refuses what it would have to ignore: an attribute that is not understood could be the one that tells two keys apart.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use secrecy::SecretString;

use super::options::{
    DEFAULT_OPENING, DEFAULT_SESSIONS, KeySelector, Login, OptionsError, Pkcs11Options, TokenSelector,
};
use super::pin;

/// The scheme, with its colon.
const SCHEME: &str = "pkcs11:";

pub(super) fn read(text: &str) -> Result<Pkcs11Options, OptionsError> {
    let Some((scheme, rest)) = text.split_at_checked(SCHEME.len()) else { return Err(no_scheme()) };
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(no_scheme());
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (token, key) = read_path(&Attributes::read(path, ';')?)?;
    let query = Attributes::read(query, '&')?;
    query.only(&["module-path", "pin-source", "pin-value"])?;
    let Some(module) = query.text("module-path")? else {
        return Err(wrong("module-path is missing: add ?module-path=/path/of/the/module.so"));
    };
    Ok(Pkcs11Options {
        module: PathBuf::from(module),
        token,
        login: login(query.text("pin-source")?, query.text("pin-value")?)?,
        key,
        sessions: DEFAULT_SESSIONS,
        opening: DEFAULT_OPENING,
    })
}

fn read_path(path: &Attributes) -> Result<(TokenSelector, KeySelector), OptionsError> {
    path.only(&["token", "serial", "manufacturer", "model", "slot-id", "object", "id", "type"])?;
    if let Some(kind) = path.text("type")?.filter(|kind| kind != "private") {
        return Err(wrong(&format!("type={kind} is not a private key; leave it out")));
    }
    let slot = path.text("slot-id")?.map(|slot| slot.parse().map_err(|_| wrong("slot-id must be a number")));
    let token = TokenSelector {
        label: path.text("token")?,
        serial: path.text("serial")?,
        manufacturer: path.text("manufacturer")?,
        model: path.text("model")?,
        slot: slot.transpose()?,
    };
    let key = KeySelector { label: path.text("object")?, id: path.bytes("id") };
    if key == KeySelector::default() {
        return Err(wrong("it names no key: add object=LABEL or id=%01"));
    }
    Ok((token, key))
}

fn login(source: Option<String>, value: Option<String>) -> Result<Login, OptionsError> {
    match (source, value) {
        (Some(_), Some(_)) => Err(wrong("pin-source and pin-value exclude each other")),
        (Some(source), None) => pin::read(&source).map(Login::User),
        (None, Some(value)) => Ok(Login::User(SecretString::from(value))),
        (None, None) => Ok(Login::Without),
    }
}

/// The attributes of one part of the URI, in order, percent-decoded.
struct Attributes(Vec<(String, Vec<u8>)>);

impl Attributes {
    fn read(part: &str, separator: char) -> Result<Self, OptionsError> {
        let mut attributes: Vec<(String, Vec<u8>)> = Vec::new();
        for attribute in part.split(separator).filter(|attribute| !attribute.is_empty()) {
            // Nothing of a value is shown in an error: it may be a PIN.
            let (name, value) = attribute.split_once('=').ok_or_else(|| wrong("an attribute has no `=`"))?;
            if attributes.iter().any(|(known, _)| known == name) {
                return Err(wrong(&format!("{name} is given twice")));
            }
            let value = decode(value).ok_or_else(|| wrong(&format!("{name} has a broken percent encoding")))?;
            attributes.push((name.to_owned(), value));
        }
        Ok(Self(attributes))
    }

    fn only(&self, known: &[&str]) -> Result<(), OptionsError> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(wrong(&format!("{name} is not known here; there are: {}", known.join(", ")))),
        }
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn text(&self, name: &str) -> Result<Option<String>, OptionsError> {
        let text = self.bytes(name).map(String::from_utf8).transpose();
        text.map_err(|_| wrong(&format!("{name} is not a UTF-8")))
    }
}

/// Percent-decodes (RFC 3986, section 2.1); a plus sign is a plus sign.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

/// Writes token and key as a URI without a query, so that no PIN can be in it.
pub(super) fn write(f: &mut fmt::Formatter<'_>, token: &TokenSelector, key: &KeySelector) -> fmt::Result {
    let slot = token.slot.map(|slot| slot.to_string());
    let attributes = [
        ("token", token.label.as_deref().map(str::as_bytes)),
        ("serial", token.serial.as_deref().map(str::as_bytes)),
        ("manufacturer", token.manufacturer.as_deref().map(str::as_bytes)),
        ("model", token.model.as_deref().map(str::as_bytes)),
        ("slot-id", slot.as_deref().map(str::as_bytes)),
        ("object", key.label.as_deref().map(str::as_bytes)),
        ("id", key.id.as_deref()),
    ];
    f.write_str(SCHEME)?;
    let mut separator = "";
    for (name, value) in attributes {
        let Some(value) = value else { continue };
        write!(f, "{separator}{name}=")?;
        write_encoded(f, value)?;
        separator = ";";
    }
    Ok(())
}

fn write_encoded(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    value.iter().try_for_each(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => f.write_char(char::from(*byte)),
        _ => write!(f, "%{byte:02X}"),
    })
}

fn no_scheme() -> OptionsError {
    wrong("it does not begin with pkcs11:")
}

fn wrong(problem: &str) -> OptionsError {
    OptionsError::Uri(problem.to_owned())
}

#[cfg(test)]
mod tests;
