//! Owns finding objects in a token: private keys, their public halves, certificates.
//!
//! Refuses to know how a public key is encoded: that is `public_key`'s.

use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::remote::RemotePublicKey;
use super::error::Fault;
use super::options::KeySelector;
use super::public_key;
use crate::text::peer_text::PeerText;

/// Finds the one private key that is meant, and refuses one that may not sign.
pub(super) fn private_key(session: &Session, wanted: &KeySelector) -> Result<ObjectHandle, Fault> {
    let found = session.find_objects(&template(ObjectClass::PRIVATE_KEY, wanted))?;
    match found.as_slice() {
        [key] => check_usage(session, *key).map(|()| *key),
        [] => Err(Fault::refused("there is no such private key in the token", no_key_hint(session, wanted)?)),
        several => Err(Fault::refused(
            format!("{} private keys in the token are named so", several.len()),
            "name one by its id: pkcs11:..;id=%01, or relabel the others",
        )),
    }
}

/// Whether there is such a private key, of whatever use.
pub(super) fn is_there(session: &Session, wanted: &KeySelector) -> Result<bool, Fault> {
    Ok(!session.find_objects(&template(ObjectClass::PRIVATE_KEY, wanted))?.is_empty())
}

fn check_usage(session: &Session, key: ObjectHandle) -> Result<(), Fault> {
    for attribute in session.get_attributes(key, &[AttributeType::Sign, AttributeType::AlwaysAuthenticate])? {
        match attribute {
            Attribute::Sign(false) => {
                let hint = "CKA_SIGN is not set; name another key, or make one with `ca init`";
                return Err(Fault::refused("the private key may not sign", hint));
            }
            Attribute::AlwaysAuthenticate(true) => {
                let hint = "CKA_ALWAYS_AUTHENTICATE is set; a server cannot work with that, make a key without";
                return Err(Fault::refused("the private key wants the PIN at every signature", hint));
            }
            _ => {}
        }
    }
    Ok(())
}

fn no_key_hint(session: &Session, wanted: &KeySelector) -> Result<String, Fault> {
    if !session.find_objects(&template(ObjectClass::PUBLIC_KEY, wanted))?.is_empty() {
        return Ok("only its public half can be seen: give the PIN, without which private keys are hidden".to_owned());
    }
    let labels = labels_of_private_keys(session)?;
    if labels.is_empty() {
        return Ok("the token shows no private key at all: is it the right one, and is a PIN given?".to_owned());
    }
    Ok(format!("the token's private keys have the labels {}", labels.join(", ")))
}

fn labels_of_private_keys(session: &Session) -> Result<Vec<String>, Fault> {
    const SHOWN: usize = 20;
    let mut labels = Vec::new();
    for key in session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])?.into_iter().take(SHOWN) {
        for attribute in session.get_attributes(key, &[AttributeType::Label])? {
            if let Attribute::Label(label) = attribute {
                labels.push(format!("`{}`", PeerText::of(String::from_utf8_lossy(&label))));
            }
        }
    }
    Ok(labels)
}

/// The public half of a private key: of the public key object, the private key itself, or the certificate, in this order.
pub(super) fn public_key(session: &Session, private: ObjectHandle) -> Result<RemotePublicKey, Fault> {
    let twin = twin_of(session, private)?;
    let public_object = match &twin {
        Some(twin) => session.find_objects(&template(ObjectClass::PUBLIC_KEY, twin))?.into_iter().next(),
        None => None,
    };
    for object in public_object.into_iter().chain([private]) {
        if let Some(spki) = spki_of(session, object)? {
            return RemotePublicKey::from_spki_der(spki).map_err(|error| Fault::bad_public_key(&error));
        }
    }
    let certificate = match twin.and_then(|twin| twin.id) {
        Some(id) => certificate(session, &id)?,
        None => None,
    };
    let spki = certificate.as_deref().and_then(spki_of_certificate);
    let spki = spki.ok_or_else(|| {
        let hint = "import the public key or the certificate into the token, with the private key's id (CKA_ID)";
        Fault::refused("the token has no public key for the private key", hint)
    })?;
    RemotePublicKey::from_spki_der(spki).map_err(|error| Fault::bad_public_key(&error))
}

/// What finds the objects that belong to a private key: its id; or its label, if it has no id.
fn twin_of(session: &Session, private: ObjectHandle) -> Result<Option<KeySelector>, Fault> {
    let mut twin = KeySelector::default();
    for attribute in session.get_attributes(private, &[AttributeType::Id, AttributeType::Label])? {
        match attribute {
            Attribute::Id(id) if !id.is_empty() => twin.id = Some(id),
            Attribute::Label(label) if !label.is_empty() => twin.label = String::from_utf8(label).ok(),
            _ => {}
        }
    }
    if twin.id.is_some() {
        twin.label = None;
    }
    Ok((twin != KeySelector::default()).then_some(twin))
}

fn spki_of(session: &Session, object: ObjectHandle) -> Result<Option<Vec<u8>>, Fault> {
    let mut kind = None;
    let mut parts = public_key::Parts::default();
    let not_empty = |bytes: Vec<u8>| Some(bytes).filter(|bytes| !bytes.is_empty());
    // The type first: a module may refuse to be asked for what a type does not have.
    for attribute in session.get_attributes(object, &[AttributeType::KeyType])? {
        if let Attribute::KeyType(found) = attribute {
            kind = Some(found);
        }
    }
    let wanted: &[AttributeType] = match kind {
        Some(KeyType::RSA) => &[AttributeType::Modulus, AttributeType::PublicExponent],
        _ => &[AttributeType::EcParams, AttributeType::EcPoint],
    };
    for attribute in session.get_attributes(object, wanted)? {
        match attribute {
            Attribute::Modulus(bytes) => parts.modulus = not_empty(bytes),
            Attribute::PublicExponent(bytes) => parts.exponent = not_empty(bytes),
            Attribute::EcParams(bytes) => parts.curve = not_empty(bytes),
            Attribute::EcPoint(bytes) => parts.point = not_empty(bytes),
            _ => {}
        }
    }
    public_key::spki_der(kind, &parts)
}

fn spki_of_certificate(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.public_key().raw.to_vec())
}

/// The DER of the one certificate with this id.
pub(super) fn certificate(session: &Session, id: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut wanted = template(ObjectClass::CERTIFICATE, &KeySelector { label: None, id: Some(id.to_vec()) });
    wanted.push(Attribute::CertificateType(CertificateType::X_509));
    let mut found: Vec<Vec<u8>> = Vec::new();
    for object in session.find_objects(&wanted)? {
        for attribute in session.get_attributes(object, &[AttributeType::Value])? {
            match attribute {
                Attribute::Value(der) if !found.contains(&der) => found.push(der),
                _ => {}
            }
        }
    }
    if found.len() > 1 {
        let hint = "delete those that are not in use, or give the path of the chain's file instead";
        return Err(Fault::refused(format!("{} certificates in the token have this id", found.len()), hint));
    }
    Ok(found.pop())
}

/// What objects of a class are looked for with.
pub(super) fn template(class: ObjectClass, wanted: &KeySelector) -> Vec<Attribute> {
    let label = wanted.label.as_ref().map(|label| Attribute::Label(label.clone().into_bytes()));
    let id = wanted.id.as_ref().map(|id| Attribute::Id(id.clone()));
    [Attribute::Class(class)].into_iter().chain(label).chain(id).collect()
}
