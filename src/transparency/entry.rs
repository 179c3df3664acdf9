//! From the bytes of certificates to what a log's promise is over.
//!
//! Owns taking the two extensions away that a log does not sign (RFC 6962 section 3.2). Refuses to know who asks.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Header, Length, Reader, SliceReader, Tag, TagNumber, Tagged, Writer};

/// The extension that makes a precertificate (section 3.1).
pub const POISON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.3");
/// The extension with the logs' promises (section 3.3).
pub const TIMESTAMP_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// `[3] EXPLICIT Extensions` (RFC 5280 section 4.1).
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };

/// A DER `TBSCertificate` without the poison and without the list of timestamps, everything else octet for octet.
///
/// # Errors
/// When the bytes are no `TBSCertificate`.
pub fn logged_tbs(tbs: &[u8]) -> der::Result<Vec<u8>> {
    let mut fields = Vec::with_capacity(tbs.len());
    for field in elements(AnyRef::from_der(tbs)?.value())? {
        let value = AnyRef::from_der(field)?;
        if value.tag() != EXTENSIONS {
            fields.extend_from_slice(field);
            continue;
        }
        let mut kept = Vec::new();
        for extension in elements(AnyRef::from_der(value.value())?.value())? {
            let first = elements(AnyRef::from_der(extension)?.value())?.first().copied().unwrap_or_default();
            if ![POISON, TIMESTAMP_LIST].contains(&ObjectIdentifier::from_der(first)?) {
                kept.extend_from_slice(extension);
            }
        }
        fields.extend(wrap(EXTENSIONS, &wrap(Tag::Sequence, &kept)?)?);
    }
    wrap(Tag::Sequence, &fields)
}

/// DER elements that stand one after the other.
fn elements(octets: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut reader = SliceReader::new(octets)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.tlv_bytes()?);
    }
    Ok(found)
}

fn wrap(tag: Tag, content: &[u8]) -> der::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(content.len() + 8);
    Header::new(tag, Length::try_from(content.len())?).encode(&mut out)?;
    out.write(content)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence of a serial number and extensions with these object identifiers.
    fn tbs(oids: &[ObjectIdentifier]) -> Vec<u8> {
        let extension = |oid: &ObjectIdentifier| wrap(Tag::Sequence, &[oid.to_der().unwrap(), vec![4, 1, 7]].concat());
        let list: Vec<u8> = oids.iter().flat_map(|oid| extension(oid).unwrap()).collect();
        let extensions = wrap(EXTENSIONS, &wrap(Tag::Sequence, &list).unwrap()).unwrap();
        wrap(Tag::Sequence, &[&[2, 1, 5][..], &extensions].concat()).unwrap()
    }

    #[test]
    fn both_extensions_go_wherever_they_stand_and_nothing_else_does() {
        let (one, other) = (ObjectIdentifier::new_unwrap("2.5.29.15"), ObjectIdentifier::new_unwrap("2.5.29.17"));
        let plain = tbs(&[one, other]);
        for oids in [&[one, other][..], &[POISON, one, other], &[one, TIMESTAMP_LIST, other], &[one, other, POISON]] {
            assert_eq!(logged_tbs(&tbs(oids)).unwrap(), plain, "{oids:?}");
        }
        assert_ne!(logged_tbs(&tbs(&[one])).unwrap(), plain);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for octets in [&b""[..], &[0x30], &[0x30, 2, 0xa3, 5], &[0x30, 6, 0xa3, 4, 0x30, 2, 0x30, 0]] {
            assert!(logged_tbs(octets).is_err(), "{octets:?}");
        }
    }
}
