//! Owns what CA Service is asked for: our own to-be-signed certificate, taken apart into the fields that the service wants it in.
//!
//! Refuses to know calls. What stands in no field of the service is a refusal, never left out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use serde::Deserialize;
use serde_json::{Value, json};
use x509_parser::certificate::TbsCertificate;
use x509_parser::der_parser::{Oid, oid};
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer as _;

use crate::signer::google::json::base64;
use crate::signer::unfit::Unfit;

const RSA_ENCRYPTION: Oid<'static> = oid!(1.2.840.113549.1.1.1);
const EC_PUBLIC_KEY: Oid<'static> = oid!(1.2.840.10045.2.1);

/// `Certificate` as it is answered.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Created {
    pub(super) pem_certificate: String,
    pub(super) pem_certificate_chain: Vec<String>,
}

/// A certificate that is wanted, ready to be asked for any number of times.
#[derive(Clone, Debug)]
pub struct Wanted {
    request_id: String,
    certificate_id: String,
    body: Value,
}

/// The bytes are not a TBSCertificate of ours: our bug.
const MALFORMED: Unfit = Unfit::Form("the certificate cannot be read");
const EXTENSION: Unfit = Unfit::Form("the certificate has an extension that CA Service has no field for");
const KEY: Unfit = Unfit::Key("CA Service certifies RSA and ECDSA keys only");
const LIFETIME: Unfit = Unfit::Form("the certificate would have no lifetime left");
const RANDOM: Unfit = Unfit::Form("the system's random number generator failed");

impl Wanted {
    /// Takes a DER TBSCertificate apart. The service counts the lifetime from its own clock, so what is left of it at `now` is asked for.
    pub fn from_tbs(tbs: &[u8], now: SystemTime) -> Result<Self, Unfit> {
        let Ok(([], tbs)) = TbsCertificate::from_der(tbs) else { return Err(MALFORMED) };
        let key = &tbs.subject_pki;
        if ![RSA_ENCRYPTION, EC_PUBLIC_KEY].contains(&key.algorithm.algorithm) {
            return Err(KEY);
        }
        let pem = pem::encode(&pem::Pem::new("PUBLIC KEY", key.raw));
        let mut config = json!({
            "publicKey": {"format": "PEM", "key": base64(pem.as_bytes())},
            "subjectConfig": {"subject": {}, "subjectAltName": {}},
            "x509Config": {"keyUsage": {"baseKeyUsage": {}, "extendedKeyUsage": {}}, "additionalExtensions": []},
        });
        let mut additional = Vec::new();
        for extension in tbs.extensions() {
            match field_of(extension)? {
                Field::At(path, value) => put(&mut config, path, value)?,
                Field::Additional(value) => additional.push(value),
                Field::ByService => {}
            }
        }
        put(&mut config, "/x509Config/additionalExtensions", Value::Array(additional))?;
        let lifetime = lifetime(tbs.validity.not_after.timestamp(), now)?;
        let body = json!({"lifetime": format!("{}s", lifetime.as_secs()), "config": config});
        let request_id = request_id()?;
        Ok(Self { certificate_id: format!("sigmint-{request_id}"), request_id, body })
    }

    /// The service makes one certificate for it within an hour, and answers with it again.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// What the certificate is called in a pool of the Enterprise tier; other pools ignore it.
    pub(super) fn certificate_id(&self) -> &str {
        &self.certificate_id
    }

    /// The `Certificate` to create.
    pub(super) fn body(&self) -> &Value {
        &self.body
    }
}

fn put(config: &mut Value, path: &str, value: Value) -> Result<(), Unfit> {
    config.pointer_mut(path).map(|place| *place = value).ok_or(EXTENSION)
}

enum Field {
    /// The value of a field that is there.
    At(&'static str, Value),
    /// One of the additional extensions.
    Additional(Value),
    /// The service makes it itself; the answer is compared with ours.
    ByService,
}

fn field_of(extension: &X509Extension<'_>) -> Result<Field, Unfit> {
    Ok(match extension.parsed_extension() {
        ParsedExtension::KeyUsage(usage) if usage.digital_signature() && usage.flags.is_power_of_two() => {
            Field::At("/x509Config/keyUsage/baseKeyUsage", json!({"digitalSignature": true}))
        }
        ParsedExtension::ExtendedKeyUsage(usage) if usage.code_signing => {
            Field::At("/x509Config/keyUsage/extendedKeyUsage", json!({"codeSigning": true}))
        }
        ParsedExtension::SubjectAlternativeName(names) => match names.general_names.as_slice() {
            [name] => Field::At("/subjectConfig/subjectAltName", alternative_name(name)?),
            _ => return Err(EXTENSION),
        },
        ParsedExtension::SubjectKeyIdentifier(_) | ParsedExtension::AuthorityKeyIdentifier(_) => Field::ByService,
        ParsedExtension::UnsupportedExtension { .. } => Field::Additional(json!({
            "objectId": object_id(&extension.oid)?,
            "critical": extension.critical,
            "value": base64(extension.value),
        })),
        _ => return Err(EXTENSION),
    })
}

/// A name of a kind that the service has no word for is given as an object identifier and a DER value; additional extensions may hold
/// no names.
fn alternative_name(name: &GeneralName<'_>) -> Result<Value, Unfit> {
    Ok(match name {
        GeneralName::RFC822Name(address) => json!({"emailAddresses": [address]}),
        GeneralName::URI(uri) => json!({"uris": [uri]}),
        GeneralName::OtherName(kind, value) => {
            let value = explicit_content(value).ok_or(MALFORMED)?;
            json!({"customSans": [{"objectId": object_id(kind)?, "critical": true, "value": base64(value)}]})
        }
        _ => return Err(EXTENSION),
    })
}

/// What is inside `[0] EXPLICIT`.
fn explicit_content(der: &[u8]) -> Option<&[u8]> {
    let (rest, outer) = x509_parser::der_parser::parse_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    outer.as_slice().ok()
}

fn object_id(oid: &Oid<'_>) -> Result<Value, Unfit> {
    let arcs = oid.iter().ok_or(MALFORMED)?;
    Ok(json!({"objectIdPath": arcs.collect::<Vec<u64>>()}))
}

fn lifetime(not_after: i64, now: SystemTime) -> Result<Duration, Unfit> {
    let end = UNIX_EPOCH + Duration::from_secs(u64::try_from(not_after).unwrap_or(0));
    let left = end.duration_since(now).unwrap_or_default();
    if left < Duration::from_secs(1) { Err(LIFETIME) } else { Ok(left) }
}

/// A random UUID (RFC 9562, section 5.4), as the service wants it.
fn request_id() -> Result<String, Unfit> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| RANDOM)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

#[cfg(test)]
mod tests {
    use super::{lifetime, request_id};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn request_ids_are_random_uuids_of_version_4() {
        let (one, other) = (request_id().unwrap(), request_id().unwrap());
        assert_ne!(one, other);
        assert_eq!(uuid::Uuid::parse_str(&one).unwrap().get_version_num(), 4, "{one}");
    }

    #[test]
    fn what_is_left_is_asked_for_and_something_must_be() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(lifetime(1000, at(400)).unwrap().as_secs(), 600);
        for now in [1000, 1001, 5000] {
            assert!(lifetime(1000, at(now)).is_err());
        }
    }
}
