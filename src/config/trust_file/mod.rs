//! The trust file (`--trust-config`): what clients have to know of a deployment besides the settings of `serve`.
//!
//! Owns reading it: the CA's own URL, and the services that others run. The files that it names are read by `crate::app::trust`.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use url::Url;

use super::block_file;
use super::document::{self, ConfigError, Document, Field, Foreign, Record, Setting, Shape};
use crate::trust::{EndBeforeStart, Purpose, RekorApi, Selector, Window};

#[derive(Clone, Debug)]
pub(crate) struct TrustFile {
    /// Where clients reach this CA.
    pub url: String,
    pub operator: String,
    /// Further CAs, and windows of our own ones, by their chains.
    pub authorities: Vec<AuthorityEntry>,
    /// Further logs of certificates, and windows of those that `serve` asks, by their keys.
    pub ct_logs: Vec<CtLogEntry>,
    pub rekor_logs: Vec<RekorEntry>,
    pub rekor_selector: Selector,
    pub timestamp_authorities: Vec<AuthorityEntry>,
    pub timestamp_selector: Selector,
    pub token_issuers: Vec<Service>,
}

/// What every service has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub url: String,
    /// What is not said follows from the service's certificates.
    pub start: Option<SystemTime>,
    pub end: Option<SystemTime>,
    /// None if the file does not say.
    pub purpose: Option<Purpose>,
}

/// A CA or a timestamp authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorityEntry {
    pub service: Service,
    pub chain: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CtLogEntry {
    pub service: Service,
    pub public_key: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RekorEntry {
    pub service: Service,
    pub api: RekorApi,
    pub public_key: PathBuf,
}

const FILE: &[Setting] = &[
    Setting::new("url", "url", Shape::Text),
    Setting::new("operator", "operator", Shape::Text),
    Setting::new("certificate-authorities", "certificateAuthorities", Shape::Other),
    Setting::new("ct-logs", "ctLogs", Shape::Other),
    Setting::new("rekor", "rekor", Shape::Other),
    Setting::new("rekor-selector", "rekorSelector", Shape::Text),
    Setting::new("timestamp-authorities", "timestampAuthorities", Shape::Other),
    Setting::new("timestamp-selector", "timestampSelector", Shape::Text),
    Setting::new("oidc", "oidc", Shape::Other),
];

const URL: Setting = Setting::new("url", "url", Shape::Text);
const START: Setting = Setting::new("start", "start", Shape::Text);
const END: Setting = Setting::new("end", "end", Shape::Text);
const PURPOSE: Setting = Setting::new("purpose", "purpose", Shape::Text);
const PUBLIC_KEY: Setting = Setting::new("public-key", "publicKey", Shape::Text);
const ISSUER: &[Setting] = &[URL, START, END];
const CT_LOG: &[Setting] = &[URL, START, END, PUBLIC_KEY];
const AUTHORITY: &[Setting] = &[URL, START, END, PURPOSE, Setting::new("chain", "chain", Shape::Text)];
const REKOR: &[Setting] = &[
    URL,
    START,
    END,
    PURPOSE,
    PUBLIC_KEY,
    Setting::new("version", "version", Shape::Text),
    Setting::new("origin", "origin", Shape::Text),
];

impl TrustFile {
    /// Reads a trust file, YAML or JSON.
    pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let document = Document::yaml(&file, document::utf8(&file, text)?)?;
        let record = Record::read(&document.root(), FILE, Foreign::Refused)?;
        let url = url(&record)?;
        // Clients take one service of each operator; the host is as good a name as any.
        let host = Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Self {
            operator: record.get("operator").map_or(host, |field| field.text().to_owned()),
            authorities: entries(&record, "certificate-authorities", AUTHORITY, authority)?,
            ct_logs: entries(&record, "ct-logs", CT_LOG, |entry| {
                Ok(CtLogEntry { service: service(entry)?, public_key: needed(entry, "public-key")?.into() })
            })?,
            rekor_logs: entries(&record, "rekor", REKOR, rekor)?,
            rekor_selector: selector(&record, "rekor-selector")?,
            timestamp_authorities: entries(&record, "timestamp-authorities", AUTHORITY, authority)?,
            timestamp_selector: selector(&record, "timestamp-selector")?,
            token_issuers: entries(&record, "oidc", ISSUER, service)?,
            url,
        })
    }
}

