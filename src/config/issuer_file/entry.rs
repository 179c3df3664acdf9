//! Turns one entry of `oidc-issuers` or `meta-issuers` into an issuer.
//!
//! Knows every rule about an issuer's settings; knows nothing of the metadata that a `ci-provider` names.

use url::Url;
use x509_parser::pem::Pem;

use super::address::{self, Objection};
use super::fault::Fault;
use super::hint;
use super::metadata::Providers;
use super::record::{Field, Record};
use super::shape::ISSUER;
use crate::config::issuers::{Issuer, IssuerAddress};
use crate::identity::kind::{EmailRules, EmailVerification, IdentityType, IssuerClaim};

/// One entry with what its checks look at.
struct Entry<'t> {
    record: Record<'t>,
    /// The issuer's URL; of a meta issuer one that fits the pattern.
    url: Url,
    meta: bool,
    providers: &'t Providers,
}

/// An entry of `oidc-issuers`.
pub(super) fn exact(key: &str, field: &Field<'_>, providers: &Providers) -> Result<Issuer, Fault> {
    let url = address::issuer_url(key).map_err(|(message, hint)| field.place.key().fault(message, hint))?;
    let entry = Entry { record: Record::read(field, ISSUER)?, url, meta: false, providers };
    entry.issuer(key, IssuerAddress::Url(key.to_owned()))
}

/// An entry of `meta-issuers`.
pub(super) fn meta(key: &str, field: &Field<'_>, providers: &Providers) -> Result<Issuer, Fault> {
    let (pattern, url) =
        address::meta_pattern(key).map_err(|(message, hint)| field.place.key().fault(message, hint))?;
    let entry = Entry { record: Record::read(field, ISSUER)?, url, meta: true, providers };
    entry.issuer(key, IssuerAddress::Pattern(pattern))
}

