//! One entry as the log's journal has it.

use crate::ct::TlsReader;

/// The longest thing that an entry is found by, in bytes.
const MAX_KEY: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// When it was taken in, in seconds since 1970.
    pub(super) integrated: u64,
    /// What the entry is found by.
    pub(super) index_keys: Vec<String>,
    /// What is logged.
    pub(super) body: Vec<u8>,
}

impl Record {
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let keys: Vec<&String> = self.index_keys.iter().filter(|key| key.len() <= MAX_KEY).collect();
        let count = u16::try_from(keys.len()).ok()?.to_be_bytes();
        let mut bytes = [&self.integrated.to_be_bytes()[..], &count].concat();
        for key in keys {
            bytes.extend(u16::try_from(key.len()).ok()?.to_be_bytes());
            bytes.extend(key.as_bytes());
        }
        bytes.extend(&self.body);
        Some(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = TlsReader(bytes);
        let integrated = u64::from_be_bytes(reader.array()?);
        let count = u16::from_be_bytes(reader.array()?);
        let keys = (0..count).map(|_| String::from_utf8(reader.opaque_16()?.to_vec()).ok());
        let index_keys = keys.collect::<Option<_>>()?;
        Some(Self { integrated, index_keys, body: reader.0.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for (index_keys, body) in [(vec![], ""), (vec!["a".to_owned(), String::new(), "\u{e9}".repeat(300)], "{}")] {
            let record = Record { integrated: 1_795_000_000, index_keys, body: body.into() };
            let bytes = record.to_bytes().unwrap();
            assert_eq!(Record::from_bytes(&bytes), Some(record.clone()));
            let head = bytes.len() - body.len();
            for length in 0..head {
                assert_eq!(Record::from_bytes(&bytes[..length]), None, "{length}");
            }
        }
        let long = Record { integrated: 0, index_keys: vec!["k".repeat(MAX_KEY + 1)], body: vec![1] };
        assert!(Record::from_bytes(&long.to_bytes().unwrap()).unwrap().index_keys.is_empty(), "found by less");
    }
}
