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
            return Err(SettingsError::new(origin, format!("{name}: stands twice"), "leave out one of the two"));
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
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn parse(text: &str) -> Result<AuthorityFile, String> {
        AuthorityFile::parse(Path::new("ca.yaml"), text.as_bytes(), None).map_err(|error| error.to_string())
    }

    #[test]
    fn active_next_and_retired_are_read() {
        let file = parse(
            "active: {ca: kmsca, kms-resource: 'awskms:///alias/b', kms-cert-chain-path: b.pem, signer-timeout: 3s}\n\
             next: [{chain: c.pem}, {ca: fileca, fileca-cert: d.pem, fileca-key: d.key}]\n\
             retired:\n- chain: a.pem\n",
        )
        .unwrap();
        let SignerSettings::Kms { resource, chain, bounds } = &file.active else { panic!("{:?}", file.active) };
        assert_eq!(
            (resource.as_str(), chain.to_str(), bounds.budget.as_secs()),
            ("awskms:///alias/b", Some("b.pem"), 3)
        );
        assert!(matches!(&file.next[..], [Trusted::Chain(_), Trusted::Signer(SignerSettings::File { .. })]));
        assert_eq!(file.retired, [PathBuf::from("a.pem")]);
    }

    #[test]
    fn each_mistake_names_its_place() {
        for (text, place) in [
            ("", "ca.yaml"),
            ("next: []", "active"),
            ("active: {ca: fileca}", "ca.yaml › active › fileca-cert"),
            ("active: {ca: ephemeralca}", "another CA whenever"),
            ("active: {ca: googleca, CA: fileca}", "stands twice"),
            ("active: {ca: googleca, port: 1}", "port: no such setting of a CA"),
            ("active: {ca: googleca}\nactive: {ca: googleca}", "duplicate"),
            ("active: {ca: googleca}\nold: []", "old"),
            ("active: {ca: googleca, gcp_private_ca_parent: x}\nnext: [{}]", "ca.yaml › next[0]"),
            ("active: {ca: googleca, gcp_private_ca_parent: x}\nretired: [{ca: googleca}]", "ca.yaml › retired[0]"),
            ("active: {ca: googleca, gcp_private_ca_parent: x}\nretired: [{chain: }]", "ca.yaml › retired[0]"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(place) && error.contains("hint:"), "{text}: {error}");
        }
    }

    #[test]
    fn each_key_has_its_own_password_or_the_servers() {
        let text = "active: {ca: fileca, fileca-cert: a.pem, fileca-key: a.key, fileca-key-passwd-file: a.pw}\n\
                    next: [{ca: fileca, fileca-cert: b.pem, fileca-key: b.key},\n\
                    {ca: fileca, fileca-cert: c.pem, fileca-key: c.key, fileca-key-passwd: own}]\n";
        let servers = KeyPassword::Text("servers".into());
        let file = AuthorityFile::parse(Path::new("ca.yaml"), text.as_bytes(), Some(&servers)).unwrap();
        let password = |settings: &SignerSettings| match settings {
            SignerSettings::File { password: Some(KeyPassword::Text(text)), .. } => text.expose_secret().to_owned(),
            SignerSettings::File { password: Some(KeyPassword::File(path)), .. } => path.display().to_string(),
            other => panic!("{other:?}"),
        };
        let next: Vec<String> = file
            .next
            .iter()
            .map(|next| match next {
                Trusted::Signer(settings) => password(settings),
                Trusted::Chain(path) => panic!("{}", path.display()),
            })
            .collect();
        assert_eq!((password(&file.active).as_str(), next), ("a.pw", vec!["servers".to_owned(), "own".to_owned()]));
        assert!(file.files().contains(&Path::new("a.pw")), "a new password is read when it is put there");
        assert_eq!(file.active.secrets(), [Path::new("a.key"), Path::new("a.pw")]);
        let both =
            "active: {ca: fileca, fileca-cert: a, fileca-key: b, fileca-key-passwd: c, fileca-key-passwd-file: d}";
        let error = parse(both).unwrap_err();
        assert!(error.contains("fileca-key-passwd-file") && error.contains("keep one"), "{error}");
    }

    #[test]
    fn the_example_is_valid() {
        parse(include_str!("../../config/ca.yaml")).unwrap();
    }
}
