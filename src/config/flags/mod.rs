//! Every setting of `serve`: its name, default and help, once.
//!
//! Owns the table and where a value comes from: command line, then environment, then the settings file, then the default. The names are
//! Fulcio's, so that its charts and unit files work unchanged.

mod admission;
mod audit;
mod values;

use clap::{Arg, ArgAction, Command};

use crate::signer::backend;

pub(crate) use values::Values;

pub(crate) struct Flag {
    /// The name on the command line and in the settings file.
    pub name: &'static str,
    /// What help calls the value.
    value: &'static str,
    pub default: &'static str,
    help: &'static str,
    alias: Option<&'static str>,
}

const fn flag(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Flag {
    Flag { name, value, default, help, alias: None }
}

const fn aliased(mut flag: Flag, alias: &'static str) -> Flag {
    flag.alias = Some(alias);
    flag
}

/// The default list of client signing algorithms; `possession` tests that it is the same.
const CLIENT_SIGNING_ALGORITHMS: &str = "ecdsa-sha2-256-nistp256,ecdsa-sha2-384-nistp384,ecdsa-sha2-512-nistp521,\
rsa-sign-pkcs1-2048-sha256,rsa-sign-pkcs1-3072-sha256,rsa-sign-pkcs1-4096-sha256,ed25519";

/// Where the issuer file is when nothing says otherwise; `.json` is tried next.
pub(crate) const DEFAULT_CONFIG_PATH: &str = "/etc/fulcio-config/config.yaml";

/// Settings by what they are about, in the order of the help text.
const SECTIONS: &[(&str, &[Flag])] = &[
    (
        "Who signs",
        &[
            flag(
                "ca",
                "KIND",
                "",
                "Who signs: fileca, kmsca, pkcs11ca, tinkca, googleca or ephemeralca (for trying out)",
            ),
            flag("fileca-cert", "FILE", "", "fileca: the CA's certificate chain up to the root, PEM"),
            flag(
                "fileca-key",
                "FILE",
                "",
                "fileca: the issuing certificate's private key, PEM (PKCS #8, SEC 1, PKCS #1 or cosign's, encrypted or not)",
            ),
            flag(
                "fileca-key-passwd",
                "TEXT",
                "",
                "fileca: the password of an encrypted key; better set as FULCIO_SERVE_FILECA_KEY_PASSWD or as a file",
            ),
            flag(
                "fileca-key-passwd-file",
                "FILE",
                "",
                "fileca: a file with the password of an encrypted key, whose last line break does not count; read again with the key",
            ),
            flag(
                "fileca-watch",
                "BOOL",
                "true",
                "Load the CA's chain, key and settings again when their files are replaced",
            ),
            flag("certificate-lifetime", "DURATION", "10m", "How long certificates are valid: 10m to 20m"),
            flag(
                "certificate-backdating",
                "DURATION",
                "0s",
                "How far notBefore lies before now, for verifiers whose clocks are slow: 0s to 5m",
            ),
            flag("kms-resource", "NAME", "", "kmsca: the key: {KEYS}"),
            flag("kms-cert-chain-path", "FILE", "", "kmsca: the certificate chain up to the root, PEM"),
            flag("gcp-kms-retries", "NUMBER", "0", "kmsca: how often a call is tried again; 0: 3 times"),
            flag(
                "gcp-kms-timeout",
                "SECONDS",
                "0",
                "kmsca: how long one call may take, within signer-timeout; 0: 2 seconds",
            ),
            flag(
                "pkcs11-config-path",
                "FILE",
                "config/crypto11.conf",
                "pkcs11ca: the JSON file with Path, TokenLabel and Pin",
            ),
            flag("hsm-caroot-id", "ID", "", "pkcs11ca: the identifier of the CA's certificate in the token"),
            flag("hsm-key-label", "LABEL", "PKCS11CA", "pkcs11ca: the label of the CA's key"),
            flag(
                "aws-hsm-root-ca-path",
                "FILE",
                "",
                "pkcs11ca: the certificate chain, PEM, when the token does not hold the CA's certificate",
            ),
            flag(
                "tink-kms-resource",
                "URI",
                "",
                "tinkca: the key that decrypts the keyset: aws-kms://ARN or gcp-kms://NAME",
            ),
            flag("tink-cert-chain-path", "FILE", "", "tinkca: the certificate chain up to the root, PEM"),
            flag("tink-keyset-path", "FILE", "", "tinkca: the encrypted keyset, JSON"),
            flag("gcp_private_ca_parent", "NAME", "", "googleca: the CA pool, projects/P/locations/L/caPools/NAME"),
            flag(
                "signer-timeout",
                "DURATION",
                "4s",
                "How long a signature by a service or device may take, tries and pauses included",
            ),
            flag("signer-concurrency", "NUMBER", "64", "How many signatures a service or device is asked for at once"),
            flag(
                "ca-config",
                "FILE",
                "",
                "In place of --ca: a file with the CA that issues, the next and the retired ones; read again when it changes",
            ),
            flag(
                "trust-config",
                "FILE",
                "",
                "Serve what clients trust this deployment by, below /trust/: a file with the CA's URL and the services that others run",
            ),
        ],
    ),
    (
        "Who is trusted",
        &[
            flag(
                "config-path",
                "FILE",
                DEFAULT_CONFIG_PATH,
                "The trusted issuers, YAML or JSON; without a readable file the server does not start",
            ),
            flag(
                "builtin-issuers",
                "BOOL",
                "false",
                "In place of --config-path: trust the public Sigstore issuers (Google, GitHub Actions, oauth2.sigstore.dev)",
            ),
            flag(
                "strict-config",
                "BOOL",
                "false",
                "Refuse to start when an entry of the issuer file cannot be used, in place of leaving it out",
            ),
            flag(
                "require-https",
                "BOOL",
                "false",
                "Use no issuer that is reached without TLS, whatever the issuer file says",
            ),
            flag(
                "client-signing-algorithms",
                "LIST",
                CLIENT_SIGNING_ALGORITHMS,
                "Which keys and hashes clients may use, comma-separated",
            ),
        ],
    ),
    ("Who may sign", admission::FLAGS),
    (
        "Listeners",
        &[
            aliased(
                flag(
                    "host",
                    "ADDRESS",
                    "0.0.0.0",
                    "Where HTTP is served; 0.0.0.0 and :: are every address of both families",
                ),
                "http-host",
            ),
            aliased(flag("port", "PORT", "8080", "Where HTTP is served"), "http-port"),
            flag("read-header-timeout", "DURATION", "10s", "How long a client may take to send its request headers"),
            flag("idle-connection-timeout", "DURATION", "30s", "How long an idle connection is kept"),
            flag(
                "grpc-host",
                "ADDRESS",
                "0.0.0.0",
                "Where gRPC is served; the same host and port as HTTP's make one listener for both",
            ),
            flag("grpc-port", "PORT", "8081", "Where gRPC is served"),
            flag(
                "grpc-tls-certificate",
                "FILE",
                "",
                "gRPC over TLS 1.3: the certificate chain, PEM, loaded again when it is replaced",
            ),
            flag("grpc-tls-key", "FILE", "", "gRPC over TLS 1.3: the private key, PEM, not encrypted"),
            flag(
                "tls-certificate",
                "FILE",
                "",
                "HTTP over TLS 1.3: the certificate chain, PEM, loaded again when it is replaced; for gRPC too where both have one port",
            ),
            flag("tls-key", "FILE", "", "HTTP over TLS 1.3: the private key, PEM, not encrypted"),
            flag("metrics-host", "ADDRESS", "", "Where Prometheus finds /metrics; none: every address of the machine"),
            flag("metrics-port", "PORT", "2112", "Where Prometheus finds /metrics"),
            flag("legacy-unix-domain-socket", "PATH", "", "Accepted and not used"),
        ],
    ),
    (
        "Transparency logs",
        &[
            flag(
                "ct-log-url",
                "URL",
                "http://localhost:6962/test",
                "The certificate transparency log, with its prefix; several with commas; none: --ct-log-url=\"\"",
            ),
            flag(
                "ct-log-public-key-path",
                "FILE",
                "",
                "The log's public key, PEM, to verify its timestamps with; for several logs as many files with commas",
            ),
            flag("ct-log-origin", "NAME", "", "The Host header for the log, when it is not the URL's"),
            flag(
                "ct-log.tls-ca-cert",
                "FILE",
                "",
                "Certificates to trust for the log's HTTPS besides the system's, PEM",
            ),
            flag(
                "ct-log-quorum",
                "NUMBER",
                "1",
                "How many different logs must take a certificate; as many timestamps are embedded",
            ),
            flag("ct-log-timeout", "DURATION", "4s", "How long the logs may take altogether"),
            flag(
                "ct-log-clock-skew",
                "DURATION",
                "60s",
                "How far a log's timestamp may lie before the request or after the answer: 1s to 24h; beyond it: 503",
            ),
        ],
    ),
    (
        "Limits",
        &[
            flag(
                "max-connections",
                "NUMBER",
                "16384",
                "Connections at the same time; beyond it, the one that has waited longest for its client makes room for a new one",
            ),
            flag(
                "max-http-connections",
                "NUMBER",
                "10600",
                "Connections whose client has begun to speak; HTTP/2 counts twice, TLS adds one; beyond it, as with max-connections",
            ),
            flag(
                "max-connections-per-address",
                "NUMBER",
                "0",
                "Connections of one address (IPv6: /64) at the same time; 0: any number, for servers behind a load balancer",
            ),
            flag("max-requests-in-flight", "NUMBER", "1024", "Requests being served at the same time; beyond it: 503"),
            flag(
                "max-message-bytes",
                "BYTES",
                "262144",
                "The largest request body or gRPC message, 4194304 at most; beyond it: 413",
            ),
            flag(
                "rate-limit-per-address",
                "RATE",
                "",
                "Requests for certificates of one client address (IPv6: /64), like 600/m; beyond it: 429; none: no limit",
            ),
            flag(
                "rate-limit-per-identity",
                "RATE",
                "",
                "Requests for certificates of one identity (issuer and subject), like 60/m; beyond it: 429; none: no limit",
            ),
            flag(
                "trusted-proxies",
                "LIST",
                "",
                "Addresses and networks (CIDR) of proxies whose word on the client's address counts; none: the connection's other end counts",
            ),
            flag(
                "client-address-header",
                "NAME",
                "x-forwarded-for",
                "The header in which trusted proxies say it: x-forwarded-for or forwarded",
            ),
            flag(
                "single-use-store",
                "URL",
                "",
                "Where tokens' uses are counted (max-certificates-per-token in the issuer file): redis://HOST:PORT or rediss://HOST:PORT, \
Redis or Valkey; none: in memory, for one replica only",
            ),
            flag(
                "single-use-store-password-file",
                "FILE",
                "",
                "A file with the store's password; a user name stands in the URL",
            ),
            flag(
                "single-use-store-ca-cert",
                "FILE",
                "",
                "Certificates to trust for rediss:// besides the system's, PEM",
            ),
            flag("single-use-timeout", "DURATION", "1s", "How long the store may take to answer"),
            flag(
                "single-use-failure",
                "KIND",
                "closed",
                "When uses cannot be counted: closed (refuse, 503) or open (let the token pass)",
            ),
        ],
    ),
    ("What is recorded", audit::FLAGS),
    (
        "What is logged",
        &[flag(
            "log_type",
            "KIND",
            "dev",
            "The form of the log: dev (for people), prod (JSON), or zap (JSON with the member names of Fulcio's)",
        )],
    ),
];

/// Every setting.
pub(crate) fn all() -> impl Iterator<Item = &'static Flag> {
    SECTIONS.iter().flat_map(|(_, flags)| flags.iter())
}

