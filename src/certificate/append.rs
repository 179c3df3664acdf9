//! One more extension at the end of a linted TBSCertificate: the poison of a precertificate or the list of SCTs (RFC 6962 section 3).
//!
//! Owns the surgery on the DER. Precertificate and certificate are both made from the same linted bytes, so that they cannot differ in
//! anything but that extension; [`remove_last`] shows it, by decoding, before either is signed.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Header, Length, Reader, SliceReader, Tag, TagNumber, Tagged, Writer};

use super::compose::{POISON, TIMESTAMPS};

/// Appends a DER Extension to the extensions of a TBSCertificate, its last field.
pub(super) fn append(tbs: &[u8], extension: &[u8]) -> der::Result<Vec<u8>> {
    let (before, extensions) = split(tbs)?;
    let list = wrap(Tag::Sequence, &[extensions, extension])?;
    let tagged = wrap(EXTENSIONS, &[&list])?;
    wrap(Tag::Sequence, &[before, &tagged])
}

/// The TBSCertificate without its last extension.
pub(super) fn remove_last(tbs: &[u8]) -> der::Result<Vec<u8>> {
    let (before, extensions) = split(tbs)?;
    let last = elements(extensions)?.pop().ok_or_else(|| Tag::Sequence.value_error())?;
    let kept = extensions.get(..extensions.len() - last.len()).unwrap_or_default();
    let tagged = wrap(EXTENSIONS, &[&wrap(Tag::Sequence, &[kept])?])?;
    wrap(Tag::Sequence, &[before, &tagged])
}

/// What a log signs (RFC 6962 section 3.2): a DER `TBSCertificate` without the poison and without the list of timestamps, everything else byte for byte.
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
            if ![POISON, TIMESTAMPS].contains(&ObjectIdentifier::from_der(first)?) {
                kept.extend_from_slice(extension);
            }
        }
        fields.extend(wrap(EXTENSIONS, &[&wrap(Tag::Sequence, &[&kept])?])?);
    }
    wrap(Tag::Sequence, &[&fields])
}

/// `[3] EXPLICIT Extensions` (RFC 5280 section 4.1).
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };

/// The fields before the extensions, and the extensions one after the other.
fn split(tbs: &[u8]) -> der::Result<(&[u8], &[u8])> {
    let fields = AnyRef::from_der(tbs)?.value();
    let tagged = *elements(fields)?.last().ok_or_else(|| Tag::Sequence.value_error())?;
    let before = fields.get(..fields.len() - tagged.len()).unwrap_or_default();
    let outer = AnyRef::from_der(tagged)?;
    if outer.tag() != EXTENSIONS {
        return Err(outer.tag().unexpected_error(Some(EXTENSIONS)).into());
    }
    Ok((before, AnyRef::from_der(outer.value())?.value()))
}

/// DER elements that stand one after the other.
fn elements(bytes: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut reader = SliceReader::new(bytes)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.tlv_bytes()?);
    }
    Ok(found)
}

fn wrap(tag: Tag, parts: &[&[u8]]) -> der::Result<Vec<u8>> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(length + 8);
    Header::new(tag, Length::try_from(length)?).encode(&mut out)?;
    for part in parts {
        out.write(part)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence of a serial number and extensions with these object identifiers.
    fn tbs(oids: &[ObjectIdentifier]) -> Vec<u8> {
        let extension = |oid: &ObjectIdentifier| wrap(Tag::Sequence, &[&oid.to_der().unwrap(), &[4, 1, 7]]);
        let list: Vec<u8> = oids.iter().flat_map(|oid| extension(oid).unwrap()).collect();
        let extensions = wrap(EXTENSIONS, &[&wrap(Tag::Sequence, &[&list]).unwrap()]).unwrap();
        wrap(Tag::Sequence, &[&[2, 1, 5], &extensions]).unwrap()
    }

    #[test]
    fn both_extensions_go_wherever_they_stand_and_nothing_else_does() {
        let (one, other) = (ObjectIdentifier::new_unwrap("2.5.29.15"), ObjectIdentifier::new_unwrap("2.5.29.17"));
        let plain = tbs(&[one, other]);
        for oids in [&[one, other][..], &[POISON, one, other], &[one, TIMESTAMPS, other], &[one, other, POISON]] {
            assert_eq!(logged_tbs(&tbs(oids)).unwrap(), plain, "{oids:?}");
        }
        assert_ne!(logged_tbs(&tbs(&[one])).unwrap(), plain);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for bytes in [&b""[..], &[0x30], &[0x30, 2, 0xa3, 5], &[0x30, 6, 0xa3, 4, 0x30, 2, 0x30, 0]] {
            assert!(logged_tbs(bytes).is_err(), "{bytes:?}");
        }
    }
}
