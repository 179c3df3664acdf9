//! The settings of `serve`, typed.
//!
//! Owns the meaning of each flag and the message for each mistake. Opens no socket and loads no key.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ArgMatches;

use super::audit::{self, AuditSettings};
use super::bounds::{self, BoundsSettings, SingleUseSettings};
use super::document::{ConfigError, Place};
use super::effective::{self, Effective};
use super::flags::{self, Values};
use super::issuer_file::IssuerRules;
use super::issuers_location::{self, IssuersLocation};
use super::listeners;
use super::settings_file;
use super::signer::{self, SignerSettings};
use super::slips;
use crate::certificate::ValidityPolicy;
use crate::possession::PermittedAlgorithms;
use crate::server::listeners::{Address, Listeners};
use crate::signer::key_password::KeyPassword;
use crate::telemetry::LogFormat;
use crate::text::go_duration;

/// Everything that `serve` was told.
#[derive(Debug)]
pub struct Settings {
    pub log: LogFormat,
    pub listeners: Listeners,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    /// Where metrics are served; an empty host stands for every address.
    pub metrics: Address,
    pub authority: AuthoritySettings,
    /// Whether the CA's files are read again when they change.
    pub watch: bool,
    pub issuers: IssuersLocation,
    /// What is demanded of every entry of the issuer file.
    pub issuer_rules: IssuerRules,
    pub algorithms: PermittedAlgorithms,
    /// The file that says who gets no certificate, if any.
    pub block_path: Option<PathBuf>,
    /// The file with the public keys that are refused, no matter who holds them, if any.
    pub blocked_public_keys: Option<PathBuf>,
    /// The file or folder with the issuance policy, if any.
    pub policy: Option<PathBuf>,
    pub validity: ValidityPolicy,
    pub logs: Option<LogsSettings>,
    /// The file with what clients have to know besides, if that is served.
    pub trust: Option<PathBuf>,
    /// What callers may ask of this process.
    pub bounds: BoundsSettings,
    pub single_use: SingleUseSettings,
    /// Where decisions are recorded, if they are.
    pub audit: Option<AuditSettings>,
    /// All of it, as the log may show it.
    pub effective: Effective,
    /// What is odd about it, and was taken all the same.
    pub oddities: Vec<String>,
}

/// The transparency logs that certificates are entered in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogsSettings {
    pub logs: Vec<LogLocation>,
    /// The Host header, when it is not the URL's.
    pub origin: Option<String>,
    /// Certificates to trust besides the system's.
    pub tls_ca: Option<PathBuf>,
    /// How many different logs must answer; at most as many as there are.
    pub quorum: NonZeroUsize,
    /// How long they may take altogether.
    pub timeout: Duration,
    /// How far their timestamps may lie before the request or after the answer.
    pub clock_skew: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLocation {
    /// With the log's prefix, without `/ct/v1/..`.
    pub url: String,
    /// The log's public key; without one its timestamps are taken as they are.
    pub public_key: Option<PathBuf>,
}

/// Where it is said who signs.
#[derive(Clone, Debug)]
pub enum AuthoritySettings {
    Flags(SignerSettings),
    /// In a CA file ([`super::authority_file`]).
    File {
        path: PathBuf,
        /// The password of key files whose entries have none, from the environment or the command line.
        password: Option<KeyPassword>,
    },
}

impl Settings {
    /// Reads the command line, the environment and the settings file.
    pub fn read(matches: &ArgMatches, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::from_values(&values(matches, variable)?)
    }

    /// Reads the same for somebody who checks it, and says whether a CA is among it; if none is, one stands in that needs nothing.
    pub fn read_to_check(
        matches: &ArgMatches,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, bool), ConfigError> {
        let mut values = values(matches, variable)?;
        let has_ca = values.is_set("ca") || values.is_set("ca-config");
        if let Some(ca) = super::flags::find("ca").filter(|_| !has_ca) {
            values.add_from_file(ca, "ephemeralca".to_owned(), Place::of("config check"));
        }
        Ok((Self::from_values(&values)?, has_ca))
    }

