//! What kind of identity an issuer's tokens stand for, with everything that kind needs, already validated.
//!
//! Built by `config`, consumed by `principal`. Knows neither files nor tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use strum::EnumMessage as _;

use crate::identity::extensions::ExtensionId;
use crate::identity::template::Template;

impl IdentityKind {
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;
    /// Every word that [`Self::name`] gives.
    pub const NAMES: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;

    /// The word in the issuer file (`type`), in `/api/v2/configuration`, in metric labels and on the command line.
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// The claim whose text a client signs to prove that it holds its key, as clients are told.
    pub const fn default_challenge_claim(self) -> &'static str {
        if matches!(self, Self::Email) { "email" } else { "sub" }
    }

    /// Who has such an identity, for help.
    pub fn about(self) -> &'static str {
        self.get_message().unwrap_or_default()
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a token without `sub` is refused: it is the name, or what the client signs. An e-mail address is both by itself.
    pub fn needs_subject(self) -> bool {
        self != Self::Email
    }
}

/// The `type` of an issuer with what it needs. A new one is a new variant here, and what the compiler then lists: its reading in the
/// issuer file, its principal in `kinds`, its claims for the development issuer.
#[derive(Clone, Debug, strum::EnumDiscriminants)]
#[strum_discriminants(name(IdentityKind), doc = "The kinds of identity.")]
#[strum_discriminants(derive(
    Hash,
    strum::EnumMessage,
    strum::IntoStaticStr,
    strum::VariantArray,
    strum::VariantNames
))]
#[strum_discriminants(strum(serialize_all = "kebab-case", const_into_str))]
pub enum IdentityType {
    #[strum_discriminants(strum(message = "A person, by e-mail address"))]
    Email(EmailRules),
    #[strum_discriminants(strum(message = "A person, by URI"))]
    Uri(SubjectOrigin),
    /// `username`; the value is the domain behind the `!`.
    #[strum_discriminants(strum(message = "A person, by user name"))]
    Username(String),
    #[strum_discriminants(strum(message = "A workload with a SPIFFE ID"))]
    Spiffe(spiffe::TrustDomain),
    #[strum_discriminants(strum(message = "A Kubernetes service account"))]
    Kubernetes,
    #[strum_discriminants(strum(message = "A GitHub Actions workflow"))]
    GithubWorkflow,
    #[strum_discriminants(strum(message = "A GitLab CI pipeline"))]
    GitlabPipeline,
    #[strum_discriminants(strum(message = "A Buildkite job"))]
    BuildkiteJob,
    #[strum_discriminants(strum(message = "A Codefresh pipeline"))]
    CodefreshWorkflow,
    #[strum_discriminants(strum(message = "A Chainguard identity"))]
    ChainguardIdentity,
    /// `ci-provider`; issuers of one provider share its compiled templates.
    #[strum_discriminants(strum(message = "A build of any CI system, described by templates"))]
    CiProvider(Arc<CiProvider>),
}

impl IdentityType {
    pub fn kind(&self) -> IdentityKind {
        self.into()
    }

    /// As [`IdentityKind::name`].
    pub fn name(&self) -> &'static str {
        self.kind().name()
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
