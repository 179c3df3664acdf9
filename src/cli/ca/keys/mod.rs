//! Where a CA's key is: in a file, a token or a service; and how it gets there.
//!
//! Owns the form of `--key` and passwords. A key that is there is used as it is; files and tokens get a new one otherwise.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::app::keys;
use crate::authority::ca_profile::CaKey;
use crate::authority::file::read_key;
use crate::cli::error::CommandError;
use crate::cli::files::{self, shown};
use crate::crypto::KeyKind;
use crate::failure::with_sources;
use crate::files::{self as operator_files, MAX_FILE_BYTES};
use crate::signer::backend;
use crate::signer::key_file::{NewKey, generate};
use crate::signer::key_password::{KeyPassword, without_line_break};
use crate::signer::remote::{Bounds, RemoteSigner};

/// A tool that people wait for may wait longer than a server with clients.
pub(super) const BOUNDS: Bounds =
    Bounds { attempt: Duration::from_secs(20), budget: Duration::from_mins(1), attempts: 4, concurrency: 1 };
/// The variable with the password of key files.
pub(super) const PASSWORD: &str = "SIGMINT_CA_PASSWORD";

/// Whether and how key files are encrypted.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct PasswordArgs {
    /// The file with the password of key files, without its last line break; or set SIGMINT_CA_PASSWORD
    #[arg(long, value_name = "FILE", conflicts_with = "unencrypted")]
    password_file: Option<PathBuf>,
    /// Write key files that are not encrypted
    #[arg(long)]
    unencrypted: bool,
}

/// What protects key files.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Password {
    secret: Option<SecretString>,
    unencrypted: bool,
}

impl PasswordArgs {
    pub(super) fn read(&self) -> Result<Password, CommandError> {
        if self.unencrypted {
            return Ok(Password { secret: None, unencrypted: true });
        }
        Password::of_file_or_variable(self.password_file.as_deref())
    }
}

impl Password {
    /// The password of the file, or else of the variable, if there is one.
    pub(in crate::cli) fn of_file_or_variable(file: Option<&Path>) -> Result<Self, CommandError> {
        let variable = || std::env::var(PASSWORD).ok().filter(|text| !text.is_empty()).map(SecretString::from);
        let secret = file.map(from_file).transpose()?.or_else(variable);
        Ok(Self { secret, unencrypted: false })
    }
}

fn from_file(path: &Path) -> Result<SecretString, CommandError> {
    let refused = |problem: String| CommandError::usage(format!("--password-file: {problem}"));
    let content = operator_files::read(path, MAX_FILE_BYTES).map_err(|error| refused(with_sources(&error)))?;
    let text = std::str::from_utf8(&content).map_err(|_| refused(format!("{} is not UTF-8", shown(path))))?;
    let text = without_line_break(text);
    if text.is_empty() { Err(refused(format!("{} is empty", shown(path)))) } else { Ok(text.into()) }
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum KeyPlace {
    File(PathBuf),
    /// A name that [`keys::open`] knows.
    Named(String),
}

/// Names that people write without the scheme of their service, and what they mean.
const UNSCHEMED: [(&str, &str); 6] = [
    ("arn:", "awskms:///arn:aws:kms:.."),
    ("alias/", "awskms:///alias/NAME"),
    ("projects/", "gcpkms://projects/.."),
    ("key/", "awskms:///KEY-ID"),
    ("mrk-", "awskms:///mrk-.."),
    ("transit/", "hashivault://KEY"),
];

impl KeyPlace {
    /// Reads a key's name. What looks like the name of a key elsewhere is never taken for a new file of that name.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, CommandError> {
        let path = Path::new(text);
        if text.starts_with(['/', '.']) || path.symlink_metadata().is_ok() {
            return Ok(Self::File(text.into()));
        }
        let refused = |hint: String| {
            let text = without_pin(text);
            let message = format!("{text:?} is neither the name of a key in a service or token nor a path");
            Err(CommandError::usage(message).hint(format!("{hint}; a file of that name is ./{text}")))
        };
        if let Some((_, meant)) = UNSCHEMED.iter().find(|(start, _)| text.starts_with(start)) {
            return refused(format!("write {meant}"));
        }
        match text.split_once(':') {
            Some(("pkcs11", _)) => Ok(Self::Named(text.to_owned())),
            Some((_, rest)) if rest.starts_with("//") && backend::of_name(text).is_some() => {
                Ok(Self::Named(text.to_owned()))
            }
            // One letter is a drive.
            Some((scheme, _)) if scheme.len() > 1 && scheme.chars().all(is_of_scheme) => {
                refused(format!("write {}", backend::forms()))
            }
            _ => Ok(Self::File(text.into())),
        }
    }
}