    /// Reads the same, and uses only what says who signs.
    pub fn read_authority(
        matches: &ArgMatches,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<AuthoritySettings, ConfigError> {
        authority(&values(matches, variable)?)
    }

    /// Reads the same, and uses only what clients are told to trust: who signs, and the logs of certificates.
    pub fn read_trust(
        matches: &ArgMatches,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(AuthoritySettings, Option<LogsSettings>, PathBuf), ConfigError> {
        let values = values(matches, variable)?;
        let missing = || {
            let hint = "name the trust file; config/trust.yaml is an example";
            Place::of("sigmint trust").fault("--trust-config is not set", hint)
        };
        let file = values.path("trust-config").ok_or_else(missing)?;
        Ok((authority(&values)?, logs(&values)?, file))
    }

    fn from_values(values: &Values) -> Result<Self, ConfigError> {
        let validity =
            ValidityPolicy::new(duration(values, "certificate-lifetime")?, duration(values, "certificate-backdating")?)
                .map_err(|error| values.fault("certificate-lifetime", error.to_string(), "use 10m to 20m"))?;
        Ok(Self {
            log: log_format(values),
            listeners: listeners::read(values)?,
            header_timeout: duration(values, "read-header-timeout")?,
            idle_timeout: duration(values, "idle-connection-timeout")?,
            metrics: Address {
                host: values.text("metrics-host").to_owned(),
                port: parsed(values, "metrics-port", "a port is a number from 0 to 65535")?,
            },
            authority: authority(values)?,
            watch: truth(values, "fileca-watch")?,
            issuers: issuers_location::read(values)?,
            issuer_rules: IssuerRules {
                require_https: truth(values, "require-https")?,
                strict: truth(values, "strict-config")?,
            },
            algorithms: algorithms(values)?,
            block_path: values.path("block-path"),
            blocked_public_keys: values.path("blocked-public-keys"),
            policy: values.path("policy-path"),
            validity,
            logs: logs(values)?,
            trust: values.path("trust-config"),
            bounds: bounds::read(values)?,
            single_use: bounds::read_single_use(values)?,
            audit: audit::read(values)?,
            effective: effective::read(values),
            oddities: oddities(values),
        })
    }
}

fn values(matches: &ArgMatches, variable: &dyn Fn(&str) -> Option<String>) -> Result<Values, ConfigError> {
    slips::check_command_line(matches)?;
    let mut values = Values::from_command_line(matches, variable);
    if let Some(path) = matches.get_one::<String>("config") {
        settings_file::add(&mut values, path.as_ref())?;
    }
    slips::check_lists(&values)?;
    Ok(values)
}

fn logs(values: &Values) -> Result<Option<LogsSettings>, ConfigError> {
    let (urls, keys) = (values.list("ct-log-url"), values.list("ct-log-public-key-path"));
    if urls.is_empty() {
        return Ok(None);
    }
    if let Some(url) = urls.iter().find(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err(values.fault(
            "ct-log-url",
            format!("{url}: not an http or https URL"),
            "write the log's prefix, like https://log.example/2026",
        ));
    }
    if !keys.is_empty() && keys.len() != urls.len() {
        return Err(values.fault(
            "ct-log-public-key-path",
            "there are not as many keys as logs",
            "give each log's key, in the logs' order",
        ));
    }
    let quorum: NonZeroUsize = parsed(values, "ct-log-quorum", "a number from 1 to the number of logs")?;
    if quorum.get() > urls.len() {
        return Err(values.fault("ct-log-quorum", "more than there are logs", "set it to the number of logs at most"));
    }
    let mut keys = keys.into_iter().map(PathBuf::from);
    Ok(Some(LogsSettings {
        logs: urls.into_iter().map(|url| LogLocation { url: url.to_owned(), public_key: keys.next() }).collect(),
        origin: values.is_set("ct-log-origin").then(|| values.text("ct-log-origin").to_owned()),
        tls_ca: values.path("ct-log.tls-ca-cert"),
        quorum,
        timeout: duration(values, "ct-log-timeout")?,
        clock_skew: log_clock_skew(values)?,
    }))
}

/// Timestamps have whole milliseconds, and some logs' whole seconds: less than one could never hold.
fn log_clock_skew(values: &Values) -> Result<Duration, ConfigError> {
    let name = "ct-log-clock-skew";
    match duration(values, name)? {
        skew if skew >= Duration::from_secs(1) && skew <= Duration::from_hours(24) => Ok(skew),
        _ => Err(values.fault(name, "not from 1s to 24h", "60s is enough for clocks that NTP keeps")),
    }
}

fn authority(values: &Values) -> Result<AuthoritySettings, ConfigError> {
    if !values.is_set("ca-config") {
        return Ok(AuthoritySettings::Flags(signer::read(values)?));
    }
    if values.is_set("ca") {
        let hint = "leave out one of the two: the file says who signs";
        return Err(values.fault("ca-config", "is set, and --ca too", hint));
    }
    Ok(AuthoritySettings::File { path: values.text("ca-config").into(), password: signer::password(values)? })
}

/// As Fulcio, which takes every word: what is not `prod` is for people.
fn log_format(values: &Values) -> LogFormat {
    match log_word(values).as_str() {
        "prod" | "production" | "json" => LogFormat::Prod,
        "zap" => LogFormat::Zap,
        _ => LogFormat::Dev,
    }
}

fn log_word(values: &Values) -> String {
    values.text("log_type").trim().to_ascii_lowercase()
}

/// What is not as it should be and is taken all the same, because Fulcio takes it.
fn oddities(values: &Values) -> Vec<String> {
    let mut odd = values.oddities().to_vec();
    if !matches!(log_word(values).as_str(), "dev" | "development" | "prod" | "production" | "json" | "zap") {
        let (origin, text) = (values.origin("log_type"), values.text("log_type"));
        odd.push(format!("{origin}: {text:?} is not a kind of log, and counts as dev: use dev, prod or zap"));
    }
    for flag in flags::all().filter(|flag| flag.is_duration() && seconds_without_unit(values, flag.name).is_some()) {
        let (origin, text) = (values.origin(flag.name), values.text(flag.name));
        odd.push(format!("{origin}: {text} has no unit, and counts as {text}s"));
    }
    odd
}

/// Separated by commas, or by blanks as Fulcio has it in variables and files.
fn algorithms(values: &Values) -> Result<PermittedAlgorithms, ConfigError> {
    let name = "client-signing-algorithms";
    let list = values.text(name).split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty()).collect::<Vec<_>>();
    list.join(",").parse().map_err(|error: crate::possession::UnknownAlgorithm| {
        values.fault(name, error.to_string(), "names are separated by commas")
    })
}

/// True or false, in each of the forms that Go and YAML have.
pub(super) fn truth(values: &Values, name: &str) -> Result<bool, ConfigError> {
    let text = values.text(name).trim();
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "y" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "n" | "off" => Ok(false),
        _ => Err(values.fault(name, format!("{text:?} is neither true nor false"), "true or false")),
    }
}

pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
    values: &Values,
    name: &str,
    hint: &str,
) -> Result<T, ConfigError> {
    values.text(name).parse().map_err(|error: T::Err| values.fault(name, error.to_string(), hint))
}

pub(super) fn duration(values: &Values, name: &str) -> Result<Duration, ConfigError> {
    let hint = "a duration is written like 30s, 10m or 1m30s";
    if let Some(duration) = seconds_without_unit(values, name) {
        return Ok(duration);
    }
    let text = values.text(name).trim();
    humantime::parse_duration(text)
        .or_else(|error| go_duration::parse(text).ok_or(error))
        .map_err(|error| values.fault(name, error.to_string(), hint))
}

/// A bare number in a file or a variable: Fulcio takes it as nanoseconds, its help speaks of seconds, and nobody means the former.
fn seconds_without_unit(values: &Values, name: &str) -> Option<Duration> {
    let number = values.text(name).trim();
    let is_bare = !values.is_on_command_line(name) && !number.is_empty() && number != "0";
    number.parse().ok().filter(|_| is_bare).map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
