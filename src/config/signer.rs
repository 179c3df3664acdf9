//! Who signs: the settings of each kind of CA (`--ca`), typed.
//!
//! Owns the meaning of these flags and the message for each mistake. Opens no file and reaches no service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::document::{ConfigError, hint};
use super::flags::Values;
use super::settings::{duration, parsed};
use crate::signer::key_password::KeyPassword;
use crate::signer::remote::Bounds;

/// Who signs (`--ca`).
#[derive(Clone, Debug)]
pub enum SignerSettings {
    /// A key in a file.
    File {
        certificate: PathBuf,
        key: PathBuf,
        /// Its password, when one is set.
        password: Option<KeyPassword>,
    },
    /// A throw-away key in memory.
    Ephemeral,
    /// A key in a key management service.
    Kms {
        /// The key's name, such as `awskms:///alias/sigmint`.
        resource: String,
        chain: PathBuf,
        /// How the service is asked.
        bounds: Bounds,
    },
    /// A key in a PKCS#11 token.
    Pkcs11 {
        /// The file that names module, token and PIN.
        config: PathBuf,
        key_label: String,
        chain: Pkcs11Chain,
        /// How the token is asked.
        bounds: Bounds,
    },
    /// A Tink keyset that a key management service decrypts at the start.
    Tink {
        /// The name of the key that decrypts.
        resource: String,
        keyset: PathBuf,
        chain: PathBuf,
    },
    /// Google's Certificate Authority Service, which makes certificates itself.
    Google {
        /// The CA pool.
        parent: String,
        /// How the service is asked.
        bounds: Bounds,
    },
}

/// Where the chain of a key in a PKCS#11 token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pkcs11Chain {
    /// In the token, one certificate with this identifier.
    Token(String),
    File(PathBuf),
}

impl SignerSettings {
    /// The file with the chain, unless that is elsewhere.
    pub fn chain(&self) -> Option<&Path> {
        match self {
            Self::File { certificate: chain, .. }
            | Self::Kms { chain, .. }
            | Self::Tink { chain, .. }
            | Self::Pkcs11 { chain: Pkcs11Chain::File(chain), .. } => Some(chain),
            Self::Pkcs11 { chain: Pkcs11Chain::Token(_), .. } | Self::Ephemeral | Self::Google { .. } => None,
        }
    }

    /// The files that hold a private key, a password or a PIN in clear, if the settings name any. A Tink keyset is encrypted.
    pub fn secrets(&self) -> Vec<&Path> {
        match self {
            Self::File { key, password: Some(KeyPassword::File(password)), .. } => vec![key, password],
            Self::File { key: secret, .. } | Self::Pkcs11 { config: secret, .. } => vec![secret],
            Self::Ephemeral | Self::Kms { .. } | Self::Tink { .. } | Self::Google { .. } => Vec::new(),
        }
    }

    /// The same, with this password where the CA is of files and has none of its own.
    pub(super) fn with_password(self, other: Option<&KeyPassword>) -> Self {
        match self {
            Self::File { certificate, key, password: None } => {
                Self::File { certificate, key, password: other.cloned() }
            }
            own => own,
        }
    }

    /// Every file that the CA is made of.
    pub fn files(&self) -> Vec<&Path> {
        let keyset = match self {
            Self::Tink { keyset, .. } => Some(keyset.as_path()),
            _ => None,
        };
        self.chain().into_iter().chain(self.secrets()).chain(keyset).collect()
    }
}

/// The settings that belong to one CA, which a CA file ([`super::authority_file`]) may have for each of several.
pub(super) const NAMES: [&str; 19] = [
    "ca",
    "fileca-cert",
    "fileca-key",
    "fileca-key-passwd",
    "fileca-key-passwd-file",
    "kms-resource",
    "kms-cert-chain-path",
    "gcp-kms-retries",
    "gcp-kms-timeout",
    "pkcs11-config-path",
    "hsm-caroot-id",
    "hsm-key-label",
    "aws-hsm-root-ca-path",
    "tink-kms-resource",
    "tink-cert-chain-path",
    "tink-keyset-path",
    "gcp_private_ca_parent",
    "signer-timeout",
    "signer-concurrency",
];

/// What `--ca` may be.
const KINDS: [&str; 6] = ["fileca", "kmsca", "pkcs11ca", "tinkca", "googleca", "ephemeralca"];

