//! The table of Fulcio certificate extensions, arc 1.3.6.1.4.1.57264.1.
//!
//! Owns each extension's number, spelling in an issuer file, encoding and plain name. Knows nothing of tokens or templates.
//! Source: <https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>.

use der::asn1::ObjectIdentifier;

/// How the value of an extension stands inside its OCTET STRING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The text's bytes as they are: the six oldest extensions, kept for verifiers that know no other.
    RawText,
    /// A DER `UTF8String`.
    Utf8String,
}

macro_rules! extensions {
    ($($variant:ident = $arc:literal, $encoding:ident, $pascal:literal, $kebab:literal, $title:literal;)*) => {
        /// One Fulcio extension. Variants stand in the order in which a certificate carries them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ExtensionId {
            $(#[doc = $title] $variant,)*
        }

        impl ExtensionId {
            /// Every extension, in certificate order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The last number of the object identifier.
            pub const fn arc(self) -> u32 {
                match self { $(Self::$variant => $arc),* }
            }

            pub const fn encoding(self) -> Encoding {
                match self { $(Self::$variant => Encoding::$encoding),* }
            }

            /// The spelling in a JSON issuer file (`ExtensionTemplates`).
            pub const fn json_name(self) -> &'static str {
                match self { $(Self::$variant => $pascal),* }
            }

            /// The spelling in a YAML issuer file (`extension-templates`).
            pub const fn yaml_name(self) -> &'static str {
                match self { $(Self::$variant => $kebab),* }
            }

            /// A plain name for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }

            pub const fn oid(self) -> ObjectIdentifier {
                match self {
                    $(Self::$variant => ObjectIdentifier::new_unwrap(concat!("1.3.6.1.4.1.57264.1.", $arc))),*
                }
            }
        }
    };
}

extensions! {
    IssuerV1 = 1, RawText, "IssuerV1", "issuer-v1", "Issuer (deprecated encoding)";
    GithubWorkflowTrigger = 2, RawText, "GithubWorkflowTrigger", "github-workflow-trigger", "GitHub workflow trigger";
    GithubWorkflowSha = 3, RawText, "GithubWorkflowSHA", "github-workflow-sha", "GitHub workflow commit";
    GithubWorkflowName = 4, RawText, "GithubWorkflowName", "github-workflow-name", "GitHub workflow name";
    GithubWorkflowRepository = 5, RawText, "GithubWorkflowRepository", "github-workflow-repository", "GitHub workflow repository";
    GithubWorkflowRef = 6, RawText, "GithubWorkflowRef", "github-workflow-ref", "GitHub workflow ref";
    Issuer = 8, Utf8String, "Issuer", "issuer", "Issuer";
    BuildSignerUri = 9, Utf8String, "BuildSignerURI", "build-signer-uri", "Build signer URI";
    BuildSignerDigest = 10, Utf8String, "BuildSignerDigest", "build-signer-digest", "Build signer digest";
    RunnerEnvironment = 11, Utf8String, "RunnerEnvironment", "runner-environment", "Runner environment";
    SourceRepositoryUri = 12, Utf8String, "SourceRepositoryURI", "source-repository-uri", "Source repository URI";
    SourceRepositoryDigest = 13, Utf8String, "SourceRepositoryDigest", "source-repository-digest", "Source repository digest";
    SourceRepositoryRef = 14, Utf8String, "SourceRepositoryRef", "source-repository-ref", "Source repository ref";
    SourceRepositoryIdentifier = 15, Utf8String, "SourceRepositoryIdentifier", "source-repository-identifier", "Source repository identifier";
    SourceRepositoryOwnerUri = 16, Utf8String, "SourceRepositoryOwnerURI", "source-repository-owner-uri", "Source repository owner URI";
    SourceRepositoryOwnerIdentifier = 17, Utf8String, "SourceRepositoryOwnerIdentifier", "source-repository-owner-identifier", "Source repository owner identifier";
    BuildConfigUri = 18, Utf8String, "BuildConfigURI", "build-config-uri", "Build config URI";
    BuildConfigDigest = 19, Utf8String, "BuildConfigDigest", "build-config-digest", "Build config digest";
    BuildTrigger = 20, Utf8String, "BuildTrigger", "build-trigger", "Build trigger";
    RunInvocationUri = 21, Utf8String, "RunInvocationURI", "run-invocation-uri", "Run invocation URI";
    SourceRepositoryVisibility = 22, Utf8String, "SourceRepositoryVisibilityAtSigning", "source-repository-visibility-at-signing", "Source repository visibility at signing";
    DeploymentEnvironment = 23, Utf8String, "DeploymentEnvironment", "deployment-environment", "Deployment environment";
    Subject = 24, Utf8String, "Subject", "subject", "Token subject";
}

/// The type of the `otherName` in a username's subject alternative name: 1.3.6.1.4.1.57264.1.7.
pub(crate) const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_certificate_order_and_only_the_first_six_are_raw_text() {
        let arcs: Vec<u32> = ExtensionId::ALL.iter().map(|id| id.arc()).collect();
        assert!(arcs.is_sorted(), "{arcs:?}");
        assert_eq!(arcs.len(), 23);
        assert!(!arcs.contains(&7), "arc 7 is the otherName's type, not an extension");
        for id in ExtensionId::ALL {
            assert_eq!(id.encoding() == Encoding::RawText, id.arc() <= 6, "{id:?}");
            assert_eq!(id.oid().to_string(), format!("1.3.6.1.4.1.57264.1.{}", id.arc()));
        }
    }
}
