//! The identity type of an entry, with everything that the type needs.

use std::sync::Arc;

use super::access::{Breadth, truth};
use super::address::{self};
use super::defaults;
use super::holders::{self, Holders};
use crate::config::document::{ConfigError, Place, hint};
use crate::identity::fetch::Reach;
use crate::identity::issuers::{CLUSTER_ISSUER, KeyAccess, MetaPattern};
use crate::identity::kind::{CiProvider, EmailRules, EmailVerification, IdentityKind, IdentityType, IssuerClaim};

use super::entry::Entry;

impl Entry<'_> {
    pub(super) fn identity(&self, skip_email_verification: bool) -> Result<IdentityType, ConfigError> {
        let identity = match self.kind()? {
            IdentityKind::Email => {
                let verification =
                    if skip_email_verification { EmailVerification::Skipped } else { EmailVerification::Required };
                return Ok(IdentityType::Email(EmailRules { verification, issuer_claim: self.issuer_claim()? }));
            }
            IdentityKind::Uri => self.uri()?,
            IdentityKind::Username => self.username()?,
            IdentityKind::Spiffe => self.spiffe()?,
            IdentityKind::Kubernetes => IdentityType::Kubernetes,
            IdentityKind::GithubWorkflow => IdentityType::GithubWorkflow,
            IdentityKind::GitlabPipeline => IdentityType::GitlabPipeline,
            IdentityKind::BuildkiteJob => IdentityType::BuildkiteJob,
            IdentityKind::CodefreshWorkflow => IdentityType::CodefreshWorkflow,
            IdentityKind::ChainguardIdentity => IdentityType::ChainguardIdentity,
            IdentityKind::CiProvider => self.ci_provider()?,
        };
        if self.record.text("issuer-claim").is_empty() {
            return Ok(identity);
        }
        let message = format!("{} is for issuers of type email only", self.record.spelled("issuer-claim"));
        Err(self.fault("issuer-claim", message, "remove the line, or use type email"))
    }

    fn kind(&self) -> Result<IdentityKind, ConfigError> {
        let name = self.record.text("type");
        IdentityKind::from_name(name).ok_or_else(|| {
            let list = format!("types are {}", IdentityKind::NAMES.join(", "));
            if name.is_empty() {
                return self.fault("type", "type is missing", list);
            }
            let near = hint::for_unknown(name, IdentityKind::NAMES.iter().copied());
            let hint = if near.starts_with("did") { format!("{near}; {list}") } else { near };
            self.fault("type", format!("unknown type {name:?}"), hint)
        })
    }

    fn issuer_claim(&self) -> Result<Option<IssuerClaim>, ConfigError> {
        let source = self.record.text("issuer-claim");
        if source.is_empty() {
            return Ok(None);
        }
        let Ok(path) = jsonpath_rust::parser::parse_json_path(source) else {
            let hint = "write a path from the token's root, for example $.federated_claims.connector_id";
            return Err(self.fault("issuer-claim", "not a JSONPath (RFC 9535)", hint));
        };
        Ok(Some(IssuerClaim { source: source.to_owned(), path }))
    }

    fn uri(&self) -> Result<IdentityType, ConfigError> {
        let key = "subject-domain";
        let origin = address::subject_origin(self.record.text(key), &self.url).map_err(self.objection(key))?;
        self.own_domain(&origin.host)?;
        Ok(IdentityType::Uri(origin))
    }

    fn username(&self) -> Result<IdentityType, ConfigError> {
        let key = "subject-domain";
        let host = address::subject_host(self.record.text(key), &self.url).map_err(self.objection(key))?;
        self.own_domain(&host)?;
        Ok(IdentityType::Username(host))
    }

    /// A pattern's host is not known in whole, so it is for the operator to know what its issuers may speak for, unless nothing but a
    /// public suffix is common to both.
    fn own_domain(&self, host: &str) -> Result<(), ConfigError> {
        if address::has_same_last_labels(&self.url, host) {
            self.same_holder(host)?;
        }
        if self.breadth == Breadth::Pattern {
            return Ok(());
        }
        address::may_speak_for(&self.url, host).map_err(self.objection("subject-domain"))
    }

    /// Whether the entry says in so many words that strangers may be, or speak for, its issuers.
    pub(super) fn trusts_any_host(&self) -> Result<bool, ConfigError> {
        truth(&self.record, "trust-any-host")
    }

    pub(super) fn warn(&self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.context.warnings.borrow_mut().push(place.fault(message, hint));
    }

    /// A pattern that strangers can fit makes each of them an issuer.
    pub(super) fn bounded_pattern(&self, pattern: &str) -> Result<(), ConfigError> {
        let (place, word) = (self.record.place.key(), self.record.spelled("trust-any-host"));
        match (holders::of_pattern(pattern), self.trusts_any_host()?) {
            (Holders::Owner, _) => {}
            (Holders::Anybody, false) => {
                let hint =
                    format!("write out the domain that you own, like https://*.example.com, or say {word}: true");
                return Err(place.fault("anybody can register a host that fits, and so be an issuer", hint));
            }
            (Holders::Anybody, true) => {
                self.warn(
                    &place,
                    "anybody can register a host that fits, and so be an issuer",
                    format!("{word} allows it"),
                );
            }
            (Holders::Tenants(suffix), _) => {
                let message = format!("every tenant of {suffix} can be an issuer");
                self.warn(&place, message, "write out the tenants that you trust");
            }
        }
        Ok(())
    }

    /// Issuers of a pattern are not reached on private addresses, which is news to anyone who comes from Fulcio.
    pub(super) fn warn_of_private_hosts(&self, pattern: &MetaPattern, keys: &KeyAccess) {
        let looks_private = keys.ca_certificate.is_some() || holders::is_of_private_network(pattern.as_str());
        if keys.strangers == Reach::PublicInternet && !pattern.spells_address() && looks_private {
            let own = if pattern.matches(CLUSTER_ISSUER) { ", but https://kubernetes.default.svc" } else { "" };
            let message = format!("issuers of this pattern are reached on public addresses only{own}");
            let word = self.record.spelled("allow-private-addresses");
            self.warn(
                &self.record.place.key(),
                message,
                format!("write {word}: true if they are in a private network"),
            );
        }
    }

    /// The issuer's registered domain is the subjects', or strangers' names are certified.
    fn same_holder(&self, host: &str) -> Result<(), ConfigError> {
        let own = self.url.host_str().unwrap_or_default();
        let (place, word) = (self.record.place_of("subject-domain"), self.record.spelled("trust-any-host"));
        let message = format!("{host} and the issuer's host, {own}, share a public suffix and no domain");
        match (holders::of_both(own, host), self.trusts_any_host()?) {
            (Holders::Owner, _) => {}
            (Holders::Anybody, false) => {
                let hint = format!("name the issuer's own domain, or say {word}: true if both have one owner");
                return Err(place.fault(message, hint));
            }
            (Holders::Anybody, true) => self.warn(&place, message, format!("{word} allows it")),
            (Holders::Tenants(suffix), _) => {
                let message = format!("{host} and the issuer's host, {own}, are different tenants of {suffix}");
                self.warn(&place, message, "check that both have one owner");
            }
        }
        Ok(())
    }

    fn spiffe(&self) -> Result<IdentityType, ConfigError> {
        let key = "spiffe-trust-domain";
        if self.breadth == Breadth::Pattern {
            // Many issuers for one trust domain: each of them could name any workload in it.
            let hint = "list each issuer under oidc-issuers (JSON: OIDCIssuers) with a trust domain of its own";
            return Err(self.fault("type", "a meta issuer cannot be of type spiffe", hint));
        }
        let example = "give the trust domain's name, for example example.org";
        match self.record.text(key) {
            "" => Err(self.fault(key, format!("{} is missing", self.record.spelled(key)), example)),
            text => match spiffe::TrustDomain::new(text) {
                Ok(domain) => Ok(IdentityType::Spiffe(domain)),
                Err(error) => Err(self.fault(key, format!("not a SPIFFE trust domain: {error}"), example)),
            },
        }
    }

    fn ci_provider(&self) -> Result<IdentityType, ConfigError> {
        let key = "ci-provider";
        match self.record.text(key) {
            "" => {
                let message = format!("{} is missing", self.record.spelled(key));
                Err(self.fault(key, message, "name an entry of ci-issuer-metadata (JSON: CIIssuerMetadata)"))
            }
            name => match self.context.providers.get(name) {
                Some(Ok(provider)) => {
                    self.warn_of_defaults(provider);
                    Ok(IdentityType::CiProvider(Arc::clone(provider)))
                }
                Some(Err(fault)) => Err(fault.clone()),
                None => Err(self.no_provider(name)),
            },
        }
    }

    /// A default with another provider's address is certified for each token without such a claim.
    fn warn_of_defaults(&self, provider: &CiProvider) {
        let own = self.url.host_str().unwrap_or_default();
        for (key, value) in defaults::foreign(provider, own) {
            let message = format!(
                "certificates of {own} say {value}: the default of {key:?} stands in for a claim that its tokens may never carry"
            );
            let hint = "write {{ .iss }}, the token's issuer, in the templates, or give this issuer metadata with its own address";
            self.warn(&self.record.place_of("ci-provider"), message, hint);
        }
    }

    fn no_provider(&self, name: &str) -> ConfigError {
        let hint = if self.context.providers.is_empty() {
            "add ci-issuer-metadata (JSON: CIIssuerMetadata) with an entry of this name".to_owned()
        } else {
            hint::for_unknown(name, self.context.providers.keys().map(String::as_str))
        };
        self.fault("ci-provider", format!("no ci-issuer-metadata named {name:?}"), hint)
    }
}
