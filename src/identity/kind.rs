//! What kind of identity an issuer's tokens stand for, with everything that kind needs, already validated.
//!
//! Built by `config`, consumed by `principal`. Knows neither files nor tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::identity::extensions::ExtensionId;
use crate::identity::template::Template;

macro_rules! identity_kinds {
    ($($variant:ident = $name:literal, $challenge:literal, $about:literal;)*) => {
        /// The kinds of identity. A new one is a new row here, and what the compiler then lists: its settings in [`IdentityType`], its
        /// reading in the issuer file, its principal in `kinds`, its claims for the development issuer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum IdentityKind { $(#[doc = $about] $variant,)* }

        impl IdentityKind {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Every word that [`Self::name`] gives.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The word in the issuer file (`type`), in `/api/v2/configuration`, in metric labels and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The claim whose text a client signs to prove that it holds its key, as clients are told.
            pub const fn default_challenge_claim(self) -> &'static str {
                match self { $(Self::$variant => $challenge,)* }
            }

            /// Who has such an identity, for help.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

identity_kinds! {
    Email = "email", "email", "A person, by e-mail address";
    Uri = "uri", "sub", "A person, by URI";
    Username = "username", "sub", "A person, by user name";
    Spiffe = "spiffe", "sub", "A workload with a SPIFFE ID";
    Kubernetes = "kubernetes", "sub", "A Kubernetes service account";
    GithubWorkflow = "github-workflow", "sub", "A GitHub Actions workflow";
    GitlabPipeline = "gitlab-pipeline", "sub", "A GitLab CI pipeline";
    BuildkiteJob = "buildkite-job", "sub", "A Buildkite job";
    CodefreshWorkflow = "codefresh-workflow", "sub", "A Codefresh pipeline";
    ChainguardIdentity = "chainguard-identity", "sub", "A Chainguard identity";
    CiProvider = "ci-provider", "sub", "A build of any CI system, described by templates";
}

impl IdentityKind {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a token without `sub` is refused: it is the name, or what the client signs. An e-mail address is both by itself.
    pub fn needs_subject(self) -> bool {
        self != Self::Email
    }
}

/// The `type` of an issuer with what it needs.
#[derive(Clone, Debug)]
pub enum IdentityType {
    Email(EmailRules),
    Uri(SubjectOrigin),
    /// `username`; the value is the domain behind the `!`.
    Username(String),
    Spiffe(spiffe::TrustDomain),
    Kubernetes,
    GithubWorkflow,
    GitlabPipeline,
    BuildkiteJob,
    CodefreshWorkflow,
    ChainguardIdentity,
    /// `ci-provider`; issuers of one provider share its compiled templates.
    CiProvider(Arc<CiProvider>),
}

impl IdentityType {
    pub const fn kind(&self) -> IdentityKind {
        match self {
            Self::Email(_) => IdentityKind::Email,
            Self::Uri(_) => IdentityKind::Uri,
            Self::Username(_) => IdentityKind::Username,
            Self::Spiffe(_) => IdentityKind::Spiffe,
            Self::Kubernetes => IdentityKind::Kubernetes,
            Self::GithubWorkflow => IdentityKind::GithubWorkflow,
            Self::GitlabPipeline => IdentityKind::GitlabPipeline,
            Self::BuildkiteJob => IdentityKind::BuildkiteJob,
            Self::CodefreshWorkflow => IdentityKind::CodefreshWorkflow,
            Self::ChainguardIdentity => IdentityKind::ChainguardIdentity,
            Self::CiProvider(_) => IdentityKind::CiProvider,
        }
    }

    /// As [`IdentityKind::name`].
    pub const fn name(&self) -> &'static str {
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
