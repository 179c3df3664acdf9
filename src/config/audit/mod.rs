//! The settings of the audit log, typed.
//!
//! Owns the meaning of these flags and the message for each mistake. Opens no file and no key.

use std::path::{Path, PathBuf};

use url::Url;

use super::flags::Values;
use super::settings::{SettingsError, parsed};
use crate::audit::{DEFAULT_SOCKET, Destination, OnFailure, RecordedClaims, SamplesOptions, SyncMode};
use crate::signer::backend;
use crate::signer::key_password::KeyPassword;

/// A file smaller than this would be moved away all the time.
const SMALLEST_FILE: u64 = 64 * 1024;

/// Where and how decisions are recorded.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    pub destination: Destination,
    pub claims: RecordedClaims,
    /// The file with the key that addresses are hashed with, if they are.
    pub redact_key: Option<PathBuf>,
    pub sync: SyncMode,
    pub on_failure: OnFailure,
    /// Who signs heads, if anybody does.
    pub key: Option<AuditKey>,
    /// Who is told of them.
    pub anchors: Vec<AnchorLocation>,
    pub samples: Option<SamplesOptions>,
}

/// Where the key that signs heads is.
#[derive(Clone, Debug)]
pub enum AuditKey {
    File {
        path: PathBuf,
        password: Option<KeyPassword>,
    },
    /// A name that the backends know.
    Named(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnchorLocation {
    File(PathBuf),
    Url(Url),
}

impl AuditSettings {
    /// The files that hold a secret in clear.
    pub(crate) fn secrets(&self) -> Vec<&Path> {
        let key = match &self.key {
            Some(AuditKey::File { path, password: Some(KeyPassword::File(password)) }) => vec![path, password],
            Some(AuditKey::File { path, .. }) => vec![path],
            Some(AuditKey::Named(_)) | None => Vec::new(),
        };
        key.into_iter().chain(&self.redact_key).map(PathBuf::as_path).collect()
    }
}

pub(super) fn read(values: &Values) -> Result<Option<AuditSettings>, SettingsError> {
    let refused = |name: &str, message: &str, hint: &str| SettingsError::new(values.origin(name), message, hint);
    if !values.is_set("audit-path") {
        let others = ["audit-redact", "audit-redact-key", "audit-key", "audit-anchor", "audit-unverified-path"];
        return match others.into_iter().find(|name| values.is_set(name)) {
            Some(name) => Err(refused(name, "there is no audit log", "set --audit-path as well")),
            None => Ok(None),
        };
    }
    let sync = match values.text("audit-sync") {
        "request" => SyncMode::Request,
        "interval" => SyncMode::Interval,
        "none" => SyncMode::None,
        _ => return Err(refused("audit-sync", "not a way to flush", "use request, interval or none")),
    };
    let on_failure = match values.text("audit-failure") {
        "closed" => OnFailure::Refuse,
        "open" => OnFailure::Sign,
        _ => return Err(refused("audit-failure", "neither closed nor open", "use closed or open")),
    };
    let claims = match values.text("audit-claims") {
        "policy" => RecordedClaims::Policy,
        "all" => RecordedClaims::All,
        "none" => RecordedClaims::None,
        _ => return Err(refused("audit-claims", "not a choice of claims", "use policy, all or none")),
    };
    let destination = destination(values)?;
    if sync == SyncMode::Request && !matches!(destination, Destination::File { .. }) {
        let message = "standard output and syslog cannot be flushed to a disk";
        return Err(refused("audit-sync", message, "use a file as --audit-path, or --audit-sync none"));
    }
    let (key, anchors) = (key(values)?, anchors(values)?);
    if key.is_none() && !anchors.is_empty() {
        return Err(refused("audit-anchor", "heads are not signed", "set --audit-key as well"));
    }
    let redact_key = redact_key(values)?;
    let samples = samples(values)?;
    Ok(Some(AuditSettings { destination, claims, redact_key, sync, on_failure, key, anchors, samples }))
}

fn destination(values: &Values) -> Result<Destination, SettingsError> {
    let most = bytes(values, "audit-max-size")?;
    let place = values.text("audit-path");
    let other = match (place, place.strip_prefix("syslog:")) {
        ("-", _) => Destination::Stdout,
        (_, Some("")) => Destination::Syslog(DEFAULT_SOCKET.into()),
        (_, Some(socket)) => Destination::Syslog(socket.into()),
        (path, None) if most == 0 || most >= SMALLEST_FILE => {
            return Ok(Destination::File { path: path.into(), most_bytes: (most > 0).then_some(most) });
        }
        _ => {
            let hint = "use 64K at least, better 512M; 0 for a file that is never moved away";
            return Err(SettingsError::new(values.origin("audit-max-size"), "is too small", hint));
        }
    };
    if most > 0 {
        let hint = "leave it out, or use a file as --audit-path";
        return Err(SettingsError::new(values.origin("audit-max-size"), "the audit log is not a file", hint));
    }
    Ok(other)
}

fn redact_key(values: &Values) -> Result<Option<PathBuf>, SettingsError> {
    let (kind, key) = ("audit-redact", "audit-redact-key");
    match (values.text(kind), values.is_set(key)) {
        ("", false) => Ok(None),
        ("email", true) => Ok(Some(values.text(key).into())),
        ("email", false) => Err(SettingsError::new(
            values.origin(kind),
            "needs a key",
            "set --audit-redact-key to a file with 32 random bytes or more (head -c 32 /dev/urandom)",
        )),
        ("", true) => Err(SettingsError::new(values.origin(key), "nothing is replaced", "set --audit-redact email")),
        _ => Err(SettingsError::new(values.origin(kind), "not something that can be replaced", "use email")),
    }
}

fn key(values: &Values) -> Result<Option<AuditKey>, SettingsError> {
    let (name, password) = ("audit-key", "audit-key-passwd-file");
    let file = values.is_set(password).then(|| KeyPassword::File(values.text(password).into()));
    let stray = |message: &str, hint: &str| Err(SettingsError::new(values.origin(password), message, hint));
    match (values.text(name), file) {
        ("", None) => Ok(None),
        ("", Some(_)) => stray("there is no key", "set --audit-key as well"),
        (uri, Some(_)) if backend::of_name(uri).is_some() => {
            stray("the audit key is not a file", "leave out one of the two")
        }
        (uri, None) if backend::of_name(uri).is_some() => Ok(Some(AuditKey::Named(uri.to_owned()))),
        (path, password) => Ok(Some(AuditKey::File { path: path.into(), password })),
    }
}

fn anchors(values: &Values) -> Result<Vec<AnchorLocation>, SettingsError> {
    let read = |place: &str| {
        if !place.starts_with("http://") && !place.starts_with("https://") {
            return Ok(AnchorLocation::File(place.into()));
        }
        let refused = |error: url::ParseError| {
            let hint = "write a file, or a URL like https://anchor.example/heads";
            SettingsError::new(values.origin("audit-anchor"), error.to_string(), hint)
        };
        Url::parse(place).map(AnchorLocation::Url).map_err(refused)
    };
    values.list("audit-anchor").into_iter().map(read).collect()
}

fn samples(values: &Values) -> Result<Option<SamplesOptions>, SettingsError> {
    let most_bytes = bytes(values, "audit-unverified-max-size")?;
    let per_minute = parsed(values, "audit-unverified-rate", "a number of records a minute")?;
    if !values.is_set("audit-unverified-path") {
        return Ok(None);
    }
    if most_bytes < SMALLEST_FILE {
        let origin = values.origin("audit-unverified-max-size");
        return Err(SettingsError::new(origin, "is too small", "use 64K at least"));
    }
    Ok(Some(SamplesOptions { path: values.text("audit-unverified-path").into(), most_bytes, per_minute }))
}

/// Bytes, or KiB, MiB and GiB as K, M and G.
fn bytes(values: &Values, name: &str) -> Result<u64, SettingsError> {
    let text = values.text(name).trim();
    let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];
    let unit = units.into_iter().find_map(|(letter, unit)| Some((text.strip_suffix(letter)?, unit)));
    let (digits, unit) = unit.unwrap_or((text, 1));
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.ok_or_else(|| {
        SettingsError::new(
            values.origin(name),
            format!("{text:?} is not a size"),
            "write bytes, or like 64K, 16M or 1G",
        )
    })
}

#[cfg(test)]
mod tests;
