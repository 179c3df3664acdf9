//! What kind of identity an issuer's tokens stand for, with everything that kind needs, already validated.
//!
//! Built by `config`, consumed by `principal`. Knows neither files nor tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::identity::extensions::ExtensionId;
use crate::identity::template::Template;

/// The `type` of an issuer. A new type is a new variant here, a file in `principal`, and what the compiler then lists.
#[derive(Clone, Debug)]
pub enum IdentityType {
    /// `email`
    Email(EmailRules),
    /// `uri`
    Uri(SubjectOrigin),
    /// `username`; the value is the domain behind the `!`.
    Username(String),
    /// `spiffe`
    Spiffe(spiffe::TrustDomain),
    /// `kubernetes`
    Kubernetes,
    /// `github-workflow`
    GithubWorkflow,
    /// `gitlab-pipeline`
    GitlabPipeline,
    /// `buildkite-job`
    BuildkiteJob,
    /// `codefresh-workflow`
    CodefreshWorkflow,
    /// `chainguard-identity`
    ChainguardIdentity,
    /// `ci-provider`; issuers of one provider share its compiled templates.
    CiProvider(Arc<CiProvider>),
}

impl IdentityType {
    /// Every word that [`Self::name`] gives.
    pub const NAMES: [&'static str; 11] = [
        "email",
        "uri",
        "username",
        "spiffe",
        "kubernetes",
        "github-workflow",
        "gitlab-pipeline",
        "buildkite-job",
        "codefresh-workflow",
        "chainguard-identity",
        "ci-provider",
    ];

    /// The word in the issuer file, in `/api/v2/configuration` and in metric labels.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Uri(_) => "uri",
            Self::Username(_) => "username",
            Self::Spiffe(_) => "spiffe",
            Self::Kubernetes => "kubernetes",
            Self::GithubWorkflow => "github-workflow",
            Self::GitlabPipeline => "gitlab-pipeline",
            Self::BuildkiteJob => "buildkite-job",
            Self::CodefreshWorkflow => "codefresh-workflow",
            Self::ChainguardIdentity => "chainguard-identity",
            Self::CiProvider(_) => "ci-provider",
        }
    }

    /// Whether a token without `sub` is refused: it is the name, or what the client signs. An e-mail address is both by itself.
    pub const fn needs_subject(&self) -> bool {
        !matches!(self, Self::Email(_))
    }

    /// The claim whose text a client signs to prove that it holds its key, as clients are told.
    pub const fn default_challenge_claim(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            _ => "sub",
        }
    }
}

/// What an `email` issuer's tokens must say.
#[derive(Clone, Debug)]
pub struct EmailRules {
    /// Whether `email_verified` is demanded.
    pub verification: EmailVerification,
    /// Where the certificate's issuer stands in the token, when not in `iss` (`issuer-claim`, a JSONPath).
    pub issuer_claim: Option<IssuerClaim>,
}

/// Whether `email_verified` is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailVerification {
    /// `email_verified` must be true.
    Required,
    /// `skip-email-verification: true`: the provider vouches for its addresses in another way.
    Skipped,
}

/// A JSONPath (RFC 9535) that was parsed when the file was loaded.
#[derive(Clone, Debug)]
pub struct IssuerClaim {
    /// The path as the operator wrote it.
    pub source: String,
    pub path: jsonpath_rust::parser::model::JpQuery,
}

/// Scheme and host that the subject of a `uri` issuer must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectOrigin {
    /// Scheme in lower case, without the colon.
    pub scheme: String,
    pub host: String,
}

/// The compiled templates of one `ci-issuer-metadata` entry.
#[derive(Debug)]
pub struct CiProvider {
    /// The entry's name, for messages.
    pub name: String,
    /// `default-template-values`: what a claim that is absent stands for.
    pub defaults: BTreeMap<String, String>,
    /// `subject-alternative-name-template`
    pub subject_alternative_name: ValueTemplate,
    /// `extension-templates` in certificate order, without issuer and subject, which come from the token.
    pub extensions: Vec<(ExtensionId, ValueTemplate)>,
}

/// One value of `extension-templates`.
#[derive(Clone, Debug)]
pub enum ValueTemplate {
    /// A value without `{{`: the name of one claim or default.
    Key(String),
    Template(Template),
}