/// The names with underscores as the others are written.
const DASHED: [(&str, &str); 2] = [("log_type", "log-type"), ("gcp_private_ca_parent", "gcp-private-ca-parent")];

/// Settings of earlier releases of Fulcio: taken wherever a setting is, and not read.
pub(super) const DEPRECATED: &[&str] = &["gcp_private_ca_version"];

/// The deprecated setting of this name, in any of its spellings.
pub(super) fn deprecated(name: &str) -> Option<&'static str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "-");
    DEPRECATED.iter().copied().find(|known| plain(known) == plain(name))
}

/// What is said of a deprecated setting that was given.
pub(super) fn is_deprecated(origin: &str) -> String {
    format!("{origin} is deprecated and not read: remove it")
}

/// The flag of this name, in any of its spellings.
pub(crate) fn find(name: &str) -> Option<&'static Flag> {
    let normal = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "-");
    all().find(|flag| normal(flag.name) == normal(name) || flag.alias.is_some_and(|alias| alias == normal(name)))
}

/// Adds the flags to a command. Further words are tolerated, as Fulcio tolerates them.
pub(crate) fn augment(command: Command) -> Command {
    let keys = backend::forms();
    let sections = SECTIONS.iter().flat_map(|(heading, flags)| flags.iter().map(move |flag| (*heading, flag)));
    let command = sections.fold(command, |command, (heading, flag)| {
        let arg = Arg::new(flag.name)
            .long(flag.name)
            .value_name(flag.value)
            .help(help(flag, &keys))
            .help_heading(heading)
            .num_args(1)
            .allow_hyphen_values(true);
        let arg =
            if flag.is_truth() { arg.num_args(0..=1).require_equals(true).default_missing_value("true") } else { arg };
        // `--log-type`: two of Fulcio's names have underscores, which nobody remembers.
        let dashed = DASHED.iter().find(|(name, _)| *name == flag.name).map(|(_, dashed)| *dashed);
        let arg = dashed.into_iter().fold(arg, Arg::alias);
        command.arg(flag.alias.into_iter().fold(arg, Arg::visible_alias).overrides_with(flag.name))
    });
    let old = |name: &&'static str| Arg::new(*name).long(*name).num_args(1).hide(true).overrides_with(*name);
    let command = command.args(DEPRECATED.iter().map(old));
    let file = Arg::new("config")
        .long("config")
        .short('c')
        .overrides_with("config")
        .value_name("FILE")
        .help("All of these settings in one file: YAML, JSON, TOML (.toml) or variables (.env)");
    command.arg(file).arg(Arg::new("words").num_args(0..).hide(true).action(ArgAction::Append))
}

