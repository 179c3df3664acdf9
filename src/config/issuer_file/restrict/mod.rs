//! Turns an entry's settings that restrict tokens and names into [`Restrictions`].
//!
//! Owns all of them, and that none is switched off by accident: a key with nothing behind it is an error. Knows nothing of tokens.

use std::time::Duration;

use super::shape::{NAME_POLICY, RESTRICT};
use crate::config::document::{ConfigError, Field, Foreign, Place, Record};
use crate::identity::kind::IdentityType;
use crate::identity::name_policy::NamePolicy;
use crate::identity::restrictions::Restrictions;
use crate::identity::token_type::plain_name;
use crate::text::has_control_character;

/// Where an entry's restrictions stand: beside its other settings, or under `restrict`.
#[derive(Debug)]
pub(super) struct Restricting<'r, 't> {
    beside: &'r Record<'t>,
    under: Option<Record<'t>>,
}

impl<'r, 't> Restricting<'r, 't> {
    /// Looks for `restrict`, in which every key is known and none also stands beside it.
    pub(super) fn of(beside: &'r Record<'t>) -> Result<Self, ConfigError> {
        let Some(field) = beside.written("restrict") else { return Ok(Self { beside, under: None }) };
        let under = Record::read(field, RESTRICT, Foreign::Refused)?;
        let mut set = RESTRICT.iter().filter_map(|setting| Some((setting, under.written(setting.yaml)?))).peekable();
        if set.peek().is_none() {
            let known: Vec<&str> = RESTRICT.iter().map(|setting| setting.yaml).collect();
            return Err(field.place.fault("restricts nothing", format!("set one of {}", known.join(", "))));
        }
        for (setting, inside) in set {
            if beside.written(setting.yaml).is_some() {
                return Err(inside.place.key().fault("also stands outside of restrict", "keep one of the two"));
            }
        }
        Ok(Self { beside, under: Some(under) })
    }

    /// The value behind a key, also if nothing stands behind it: nobody may switch a restriction off by accident.
    pub(super) fn written(&self, yaml: &str) -> Option<&Field<'t>> {
        self.under.as_ref().and_then(|under| under.written(yaml)).or_else(|| self.beside.written(yaml))
    }
}

/// Reads them. `identity` is the entry's type: a rule that could never hold for its names is an error.
pub(super) fn restrictions(record: &Restricting<'_, '_>, identity: &IdentityType) -> Result<Restrictions, ConfigError> {
    Ok(Restrictions {
        token_types: list(record.written("token-types"), token_type)?,
        authorized_parties: list(record.written("authorized-parties"), |text, _| Ok(text.to_owned()))?,
        max_token_age: max_token_age(record)?,
        names: match record.written("name-policy") {
            Some(field) => name_policy(field, identity)?,
            None => NamePolicy::default(),
        },
    })
}

fn max_token_age(record: &Restricting<'_, '_>) -> Result<Option<Duration>, ConfigError> {
    let Some(field) = record.written("max-token-age") else { return Ok(None) };
    match humantime::parse_duration(field.text()) {
        Ok(age) if age >= Duration::from_secs(1) => Ok(Some(age)),
        _ => Err(field.place.fault("not a duration of one second or more", "write it like 10m, 90s or 1h30m")),
    }
}

fn name_policy(field: &Field<'_>, identity: &IdentityType) -> Result<NamePolicy, ConfigError> {
    let record = Record::read(field, NAME_POLICY, Foreign::Refused)?;
    let domains = |key| {
        let domains = list(record.written(key), email_domain)?;
        if domains.is_some() && !matches!(identity, IdentityType::Email(_)) {
            let message = format!("{} is for issuers of type email only", record.spelled(key));
            return Err(record.place_of(key).fault(message, "use prefixes of the subject alternative name instead"));
        }
        Ok(domains)
    };
    let policy = NamePolicy {
        allowed_email_domains: domains("allowed-email-domains")?,
        denied_email_domains: domains("denied-email-domains")?.unwrap_or_default(),
        allowed_prefixes: list(record.written("allowed-san-prefixes"), prefix)?,
        denied_prefixes: list(record.written("denied-san-prefixes"), prefix)?.unwrap_or_default(),
    };
    if policy == NamePolicy::default() {
        let known: Vec<&str> = NAME_POLICY.iter().map(|setting| setting.yaml).collect();
        return Err(field.place.fault("a policy without a rule", format!("set one of {}", known.join(", "))));
    }
    Ok(policy)
}

/// The strings behind a key, each read by `read`; none if the key is not written.
fn list(
    written: Option<&Field<'_>>,
    read: impl Fn(&str, &Place) -> Result<String, ConfigError>,
) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(field) = written else { return Ok(None) };
    let items = field.items();
    if items.is_empty() || field.is_absent() {
        return Err(field.place.fault("an empty list", "list what shall count, or remove the key"));
    }
    let read_each = items.iter().map(|item| match item.text() {
        text if text.trim().is_empty() => Err(item.place.fault("an empty entry", "remove it, or write a value")),
        text if has_control_character(text) => Err(item.place.fault("a control character", "remove it")),
        text => read(text, &item.place),
    });
    read_each.collect::<Result<Vec<_>, _>>().map(Some)
}

fn token_type(text: &str, place: &Place) -> Result<String, ConfigError> {
    let hint = "write what stands in the token's typ header, for example JWT or at+jwt";
    if text.contains(char::is_whitespace) {
        return Err(place.fault("not a token type", hint));
    }
    match plain_name(text) {
        name if name.is_empty() => Err(place.fault("not a token type", hint)),
        name => Ok(name),
    }
}

/// In lower case: domains are compared so.
fn email_domain(text: &str, place: &Place) -> Result<String, ConfigError> {
    let (message, hint) = match text {
        _ if text.contains('@') => ("an e-mail address or an @", "write the domain alone, for example example.com"),
        _ if text.contains('*') => ("a domain is compared whole: * stands for nothing", "list each domain"),
        _ if !text.is_ascii() => ("not ASCII", "write the domain as certificates do: xn--.."),
        _ if !crate::identity::email::is_address(&format!("x@{text}")) || text.ends_with('.') => {
            ("not a domain that an e-mail address can have", "write it like example.com")
        }
        _ => return Ok(text.to_ascii_lowercase()),
    };
    Err(place.fault(message, hint))
}

/// As it stands: names are compared byte for byte.
fn prefix(text: &str, place: &Place) -> Result<String, ConfigError> {
    if !text.is_ascii() || text.contains(' ') {
        let hint = "write the beginning of the name as it stands in certificates, where URIs are percent-encoded";
        // User names may have any character.
        if text.contains("://") {
            return Err(place.fault("a character that no URI in a certificate has", hint));
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
