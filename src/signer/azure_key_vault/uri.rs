//! Owns the names of keys in a vault: `azurekms://VAULT/KEY` and `azurekms://VAULT/KEY/VERSION`, the vault as its host name.
//!
//! Refuses to know which clouds there are: any host that the operator names is asked.

use reqwest::Url;

use crate::http::is_plain;
use crate::signer::backend::KeyUri;

const SCHEME: &str = "azurekms://";
/// The longest name that a key may have in a vault.
const MAX_KEY_NAME: usize = 127;

/// A key's name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyName {
    /// `https://VAULT/`, with a port if one was given.
    pub(super) vault: Url,
    pub(super) key: String,
    /// Without it, the newest one at the time of opening.
    pub(super) version: Option<String>,
}

impl KeyUri for KeyName {
    const FORM: &'static str = "azurekms://NAME.vault.azure.net/KEY or azurekms://NAME.vault.azure.net/KEY/VERSION";

    fn parse(name: &str) -> Result<Self, &'static str> {
        let rest = name.strip_prefix(SCHEME).ok_or("it does not begin with azurekms://")?;
        let (vault, path) = rest.split_once('/').ok_or("it has no key after the vault")?;
        let (key, version) = match path.split_once('/') {
            Some((key, version)) => (key, Some(version).filter(|version| !version.is_empty())),
            None => (path, None),
        };
        let of_key = |text: &str| text.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
        if key.is_empty() || key.len() > MAX_KEY_NAME || !of_key(key) {
            return Err("the key's name is not 1 to 127 letters, digits and hyphens");
        }
        if version.is_some_and(|version| !is_version(version)) {
            return Err("the key's version is not letters and digits");
        }
        Ok(Self { vault: vault_url(vault)?, key: key.to_owned(), version: version.map(str::to_owned) })
    }
}

impl KeyName {
    /// The first label of the host: what the `az` command calls the vault.
    pub(super) fn vault_name(&self) -> &str {
        self.vault.host_str().and_then(|host| host.split('.').next()).unwrap_or_default()
    }
}

/// Whether a string can be a version: it becomes a part of URLs.
pub(super) fn is_version(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphanumeric())
}

fn vault_url(host: &str) -> Result<Url, &'static str> {
    const NO_HOST: &str = "the vault is not a host name";
    if !host.contains(['.', ':']) {
        return Err("the vault is not the whole host name, such as NAME.vault.azure.net");
    }
    let url = Url::parse(&format!("https://{host}/")).map_err(|_| NO_HOST)?;
    let named = url.path() == "/" && url.host_str().is_some_and(|host| !host.is_empty());
    if named && is_plain(&url) { Ok(url) } else { Err(NO_HOST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_cloud_with_and_without_a_version_are_read() {
        for (name, vault, key, version) in [
            ("azurekms://v1.vault.azure.net/ca", "https://v1.vault.azure.net/", "ca", None),
            ("azurekms://v1.vault.azure.net/ca/", "https://v1.vault.azure.net/", "ca", None),
            ("azurekms://v1.vault.azure.cn/ca-2/0a1b", "https://v1.vault.azure.cn/", "ca-2", Some("0a1b")),
            ("azurekms://hsm.managedhsm.azure.net/CA", "https://hsm.managedhsm.azure.net/", "CA", None),
            ("azurekms://v1.vault.usgovcloudapi.net:8443/ca", "https://v1.vault.usgovcloudapi.net:8443/", "ca", None),
        ] {
            let read = KeyName::parse(name).unwrap();
            assert_eq!((read.vault.as_str(), read.key.as_str(), read.version.as_deref()), (vault, key, version));
        }
        assert_eq!(KeyName::parse("azurekms://v1.vault.azure.net/ca").unwrap().vault_name(), "v1");
    }

    #[test]
    fn what_could_reach_another_path_or_host_is_refused() {
        for name in [
            "awskms:///alias/ca",
            "azurekms://v1.vault.azure.net",
            "azurekms://v1.vault.azure.net/",
            "azurekms:///ca",
            "azurekms://v1/ca",
            "azurekms://me@v1.vault.azure.net/ca",
            "azurekms://v1.vault.azure.net?x/ca",
            "azurekms://v1.vault.azure.net/ca?x",
            "azurekms://v1.vault.azure.net/../ca",
            "azurekms://v1.vault.azure.net/ca/1/sign",
            "azurekms://v1.vault.azure.net/ca/..",
            "azurekms://v1.vault.azure.net/c%61",
        ] {
            assert!(KeyName::parse(name).is_err(), "{name}");
        }
        assert!(KeyName::parse(&format!("azurekms://v1.vault.azure.net/{}", "k".repeat(128))).is_err());
    }
}
