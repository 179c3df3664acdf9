//! Identities: what a certificate will say about the holder of a verified token.
//!
//! Owns [`Principal`] and the one match over all identity types; each type has a file. Knows neither keys nor certificates' encoding.

mod buildkite_job;
mod chainguard_identity;
mod ci_provider;
mod codefresh_workflow;
mod email;
mod github_workflow;
mod gitlab_pipeline;
mod kubernetes;
mod spiffe_id;
mod uri_subject;
mod username;

use crate::identity::claims::ClaimError;
use crate::identity::extensions::ExtensionId;
use crate::identity::kind::IdentityType;
use crate::identity::name_policy::NameRefusal;
use crate::identity::san::SanError;
use crate::identity::template::RenderError;
use crate::identity::uri::{Uri, UriError};
use crate::identity::verify::VerifiedClaims;
use crate::text::has_control_character;

/// The certificate's one subject alternative name (RFC 5280 section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectAlternativeName {
    /// `rfc822Name`
    Email(String),
    /// `uniformResourceIdentifier`
    Uri(Uri),
    /// `otherName` of type 1.3.6.1.4.1.57264.1.7, a UTF8String
    OtherName(String),
}

/// Who the certificate is for. Made from verified claims only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    challenge: String,
    name: SubjectAlternativeName,
    extensions: Vec<(ExtensionId, String)>,
}

