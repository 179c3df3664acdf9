//! One more extension at the end of a linted TBSCertificate: the poison of a precertificate or the list of SCTs (RFC 6962 section 3).
//!
//! Owns the surgery on the DER. Precertificate and certificate are both made from the same linted bytes, so that they cannot differ in
//! anything but that extension; [`remove_last`] shows it, by decoding, before either is signed.

use der::asn1::AnyRef;
use der::{Decode, Encode, Header, Length, Reader, SliceReader, Tag, TagNumber, Tagged, Writer};

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
fn elements(octets: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut reader = SliceReader::new(octets)?;
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