fn is_of_scheme(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')
}

/// A key's name without what may hold a PIN.
fn without_pin(name: &str) -> &str {
    let (scheme, _) = name.split_once(':').unwrap_or((name, ""));
    if scheme.eq_ignore_ascii_case("pkcs11") { name.split_once('?').map_or(name, |(shown, _)| shown) } else { name }
}

/// A key's name and where it is, for people.
fn located(name: &str) -> String {
    let place = backend::of_name(name).map_or("", |backend| backend.place);
    format!("{} ({place})", without_pin(name))
}

/// A key, and the file that it still has to be written to.
#[derive(Debug)]
pub(in crate::cli) struct FoundKey {
    pub(in crate::cli) key: CaKey,
    pub(super) file: Option<(PathBuf, Zeroizing<String>)>,
    /// For messages.
    pub(in crate::cli) place: String,
}

/// The key that is there; or a new one, where one can be made.
pub(super) async fn find_or_make(
    place: KeyPlace,
    algorithm: KeyKind,
    password: &Password,
) -> Result<FoundKey, CommandError> {
    match place {
        KeyPlace::File(path) if path.symlink_metadata().is_err() => in_new_file(path, algorithm, password),
        KeyPlace::Named(name) if keys::can_make(&name) => {
            let key = keys::open_or_make(&name, algorithm).await?;
            Ok(FoundKey { key: remote(key), file: None, place: located(&name) })
        }
        place => find(place, password).await,
    }
}

/// The key that is there.
pub(in crate::cli) async fn find(place: KeyPlace, password: &Password) -> Result<FoundKey, CommandError> {
    match place {
        KeyPlace::File(path) => {
            let secret = password.secret.clone().map(KeyPassword::Text);
            let signer = read_key(&path, secret.as_ref()).map_err(|error| {
                CommandError::usage(with_sources(&error))
                    .hint(format!("the password is set with --password-file or {PASSWORD}"))
            })?;
            let spki_der = signer.spki_der().map_err(|error| CommandError::failed(error.to_string()))?;
            let place = format!("{} (the file that was there)", shown(&path));
            Ok(FoundKey { key: CaKey { spki_der, signer: Arc::new(signer) }, file: None, place })
        }
        KeyPlace::Named(name) => {
            let key = keys::open(&name).await?;
            Ok(FoundKey { key: remote(key), file: None, place: located(&name) })
        }
    }
}

fn remote(key: Arc<dyn crate::signer::remote::RemoteKey>) -> CaKey {
    let spki_der = key.public_key().spki_der().to_vec();
    CaKey { spki_der, signer: Arc::new(RemoteSigner::new(key, BOUNDS)) }
}

fn in_new_file(path: PathBuf, algorithm: KeyKind, password: &Password) -> Result<FoundKey, CommandError> {
    if password.secret.is_none() && !password.unencrypted {
        return Err(CommandError::usage(format!("no password for the new key file {}", shown(&path))).hint(format!(
            "set {PASSWORD} or --password-file, or say --unencrypted where the disk or the secret store protects it"
        )));
    }
    files::must_not_exist(&path)?;
    let failed = |error: &dyn std::error::Error| CommandError::failed(error.to_string());
    let made: NewKey = generate(algorithm.signature_algorithm()).map_err(|error| failed(&error))?;
    let text = made.to_pem(password.secret.as_ref()).map_err(|error| failed(&error))?;
    let spki_der = made.signer.spki_der().map_err(|error| failed(&error))?;
    let key = CaKey { spki_der, signer: Arc::new(made.signer) };
    let place = format!("{} (a new file)", shown(&path));
    Ok(FoundKey { key, file: Some((path, text)), place })
}

#[cfg(test)]
mod tests;
