//! The encodings of an answer's body (RFC 9110 section 8.4).
//!
//! Nobody is asked for any. Some static hosts keep their files compressed and serve them like that to everybody.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::{BodyError, read_body};
use crate::text::peer_text::PeerText;

/// Why an answer's document was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    Broken(reqwest::Error),
    /// As it was sent, or once inflated.
    TooLong,
    /// As [`Undecoded::Unknown`].
    UnknownEncoding(PeerText),
    /// As [`Undecoded::Broken`].
    BrokenGzip(PeerText),
}

/// The document of an answer, of at most `most` bytes both as it was sent and inflated.
pub(crate) async fn read_document(mut response: Response, most: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    read_body(&mut response, most, &mut body).await.map_err(|error| match error {
        BodyError::Broken(error) => Unread::Broken(error),
        BodyError::TooLong => Unread::TooLong,
    })?;
    decoded(response.headers(), body, most).map_err(|undecoded| match undecoded {
        Undecoded::TooLong => Unread::TooLong,
        Undecoded::Unknown(encoding) => Unread::UnknownEncoding(encoding),
        Undecoded::Broken(cause) => Unread::BrokenGzip(cause),
    })
}

/// Why a body cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
enum Undecoded {
    /// Another encoding than gzip, or more than one.
    Unknown(PeerText),
    /// Not the gzip that it is said to be.
    Broken(PeerText),
    /// Longer than a document may be, once inflated.
    TooLong,
}

/// The document inside of a body, of at most `most` bytes.
fn decoded(headers: &HeaderMap, body: Vec<u8>, most: usize) -> Result<Vec<u8>, Undecoded> {
    let listed =
        headers.get_all(CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut encodings = listed.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty() && !is(name, "identity"));
    let encoding = match (encodings.next(), encodings.next()) {
        (None, _) => return Ok(body),
        (Some(one), None) => one,
        (Some(_), Some(second)) => return Err(Undecoded::Unknown(name(second))),
    };
    if !is(encoding, "gzip") && !is(encoding, "x-gzip") {
        return Err(Undecoded::Unknown(name(encoding)));
    }
    let mut inflated = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let length = MultiGzDecoder::new(body.as_slice()).take(limit).read_to_end(&mut inflated);
    match length {
        Err(error) => Err(Undecoded::Broken(PeerText::of(error))),
        Ok(length) if length > most => Err(Undecoded::TooLong),
        Ok(_) => Ok(inflated),
    }
}

fn is(encoding: &[u8], name: &str) -> bool {
    encoding.eq_ignore_ascii_case(name.as_bytes())
}

fn name(encoding: &[u8]) -> PeerText {
    PeerText::of(String::from_utf8_lossy(encoding))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use reqwest::header::HeaderValue;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(encodings: &[&'static str], body: &[u8]) -> Result<Vec<u8>, Undecoded> {
        let headers = encodings.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value))).collect();
        decoded(&headers, body.to_vec(), 1000)
    }

    #[test]
    fn gzip_is_inflated_and_nothing_else_is_guessed() {
        let document = br#"{"keys": []}"#;
        for plain in [&[][..], &["identity"], &[""], &["identity, Identity"]] {
            assert_eq!(decode(plain, document).unwrap(), document);
        }
        for zipped in [&["gzip"][..], &["GZIP"], &["x-gzip"], &["identity, gzip"], &[" gzip ", ""]] {
            assert_eq!(decode(zipped, &gzip(document)).unwrap(), document, "{zipped:?}");
        }
        for unknown in [&["br"][..], &["deflate"], &["zstd"], &["gzip, gzip"], &["gzip", "br"]] {
            assert!(matches!(decode(unknown, &gzip(document)), Err(Undecoded::Unknown(_))), "{unknown:?}");
        }
    }

    #[test]
    fn a_body_that_inflates_beyond_the_limit_is_not_read_to_its_end() {
        assert_eq!(decode(&["gzip"], &gzip(&[b' '; 1000])).unwrap().len(), 1000);
        assert_eq!(decode(&["gzip"], &gzip(&[b' '; 1001])), Err(Undecoded::TooLong));
        assert_eq!(decode(&["gzip"], &gzip(&vec![b' '; 100_000_000])), Err(Undecoded::TooLong));
        let whole = gzip(b"{}");
        for broken in [&whole[..whole.len() - 1], b"{}", b"", &[whole.as_slice(), b"x"].concat()] {
            assert!(matches!(decode(&["gzip"], broken), Err(Undecoded::Broken(_))), "{broken:?}");
        }
    }
}
