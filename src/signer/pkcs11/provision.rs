//! Owns putting things into a token: a new key pair that never leaves it, and a CA certificate.
//!
//! Refuses to overwrite, and to know what the certificate says.

use std::time::Duration;

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, CertificateType, ObjectClass};
use cryptoki::session::Session;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::remote::{OpenError, RemotePublicKey};
use super::attach::{Access, Token};
use super::error::Fault;
use super::options::{KeySelector, Pkcs11Options};
use super::{apart, objects};
use crate::crypto::KeyKind;

/// How long a token may take to make a key: RSA-4096 takes small ones minutes.
const GENERATING: Duration = Duration::from_mins(5);

/// Makes a key pair in the token, which may only sign and never leaves it, and answers with its public half. The key that
/// the options name has no part in this.
pub async fn generate_key_pair(
    options: &Pkcs11Options,
    kind: KeyKind,
    label: &str,
    id: &[u8],
) -> Result<RemotePublicKey, OpenError> {
    let token = Token::new(options);
    let named = KeySelector { label: Some(label.to_owned()), id: Some(id.to_vec()) };
    let work = move || {
        let session = token.session(Access::Write)?;
        refuse_taken(&session, &named)?;
        let (public, private) = (public_template(kind, &named), private_template(kind, &named));
        let (_, private) = session.generate_key_pair(&mechanism(kind), &public, &private)?;
        objects::public_key(&session, private)
    };
    apart(options, GENERATING, work).await
}

/// Puts a CA certificate into the token, where [`super::certificate`] finds it by its id. The key that the options name
/// has no part in this.
pub async fn store_certificate(options: &Pkcs11Options, der: &[u8], label: &str, id: &[u8]) -> Result<(), OpenError> {
    let (token, der, id, label) = (Token::new(options), der.to_vec(), id.to_vec(), label.to_owned());
    let work = move || {
        let template = certificate_template(&der, &label, &id)?;
        let session = token.session(Access::Write)?;
        if objects::certificate(&session, &id)?.is_some() {
            return Err(taken("a certificate in the token has this id already"));
        }
        session.create_object(&template)?;
        Ok(())
    };
    apart(options, options.opening, work).await
}

fn refuse_taken(session: &Session, named: &KeySelector) -> Result<(), Fault> {
    let by_label = KeySelector { label: named.label.clone(), id: None };
    let by_id = KeySelector { label: None, id: named.id.clone() };
    let keys = [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY];
    for class in keys {
        if !session.find_objects(&objects::template(class, &by_label))?.is_empty() {
            return Err(taken("a key in the token has this label already"));
        }
    }
    // A certificate of an older key, found by the new key's id, would be a wrong chain.
    for class in keys.into_iter().chain([ObjectClass::CERTIFICATE]) {
        if !session.find_objects(&objects::template(class, &by_id))?.is_empty() {
            return Err(taken("a key or certificate in the token has this id already"));
        }
    }
    Ok(())
}

fn taken(problem: &str) -> Fault {
    Fault::refused(problem, "choose another label and id; nothing in the token is overwritten")
}

fn mechanism(kind: KeyKind) -> Mechanism<'static> {
    match kind {
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => Mechanism::EccKeyPairGen,
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => Mechanism::RsaPkcsKeyPairGen,
        KeyKind::Ed25519 => Mechanism::EccEdwardsKeyPairGen,
    }
}

fn private_template(kind: KeyKind, named: &KeySelector) -> Vec<Attribute> {
    let mut template = objects::template(ObjectClass::PRIVATE_KEY, named);
    template.extend([
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        // Where the default is the token's choice, some allow more than to sign.
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
    ]);
    if mechanism(kind).mechanism_type() == MechanismType::ECC_KEY_PAIR_GEN {
        template.push(Attribute::Derive(false));
    }
    template
}

fn public_template(kind: KeyKind, named: &KeySelector) -> Vec<Attribute> {
    let mut template = objects::template(ObjectClass::PUBLIC_KEY, named);
    // CKA_VERIFY is the token's choice: TPMs take it and CKA_DECRYPT for the same, and nobody verifies in the token.
    template.extend([Attribute::Token(true), Attribute::Private(false)]);
    let rsa =
        |bits: std::ffi::c_ulong| vec![Attribute::ModulusBits(bits.into()), Attribute::PublicExponent(vec![1, 0, 1])];
    // The curves as DER object identifiers (RFC 5480, section 2.1.1.1).
    let curve = |oid: &[u8]| vec![Attribute::EcParams(oid.to_vec())];
    template.extend(match kind {
        KeyKind::P256 => curve(&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
        KeyKind::P384 => curve(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]),
        KeyKind::P521 => curve(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]),
        KeyKind::Rsa2048 => rsa(2048),
        KeyKind::Rsa3072 => rsa(3072),
        KeyKind::Rsa4096 => rsa(4096),
        // As a name (PKCS #11 v3.0, section 2.3.3), which older tokens know too.
        KeyKind::Ed25519 => curve(b"\x13\x0cedwards25519"),
    });
    template
}

fn certificate_template(der: &[u8], label: &str, id: &[u8]) -> Result<Vec<Attribute>, Fault> {
    let no_certificate = || Fault::refused("these bytes are not a certificate", "give one certificate, as DER");
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| no_certificate())?;
    if !rest.is_empty() {
        return Err(no_certificate());
    }
    let named = KeySelector { label: Some(label.to_owned()), id: Some(id.to_vec()) };
    let mut template = objects::template(ObjectClass::CERTIFICATE, &named);
    template.extend([
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Subject(certificate.subject().as_raw().to_vec()),
        Attribute::Issuer(certificate.issuer().as_raw().to_vec()),
        Attribute::SerialNumber(serial_number(certificate.raw_serial())),
        Attribute::Value(der.to_vec()),
    ]);
    Ok(template)
}

/// `CKA_SERIAL_NUMBER` is a DER INTEGER; RFC 5280 allows 20 bytes, so the short form of the length is enough.
fn serial_number(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len().min(127)).unwrap_or(127);
    [&[0x02, length], bytes.get(..usize::from(length)).unwrap_or_default()].concat()
}
