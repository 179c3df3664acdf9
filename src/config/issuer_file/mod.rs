//! The issuer file (`--config-path`): from text to typed, validated issuers, or to an error with its place and a hint.
//!
//! Owns the way from the tree (`config::document`) to settings (`entry`, `metadata`). Both spellings of a key may
//! stand in both kinds of file. Knows nothing of tokens, of the network, or of when a file is read again.

#[cfg(test)]
mod accepted;
mod access;
mod address;
#[cfg(test)]
mod broken;
mod defaults;
mod entry;
mod entry_identity;
mod holders;
mod metadata;
#[cfg(test)]
mod refusals;
mod restrict;
mod shape;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use self::entry::Context;
use self::metadata::Providers;
use crate::config::document::{self, ConfigError, Document, Field, Foreign, Place, Record};
use crate::files::KIB;
use crate::identity::issuers::{Issuer, IssuerAddress, Issuers};

/// The size of a file that is read at all: some 50,000 issuers.
const MAX_BYTES: usize = 16 * 1024 * KIB;
/// How many findings are told at all.
const MAX_TOLD: usize = 200;

/// What the operator demands of every entry, by the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuerRules {
    /// `--require-https`: no issuer is reached without TLS.
    pub require_https: bool,
    /// `--strict-config`: an entry that cannot be used makes the file unusable. A reload is always strict.
    pub strict: bool,
}

/// What is trusted when there is no file.
const BUILTIN: &str = "\
oidc-issuers:
  https://oauth2.sigstore.dev/auth: {client-id: sigstore, type: email, issuer-claim: $.federated_claims.connector_id}
  https://accounts.google.com: {client-id: sigstore, type: email}
  https://token.actions.githubusercontent.com: {client-id: sigstore, type: github-workflow}
";

impl Issuers {
    /// Reads a file of at most 16 MiB.
    pub fn load(path: &Path, rules: IssuerRules) -> Result<Self, ConfigError> {
        let hint = "an issuer file is text of a few hundred lines";
        document::load(path, MAX_BYTES, hint, |file, text| Self::parse_with(file, text, rules))
    }

    /// As [`Self::parse_with`], without any rule.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, ConfigError> {
        Self::parse_with(file_name, text, IssuerRules::default())
    }

    /// Reads the text of a file; its name is for errors. An entry that cannot be used is left out and issues nothing, see
    /// [`Self::refusals`].
    ///
    /// Errors: The first thing in the text that an operator must fix, when no entry can be used, or it cannot be told whose tokens an
    /// unusable one is about.
    pub fn parse_with(file_name: &str, text: &str, rules: IssuerRules) -> Result<Self, ConfigError> {
        let document = Document::yaml(file_name, text)?;
        let warnings = RefCell::new(Vec::new());
        let (issuers, refused) = issuers(&document.root(), &warnings, rules)?;
        if let Some((_, error)) = refused.first().filter(|_| rules.strict) {
            return Err(error.clone());
        }
        let found = warnings.into_inner();
        let more = found.len().saturating_sub(MAX_TOLD);
        let mut warnings: Vec<String> = found.iter().take(MAX_TOLD).map(ConfigError::on_one_line).collect();
        if more > 0 {
            warnings.push(format!("{file_name}: {more} further findings"));
        }
        let (claimed, errors): (Vec<_>, Vec<_>) = refused.into_iter().unzip();
        let refusals = errors.iter().map(ConfigError::on_one_line).collect();
        Ok(issuers.without(claimed.into_iter().flatten(), refusals).with_warnings(warnings))
    }

    /// What is trusted when there is no file: Fulcio's three.
    pub fn builtin() -> Self {
        // Nobody would be trusted if this text were broken; a test reads it.
        Self::parse("built-in issuers", BUILTIN).unwrap_or_default()
    }
}

/// An entry that cannot be used: whose tokens it is about, and what is wrong.
type Refused = (Vec<IssuerAddress>, ConfigError);

