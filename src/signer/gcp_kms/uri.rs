//! Owns the names of keys in Cloud KMS: which strings are names, and the path that each stands for.

use crate::signer::backend::{BackendError, KeyUri};
use crate::signer::google::is_name_part;

const TINK_FORM: &str = "gcp-kms://projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY";

/// A key, and perhaps one of its versions. Every part is one that Google could have given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyName {
    project: String,
    location: String,
    ring: String,
    key: String,
    version: Option<String>,
}

impl KeyUri for KeyName {
    const FORM: &'static str =
        "gcpkms://projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY[/cryptoKeyVersions/N]";

    fn parse(name: &str) -> Result<Self, &'static str> {
        name.strip_prefix("gcpkms://").and_then(Self::of_path).ok_or("no key in Cloud KMS has it")
    }
}

impl KeyName {
    fn of_path(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let (["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key], rest) =
            parts.split_first_chunk::<8>()?
        else {
            return None;
        };
        let version = match rest {
            [] => None,
            ["cryptoKeyVersions" | "versions", version] => Some((*version).to_owned()),
            _ => return None,
        };
        let all = [project, location, ring, key].into_iter().copied().chain(version.as_deref());
        if !all.into_iter().all(is_name_part) {
            return None;
        }
        let [project, location, ring, key] = [project, location, ring, key].map(|part| (*part).to_owned());
        Some(Self { project, location, ring, key, version })
    }

    /// The path of the key.
    pub(super) fn key(&self) -> String {
        let Self { project, location, ring, key, .. } = self;
        format!("projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{key}")
    }

    /// The path of the version, if one is named.
    pub(super) fn version(&self) -> Option<String> {
        self.version.as_ref().and_then(|number| self.with_version(number))
    }

    /// The path of a version; nothing if that is not a number of one.
    pub(super) fn with_version(&self, number: &str) -> Option<String> {
        is_name_part(number).then(|| format!("{}/cryptoKeyVersions/{number}", self.key()))
    }

    /// The version's number, if one is named.
    pub(super) fn number(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The key as gcloud is told of it: with `--key`.
    pub(super) fn flags(&self) -> String {
        format!("--key {} {}", self.key, self.ring_flags())
    }

    /// The key ring as gcloud is told of it.
    pub(super) fn ring_flags(&self) -> String {
        format!("--keyring {} --location {} --project {}", self.ring, self.location, self.project)
    }
}

/// Reads `gcp-kms://..`, as Tink names keys: without a version.
pub(super) fn key_of_tink(name: &str) -> Result<KeyName, BackendError> {
    let key = name.strip_prefix("gcp-kms://").and_then(KeyName::of_path).filter(|key| key.version.is_none());
    key.ok_or_else(|| {
        BackendError::refused("not the name of a key: no key in Cloud KMS has it", format!("write {TINK_FORM}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";

    #[test]
    fn a_version_may_be_named_in_two_ways_or_not_at_all() {
        let parse = |end: &str| KeyName::parse(&format!("gcpkms://{KEY}{end}")).unwrap();
        assert_eq!((parse("").key().as_str(), parse("").version()), (KEY, None));
        for end in ["/cryptoKeyVersions/7", "/versions/7"] {
            assert_eq!(parse(end).version(), Some(format!("{KEY}/cryptoKeyVersions/7")));
        }
        assert_eq!(key_of_tink(&format!("gcp-kms://{KEY}")).unwrap().key(), KEY);
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_form() {
        for name in [
            "",
            KEY,
            "gcpkms://",
            "awskms:///alias/x",
            "gcpkms://projects/p/locations/global/keyRings/r",
            "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/",
            "gcpkms://projects/../locations/global/keyRings/r/cryptoKeys/k",
            "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k?x=y",
            "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/",
            "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1/publicKey",
            "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/latest/1",
        ] {
            assert_eq!(&KeyName::read(name).unwrap_err().hint[..22], "write gcpkms://project", "{name}");
        }
        for name in [format!("gcpkms://{KEY}"), format!("gcp-kms://{KEY}/cryptoKeyVersions/1")] {
            assert!(key_of_tink(&name).is_err(), "{name}");
        }
    }
}
