//! Subject alternative names of certificates that may be anybody's, for people.
//!
//! Owns the words. Names that are to be written into a certificate are in `identity::san`.

use std::net::IpAddr;

use der::asn1::AnyRef;
use der::{Decode as _, Tag, Tagged as _};
use serde::Serialize;
use x509_parser::extensions::GeneralName;

use crate::identity::extensions::OTHER_NAME;

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlternativeName {
    /// `email`, `uri`, `username`, `dns`, ..
    pub kind: &'static str,
    /// The name itself.
    pub value: String,
}

impl AlternativeName {
    pub(crate) fn of(name: &GeneralName<'_>) -> Self {
        let (kind, value) = match name {
            GeneralName::RFC822Name(text) => ("email", (*text).to_owned()),
            GeneralName::URI(text) => ("uri", (*text).to_owned()),
            GeneralName::DNSName(text) => ("dns", (*text).to_owned()),
            GeneralName::OtherName(oid, value) => other_name(&oid.to_id_string(), value),
            GeneralName::IPAddress(bytes) => ("ip", ip_address(bytes)),
            GeneralName::DirectoryName(name) => ("directory", name.to_string()),
            GeneralName::RegisteredID(oid) => ("registeredId", oid.to_id_string()),
            GeneralName::X400Address(any) | GeneralName::EDIPartyName(any) => ("other", hex::encode(any.data)),
            GeneralName::Invalid(_, bytes) => ("invalid", hex::encode(bytes)),
        };
        Self { kind, value }
    }
}

/// The text of a DER `UTF8String` that fills the bytes.
pub(crate) fn utf8_string(der: &[u8]) -> Option<&str> {
    let value = AnyRef::from_der(der).ok()?;
    if value.tag() == Tag::Utf8String { std::str::from_utf8(value.value()).ok() } else { None }
}

/// The value of an `otherName` is `[0] EXPLICIT` (RFC 5280 section 4.2.1.6).
fn other_name(oid: &str, value: &[u8]) -> (&'static str, String) {
    if oid == OTHER_NAME.to_string() {
        let inner = AnyRef::from_der(value).ok();
        let text = utf8_string(value).or_else(|| utf8_string(inner?.value()));
        if let Some(text) = text {
            return ("username", text.to_owned());
        }
    }
    ("otherName", format!("{oid} {}", hex::encode(value)))
}

fn ip_address(bytes: &[u8]) -> String {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.map_or_else(|_| hex::encode(bytes), |address| address.to_string())
}
