//! The settings in effect as the log may show them, and the restrictions that were given as empty.
//!
//! Owns what of a value is secret. Logs nothing itself.

use std::fmt;

use super::flags::{self, Flag, Values};

/// The settings in effect, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    /// In the order of the help text, without secrets. What is neither set nor has a default is left out.
    pub settings: Vec<ShownSetting>,
    /// What is off because a setting was given as empty, once each.
    pub given_empty: Vec<String>,
    /// Where each file and address was named, for causes that tell of a file or an address alone.
    places: Vec<(String, String)>,
}

/// A setting as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSetting {
    pub name: &'static str,
    /// In quotes if it has blanks.
    pub value: String,
    /// Where it was given: the flag, the variable, or the file and the key. Nothing of a default.
    pub origin: Option<String>,
}

impl fmt::Display for ShownSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.name, self.value)
    }
}

impl Effective {
    /// All settings on one line.
    pub fn on_one_line(&self) -> String {
        self.settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// A cause with the settings in front that name its files and addresses, unless it says so itself.
    pub fn with_settings(&self, cause: &str) -> String {
        let named = self.places.iter().filter(|(setting, value)| !cause.contains(setting) && has_word(cause, value));
        let mut settings: Vec<&str> = named.map(|(setting, _)| setting.as_str()).collect();
        settings.dedup();
        if settings.is_empty() { cause.to_owned() } else { format!("{}: {cause}", settings.join(", ")) }
    }
}

/// Whether a value stands in a string by itself, and not as the beginning or end of a longer name.
fn has_word(text: &str, value: &str) -> bool {
    let goes_on = |character: char| character.is_alphanumeric() || "/_-".contains(character);
    text.match_indices(value).any(|(begin, _)| {
        let (before, behind) = text.split_at(begin);
        let behind = behind.strip_prefix(value).unwrap_or(behind);
        // A full stop ends a sentence, or begins the end of a longer name.
        let behind = behind.strip_prefix('.').unwrap_or(behind);
        !before.ends_with(goes_on) && !behind.starts_with(goes_on)
    })
}

/// What a cause may name: files, and hosts with their ports.
fn places(values: &Values) -> Vec<(String, String)> {
    let mut places = Vec::new();
    for flag in flags::all().filter(|flag| flag.is_place() && values.is_set(flag.name)) {
        places.extend(
            values.list(flag.name).into_iter().map(|path| (values.origin(flag.name).to_string(), path.to_owned())),
        );
    }
    for (host, port) in [("host", "port"), ("grpc-host", "grpc-port"), ("metrics-host", "metrics-port")] {
        let origin = format!("{}, {}", values.origin(host), values.origin(port));
        places.push((origin, format!("{}:{}", values.text(host), values.text(port))));
    }
    places
}

/// The longest value that is shown, in characters.
const SHOWN_CHARACTERS: usize = 200;

/// Settings that restrict something, and what is so without them.
const RESTRICTIONS: [(&str, &str); 12] = [
    ("block-path", "nobody is blocked"),
    ("ct-log-public-key-path", "the transparency log's timestamps are not verified"),
    ("tls-certificate", "HTTP is served without TLS"),
    ("tls-key", "HTTP is served without TLS"),
    ("grpc-tls-certificate", "gRPC is served without TLS"),
    ("grpc-tls-key", "gRPC is served without TLS"),
    ("rate-limit-per-address", "requests of one address are not limited"),
    ("rate-limit-per-identity", "requests for one identity are not limited"),
    ("single-use-store", "uses of tokens are counted in this process only"),
    ("policy-path", "everybody for whom an issuer vouches gets a certificate"),
    ("trusted-proxies", "all clients behind a proxy have its address"),
    ("metrics-host", "metrics are served on every address"),
];

impl Flag {
    /// Whether an empty value takes a restriction away.
    pub(super) fn restricts(&self) -> bool {
        RESTRICTIONS.iter().any(|(name, _)| *name == self.name)
    }

    /// What is so without a value.
    pub(super) fn when_empty(&self) -> &'static str {
        RESTRICTIONS.iter().find(|(name, _)| *name == self.name).map_or("", |(_, consequence)| consequence)
    }
}

pub(super) fn read(values: &Values) -> Effective {
    let with_value = |flag: &&Flag| values.is_given(flag.name) || !values.text(flag.name).is_empty();
    let settings = flags::all().filter(with_value).map(|flag| ShownSetting {
        name: flag.name,
        value: shown(flag, values.text(flag.name)),
        origin: values.is_given(flag.name).then(|| values.origin(flag.name).to_string()),
    });
    let settings = settings.collect();
    let mut given_empty: Vec<String> = Vec::new();
    for (name, consequence) in RESTRICTIONS.iter().filter(|(name, _)| values.is_given_empty(name)) {
        // A log without its key is told of anyway.
        if *name != "ct-log-public-key-path" && !given_empty.iter().any(|said| said.ends_with(consequence)) {
            given_empty.push(format!("{} is empty: {consequence}", values.origin(name)));
        }
    }
    Effective { settings, given_empty, places: places(values) }
}

fn shown(flag: &Flag, text: &str) -> String {
    if text.is_empty() {
        "\"\"".to_owned()
    } else if flag.is_secret() {
        "(hidden)".to_owned()
    } else {
        let public: String = text.split(',').map(without_secrets).collect::<Vec<_>>().join(",");
        let short: String = public.chars().take(SHOWN_CHARACTERS).collect();
        if short.chars().any(|character| character.is_whitespace() || character.is_control() || character == '"') {
            format!("{short:?}")
        } else {
            short
        }
    }
}

/// Without the user information of a URL, and without what a `pkcs11:` name says after its question mark: a PIN may stand there.
fn without_secrets(text: &str) -> String {
    if let Some((name, _)) = text.split_once('?') {
        return format!("{}?(hidden)", without_secrets(name));
    }
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host =
                authority.rsplit_once('@').map_or_else(|| authority.to_owned(), |(_, host)| format!("(hidden)@{host}"));
            format!("{scheme}://{host}{path}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
