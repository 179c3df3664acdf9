//! The settings in effect as the log may show them, and the restrictions that were given as empty.
//!
//! Owns what of a value is secret. Logs nothing itself.

use super::flags::{FLAGS, Flag, Values};

/// The settings in effect, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    /// `name=value`, in the order of the help text, without secrets. What is neither set nor has a default is left out.
    pub settings: Vec<String>,
    /// What is off because a setting was given as empty, once each.
    pub given_empty: Vec<String>,
    /// Where each file and address was named, for causes that tell of a file or an address alone.
    places: Vec<(String, String)>,
}

impl Effective {
    /// A cause with the settings in front that name its files and addresses, unless it says so itself.
    pub fn with_settings(&self, cause: &str) -> String {
        let named = self.places.iter().filter(|(setting, value)| !cause.contains(setting) && has_word(cause, value));
        let mut settings: Vec<&str> = named.map(|(setting, _)| setting.as_str()).collect();
        settings.dedup();
        if settings.is_empty() { cause.to_owned() } else { format!("{}: {cause}", settings.join(", ")) }
    }
}

/// Whether a value stands in a text by itself, and not as the beginning or end of a longer name.
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
    for flag in FLAGS.iter().filter(|flag| flag.is_place() && values.is_set(flag.name)) {
        places.extend(values.list(flag.name).into_iter().map(|path| (values.origin(flag.name), path.to_owned())));
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
const RESTRICTIONS: [(&str, &str); 10] = [
    ("ct-log-public-key-path", "the transparency log's timestamps are not verified"),
    ("tls-certificate", "HTTP is served without TLS"),
    ("tls-key", "HTTP is served without TLS"),
    ("grpc-tls-certificate", "gRPC is served without TLS"),
    ("grpc-tls-key", "gRPC is served without TLS"),
    ("rate-limit-per-address", "requests of one address are not limited"),
    ("rate-limit-per-identity", "requests for one identity are not limited"),
    ("single-use-store", "uses of tokens are counted in this process only"),
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
    let settings = FLAGS.iter().filter(with_value).map(|flag| shown(flag, values.text(flag.name))).collect();
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
    let value = if text.is_empty() {
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
    };
    format!("{}={value}", flag.name)
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
mod tests {
    use super::*;
    use crate::config::flags::augment;

    fn effective(args: &[&str]) -> Effective {
        let matches =
            augment(clap::Command::new("serve")).try_get_matches_from(std::iter::once(&"serve").chain(args)).unwrap();
        read(&Values::from_command_line(&matches, &|_| None))
    }

    #[test]
    fn values_are_shown_and_secrets_are_not() {
        let shown = effective(&[
            "--ca=fileca",
            "--fileca-key-passwd=hunter2",
            "--single-use-store=rediss://user:hunter2@redis:6379",
            "--ct-log-url=https://me:hunter2@log.example/2026,http://other",
            "--kms-resource=pkcs11:token=x;object=y?pin-value=hunter2",
            "--fileca-cert=/with a blank\n",
        ])
        .settings;
        for expected in [
            "ca=fileca",
            "port=8080",
            "fileca-key-passwd=(hidden)",
            "single-use-store=rediss://(hidden)@redis:6379",
            "ct-log-url=https://(hidden)@log.example/2026,http://other",
            "kms-resource=pkcs11:token=x;object=y?(hidden)",
            "fileca-cert=\"/with a blank\\n\"",
        ] {
            assert!(shown.iter().any(|setting| setting == expected), "{expected}\n{shown:?}");
        }
        assert!(!shown.join(" ").contains("hunter2"), "{shown:?}");
        assert!(!shown.iter().any(|setting| setting.starts_with("rate-limit")), "{shown:?}");
    }

    #[test]
    fn a_cause_names_the_setting_of_its_file() {
        let settings = effective(&[
            "--fileca-cert=ca/chain.pem",
            "--fileca-key=k",
            "--ct-log-public-key-path=a,b.pem",
            "--port=80",
        ]);
        for (cause, expected) in [
            ("ca/chain.pem cannot be read: no", "--fileca-cert: ca/chain.pem cannot be read: no"),
            ("ca/chain.pem and k do not fit", "--fileca-cert, --fileca-key: ca/chain.pem and k do not fit"),
            ("--fileca-cert: ca/chain.pem", "--fileca-cert: ca/chain.pem"),
            ("b.pem: no key", "--ct-log-public-key-path: b.pem: no key"),
            ("cannot listen on 0.0.0.0:80: taken", "--host, --port: cannot listen on 0.0.0.0:80: taken"),
            ("cannot listen on 0.0.0.0:8081: taken", "--grpc-host, --grpc-port: cannot listen on 0.0.0.0:8081: taken"),
            ("/x/ca/chain.pem, ca/chain.pem.old, key", "/x/ca/chain.pem, ca/chain.pem.old, key"),
        ] {
            assert_eq!(settings.with_settings(cause), expected);
        }
    }

    #[test]
    fn a_restriction_that_was_given_empty_is_said_once() {
        assert_eq!(effective(&[]).given_empty, <[String; 0]>::default());
        let said =
            effective(&["--tls-certificate=", "--tls-key=", "--rate-limit-per-address=", "--ct-log-public-key-path="]);
        assert_eq!(
            said.given_empty,
            [
                "--tls-certificate is empty: HTTP is served without TLS",
                "--rate-limit-per-address is empty: requests of one address are not limited",
            ]
        );
    }
}
