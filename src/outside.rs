//! What every client of other servers has in common.
//!
//! Owns our name towards them, the question whether they are on this machine, the cap on what they answer and the words for how they
//! fail. Knows neither issuers nor logs.

pub mod encoding;

use reqwest::{Certificate, Response, Url};
use url::Host;

use crate::peer_text::PeerText;
use crate::pem;

/// How we name ourselves.
pub const USER_AGENT: &str = concat!("sigmint/", env!("CARGO_PKG_VERSION"));

/// Whether the URL's host is this machine: no proxy can reach it for us.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The certificates of a PEM file, to trust when other servers are asked; keys and comments beside them are passed over.
///
/// # Errors
/// Why there is none, or a damaged one.
pub fn trusted_certificates(content: &[u8]) -> Result<Vec<Certificate>, String> {
    let found = pem::certificates(content).map_err(|error| error.to_string())?;
    let read = found.ders.iter().map(|der| Certificate::from_der(der).map_err(|error| error.to_string()));
    match read.collect::<Result<Vec<_>, _>>()? {
        none if none.is_empty() => Err("there is no PEM certificate in it".to_owned()),
        some => Ok(some),
    }
}

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    /// It broke off.
    Broken(reqwest::Error),
    /// It is longer than allowed.
    TooLong,
}

/// Reads an answer's body behind what is in `body` already, which gets no longer than `most` octets.
///
/// # Errors
/// [`BodyError`]; `body` then holds a part.
pub async fn read_body(response: &mut Response, most: usize, body: &mut Vec<u8>) -> Result<(), BodyError> {
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > most {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

/// The library's error down to its cause, because the outermost says only that a request failed; without the URL, which may hold secrets.
/// Bounded: the cause may list every name of a peer's certificate.
#[must_use]
pub fn reason(error: reqwest::Error) -> PeerText {
    PeerText::of_error(&error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_to_trust_are_found_in_whatever_is_around_them() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        let file =
            [b"\xef\xbb\xbfM\xfcnchen\n", key.serialize_pem().as_bytes(), certificate.repeat(2).as_bytes()].concat();
        assert_eq!(trusted_certificates(&file).unwrap().len(), 2);
        for (none, said) in
            [(&b""[..], "no PEM certificate"), (b"hello", "no PEM block"), (&file[..file.len() - 30], "END line")]
        {
            let error = trusted_certificates(none).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn loopback_in_every_form_and_nothing_else() {
        for (url, expected) in [
            ("http://127.0.0.1:80/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://localhost.example.com/", false),
            ("http://10.0.0.1/", false),
            ("http://127.0.0.1.example.com/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
