//! Certificate Authority Service as far as sigmint asks it: a pool of authorities that make certificates of what is asked for.
//!
//! The certificates are real ones. It adds what the service adds: serial number, key identifiers, basic constraints, and where the
//! issuer's certificate and revocation list are.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, OtherNameValue, SanType, SerialNumber,
};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Answer, Request, error};
use crate::support::authority::params;
use crate::support::keys::{Key, Kind};
use crate::support::remote::ForeignKey;

/// The one pool.
pub const POOL: &str = "projects/test-project/locations/europe-west1/caPools/pool";
const SUBJECT_ALTERNATIVE_NAME: [u64; 4] = [2, 5, 29, 17];

/// How the service is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A certificate for another key.
    Key,
    /// A subject.
    Subject,
    /// Another name instead of the one that was asked for.
    OtherName,
    /// A second name.
    SecondName,
    /// The name in an extension that is not critical.
    NotCritical,
    /// An extension less.
    Missing,
    /// An extension with another value.
    Value,
    /// An extension that nobody asked for.
    Added,
    /// A second extended key usage.
    Usage,
    /// A certificate authority.
    Authority,
    /// An hour more of life.
    Longer,
    /// From an hour ahead.
    Future,
    /// From an hour back.
    Backdated,
    /// Issued by somebody else.
    Issuer,
    /// Issued by somebody with the same name.
    Forged,
    /// No certificate.
    Nothing,
    /// The serial number 0.
    Serial,
    /// An extension twice.
    Twice,
    /// The key identifier of another authority.
    Identifier,
    /// Where the issuer's certificate is, as an extension that readers have to understand.
    Critical,
    /// Ended already.
    Ended,
}

/// The pool.
#[derive(Default)]
pub struct Ca {
    authorities: Mutex<Vec<Authority>>,
    made: Mutex<HashMap<String, Value>>,
    lie: Mutex<Option<Lie>>,
    backdating: Mutex<Duration>,
}

struct Authority {
    id: String,
    state: &'static str,
    params: CertificateParams,
    key: Key,
    /// The issuing certificate first.
    chain: Vec<String>,
}

impl Authority {
    fn new(id: &str, usages: Vec<ExtendedKeyUsagePurpose>, life: Duration) -> Self {
        let (begin, end) = (SystemTime::now() - Duration::from_hours(1), SystemTime::now() + life);
        let (root_key, key) = (Key::new(Kind::P256), Key::new(Kind::P384));
        let root = params("root of the pool", 1, begin, end);
        let mut issuing = params(id, 0, begin, end);
        issuing.extended_key_usages = usages;
        issuing.use_authority_key_identifier_extension = true;
        let certificate = issuing.signed_by(key.pair(), &Issuer::from_params(&root, root_key.pair())).unwrap();
        let chain = vec![certificate.pem(), root.self_signed(root_key.pair()).unwrap().pem()];
        Self { id: id.to_owned(), state: "ENABLED", params: issuing, key, chain }
    }
}

impl Ca {
    /// Adds an authority for a day, which issues.
    pub fn add(&self, id: &str) {
        self.add_with(id, vec![ExtendedKeyUsagePurpose::CodeSigning], Duration::from_hours(24));
    }

    /// Adds an authority with these extended key usages, which ends after `life`.
    pub fn add_with(&self, id: &str, usages: Vec<ExtendedKeyUsagePurpose>, life: Duration) {
        self.authorities.lock().unwrap().push(Authority::new(id, usages, life));
    }

    /// Sets an authority's state.
    pub fn set_state(&self, id: &str, state: &'static str) {
        let mut authorities = self.authorities.lock().unwrap();
        authorities.iter_mut().find(|authority| authority.id == id).unwrap().state = state;
    }

    /// From now on the service is wrong in this way, or right again.
    pub fn lie(&self, lie: Option<Lie>) {
        *self.lie.lock().unwrap() = lie;
    }

    /// The pool's backdating.
    pub fn backdate(&self, backdating: Duration) {
        *self.backdating.lock().unwrap() = backdating;
    }

    /// How many certificates were made.
    pub fn made(&self) -> usize {
        self.made.lock().unwrap().len()
    }

    pub fn answer(&self, request: &Request) -> Answer {
        let Some(below) = request.path.strip_prefix(POOL) else {
            return error(404, "NOT_FOUND", &format!("{} was not found", request.path));
        };
        match (request.method.as_str(), below) {
            ("GET", "/certificateAuthorities") => self.list(request),
            ("GET", path) => {
                let authorities = self.authorities.lock().unwrap();
                match authorities.iter().find(|authority| path == format!("/certificateAuthorities/{}", authority.id)) {
                    Some(authority) => (200, described(authority)),
                    None => error(404, "NOT_FOUND", &format!("{path} was not found")),
                }
            }
            ("POST", "/certificates") => self.create(request),
            _ => error(404, "NOT_FOUND", "no such method"),
        }
    }

