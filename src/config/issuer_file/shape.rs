//! The keys of an issuer file in both spellings, and what kind of value stands behind each.
//!
//! Knows nothing of what the values mean.

use crate::config::document::{Setting, Shape};
use crate::identity::extensions::ExtensionId;

const fn text(yaml: &'static str, json: &'static str) -> Setting {
    Setting::new(yaml, json, Shape::Text)
}

const fn texts(yaml: &'static str, json: &'static str) -> Setting {
    Setting::new(yaml, json, Shape::Texts)
}

const fn other(yaml: &'static str, json: &'static str) -> Setting {
    Setting::new(yaml, json, Shape::Other)
}

pub(super) const FILE: &[Setting] = &[
    other("oidc-issuers", "OIDCIssuers"),
    other("meta-issuers", "MetaIssuers"),
    other("ci-issuer-metadata", "CIIssuerMetadata"),
    // A place for anchors.
    other("define", "define"),
];

/// An entry of `oidc-issuers` or `meta-issuers`.
pub(super) const ISSUER: &[Setting] = &[
    text("issuer-url", "IssuerURL"),
    text("client-id", "ClientID"),
    text("type", "Type"),
    text("ci-provider", "CIProvider"),
    text("issuer-claim", "IssuerClaim"),
    text("subject-domain", "SubjectDomain"),
    text("spiffe-trust-domain", "SPIFFETrustDomain"),
    text("challenge-claim", "ChallengeClaim"),
    text("description", "Description"),
    text("contact", "Contact"),
    text("ca-cert", "CACert"),
    text("ca-cert-only", "CACertOnly"),
    text("skip-email-verification", "SkipEmailVerification"),
    text("order", "Order"),
    text("jwks", "JWKS"),
    text("jwks-file", "JWKSFile"),
    text("jwks-url", "JWKSURL"),
    text("token-file", "TokenFile"),
    text("allow-http", "AllowHTTP"),
    text("allow-private-addresses", "AllowPrivateAddresses"),
    text("trust-any-host", "TrustAnyHost"),
    text("max-certificates-per-token", "MaxCertificatesPerToken"),
    texts("token-types", "TokenTypes"),
    texts("authorized-parties", "AuthorizedParties"),
    text("max-token-age", "MaxTokenAge"),
    other("name-policy", "NamePolicy"),
    other("restrict", "Restrict"),
    text("key-outage-window", "KeyOutageWindow"),
    // Seen in files in the field; nobody reads it.
    other("environment", "Environment"),
];

/// What an entry demands beyond its type; beside the other settings, or all together under `restrict`.
pub(super) const RESTRICT: &[Setting] = &[
    text("max-certificates-per-token", "MaxCertificatesPerToken"),
    texts("token-types", "TokenTypes"),
    texts("authorized-parties", "AuthorizedParties"),
    text("max-token-age", "MaxTokenAge"),
    other("name-policy", "NamePolicy"),
];

/// The `name-policy` of an issuer.
pub(super) const NAME_POLICY: &[Setting] = &[
    texts("allowed-email-domains", "AllowedEmailDomains"),
    texts("denied-email-domains", "DeniedEmailDomains"),
    texts("allowed-san-prefixes", "AllowedSANPrefixes"),
    texts("denied-san-prefixes", "DeniedSANPrefixes"),
];

/// An entry of `ci-issuer-metadata`.
pub(super) const METADATA: &[Setting] = &[
    other("default-template-values", "DefaultTemplateValues"),
    // A table because the list of extensions is `ExtensionId`'s; `extension` below finds the unknown ones.
    other("extension-templates", "ExtensionTemplates"),
    text("subject-alternative-name-template", "SubjectAlternativeNameTemplate"),
];

/// The extension that a key of `extension-templates` spells.
pub(super) fn extension(key: &str) -> Option<ExtensionId> {
    templated().find(|id| id.yaml_name().eq_ignore_ascii_case(key) || id.json_name().eq_ignore_ascii_case(key))
}

/// The extensions that a template may be given for. The oldest issuer extension is always a copy of the newer one.
pub(super) fn templated() -> impl Iterator<Item = ExtensionId> + Clone {
    ExtensionId::ALL.iter().copied().filter(|id| *id != ExtensionId::IssuerV1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_find_the_same_key_and_no_other_does() {
        for settings in [FILE, ISSUER, RESTRICT, NAME_POLICY, METADATA] {
            for setting in settings {
                for key in [setting.yaml, setting.json, &setting.yaml.to_uppercase(), &setting.json.to_lowercase()] {
                    assert_eq!(Setting::find(settings, key).map(|found| found.yaml), Some(setting.yaml));
                }
                assert!(Setting::find(settings, &format!("{}s", setting.yaml)).is_none());
            }
        }
        assert_eq!(extension("build-signer-uri"), Some(ExtensionId::BuildSignerUri));
        assert_eq!(extension("BuildSignerURI"), Some(ExtensionId::BuildSignerUri));
        assert_eq!(extension("issuer-v1"), None);
    }
}