impl Service {
    /// When the service is in use, if the file says nothing else since `start`.
    pub(crate) fn window(&self, start: SystemTime) -> Result<Window, EndBeforeStart> {
        Window::new(self.start.unwrap_or(start), self.end)
    }
}

fn entries<T>(
    record: &Record<'_>,
    key: &str,
    settings: &'static [Setting],
    read: impl Fn(&Record<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let fields = match record.get(key) {
        Some(field) if !field.is_list() => {
            return Err(field.wrong_kind("a list", "write a - before each service"));
        }
        field => field.map(Field::items).unwrap_or_default(),
    };
    fields.iter().map(|field| read(&Record::read(field, settings, Foreign::Refused)?)).collect()
}

fn authority(entry: &Record<'_>) -> Result<AuthorityEntry, ConfigError> {
    Ok(AuthorityEntry { service: service(entry)?, chain: needed(entry, "chain")?.into() })
}

fn rekor(entry: &Record<'_>) -> Result<RekorEntry, ConfigError> {
    let service = service(entry)?;
    let origin = entry.get("origin");
    let api = match (needed(entry, "version")?, origin) {
        ("1", None) => RekorApi::V1,
        ("1", Some(origin)) => {
            let hint = "leave it out: it is part of the identifier of version 2 only";
            return Err(origin.place.key().fault("a log of version 1 has no origin", hint));
        }
        ("2", Some(origin)) if !origin.text().is_empty() => RekorApi::V2 { origin: origin.text().to_owned() },
        // sigstore-go takes the URL's host, too.
        ("2", _) => RekorApi::V2 {
            origin: Url::parse(&service.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default(),
        },
        _ => return Err(entry.place_of("version").fault("not a version of Rekor", "write 1, or 2 for rekor-tiles")),
    };
    Ok(RekorEntry { service, api, public_key: needed(entry, "public-key")?.into() })
}

fn service(entry: &Record<'_>) -> Result<Service, ConfigError> {
    let (start, end) = (time(entry, "start")?, time(entry, "end")?);
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        return Err(entry.place_of("end").fault("the end is not after the start", "exchange them, or correct one"));
    }
    let purpose = match entry.get("purpose").map(Field::text) {
        None => None,
        Some("sign") => Some(Purpose::SignAndVerify),
        Some("verify") => Some(Purpose::Verify),
        Some(_) => {
            let hint = "write sign if signers ask it, or verify if it is only believed";
            return Err(entry.place_of("purpose").fault("not a purpose", hint));
        }
    };
    Ok(Service { url: url(entry)?, start, end, purpose })
}

fn time(entry: &Record<'_>, key: &'static str) -> Result<Option<SystemTime>, ConfigError> {
    let read = |field: &Field<'_>| {
        let time = block_file::time(field.text());
        time.map_err(|problem| field.place.fault(format!("{key} is {}", problem.message), problem.hint))
    };
    entry.get(key).map(read).transpose()
}

fn url(entry: &Record<'_>) -> Result<String, ConfigError> {
    let text = needed(entry, "url")?;
    let is_url = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if is_url {
        // Clients add paths to it.
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err(entry
        .place_of("url")
        .fault("not an http or https URL", "write the URL that clients use, like https://ca.example"))
}

fn needed<'t>(entry: &Record<'t>, key: &'static str) -> Result<&'t str, ConfigError> {
    match entry.text(key) {
        "" => Err(entry.place_of(key).fault(format!("{} is missing", entry.spelled(key)), MISSING)),
        text => Ok(text),
    }
}

const MISSING: &str = "add it; see config/trust.yaml for an example";

fn selector(record: &Record<'_>, key: &'static str) -> Result<Selector, ConfigError> {
    let Some(field) = record.get(key) else { return Ok(Selector::default()) };
    match field.text() {
        "any" => Ok(Selector::Any),
        "all" => Ok(Selector::All),
        number => number.parse::<NonZeroU32>().map(Selector::Exactly).map_err(|_| {
            field.place.fault("says not how many services a signer uses", "write any, all, or a number from 1")
        }),
    }
}

#[cfg(test)]
mod tests;