impl Flag {
    /// Whether the value is true or false, and may be left out.
    pub(super) fn is_truth(&self) -> bool {
        self.value == "BOOL"
    }

    /// Whether the value says where something is: a file, a key in a service.
    pub(super) fn is_place(&self) -> bool {
        self.value == "FILE"
            || ["kms-resource", "tink-kms-resource", "gcp_private_ca_parent", "policy-path"].contains(&self.name)
    }

    pub(super) fn is_duration(&self) -> bool {
        self.value == "DURATION"
    }

    /// Whether a variable's value is none of ours: `tcp://10.0.0.1:80`, which Kubernetes sets for a service called `fulcio-serve`.
    pub(super) fn is_service_link(&self, text: &str) -> bool {
        self.value == "PORT" && is_service_link(text)
    }

    pub(super) fn is_secret(&self) -> bool {
        self.name == "fileca-key-passwd"
    }

    /// The environment variable's name behind `FULCIO_SERVE_`, as we write it.
    pub(super) fn variable(&self) -> String {
        self.name.to_ascii_uppercase().replace(['-', '.'], "_")
    }

    /// Every such name that is read, in order: with underscores, as the flag is written, and the alias.
    pub(super) fn variables(&self) -> impl Iterator<Item = String> + use<> {
        let alias = self.alias.map(|alias| alias.to_ascii_uppercase().replace('-', "_"));
        [Some(self.variable()), Some(self.name.to_ascii_uppercase()), alias].into_iter().flatten()
    }
}

fn help(flag: &Flag, keys: &str) -> String {
    let help = flag.help.replace("{KEYS}", keys);
    if flag.default.is_empty() { help } else { format!("{help} [default: {}]", flag.default) }
}

/// Whether it has the form of what Kubernetes puts into the environment for each service.
pub(super) fn is_service_link(text: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme))
}

#[cfg(test)]
mod tests;
