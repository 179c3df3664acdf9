//! Turns one entry of `oidc-issuers` or `meta-issuers` into an issuer.
//!
//! Knows every rule about an issuer's settings; knows nothing of the metadata that a `ci-provider` names.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::IssuerRules;
use super::access::{Breadth, key_access, truth};
use super::address::{self, Objection};
use super::metadata::Providers;
use super::restrict::{self, Restricting};
use super::shape::ISSUER;
use crate::config::document::{ConfigError, Field, Foreign, MERGE_KEY, Record, Setting, hint};
use crate::identity::issuers::{Issuer, IssuerAddress, KeyAccess, KeyOrigin};
use crate::limits::single_use::MAX_USES;
use crate::text::peer_text::PeerText;

pub(super) struct Context<'t> {
    /// The metadata that a `ci-provider` names.
    pub(super) providers: &'t Providers,
    /// What is to be told of entries that are used as they are.
    pub(super) warnings: &'t RefCell<Vec<ConfigError>>,
    /// What the operator demands of every entry.
    pub(super) rules: IssuerRules,
}

/// The longest that `key-outage-window` may be.
const MAX_OUTAGE_WINDOW: Duration = Duration::from_hours(30 * 24);

/// One entry with what its checks look at.
pub(super) struct Entry<'t> {
    pub(super) record: Record<'t>,
    /// The issuer's URL; of a meta issuer one that fits the pattern.
    pub(super) url: Url,
    pub(super) breadth: Breadth,
    pub(super) context: &'t Context<'t>,
}

/// An entry of `oidc-issuers`: one identity, or a list of them.
pub(super) fn exact(key: &str, field: &Field<'_>, context: &Context<'_>) -> Result<Vec<Issuer>, ConfigError> {
    identities(field, context, |record| {
        let (text, place) = match record.get("issuer-url") {
            Some(own) if !own.text().is_empty() => (own.text(), own.place.clone()),
            _ => (key, field.place.key()),
        };
        let url = address::issuer_url(text).map_err(|(message, hint)| {
            let alias = if text == key { "; or give the entry an issuer-url (JSON: IssuerURL)" } else { "" };
            place.fault(message, hint + alias)
        })?;
        let address = IssuerAddress::Url(text.to_owned());
        Entry { record, url, breadth: Breadth::One, context }.issuer(address)
    })
}

/// What an unusable entry of `oidc-issuers` would have stood for: everything that it could be meant to say. Nothing if it has an
/// `issuer-url` that cannot be read or is misspelled: nobody knows whose tokens it is about.
pub(super) fn claimed_by_exact(key: &str, field: &Field<'_>) -> Vec<IssuerAddress> {
    let mut own = Vec::new();
    issuer_urls(field, &mut own);
    let is_url = |text: &str| address::issuer_url(text).is_ok();
    if own.iter().any(|text| !text.is_some_and(is_url)) {
        return Vec::new();
    }
    let texts = own.into_iter().flatten().chain(Some(key).filter(|key| is_url(key)));
    texts.map(|text| IssuerAddress::Url(text.to_owned())).collect()
}

/// What an unusable entry of `meta-issuers` would have stood for.
pub(super) fn claimed_by_meta(key: &str) -> Vec<IssuerAddress> {
    address::meta_pattern(key).map(|(pattern, _)| IssuerAddress::Pattern(pattern)).into_iter().collect()
}

/// Each `issuer-url` of an entry, wherever it stands; none for what is not a string or stands behind a misspelled key. A
/// merged one does not count beside the entry's own.
fn issuer_urls<'t>(field: &Field<'t>, found: &mut Vec<Option<&'t str>>) {
    let has_own = field.written_entries().any(|(key, _)| means_issuer_url(key));
    for (key, value) in field.written_entries().filter(|(key, _)| &***key != MERGE_KEY || !has_own) {
        if !means_issuer_url(key) {
            issuer_urls(&value, found);
        } else if Setting::find(ISSUER, key).is_none() {
            found.push(None);
        } else if !value.is_absent() {
            let text = value.string();
            found.extend((text != Some("")).then_some(text));
        }
    }
    if field.is_list() {
        field.items().iter().for_each(|item| issuer_urls(item, found));
    }
}

fn means_issuer_url(key: &str) -> bool {
    let meant = Setting::find(ISSUER, key).map(|known| known.yaml);
    meant.or_else(|| hint::misspelled(key, ISSUER.iter().map(|known| known.yaml))) == Some("issuer-url")
}

/// An entry of `meta-issuers`: one identity, or a list of them.
pub(super) fn meta(key: &str, field: &Field<'_>, context: &Context<'_>) -> Result<Vec<Issuer>, ConfigError> {
    let (pattern, url) =
        address::meta_pattern(key).map_err(|(message, hint)| field.place.key().fault(message, hint))?;
    identities(field, context, |record| {
        let entry = Entry { record, url: url.clone(), breadth: Breadth::Pattern, context };
        entry.bounded_pattern(key)?;
        entry.same_pattern(key);
        let issuer = entry.issuer(IssuerAddress::Pattern(pattern.clone()))?;
        entry.warn_of_private_hosts(&pattern, &issuer.keys);
        Ok(issuer)
    })
}

