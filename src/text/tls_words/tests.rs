use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible};

use super::*;

#[test]
fn the_library_s_names_become_words() {
    let other = CertificateError::Other(OtherError(Arc::new(std::io::Error::other("x"))));
    for (error, expected) in [
        (
            Error::InvalidCertificate(CertificateError::UnknownIssuer),
            "invalid peer certificate: unknown issuer (no authority that is trusted here signed it)",
        ),
        (Error::InvalidCertificate(CertificateError::BadEncoding), "invalid peer certificate: bad encoding"),
        (
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            "the other side ended the TLS connection: handshake failure (no cipher suite in common; TLS 1.2 with CBC is not spoken here)",
        ),
        (
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
            "peer is incompatible: server does not support tls12 or13 (TLS 1.2 is the oldest that is spoken here)",
        ),
        (
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            "what came is not TLS: invalid content type (does the port speak http?)",
        ),
    ] {
        let before = format!("GET https://a: {error}");
        assert_eq!(in_words(before.clone()), format!("GET https://a: {expected}"), "{before}");
        assert_eq!(in_words(in_words(before.clone())), in_words(before), "twice is once");
    }
    let shown = in_words(Error::InvalidCertificate(other).to_string());
    assert!(!shown.contains("OtherError"), "{shown}");
}

#[test]
fn what_stands_around_stays() {
    for (text, expected) in [
        (
            "a: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity)): b",
            "a: invalid peer certificate: ca used as end entity (it is a certificate authority's, not a server's, and not itself among those that are trusted): b",
        ),
        (
            "invalid peer certificate: UnsupportedSignatureAlgorithmContext { id: [1, 2], known: [X(\"\")] }; b",
            "invalid peer certificate: unsupported signature algorithm; b",
        ),
        (
            "invalid peer certificate: certificate not valid for name \"a\"",
            "invalid peer certificate: certificate not valid for name \"a\"",
        ),
        ("peer misbehaved: ", "peer misbehaved: "),
        ("received fatal alert: Unknown(255)", "the other side ended the TLS connection: Unknown(255)"),
        ("nothing of it", "nothing of it"),
        ("invalid peer certificate: Other(OtherError(é", "invalid peer certificate: Other(OtherError(é"),
    ] {
        assert_eq!(in_words(text.to_owned()), expected);
    }
}
