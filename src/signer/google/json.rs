//! Owns the forms that all of Google's JSON shares (protobuf JSON mapping): 64-bit numbers as strings, bytes in base64, errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, Crc};
use serde::{Deserialize, Deserializer, Serializer};
use zeroize::{Zeroize as _, Zeroizing};

use crate::signer::remote::RemoteError;

/// `{"error": ..}` (AIP-193).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorAnswer {
    pub(super) error: ErrorBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    pub(super) status: Option<String>,
    pub(super) message: String,
}

/// With its table, which is made once.
static CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// A CRC-32C as an Int64Value: a string, and a number from some servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum(pub(crate) i64);

impl Checksum {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(CRC_32C.checksum(bytes).into())
    }

    /// Compares what came with its checksum. Google has the answer thrown away and the call made again if they differ.
    pub(crate) fn check(found: Option<Self>, bytes: &[u8], what: &str) -> Result<(), RemoteError> {
        match found {
            Some(checksum) if checksum == Self::of(bytes) => Ok(()),
            Some(_) => Err(RemoteError::Unreachable(format!("{what} was damaged on the way (CRC-32C)").into())),
            None => Err(RemoteError::Unusable(format!("{what} came without its CRC-32C").into())),
        }
    }
}

impl serde::Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// Bytes, which may be secret: wiped when dropped, never shown.
#[derive(Clone, Default)]
pub(crate) struct Bytes(pub(crate) Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(&text);
        text.zeroize();
        bytes.map(|bytes| Self(Zeroizing::new(bytes))).map_err(|_| serde::de::Error::custom("no base64"))
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
