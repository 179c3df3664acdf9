//! Owns the protobuf messages of a decrypted keyset, as far as signing needs them: `google.crypto.tink`, `tink.proto` and the
//! private keys' own files.
//!
//! Refuses to know what they mean. Key material is wiped when a message is dropped, and never printed.

use std::fmt;

use prost::{Enumeration, Message};
use zeroize::Zeroize as _;

#[derive(Message)]
pub(super) struct Keyset {
    #[prost(uint32, tag = "1")]
    pub(super) primary_key_id: u32,
    #[prost(message, repeated, tag = "2")]
    pub(super) keys: Vec<Key>,
}

#[derive(Message)]
pub(super) struct Key {
    #[prost(message, optional, tag = "1")]
    pub(super) data: Option<KeyData>,
    #[prost(enumeration = "Status", tag = "2")]
    pub(super) status: i32,
    #[prost(uint32, tag = "3")]
    pub(super) id: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(super) enum Status {
    Unknown = 0,
    Enabled = 1,
    Disabled = 2,
    Destroyed = 3,
}

#[derive(Message)]
#[prost(skip_debug)]
pub(super) struct KeyData {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Message)]
#[prost(skip_debug)]
pub(super) struct EcdsaPrivateKey {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) public_key: Option<EcdsaPublicKey>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) value: Vec<u8>,
}

#[derive(Message)]
pub(super) struct EcdsaPublicKey {
    #[prost(message, optional, tag = "2")]
    pub(super) params: Option<EcdsaParams>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) x: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) y: Vec<u8>,
}

/// Its hash and encoding are not read: certificates have their own.
#[derive(Message)]
pub(super) struct EcdsaParams {
    #[prost(enumeration = "CurveType", tag = "2")]
    pub(super) curve: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(super) enum CurveType {
    Unknown = 0,
    NistP256 = 2,
    NistP384 = 3,
    NistP521 = 4,
}

#[derive(Message)]
#[prost(skip_debug)]
pub(super) struct Ed25519PrivateKey {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub(super) public_key: Option<Ed25519PublicKey>,
}

#[derive(Message)]
pub(super) struct Ed25519PublicKey {
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Message)]
#[prost(skip_debug)]
pub(super) struct RsaSsaPkcs1PrivateKey {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) public_key: Option<RsaSsaPkcs1PublicKey>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) d: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) p: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) q: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) dp: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) dq: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(super) coefficient: Vec<u8>,
}

#[derive(Message)]
pub(super) struct RsaSsaPkcs1PublicKey {
    #[prost(bytes = "vec", tag = "3")]
    pub(super) modulus: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) exponent: Vec<u8>,
}

/// Wipes the named fields when a message is dropped, and prints none.
macro_rules! secret {
    ($message:ident, $($field:ident),+) => {
        impl Drop for $message {
            fn drop(&mut self) {
                $(self.$field.zeroize();)+
            }
        }

        impl fmt::Debug for $message {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    };
}

secret!(KeyData, value);
secret!(EcdsaPrivateKey, value);
secret!(Ed25519PrivateKey, value);
secret!(RsaSsaPkcs1PrivateKey, d, p, q, dp, dq, coefficient);
