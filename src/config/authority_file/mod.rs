//! The CA file (`--ca-config`): which CA issues, and which others clients are told to trust.
//!
//! Owns reading it. It is read again at each change, so the flags of one CA stand in it instead of on the command line.

use std::path::{Path, PathBuf};

use super::document::{self, ConfigError, Document, Field, Foreign, Record, Setting, Shape, hint};
use super::flags::{self, Values};
use super::settings_file::{self, Entry};
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

/// The keys of a CA file.
const FILE: &[Setting] = &[
    Setting::new("active", "active", Shape::Other),
    Setting::new("next", "next", Shape::Other),
    Setting::new("retired", "retired", Shape::Other),
];

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
    pub(crate) fn parse(path: &Path, text: &[u8], password: Option<&KeyPassword>) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let document = Document::yaml(&file, document::utf8(&file, text)?)?;
        let record = Record::read(&document.root(), FILE, Foreign::Refused)?;
        let Some(active) = record.get("active") else {
            return Err(record
                .place
                .fault("active is missing", "say which CA issues; see config/ca.yaml for an example"));
        };
        let next = list(&record, "next")?.into_iter().map(|field| match chain_only(&field)? {
            Some(path) => Ok(Trusted::Chain(path)),
            None => Ok(Trusted::Signer(signer(&field)?.with_password(password))),
        });
        let retired = list(&record, "retired")?.into_iter().map(|field| {
            chain_only(&field)?.ok_or_else(|| {
                let hint = "a CA that does not issue any more needs its certificates only: `- chain: FILE`";
                field.place.fault("is not of the form `chain: FILE`", hint)
            })
        });
        Ok(Self {
            active: signer(active)?.with_password(password),
            next: next.collect::<Result<_, _>>()?,
            retired: retired.collect::<Result<_, _>>()?,
        })
    }
}

fn list<'t>(record: &Record<'t>, key: &str) -> Result<Vec<Field<'t>>, ConfigError> {
    match record.get(key) {
        Some(field) if !field.is_list() => Err(field.wrong_kind("a list", "write a - before each CA")),
        field => Ok(field.map(Field::items).unwrap_or_default()),
    }
}

/// The path of an entry that has nothing but a `chain`.
fn chain_only(field: &Field<'_>) -> Result<Option<PathBuf>, ConfigError> {
    Ok(match settings_file::entries(field)?.as_slice() {
        [Entry { name, text, .. }] if name == "chain" && !text.is_empty() => Some(text.into()),
        _ => None,
    })
}

fn signer(field: &Field<'_>) -> Result<SignerSettings, ConfigError> {
    let mut values = Values::within(&field.place);
    for Entry { name, text, place } in settings_file::entries(field)? {
        let flag = flags::find(&name).filter(|flag| signer::NAMES.contains(&flag.name)).ok_or_else(|| {
            place.key().fault("no such setting of a CA", hint::for_unknown(&name, signer::NAMES.into_iter()))
        })?;
        if values.is_given(flag.name) {
            return Err(place.key().fault("duplicate key", "leave out one of the two"));
        }
        values.add_from_file(flag, text, place);
    }
    match signer::read(&values)? {
        SignerSettings::Ephemeral => {
            let hint = "leave the file out and use --ca ephemeralca to try out";
            Err(field.place.fault("ephemeralca makes another CA whenever the file is read", hint))
        }
        settings => Ok(settings),
    }
}

#[cfg(test)]
mod tests;