fn issuers(
    root: &Field<'_>,
    warnings: &RefCell<Vec<ConfigError>>,
    rules: IssuerRules,
) -> Result<(Issuers, Vec<Refused>), ConfigError> {
    let file = Record::read(root, shape::FILE, Foreign::Told(warnings))?;
    let providers = file
        .get("ci-issuer-metadata")
        .map_or_else(|| Ok(Providers::new()), |field| metadata::providers(field, warnings))?;
    let context = Context { providers: &providers, warnings, rules };
    let mut by_url = ByUrl::default();
    let (mut patterns, mut refused): (Vec<Issuer>, Vec<Refused>) = Default::default();
    let entries = |key: &str| file.get(key).map_or_else(|| Ok(Vec::new()), Field::entries);
    for (name, field) in entries("oidc-issuers")? {
        match entry::exact(name, &field, &context).and_then(|issuers| by_url.add(issuers, &field.place, warnings)) {
            Ok(()) => {}
            Err(fault) => refused.push((entry::claimed_by_exact(name, &field), fault)),
        }
    }
    for (name, field) in entries("meta-issuers")? {
        match entry::meta(name, &field, &context) {
            Ok(issuers) => patterns.extend(issuers),
            Err(fault) => refused.push((entry::claimed_by_meta(name), fault)),
        }
    }
    // An entry that is about nobody's tokens in particular: another one might take those that it was meant for.
    if let Some((_, fault)) = refused.iter().find(|(claimed, _)| claimed.is_empty()) {
        return Err(fault.clone());
    }
    // Told by itself as well: it may be that no entry names it.
    let broken = providers.values().filter_map(|provider| provider.as_ref().err());
    warnings.borrow_mut().extend(broken.cloned());
    let issuers: Issuers = by_url.into_issuers().chain(patterns).collect();
    if let Some((_, first)) = refused.first()
        && issuers.is_empty()
    {
        return Err(first.clone());
    }
    if issuers.is_empty() {
        let hint = "add an entry to oidc-issuers or meta-issuers (JSON: OIDCIssuers, MetaIssuers)";
        let fault = root.place.fault("no issuer in the file", hint);
        // Sections that are there and empty are meant, as Fulcio takes them; a file that is cut off has none, and a reload takes no issuer
        // away by mistake.
        let is_meant = ["oidc-issuers", "meta-issuers"].into_iter().any(|section| file.get(section).is_some());
        if !is_meant || rules.strict {
            return Err(fault);
        }
        warnings.borrow_mut().push(root.place.fault("no issuer in the file: nobody gets a certificate", hint));
    }
    Ok((issuers, refused))
}

/// The identities of each issuer that has a URL: those of one entry, or of several entries (aliases) with that `issuer-url`.
#[derive(Default)]
struct ByUrl(BTreeMap<String, Vec<Issuer>>);

impl ByUrl {
    /// Adds an entry's. Entries of one URL have one access to its keys between them, and no order.
    fn add(
        &mut self,
        issuers: Vec<Issuer>,
        place: &Place,
        warnings: &RefCell<Vec<ConfigError>>,
    ) -> Result<(), ConfigError> {
        let Some(added) = issuers.first() else { return Ok(()) };
        let others = self.0.entry(added.address.as_str().to_owned()).or_default();
        if let Some(first) = others.first() {
            if first.keys != added.keys || first.key_outage_window != added.key_outage_window {
                let hint = "repeat the settings about certificates, keys, tokens and addresses";
                return Err(place.key().fault("other access to the keys than in another entry of this issuer", hint));
            }
            if first.order.is_some() || added.order.is_some() {
                let hint = "put the identities into one entry, as a list";
                return Err(place.key().fault("an order among several entries of one issuer", hint));
            }
        }
        for issuer in issuers {
            if others.iter().any(|other| other.is_same_identity(&issuer)) {
                let hint = "remove one of the two";
                warnings.borrow_mut().push(place.key().fault("another entry says the same of this issuer", hint));
            } else {
                others.push(issuer);
            }
        }
        Ok(())
    }

    fn into_issuers(self) -> impl Iterator<Item = Issuer> {
        self.0.into_values().flatten()
    }
}