    /// One authority a page.
    fn list(&self, request: &Request) -> Answer {
        let authorities = self.authorities.lock().unwrap();
        let page: usize = request.query.get("pageToken").and_then(|token| token.parse().ok()).unwrap_or(0);
        let mut answer = json!({});
        if let Some(authority) = authorities.get(page) {
            answer["certificateAuthorities"] = json!([described(authority)]);
        }
        if page + 1 < authorities.len() {
            answer["nextPageToken"] = (page + 1).to_string().into();
        }
        (200, answer)
    }

    fn create(&self, request: &Request) -> Answer {
        let (request_id, certificate_id) = (&request.query["requestId"], &request.query["certificateId"]);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if certificate_id.is_empty() || certificate_id.len() > 63 || !certificate_id.bytes().all(allowed) {
            return error(400, "INVALID_ARGUMENT", "certificate_id must match [a-zA-Z0-9_-]{1,63}");
        }
        if let Some(made) = self.made.lock().unwrap().get(request_id) {
            return (200, made.clone());
        }
        let authorities = self.authorities.lock().unwrap();
        let asked = request.query.get("issuingCertificateAuthorityId");
        // The pool takes turns; the last one is as good as any.
        let found = authorities.iter().rev().filter(|authority| authority.state == "ENABLED");
        let Some(authority) = found.clone().find(|authority| asked.is_none_or(|id| *id == authority.id)) else {
            return error(400, "FAILED_PRECONDITION", "no CA of the pool is enabled");
        };
        match self.certificate(authority, &request.json()) {
            Err(text) => error(400, "INVALID_ARGUMENT", text),
            Ok(pem) => {
                let answer = json!({
                    "name": format!("{POOL}/certificates/{certificate_id}"), "pemCertificate": pem,
                    "pemCertificateChain": authority.chain, "createTime": "2026-01-01T00:00:00Z",
                });
                self.made.lock().unwrap().insert(request_id.clone(), answer.clone());
                (200, answer)
            }
        }
    }

    fn certificate(&self, authority: &Authority, asked: &Value) -> Result<String, &'static str> {
        let lie = *self.lie.lock().unwrap();
        let pem = STANDARD.decode(text(&asked["config"]["publicKey"]["key"])).unwrap();
        let mut spki = pem::parse(pem).map_err(|_| "the key is not PEM")?.into_contents();
        if lie == Some(Lie::Key) {
            spki = Key::new(Kind::P256).spki_der();
        }
        let mut params = self.params(asked, &spki)?;
        if let Some(lie) = lie {
            deviate(&mut params, lie);
        }
        if lie == Some(Lie::Nothing) {
            return Ok(String::new());
        }
        let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let mut stranger = authority.params.clone();
        stranger.distinguished_name.push(DnType::CommonName, "somebody else");
        let issuer = match lie {
            Some(Lie::Issuer) => Issuer::from_params(&stranger, &other),
            Some(Lie::Forged) => Issuer::from_params(&authority.params, &other),
            _ => return Ok(sign(&params, &spki, &Issuer::from_params(&authority.params, authority.key.pair()))),
        };
        Ok(sign(&params, &spki, &issuer))
    }

    /// What was asked for, and what the service adds.
    fn params(&self, asked: &Value, spki: &[u8]) -> Result<CertificateParams, &'static str> {
        let (config, mut params) = (&asked["config"], CertificateParams::default());
        let mut serial = [0; 20];
        aws_lc_rs::rand::fill(&mut serial).unwrap();
        serial[0] = serial[0] & 0x7f | 1;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.distinguished_name = DistinguishedName::new();
        params.not_before = (SystemTime::now() - *self.backdating.lock().unwrap()).into();
        let seconds = text(&asked["lifetime"]).strip_suffix('s').ok_or("lifetime is not a duration")?;
        params.not_after = params.not_before + Duration::from_secs(seconds.parse().unwrap());
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::PreSpecified(key_identifier(spki));
        params.crl_distribution_points =
            vec![CrlDistributionPoint { uris: vec!["http://example.com/crl.crl".to_owned()] }];
        let locations = b"\x30\x1d\x30\x1b\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x0fhttp://ca.test/".to_vec();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], locations)];
        if config["x509Config"]["keyUsage"]["baseKeyUsage"]["digitalSignature"] == true {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }
        if config["x509Config"]["keyUsage"]["extendedKeyUsage"]["codeSigning"] == true {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        }
        params.subject_alt_names = names(&config["subjectConfig"]["subjectAltName"])?;
        for extension in config["x509Config"]["additionalExtensions"].as_array().unwrap() {
            let oid = object_id(&extension["objectId"]);
            if oid.starts_with(&[2, 5, 29]) {
                return Err("additional extensions may not be known X.509 extensions");
            }
            let value = STANDARD.decode(text(&extension["value"])).unwrap();
            let mut custom = CustomExtension::from_oid_content(&oid, value);
            custom.set_criticality(extension["critical"] == true);
            params.custom_extensions.push(custom);
        }
        Ok(params)
    }
}

