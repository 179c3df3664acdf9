//! Defaults of `ci-issuer-metadata` that name another provider than the issuer, such as `https://gitlab.com` for a GitLab of one's own.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::holders::{self, Holders};
use crate::identity::kind::{CiProvider, ValueTemplate};

/// Domains that have one owner: the issuer's, and the one that its users see.
const SAME_OWNER: &[(&str, &str)] = &[("githubusercontent.com", "github.com")];

/// The defaults that a template uses and that are URLs of a host whose owner is not `own`'s, with their keys.
pub(super) fn foreign<'p>(provider: &'p CiProvider, own: &str) -> Vec<(&'p str, &'p str)> {
    let templates = provider.extensions.iter().map(|(_, template)| template);
    let used: BTreeSet<&str> =
        templates.chain([&provider.subject_alternative_name]).flat_map(|template| keys(template)).collect();
    let defaults = provider.defaults.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    defaults.filter(|(key, value)| used.contains(key) && is_foreign(value, own)).collect()
}

fn keys(template: &ValueTemplate) -> Vec<&str> {
    match template {
        ValueTemplate::Key(key) => vec![key],
        ValueTemplate::Template(template) => template.keys(),
    }
}

fn is_foreign(value: &str, own: &str) -> bool {
    let Ok(url) = Url::parse(value) else { return false };
    let (Some(host), true) = (url.host_str(), matches!(url.scheme(), "http" | "https")) else { return false };
    let is_name = |host: &str| matches!(Host::parse(host), Ok(Host::Domain(_)));
    let is_below = |host: &str, domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    if host == own || SAME_OWNER.iter().any(|(issuer, shown)| is_below(own, issuer) && is_below(host, shown)) {
        return false;
    }
    !(is_name(host) && is_name(own)) || matches!(holders::of_both(own, host), Holders::Anybody)
}

#[cfg(test)]
mod tests {
    use super::super::refusals::parse;

    fn file(issuer: &str, url: &str) -> String {
        format!(
            "oidc-issuers:\n  {issuer}:\n    client-id: sigstore\n    type: ci-provider\n    ci-provider: ci\nci-issuer-metadata:\n  ci:\n    \
             default-template-values: {{url: '{url}', unused: 'https://other.example.net'}}\n    extension-templates:\n      \
             source-repository-uri: '{{{{ .url }}}}/{{{{ .project_path }}}}'\n    subject-alternative-name-template: 'https://{{{{ .ci_config_ref_uri }}}}'\n"
        )
    }

    #[test]
    fn a_default_with_another_providers_address_is_told() {
        for (issuer, url) in [
            ("https://gitlab.corp.example.org", "https://gitlab.com"),
            ("https://ci.example.org", "https://github.com"),
            ("https://gitlab.example.org", "https://gitlab.other.org/path"),
        ] {
            let told = parse(&file(issuer, url)).unwrap().warnings().join("\n");
            assert!(told.contains(url) && told.contains("\"url\"") && told.contains("{{ .iss }}"), "{issuer}: {told}");
        }
    }

    #[test]
    fn a_default_of_the_issuers_own_domain_is_not() {
        for (issuer, url) in [
            ("https://gitlab.com", "https://gitlab.com"),
            ("https://gitlab.corp.example.org", "https://gitlab.corp.example.org"),
            ("https://token.actions.githubusercontent.com", "https://github.com"),
            ("https://oidc.codefresh.io", "https://g.codefresh.io"),
            ("https://agent.buildkite.com", "https://buildkite.com"),
            ("https://gitlab.corp.example.org", ""),
        ] {
            assert_eq!(parse(&file(issuer, url)).unwrap().warnings(), [] as [String; 0], "{issuer} {url}");
        }
    }
}