/// Reads each identity of an issuer. They have one set of keys between them, and all have an order or none has.
fn identities<'t>(
    field: &Field<'t>,
    context: &Context<'_>,
    read: impl Fn(Record<'t>) -> Result<Issuer, ConfigError>,
) -> Result<Vec<Issuer>, ConfigError> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for item in field.items() {
        let issuer = read(Record::read(&item, ISSUER, Foreign::Told(context.warnings))?)?;
        if let Some(first) = issuers.first() {
            if first.address != issuer.address {
                return Err(item
                    .place
                    .fault("another issuer than the first entry of the list", "give it an entry of its own"));
            }
            if first.keys != issuer.keys || first.key_outage_window != issuer.key_outage_window {
                let hint = "repeat the settings about certificates, keys, tokens and addresses; a YAML anchor does it";
                return Err(item.place.fault("other access to the keys than in the first entry of the list", hint));
            }
            if first.order.is_some() != issuer.order.is_some() {
                return Err(item
                    .place
                    .fault("some entries of the list have an order", "give all of them one, or none"));
            }
            if issuer.order.is_some() && issuers.iter().any(|other| other.order == issuer.order) {
                return Err(item.place.fault("an order that another entry of the list has", "count: 1, 2, 3"));
            }
        }
        issuers.push(issuer);
    }
    if issuers.is_empty() {
        return Err(field.place.fault("an empty list", "give the issuer one identity at least"));
    }
    Ok(issuers)
}

impl Entry<'_> {
    fn issuer(&self, address: IssuerAddress) -> Result<Issuer, ConfigError> {
        let audience = self.audience()?;
        let skip_email_verification = truth(&self.record, "skip-email-verification")?;
        let identity = self.identity(skip_email_verification)?;
        let restricting = Restricting::of(&self.record)?;
        let restrictions = restrict::restrictions(&restricting, &identity)?;
        let own = |key: &str| Some(self.record.text(key)).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Issuer {
            address,
            audience,
            challenge_claim: own("challenge-claim")
                .unwrap_or_else(|| identity.kind().default_challenge_claim().to_owned()),
            identity,
            spiffe_trust_domain: own("spiffe-trust-domain"),
            subject_domain: own("subject-domain"),
            skip_email_verification,
            order: self.order()?,
            keys: Arc::new(self.key_access()?),
            restrictions,
            key_outage_window: self.key_outage_window()?,
            max_certificates_per_token: max_certificates_per_token(&restricting)?,
            description: own("description"),
            contact: own("contact"),
        })
    }

    fn key_access(&self) -> Result<KeyAccess, ConfigError> {
        let access = key_access(&self.record, &self.url, self.breadth, self.context.rules)?;
        if let KeyOrigin::Fixed(fixed) = &access.origin {
            let hint = "its tokens are refused; remove the key, or replace it";
            for (id, reason) in fixed.keys().left_out() {
                let id = PeerText::of(id.unwrap_or("without id"));
                self.warn(&self.record.place_of("jwks"), format!("the key {id} is left out: {reason}"), hint);
            }
        }
        Ok(access)
    }

    pub(super) fn fault(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        self.record.place_of(key).fault(message, hint)
    }

    pub(super) fn objection(&self, key: &'static str) -> impl Fn(Objection) -> ConfigError {
        move |(message, hint)| self.fault(key, message, hint)
    }

    /// The key of a meta issuer is its pattern; another `issuer-url` says nothing, as at Fulcio.
    fn same_pattern(&self, key: &str) {
        let other = self.record.get("issuer-url").filter(|field| !field.text().is_empty() && field.text() != key);
        if let Some(field) = other {
            self.warn(&field.place, "not the pattern of this entry, and passed over", "leave the line out");
        }
    }

    fn audience(&self) -> Result<String, ConfigError> {
        match self.record.text("client-id") {
            text if text.trim().is_empty() => {
                let message = format!("{} is missing or empty", self.record.spelled("client-id"));
                Err(self.fault("client-id", message, "give the audience of the tokens, usually sigstore"))
            }
            text => Ok(text.to_owned()),
        }
    }

    fn order(&self) -> Result<Option<u32>, ConfigError> {
        match self.record.text("order") {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.fault("order", "not a whole number", "count the identities: 1, 2, 3")),
            },
        }
    }

    fn key_outage_window(&self) -> Result<Option<Duration>, ConfigError> {
        let key = "key-outage-window";
        match self.record.text(key) {
            "" => Ok(None),
            "0" => Ok(Some(Duration::ZERO)),
            text => match humantime::parse_duration(text) {
                Ok(window) if window <= MAX_OUTAGE_WINDOW => Ok(Some(window)),
                _ => Err(self.fault(
                    key,
                    "not a time from 0 to 30d",
                    "write for example 24h, or 0 for no use beyond the keys' life",
                )),
            },
        }
    }
}

fn max_certificates_per_token(restricting: &Restricting<'_, '_>) -> Result<Option<NonZeroU32>, ConfigError> {
    let Some(field) = restricting.written("max-certificates-per-token") else { return Ok(None) };
    match field.text().parse::<NonZeroU32>() {
        Ok(number) if number <= MAX_USES => Ok(Some(number)),
        _ => Err(field.place.fault(format!("not a number from 1 to {MAX_USES}"), "write 1 for single use")),
    }
}