fn sign(params: &CertificateParams, spki: &[u8], issuer: &Issuer<'_, impl rcgen::SigningKey>) -> String {
    params.signed_by(&ForeignKey::new(spki), issuer).unwrap().pem()
}

fn deviate(params: &mut CertificateParams, lie: Lie) {
    let hour = Duration::from_hours(1);
    let other = || SanType::Rfc822Name(Ia5String::try_from("attacker@example.com").unwrap());
    let named = |critical| {
        let names = b"\x30\x11\x81\x0fdev@example.com".to_vec();
        let mut extension = CustomExtension::from_oid_content(&SUBJECT_ALTERNATIVE_NAME, names);
        extension.set_criticality(critical);
        extension
    };
    match lie {
        Lie::Subject => params.distinguished_name.push(DnType::CommonName, "somebody"),
        Lie::OtherName => params.subject_alt_names = vec![other()],
        Lie::SecondName => params.subject_alt_names.push(other()),
        Lie::NotCritical => {
            params.subject_alt_names.clear();
            params.custom_extensions.push(named(false));
        }
        Lie::Missing => drop(params.custom_extensions.pop()),
        Lie::Value => {
            let last = params.custom_extensions.pop().unwrap();
            let oid: Vec<u64> = last.oid_components().collect();
            params.custom_extensions.push(CustomExtension::from_oid_content(&oid, b"\x0c\x01x".to_vec()));
        }
        Lie::Added => {
            params
                .custom_extensions
                .push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, 99], vec![5, 0]));
        }
        Lie::Usage => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth),
        Lie::Authority => params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
        Lie::Longer => params.not_after += hour,
        Lie::Future => (params.not_before, params.not_after) = (params.not_before + hour, params.not_after + hour),
        Lie::Backdated => params.not_before -= hour,
        Lie::Serial => params.serial_number = Some(SerialNumber::from_slice(&[0])),
        Lie::Twice => params.custom_extensions.push(params.custom_extensions.last().unwrap().clone()),
        Lie::Identifier => {
            params.use_authority_key_identifier_extension = false;
            let identifier = b"\x30\x06\x80\x04else".to_vec();
            params.custom_extensions.insert(0, CustomExtension::from_oid_content(&[2, 5, 29, 35], identifier));
        }
        Lie::Critical => params.custom_extensions[0].set_criticality(true),
        Lie::Ended => params.not_after = params.not_before - Duration::from_secs(1),
        Lie::Key | Lie::Issuer | Lie::Forged | Lie::Nothing => {}
    }
}

fn described(authority: &Authority) -> Value {
    json!({
        "name": format!("{POOL}/certificateAuthorities/{}", authority.id), "state": authority.state,
        "pemCaCertificates": if authority.state == "AWAITING_USER_ACTIVATION" { &[][..] } else { &authority.chain },
    })
}

fn names(asked: &Value) -> Result<Vec<SanType>, &'static str> {
    let list = |name: &str| asked[name].as_array().cloned().unwrap_or_default();
    let ia5 = |value: &Value| Ia5String::try_from(text(value)).map_err(|_| "a name is not ASCII");
    let mut names = Vec::new();
    for value in list("emailAddresses") {
        names.push(SanType::Rfc822Name(ia5(&value)?));
    }
    for value in list("uris") {
        names.push(SanType::URI(ia5(&value)?));
    }
    for value in list("customSans") {
        let der = STANDARD.decode(text(&value["value"])).unwrap();
        let [0x0c, length, content @ ..] = der.as_slice() else { return Err("a custom SAN is not a UTF8String") };
        assert_eq!(usize::from(*length), content.len());
        let content = OtherNameValue::Utf8String(String::from_utf8(content.to_vec()).unwrap());
        names.push(SanType::OtherName((object_id(&value["objectId"]), content)));
    }
    if names.is_empty() { Err("a subject or a name is needed") } else { Ok(names) }
}

fn object_id(value: &Value) -> Vec<u64> {
    value["objectIdPath"].as_array().unwrap().iter().map(|arc| arc.as_u64().unwrap()).collect()
}

/// Method 1 of RFC 5280, section 4.2.1.2.
fn key_identifier(spki: &[u8]) -> Vec<u8> {
    let (_, spki) = SubjectPublicKeyInfo::from_der(spki).unwrap();
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &spki.subject_public_key.data).as_ref().to_vec()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