impl Entry<'_> {
    fn issuer(&self, key: &str, address: IssuerAddress) -> Result<Issuer, Fault> {
        self.same_url(key)?;
        let audience = self.audience()?;
        let skip_email_verification = self.skip_email_verification()?;
        let identity = self.identity(skip_email_verification)?;
        let own = |key: &str| Some(self.record.text(key)).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Issuer {
            address,
            audience,
            challenge_claim: own("challenge-claim").unwrap_or_else(|| identity.default_challenge_claim().to_owned()),
            identity,
            spiffe_trust_domain: self.record.text("spiffe-trust-domain").to_owned(),
            subject_domain: self.record.text("subject-domain").to_owned(),
            skip_email_verification,
            ca_certificate: self.ca_certificate()?,
            in_cluster: false,
            description: own("description"),
            contact: own("contact"),
        })
    }

    fn fault(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) -> Fault {
        self.record.place_of(key).fault(message, hint)
    }

    fn objection(&self, key: &'static str) -> impl Fn(Objection) -> Fault {
        move |(message, hint)| self.fault(key, message, hint)
    }

    /// `issuer-url` repeats the key, or is left out.
    fn same_url(&self, key: &str) -> Result<(), Fault> {
        match self.record.text("issuer-url") {
            "" => Ok(()),
            url if url == key => Ok(()),
            _ => {
                let message = format!("{} is not the key of this entry", self.record.spelled("issuer-url"));
                Err(self.fault("issuer-url", message, format!("write {key}, or leave the line out")))
            }
        }
    }

    fn audience(&self) -> Result<String, Fault> {
        match self.record.text("client-id") {
            text if text.trim().is_empty() => {
                let message = format!("{} is missing or empty", self.record.spelled("client-id"));
                Err(self.fault("client-id", message, "give the audience of the tokens, usually sigstore"))
            }
            text => Ok(text.to_owned()),
        }
    }

    /// The words that the incumbent's YAML reader takes for a boolean setting.
    fn skip_email_verification(&self) -> Result<bool, Fault> {
        match self.record.text("skip-email-verification") {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Ok(true),
            "" | "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Ok(false),
            _ => Err(self.fault("skip-email-verification", "neither true nor false", "write true or false")),
        }
    }

    fn identity(&self, skip_email_verification: bool) -> Result<IdentityType, Fault> {
        let identity = match self.record.text("type") {
            "email" => {
                let verification =
                    if skip_email_verification { EmailVerification::Skipped } else { EmailVerification::Required };
                return Ok(IdentityType::Email(EmailRules { verification, issuer_claim: self.issuer_claim()? }));
            }
            "uri" => self.uri()?,
            "username" => self.username()?,
            "spiffe" => self.spiffe()?,
            "kubernetes" => IdentityType::Kubernetes,
            "github-workflow" => IdentityType::GithubWorkflow,
            "gitlab-pipeline" => IdentityType::GitlabPipeline,
            "buildkite-job" => IdentityType::BuildkiteJob,
            "codefresh-workflow" => IdentityType::CodefreshWorkflow,
            "chainguard-identity" => IdentityType::ChainguardIdentity,
            "ci-provider" => self.ci_provider()?,
            "" => {
                return Err(self.fault(
                    "type",
                    "type is missing",
                    format!("types are {}", IdentityType::NAMES.join(", ")),
                ));
            }
            unknown => {
                let near = hint::for_unknown(unknown, IdentityType::NAMES.iter().copied());
                let list = if near.starts_with("did") {
                    format!("; types are {}", IdentityType::NAMES.join(", "))
                } else {
                    String::new()
                };
                return Err(self.fault("type", format!("unknown type {unknown:?}"), near + &list));
            }
        };
        if self.record.text("issuer-claim").is_empty() {
            return Ok(identity);
        }
        let message = format!("{} is for issuers of type email only", self.record.spelled("issuer-claim"));
        Err(self.fault("issuer-claim", message, "remove the line, or use type email"))
    }

    fn issuer_claim(&self) -> Result<Option<IssuerClaim>, Fault> {
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

    fn uri(&self) -> Result<IdentityType, Fault> {
        let key = "subject-domain";
        let origin = address::subject_origin(self.record.text(key), &self.url).map_err(self.objection(key))?;
        self.own_domain(&origin.host)?;
        Ok(IdentityType::Uri(origin))
    }

    fn username(&self) -> Result<IdentityType, Fault> {
        let key = "subject-domain";
        let host = address::subject_host(self.record.text(key), &self.url).map_err(self.objection(key))?;
        self.own_domain(&host)?;
        Ok(IdentityType::Username(host))
    }

    /// A pattern's host is not known, so it is for the operator to know what its issuers may speak for.
    fn own_domain(&self, host: &str) -> Result<(), Fault> {
        if self.meta {
            return Ok(());
        }
        address::may_speak_for(&self.url, host).map_err(self.objection("subject-domain"))
    }

    fn spiffe(&self) -> Result<IdentityType, Fault> {
        let key = "spiffe-trust-domain";
        if self.meta {
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

    fn ci_provider(&self) -> Result<IdentityType, Fault> {
        let key = "ci-provider";
        match self.record.text(key) {
            "" => {
                let message = format!("{} is missing", self.record.spelled(key));
                Err(self.fault(key, message, "name an entry of ci-issuer-metadata (JSON: CIIssuerMetadata)"))
            }
            name => self.providers.get(name).cloned().map(IdentityType::CiProvider).ok_or_else(|| {
                let hint = if self.providers.is_empty() {
                    "add ci-issuer-metadata (JSON: CIIssuerMetadata) with an entry of this name".to_owned()
                } else {
                    hint::for_unknown(name, self.providers.keys().map(String::as_str))
                };
                self.fault(key, format!("no ci-issuer-metadata named {name:?}"), hint)
            }),
        }
    }

    /// PEM of one certificate or more and nothing else; text between the blocks is left to the reader of the PEM.
    fn ca_certificate(&self) -> Result<Option<String>, Fault> {
        let key = "ca-cert";
        let text = self.record.text(key);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let hint = "give one or more blocks from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----";
        let mut certificates = 0_usize;
        for block in Pem::iter_from_buffer(text.as_bytes()) {
            let sound = block.is_ok_and(|pem| {
                pem.label == "CERTIFICATE"
                    && pem.parse_x509().is_ok_and(|certificate| certificate.as_raw() == pem.contents)
            });
            if !sound {
                let message = format!("PEM block {} is not a certificate", certificates + 1);
                return Err(self.fault(key, message, hint));
            }
            certificates += 1;
        }
        if certificates == 0 {
            return Err(self.fault(key, "no PEM block", hint));
        }
        Ok(Some(text.to_owned()))
    }
}
