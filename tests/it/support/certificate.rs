//! Reading certificates back, with another decoder than the one that wrote them.

use std::fmt::Write as _;

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Parses a whole certificate.
pub fn parse(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty(), "bytes follow the certificate");
    certificate
}

/// Whether the certificate names the other as its issuer, byte for byte, and is signed with its key.
pub fn is_issued_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let (certificate, issuer) = (parse(certificate), parse(issuer));
    let algorithm: &dyn VerificationAlgorithm = match certificate.signature_algorithm.algorithm.to_id_string().as_str()
    {
        "1.2.840.10045.4.3.2" => &signature::ECDSA_P256_SHA256_ASN1,
        "1.2.840.10045.4.3.3" => &signature::ECDSA_P384_SHA384_ASN1,
        "1.2.840.10045.4.3.4" => &signature::ECDSA_P521_SHA512_ASN1,
        "1.2.840.113549.1.1.11" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "1.3.101.112" => &signature::ED25519,
        other => panic!("signed with {other}"),
    };
    let key = UnparsedPublicKey::new(algorithm, &issuer.public_key().subject_public_key.data);
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && certificate.signature_algorithm == certificate.tbs_certificate.signature
        && key.verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data).is_ok()
}

/// Asserts that each certificate was issued by the next and the last by itself.
pub fn assert_chain(certificates: &[Vec<u8>]) {
    for (position, certificate) in certificates.iter().enumerate() {
        let issuer = certificates.get(position + 1).unwrap_or(certificate);
        assert!(is_issued_by(certificate, issuer), "certificate {position} of {}", certificates.len());
    }
}

/// The extensions in their order: identifier, criticality, value in hexadecimal or, where it is readable, as text.
pub fn extensions(der: &[u8]) -> Vec<(String, bool, String)> {
    let certificate = parse(der);
    let one = |extension: &x509_parser::extensions::X509Extension<'_>| {
        (extension.oid.to_id_string(), extension.critical, value_text(extension.value))
    };
    certificate.extensions().iter().map(one).collect()
}

/// A value as text: raw text as it is, a UTF8String with its quotes, everything else in hexadecimal.
fn value_text(value: &[u8]) -> String {
    if let Ok((rest, text)) = x509_parser::der_parser::asn1_rs::Utf8String::from_der(value)
        && rest.is_empty()
    {
        return format!("UTF8String {:?}", text.string());
    }
    match std::str::from_utf8(value) {
        Ok(text) if !text.is_empty() && !text.contains(char::is_control) => format!("raw {text:?}"),
        _ => hex(value),
    }
}

/// Everything in a certificate, a line each, for people who compare two.
pub fn dump(der: &[u8]) -> String {
    let certificate = parse(der);
    let mut text = format!(
        "version {}\nserial {}\nsignature algorithm {}\nissuer {}\nnot before {}\nnot after {}\nsubject {:?}\nkey {}\n",
        certificate.version().0 + 1,
        hex(certificate.raw_serial()),
        certificate.signature_algorithm.algorithm.to_id_string(),
        certificate.issuer(),
        certificate.validity().not_before,
        certificate.validity().not_after,
        certificate.subject().to_string(),
        hex(certificate.public_key().raw),
    );
    for (oid, critical, value) in extensions(der) {
        let critical = if critical { " critical" } else { "" };
        let _ = writeln!(text, "{oid}{critical} = {value}");
    }
    for name in subject_alternative_names(&certificate) {
        let _ = writeln!(text, "name {name}");
    }
    text
}

/// The subject alternative names, in words.
pub fn subject_alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let Some(names) = certificate.subject_alternative_name().unwrap() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::RFC822Name(address) => format!("email {address}"),
        GeneralName::URI(uri) => format!("URI {uri}"),
        GeneralName::OtherName(oid, value) => {
            let text = value.iter().rev().take_while(|byte| byte.is_ascii_graphic()).count();
            format!("other {oid} {}", String::from_utf8_lossy(&value[value.len() - text..]))
        }
        other => format!("{other:?}"),
    };
    names.value.general_names.iter().map(text).collect()
}
