//! The CA file (`--ca-config`): which CA issues, and which others clients are told to trust.
//!
//! Owns reading it. It is read again at each change, so the flags of one CA stand in it instead of on the command line.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::flags::{self, Values};
use super::settings::SettingsError;
use super::settings_file::Entries;
use super::signer::{self, SignerSettings};
use crate::signer::key_password::KeyPassword;

#[derive(Clone, Debug)]
pub(crate) struct AuthorityFile {
    pub active: SignerSettings,
    /// Will issue one day, and are trusted already.
    pub next: Vec<Trusted>,
    /// Do not issue any more; what they issued is verified with them.
    pub retired: Vec<PathBuf>,
}

/// A CA that does not issue yet.
#[derive(Clone, Debug)]
pub(crate) enum Trusted {
    /// Its chain is all that is known.
    Chain(PathBuf),
    /// Its signer is known as well, and is tried whenever the file is read.
    Signer(SignerSettings),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    active: Entries,
    #[serde(default)]
    next: Vec<Entries>,
    #[serde(default)]
    retired: Vec<Entries>,
}

impl AuthorityFile {
    /// Every file that the CAs are made of.
    pub(crate) fn files(&self) -> Vec<&Path> {
        let next = self.next.iter().flat_map(|next| match next {
            Trusted::Chain(path) => vec![path.as_path()],
            Trusted::Signer(settings) => settings.files(),
        });
        self.active.files().into_iter().chain(next).chain(self.retired.iter().map(PathBuf::as_path)).collect()
    }

    /// Reads a CA file, YAML or JSON. The password is for key files whose entries have none.
    pub(crate) fn parse(path: &Path, text: &[u8], password: Option<&KeyPassword>) -> Result<Self, SettingsError> {
        let origin = path.display().to_string();
        let refused = |error: serde_yaml::Error| {
            SettingsError::new(&origin, error.to_string(), "see config/ca.yaml for an example")
        };
        let document: Document = serde_yaml::from_slice(text).map_err(refused)?;
        let active = signer(document.active, &format!("{origin} › active"))?.with_password(password);
        let next = document.next.into_iter().enumerate().map(|(index, entries)| {
            let origin = format!("{origin} › next[{index}]");
            match chain_only(&entries) {
                Some(path) => Ok(Trusted::Chain(path)),
                None => Ok(Trusted::Signer(signer(entries, &origin)?.with_password(password))),
            }
        });
        let retired = document.retired.into_iter().enumerate().map(|(index, entries)| {
            chain_only(&entries).ok_or_else(|| {
                let hint = "a CA that does not issue any more needs its certificates only: `- chain: FILE`";
                SettingsError::new(format!("{origin} › retired[{index}]"), "is not of the form `chain: FILE`", hint)
            })
        });
        Ok(Self { active, next: next.collect::<Result<_, _>>()?, retired: retired.collect::<Result<_, _>>()? })
    }
}

/// The path of an entry that has nothing but a `chain`.
fn chain_only(entries: &Entries) -> Option<PathBuf> {
    match entries.0.as_slice() {
        [(name, path)] if name == "chain" && !path.is_empty() => Some(path.into()),
        _ => None,
    }
}

fn signer(entries: Entries, origin: &str) -> Result<SignerSettings, SettingsError> {
    let mut values = Values::within(origin);
    for (name, text) in entries.0 {
        let flag = flags::find(&name).filter(|flag| signer::NAMES.contains(&flag.name)).ok_or_else(|| {
            let hint = format!("a CA has these settings: {}", signer::NAMES.join(", "));
            SettingsError::new(origin, format!("{name}: no such setting of a CA"), hint)
        })?;
        if values.is_given(flag.name) {
            return Err(SettingsError::new(origin, format!("{name}: duplicate key"), "leave out one of the two"));
        }
        values.add_from_file(flag, text, format!("{origin} › {name}"));
    }
    match signer::read(&values)? {
        SignerSettings::Ephemeral => {
            let hint = "leave the file out and use --ca ephemeralca to try out";
            Err(SettingsError::new(origin, "ephemeralca makes another CA whenever the file is read", hint))
        }
        settings => Ok(settings),
    }
}

#[cfg(test)]
mod tests;
