//! Public keys that the operator has blocked, no matter who holds them: known to be leaked, or of a device that is lost.
//!
//! Owns the list's form: the SHA-256 of a key's DER SubjectPublicKeyInfo in hexadecimal, one a line, with `#` comments. Knows no file.

use super::KeyHash;

/// The keys, by hash. The default blocks none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedKeys {
    hashes: Vec<KeyHash>,
}

/// A line that is not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not the SHA-256 of a public key: 64 hexadecimal digits")]
pub struct BlockedKeysError {
    /// From 1.
    pub line: usize,
}

impl BlockedKeys {
    /// Reads a list.
    ///
    /// Errors: The first line that is not a hash: with a part of the list nobody would know which keys are blocked.
    pub fn parse(list: &[u8]) -> Result<Self, BlockedKeysError> {
        let list = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
        let mut hashes = Vec::new();
        for (before, line) in list.split(|byte| *byte == b'\n').enumerate() {
            let entry = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
            if !entry.is_empty() {
                let hash = std::str::from_utf8(entry).ok().and_then(|digits| digits.parse().ok());
                hashes.push(hash.ok_or(BlockedKeysError { line: before + 1 })?);
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        Ok(Self { hashes })
    }

    /// How many keys are blocked.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether no key is blocked.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether a key of this hash is blocked.
    pub(crate) fn contains(&self, hash: &KeyHash) -> bool {
        self.hashes.binary_search(hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_list_has_hashes_and_comments() {
        let upper = ONE.to_uppercase();
        let other = ONE.replace("00", "01");
        let list = format!("\u{feff}# leaked\r\n{ONE}\r\n\n  {upper}  # the same\n\t{other}#x\n#");
        assert_eq!(BlockedKeys::parse(list.as_bytes()).unwrap().len(), 2);
        assert!(BlockedKeys::parse(b"").unwrap().is_empty());
        assert!(BlockedKeys::parse(b"# nothing\n\n").unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_not_a_hash_is_named() {
        let short = &ONE[1..];
        let colons = "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44";
        for bad in [short, &format!("{ONE}0"), &format!("{ONE} {ONE}"), &ONE.replace('0', "g"), colons, "\u{e9}"] {
            assert_eq!(
                BlockedKeys::parse(format!("{ONE}\n{bad}\n").as_bytes()),
                Err(BlockedKeysError { line: 2 }),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_listed_key_is_found_and_no_other() {
        let blocked = BlockedKeys::parse(format!("{ONE}\n{}", ONE.replace("00", "01")).as_bytes()).unwrap();
        assert!(blocked.contains(&ONE.parse().unwrap()));
        assert!(!blocked.contains(&ONE.replace("00", "02").parse().unwrap()));
        assert!(!BlockedKeys::default().contains(&ONE.parse().unwrap()));
    }

    proptest! {
        #[test]
        fn reading_never_panics(list in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = BlockedKeys::parse(&list);
        }
    }
}
