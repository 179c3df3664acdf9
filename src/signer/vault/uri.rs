//! Owns the names of keys as an operator writes them. Knows no server.

use crate::signer::backend::KeyUri;

/// A name's first part. Both mean the same protocol.
const SCHEMES: [&str; 2] = ["hashivault://", "openbao://"];
/// The longest name of a key, in bytes.
const LONGEST_KEY: usize = 128;

/// `hashivault://KEY[?version=N]`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The key's name in the engine.
    pub key: String,
    /// From 1; the latest one if it is not said.
    pub version: Option<u32>,
}

impl KeyUri for Reference {
    const FORM: &'static str = "hashivault://KEY or hashivault://KEY?version=N: KEY is the key's name in the transit engine, of ASCII \
        letters, digits and _ - . between them; the engine's path goes into TRANSIT_SECRET_ENGINE_PATH";

    fn parse(name: &str) -> Result<Self, &'static str> {
        let rest = SCHEMES.iter().find_map(|scheme| name.strip_prefix(scheme));
        let rest = rest.ok_or("it begins with neither hashivault:// nor openbao://")?;
        let (key, query) = rest.split_once('?').map_or((rest, None), |(key, query)| (key, Some(query)));
        if !is_key_name(key) {
            return Err("a transit key cannot have this name");
        }
        let version = match query {
            None => None,
            Some(query) => Some(version_of(query).ok_or("after the ? stands only version=N, from 1")?),
        };
        Ok(Self { key: key.to_owned(), version })
    }
}

fn version_of(query: &str) -> Option<u32> {
    let digits = query.strip_prefix("version=")?;
    // `parse` alone takes a sign.
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    number.filter(|number| *number > 0)
}

/// As Vault has it, so that a name cannot be a path: it begins and ends with a letter, a digit or `_`.
fn is_key_name(key: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = key.as_bytes();
    bytes.len() <= LONGEST_KEY
        && bytes.first().is_some_and(word)
        && bytes.last().is_some_and(word)
        && bytes.iter().all(|byte| word(byte) || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str) -> (String, Option<u32>) {
        let reference = Reference::parse(name).unwrap();
        (reference.key, reference.version)
    }

    #[test]
    fn a_name_has_a_key_and_perhaps_a_version() {
        assert_eq!(parsed("hashivault://fulcio"), ("fulcio".into(), None));
        assert_eq!(parsed("openbao://a"), ("a".into(), None));
        assert_eq!(parsed("hashivault://my-key_1.v2?version=12"), ("my-key_1.v2".into(), Some(12)));
    }

    #[test]
    fn what_could_be_a_path_or_means_nothing_is_refused() {
        for name in [
            "awskms:///key",
            "hashivault:/key",
            "hashivault://",
            "hashivault://..",
            "hashivault://-key",
            "hashivault://key.",
            "hashivault://a/b",
            "hashivault://a%2Fb",
            "hashivault://clé",
            "hashivault://key?",
            "hashivault://key?version=",
            "hashivault://key?version=0",
            "hashivault://key?version=+1",
            "hashivault://key?version=1&version=2",
            "hashivault://key?version=4294967296",
            "hashivault://key?v=1",
        ] {
            let error = Reference::read(name).unwrap_err();
            assert!(error.hint.contains("hashivault://KEY?version=N"), "{name}: {error:?}");
        }
        assert!(Reference::parse(&format!("hashivault://{}", "k".repeat(LONGEST_KEY + 1))).is_err());
    }
}
