//! The conditions of an entry, as they are given on the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::blocklist::{ClaimValue, Conditions, KeyHash};
use crate::cli::error::CommandError;
use crate::cli::files::shown;
use crate::files::{self, MAX_FILE_BYTES};
use crate::possession::PublicKey;

#[derive(clap::Args, Debug)]
pub(super) struct ConditionArgs {
    /// The token's issuer
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The certificate's name as a whole: e-mail address, URI or user name
    #[arg(long, value_name = "NAME")]
    san: Option<String>,
    /// A claim of the token, which may be a list that has the value; an object is written in JSON; can be repeated
    #[arg(long = "claim", id = "claims", value_name = "NAME=VALUE")]
    claims: Vec<String>,
    /// The client's key: SHA-256 of its DER SubjectPublicKeyInfo, in hexadecimal
    #[arg(long, value_name = "HEX")]
    key_sha256: Option<String>,
    /// The client's key: a file with the public key or a certificate of it, PEM
    #[arg(long, value_name = "FILE", conflicts_with = "key_sha256")]
    key: Option<PathBuf>,
}

impl ConditionArgs {
    /// Reads what was given.
    ///
    /// Errors: What cannot be a condition. That there must be one is the block list's rule.
    pub(super) fn read(&self) -> Result<Conditions, CommandError> {
        let mut claims = BTreeMap::new();
        for given in &self.claims {
            let (name, value) = claim(given)?;
            if claims.insert(name.to_owned(), value).is_some() {
                return Err(CommandError::usage(format!("--claim {name} is given twice"))
                    .hint("both would have to be met: add two entries"));
            }
        }
        let wrong = |error| CommandError::usage(format!("--key-sha256 is {error}"));
        let given = self.key_sha256.as_ref().map(|digits| digits.parse().map_err(wrong)).transpose()?;
        let key_sha256 = match &self.key {
            Some(path) => Some(key_of(path)?),
            None => given,
        };
        Ok(Conditions { issuer: self.issuer.clone(), san: self.san.clone(), claims, key_sha256 })
    }
}

fn claim(given: &str) -> Result<(&str, ClaimValue), CommandError> {
    let wrong = |message: &str| CommandError::usage(format!("--claim {message}")).hint("write --claim NAME=VALUE");
    let (name, value) =
        given.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| wrong("has no name"))?;
    if !value.starts_with('{') {
        return Ok((name, ClaimValue::Scalar(value.to_owned())));
    }
    let object = serde_json::from_str(value).map_err(|error| wrong(&format!("{name}: {error}")))?;
    let value = claim_value(&object).ok_or_else(|| wrong(&format!("{name}: a claim has one value, and no null")))?;
    Ok((name, value))
}

/// An object of values, each of which is one.
fn claim_value(json: &Value) -> Option<ClaimValue> {
    match json {
        Value::String(text) => Some(ClaimValue::Scalar(text.clone())),
        Value::Bool(_) | Value::Number(_) => Some(ClaimValue::Scalar(json.to_string())),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Some((name.clone(), claim_value(value)?)));
            members.collect::<Option<_>>().map(ClaimValue::Members)
        }
        Value::Null | Value::Array(_) => None,
    }
}

/// The hash of the key in a file.
fn key_of(path: &Path) -> Result<KeyHash, CommandError> {
    let unusable = |problem: &str| {
        CommandError::usage(format!("{} {problem}", shown(path)))
            .hint("name a PEM file with a PUBLIC KEY or a CERTIFICATE, or use --key-sha256")
    };
    let content = files::read(path, MAX_FILE_BYTES).map_err(|error| unusable(&error.problem.to_string()))?;
    let block = pem::parse(content.as_slice()).map_err(|_| unusable("is not PEM"))?;
    let spki = match block.tag() {
        "CERTIFICATE" => {
            let (_, certificate) = X509Certificate::from_der(block.contents())
                .map_err(|_| unusable("has a certificate that cannot be read"))?;
            certificate.public_key().raw.to_vec()
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            let key = PublicKey::parse(&content)
                .map_err(|error| unusable(&format!("has a key that is never accepted: {error}")))?;
            key.spki().to_vec()
        }
        _ => return Err(unusable("has neither a public key nor a certificate")),
    };
    Ok(KeyHash::of_spki(&spki))
}