/// Reads the settings of one CA.
pub(super) fn read(values: &Values) -> Result<SignerSettings, ConfigError> {
    match values.text("ca") {
        "fileca" => Ok(SignerSettings::File {
            certificate: needed(values, "fileca-cert")?.into(),
            key: needed(values, "fileca-key")?.into(),
            password: password(values)?,
        }),
        "ephemeralca" => Ok(SignerSettings::Ephemeral),
        "kmsca" => Ok(SignerSettings::Kms {
            resource: needed(values, "kms-resource")?,
            chain: needed(values, "kms-cert-chain-path")?.into(),
            bounds: bounds(values)?,
        }),
        "pkcs11ca" => Ok(SignerSettings::Pkcs11 {
            config: values.text("pkcs11-config-path").into(),
            key_label: values.text("hsm-key-label").to_owned(),
            chain: pkcs11_chain(values)?,
            bounds: bounds(values)?,
        }),
        "tinkca" => Ok(SignerSettings::Tink {
            resource: needed(values, "tink-kms-resource")?,
            keyset: needed(values, "tink-keyset-path")?.into(),
            chain: needed(values, "tink-cert-chain-path")?.into(),
        }),
        "googleca" => {
            Ok(SignerSettings::Google { parent: needed(values, "gcp_private_ca_parent")?, bounds: bounds(values)? })
        }
        "" => Err(values.fault("ca",
            "must be set",
            "use --ca fileca with --fileca-cert and --fileca-key, or --ca ephemeralca to try out; docs/signers.md has the others",
        )),
        other => {
            Err(values.fault("ca", format!("{other:?} is not a kind of CA"), hint::for_unknown(other, KINDS.into_iter())))
        }
    }
}

/// The password of a file CA's key, in one way or the other.
pub(super) fn password(values: &Values) -> Result<Option<KeyPassword>, ConfigError> {
    let (text, file) = ("fileca-key-passwd", "fileca-key-passwd-file");
    match (values.is_set(text), values.is_set(file)) {
        (true, true) => {
            let message = format!("is set, and {} too", values.origin(text));
            Err(values.fault(file, message, "keep one of the two"))
        }
        (true, false) => Ok(Some(KeyPassword::Text(SecretString::from(values.text(text))))),
        (false, true) => Ok(Some(KeyPassword::File(values.text(file).into()))),
        (false, false) => Ok(None),
    }
}

fn needed(values: &Values, name: &str) -> Result<String, ConfigError> {
    if values.is_set(name) {
        return Ok(values.text(name).to_owned());
    }
    let message = format!("must be set with --ca {}", values.text("ca"));
    Err(values.fault(name, message, format!("add --{name}; docs/signers.md has examples")))
}

/// A file goes before the token, as at Fulcio.
fn pkcs11_chain(values: &Values) -> Result<Pkcs11Chain, ConfigError> {
    if values.is_set("aws-hsm-root-ca-path") {
        return Ok(Pkcs11Chain::File(values.text("aws-hsm-root-ca-path").into()));
    }
    if values.is_set("hsm-caroot-id") {
        return Ok(Pkcs11Chain::Token(values.text("hsm-caroot-id").to_owned()));
    }
    Err(values.fault(
        "hsm-caroot-id",
        "must be set with --ca pkcs11ca, or --aws-hsm-root-ca-path",
        "name the identifier of the CA certificate in the token, or a file with the chain",
    ))
}

/// Fulcio's settings for GCP hold for every remote signer; 0 stands for the default, as there.
fn bounds(values: &Values) -> Result<Bounds, ConfigError> {
    let defaults = Bounds::default();
    let retries: u32 = parsed(values, "gcp-kms-retries", "a number; 0 stands for the default")?;
    let seconds: u64 = parsed(values, "gcp-kms-timeout", "a number of seconds; 0 stands for the default")?;
    let concurrency = parsed(values, "signer-concurrency", "a number from 1 to 1000")?;
    if !(1..=1000).contains(&concurrency) {
        let message = format!("{concurrency} is not a number from 1 to 1000");
        return Err(values.fault("signer-concurrency", message, "64 is the default"));
    }
    let budget = duration(values, "signer-timeout")?;
    Ok(Bounds {
        attempt: if seconds == 0 { defaults.attempt } else { Duration::from_secs(seconds) }.min(budget),
        budget,
        attempts: if retries == 0 { defaults.attempts } else { retries.saturating_add(1) },
        concurrency,
    })
}