/// Why verified claims do not make an identity. Messages name claims, not their values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("the e-mail address is not verified by the issuer")]
    EmailNotVerified,
    #[error("the claim \"email\" is not a valid address")]
    NotAnAddress,
    #[error("the claim \"sub\" is an e-mail address")]
    SubjectIsAddress,
    #[error("the claim \"sub\" is not within the domain that is configured for the issuer")]
    ForeignSubject,
    #[error("the claim \"sub\" is not a valid {0}")]
    SubjectForm(&'static str),
    #[error("the claim {0:?} has an unexpected value")]
    Unexpected(&'static str),
    /// The name or an extension cannot be written as a URI.
    #[error("the claims do not make a valid URI: {0}")]
    Uri(#[from] UriError),
    /// Other claims would give the same name.
    #[error(transparent)]
    Collides(SanError),
    #[error("the issuer claim {0:?} does not lead to exactly one text")]
    IssuerClaim(String),
    #[error("the template for {part}: {source}")]
    Template {
        /// Which part of the certificate the template is for.
        part: &'static str,
        source: RenderError,
    },
    #[error("the token fits several identities of its issuer, and they have no order")]
    Ambiguous,
    #[error("the subject alternative name is empty")]
    EmptyName,
    /// A template or a default put a control character (C0, C1 or DEL) into the certificate.
    #[error("the {0} would contain a control character")]
    ControlCharacter(&'static str),
    #[error("the issuer's name-policy: {0}")]
    NotAllowed(#[from] NameRefusal),
}

impl From<SanError> for PrincipalError {
    fn from(error: SanError) -> Self {
        match error {
            SanError::Uri(error) => Self::Uri(error),
            collides @ SanError::Collides { .. } => Self::Collides(collides),
        }
    }
}

impl PrincipalError {
    /// The claim at fault, when there is one, for the client to know.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Claim(error) => Some(error.claim()),
            Self::EmailNotVerified => Some("email_verified"),
            Self::NotAnAddress => Some("email"),
            Self::SubjectIsAddress | Self::ForeignSubject | Self::SubjectForm(_) => Some("sub"),
            Self::Unexpected(claim) => Some(claim),
            Self::Template { source, .. } => source.key(),
            Self::Collides(error) => error.claim(),
            Self::Uri(_)
            | Self::IssuerClaim(_)
            | Self::Ambiguous
            | Self::EmptyName
            | Self::ControlCharacter(_)
            | Self::NotAllowed(_) => None,
        }
    }
}

impl Principal {
    /// Makes the identity that the issuer's type defines.
    pub fn from_claims(token: &VerifiedClaims) -> Result<Self, PrincipalError> {
        let principal = Self::of_type(token)?;
        principal.check_characters()?;
        token.issuer().restrictions.names.check(&principal.name)?;
        Ok(principal)
    }

    fn of_type(token: &VerifiedClaims) -> Result<Self, PrincipalError> {
        match &token.issuer().identity {
            IdentityType::Email(rules) => email::principal(token, rules),
            IdentityType::Uri(origin) => uri_subject::principal(token, origin),
            IdentityType::Username(domain) => username::principal(token, domain),
            IdentityType::Spiffe(domain) => spiffe_id::principal(token, domain),
            IdentityType::Kubernetes => kubernetes::principal(token),
            IdentityType::GithubWorkflow => github_workflow::principal(token),
            IdentityType::GitlabPipeline => gitlab_pipeline::principal(token),
            IdentityType::BuildkiteJob => buildkite_job::principal(token),
            IdentityType::CodefreshWorkflow => codefresh_workflow::principal(token),
            IdentityType::ChainguardIdentity => chainguard_identity::principal(token),
            IdentityType::CiProvider(provider) => ci_provider::principal(token, provider),
        }
    }

    /// Claims are checked where they are read; this also covers what templates, defaults and settings add.
    fn check_characters(&self) -> Result<(), PrincipalError> {
        let name = match &self.name {
            SubjectAlternativeName::Email(text) | SubjectAlternativeName::OtherName(text) => text,
            SubjectAlternativeName::Uri(uri) => uri.as_str(),
        };
        let extensions = self.extensions.iter().map(|(id, text)| (text.as_str(), id.yaml_name()));
        let mut parts =
            [(name, "subject-alternative-name"), (&self.challenge, "challenge")].into_iter().chain(extensions);
        match parts.find(|(text, _)| has_control_character(text)) {
            Some((_, part)) => Err(PrincipalError::ControlCharacter(part)),
            None => Ok(()),
        }
    }

    /// A principal whose challenge is the token's subject and whose issuer is the token's. Without a subject the challenge would be
    /// empty, and a proof over nothing binds the key to nobody.
    fn new(token: &VerifiedClaims, name: SubjectAlternativeName) -> Result<Self, PrincipalError> {
        let subject = token.claims().non_empty_str("sub")?;
        Ok(Self::challenged_by(token, name, subject))
    }

    /// A principal with a challenge of its own. The subject is not needed, and is certified if the token has one.
    fn challenged_by(token: &VerifiedClaims, name: SubjectAlternativeName, challenge: &str) -> Self {
        Self { challenge: challenge.to_owned(), name, extensions: Vec::new() }
            .issued_by(token.issuer_url())
            .with_optional(ExtensionId::Subject, token.subject())
    }

    fn issued_by(mut self, issuer: &str) -> Self {
        self.extensions.retain(|(id, _)| !matches!(id, ExtensionId::IssuerV1 | ExtensionId::Issuer));
        self.with(ExtensionId::IssuerV1, issuer).with(ExtensionId::Issuer, issuer)
    }

    /// Adds an extension; an empty one is left out.
    fn with(mut self, id: ExtensionId, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            let place = self.extensions.partition_point(|(other, _)| *other < id);
            self.extensions.insert(place, (id, value));
        }
        self
    }

    fn with_optional(self, id: ExtensionId, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(id, value),
            None => self,
        }
    }

    /// The text whose signature proves possession of the private key.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The same with other extensions, for the tests of what comes after.
    #[cfg(test)]
    pub(crate) fn with_extensions_for_test(&self, change: impl FnOnce(&mut Vec<(ExtensionId, String)>)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.extensions);
        changed
    }

    pub const fn name(&self) -> &SubjectAlternativeName {
        &self.name
    }

    /// The Fulcio extensions in certificate order; none is empty.
    pub fn extensions(&self) -> &[(ExtensionId, String)] {
        &self.extensions
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Claims for the types' tests, without a signature to make.

    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::identity::claims::Claims;
    use crate::identity::issuers::{Issuer, Issuers};

    pub(crate) const ISSUER: &str = "https://issuer.example.com";

    /// The principal for `claims` laid over an ordinary token, of an issuer with these YAML settings (indented by four).
    #[allow(clippy::needless_pass_by_value, reason = "tests read better with json! in place")]
    pub(crate) fn principal_of(settings: &str, changes: Value) -> Result<Principal, PrincipalError> {
        Principal::from_claims(&verified(settings, &changes))
    }

    fn verified(settings: &str, changes: &Value) -> VerifiedClaims {
        let (settings, rest) = settings.split_once("---\n").unwrap_or((settings, ""));
        let file = format!("oidc-issuers:\n  {ISSUER}:\n    client-id: sigstore\n{settings}\n{rest}");
        let issuers = Issuers::parse("test.yaml", &file).unwrap_or_else(|error| panic!("{error}\n{file}"));
        let issuer: Arc<Issuer> = Arc::clone(issuers.find(ISSUER).first().unwrap());
        let mut claims = json!({"iss": ISSUER, "aud": "sigstore", "sub": "subject-1", "exp": 1});
        for (name, value) in changes.as_object().unwrap() {
            claims.as_object_mut().unwrap().insert(name.clone(), value.clone());
        }
        VerifiedClaims::for_test(Claims::parse(claims.to_string().as_bytes()).unwrap(), issuer)
    }

    /// The same for members that JSON values cannot hold, such as numbers of many digits.
    pub(crate) fn principal_of_text(settings: &str, changes: &str) -> Result<Principal, PrincipalError> {
        let issuer = Arc::clone(verified(settings, &json!({})).issuer_for_test());
        let head = format!(r#"{{"iss":"{ISSUER}","aud":"sigstore","sub":"subject-1","exp":1,"#);
        let claims = changes.replacen('{', &head, 1);
        Principal::from_claims(&VerifiedClaims::for_test(Claims::parse(claims.as_bytes()).unwrap(), issuer))
    }

    /// `changes` without one member.
    pub(crate) fn without(claims: &Value, name: &str) -> Value {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    /// `changes` with one member replaced.
    pub(crate) fn with(claims: &Value, name: &str, value: Value) -> Value {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().insert(name.to_owned(), value);
        claims
    }

    pub(crate) fn uri(principal: &Principal) -> &str {
        match principal.name() {
            SubjectAlternativeName::Uri(uri) => uri.as_str(),
            other => panic!("{other:?}"),
        }
    }

    /// Extensions by the last number of their identifiers.
    pub(crate) fn texts(principal: &Principal) -> Vec<(u32, &str)> {
        principal.extensions().iter().map(|(id, text)| (id.arc(), text.as_str())).collect()
    }

    /// Each claim but these in turn missing, empty, null, a list, an object: every time a refusal that names it.
    pub(crate) fn each_is_needed(settings: &str, claims: &Value, but: &[&str]) {
        for name in claims.as_object().unwrap().keys().filter(|name| !but.contains(&name.as_str())) {
            for bad in [None, Some(json!("")), Some(Value::Null), Some(json!(["x"])), Some(json!({"a": "b"}))] {
                let changed = match &bad {
                    None => without(claims, name),
                    Some(value) => with(claims, name, value.clone()),
                };
                let error = principal_of(settings, changed).expect_err(name);
                assert_eq!(error.claim(), Some(name.as_str()), "{name} as {bad:?}: {error}");
            }
        }
    }
}
