//! Which names an issuer's tokens may have certificates for, beyond what the issuer's type demands.
//!
//! Owns how domains and prefixes are compared. Knows neither tokens nor the file in which a policy is written.

use super::kinds::SubjectAlternativeName;

/// The rules of one issuer; the default allows every name. What is denied counts more than what is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamePolicy {
    /// The only domains that e-mail addresses may have, in lower case.
    pub allowed_email_domains: Option<Vec<String>>,
    /// Domains that e-mail addresses must not have, in lower case.
    pub denied_email_domains: Vec<String>,
    /// Names begin with one of these.
    pub allowed_prefixes: Option<Vec<String>>,
    /// Names begin with none of these.
    pub denied_prefixes: Vec<String>,
}

/// The rule that a name breaks. Carries no part of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefusal {
    #[error("the e-mail domain is in denied-email-domains")]
    EmailDomainDenied,
    #[error("the e-mail domain is not in allowed-email-domains")]
    EmailDomainNotAllowed,
    #[error("the name begins with one of denied-san-prefixes")]
    PrefixDenied,
    #[error("the name begins with none of allowed-san-prefixes")]
    PrefixNotAllowed,
}

impl NamePolicy {
    /// Whether a certificate may carry the name.
    pub fn check(&self, name: &SubjectAlternativeName) -> Result<(), NameRefusal> {
        let (text, domain) = match name {
            SubjectAlternativeName::Email(address) => {
                (address.as_str(), Some(address.rsplit('@').next().unwrap_or_default()))
            }
            SubjectAlternativeName::OtherName(text) => (text.as_str(), None),
            SubjectAlternativeName::Uri(uri) => (uri.as_str(), None),
        };
        let listed = |domains: &[String], domain: &str| domains.iter().any(|one| one.eq_ignore_ascii_case(domain));
        // A final dot names the same domain, so it must not lead past what is denied; what is allowed is compared as it is.
        if domain.is_some_and(|domain| listed(&self.denied_email_domains, domain.strip_suffix('.').unwrap_or(domain))) {
            return Err(NameRefusal::EmailDomainDenied);
        }
        if self.allowed_email_domains.as_ref().is_some_and(|domains| !domain.is_some_and(|name| listed(domains, name)))
        {
            return Err(NameRefusal::EmailDomainNotAllowed);
        }
        let begins = |prefixes: &[String]| prefixes.iter().any(|prefix| text.starts_with(prefix.as_str()));
        if begins(&self.denied_prefixes) {
            return Err(NameRefusal::PrefixDenied);
        }
        if self.allowed_prefixes.as_ref().is_some_and(|prefixes| !begins(prefixes)) {
            return Err(NameRefusal::PrefixNotAllowed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::uri::Uri;

    fn email(address: &str) -> SubjectAlternativeName {
        SubjectAlternativeName::Email(address.to_owned())
    }

    fn uri(text: &str) -> SubjectAlternativeName {
        SubjectAlternativeName::Uri(Uri::parse(text).unwrap())
    }

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn no_rule_allows_everything() {
        for name in [email("a@b.example"), uri("https://x"), SubjectAlternativeName::OtherName("a!b".into())] {
            assert_eq!(NamePolicy::default().check(&name), Ok(()));
        }
    }

    #[test]
    fn email_domains_are_compared_whole_and_without_regard_to_case() {
        let allowed = NamePolicy { allowed_email_domains: Some(list(&["example.com"])), ..NamePolicy::default() };
        for address in ["dev@example.com", "dev@EXAMPLE.com", "a@b@example.com"] {
            assert_eq!(allowed.check(&email(address)), Ok(()), "{address}");
        }
        for address in [
            "dev@sub.example.com",
            "dev@notexample.com",
            "dev@example.com.evil.org",
            "example.com@evil.org",
            "dev@example.com.",
        ] {
            assert_eq!(allowed.check(&email(address)), Err(NameRefusal::EmailDomainNotAllowed), "{address}");
        }
        assert_eq!(allowed.check(&uri("https://example.com/")), Err(NameRefusal::EmailDomainNotAllowed));

        let denied = NamePolicy { denied_email_domains: list(&["example.com"]), ..NamePolicy::default() };
        for address in ["dev@example.com", "dev@Example.COM", "dev@example.com."] {
            assert_eq!(denied.check(&email(address)), Err(NameRefusal::EmailDomainDenied), "{address}");
        }
        assert_eq!(denied.check(&email("dev@sub.example.com")), Ok(()));
        let both = NamePolicy { denied_email_domains: list(&["example.com"]), ..allowed };
        assert_eq!(both.check(&email("dev@example.com")), Err(NameRefusal::EmailDomainDenied), "denied counts more");
    }

    #[test]
    fn prefixes_are_compared_byte_for_byte_with_the_name_in_the_certificate() {
        let policy = NamePolicy {
            allowed_prefixes: Some(list(&["https://github.com/acme/", "https://github.com/open"])),
            denied_prefixes: list(&["https://github.com/acme/old"]),
            ..NamePolicy::default()
        };
        for (name, expected) in [
            ("https://github.com/acme/app", Ok(())),
            ("https://github.com/acme/", Ok(())),
            ("https://github.com/acme", Err(NameRefusal::PrefixNotAllowed)),
            ("https://github.com/acme-evil/app", Err(NameRefusal::PrefixNotAllowed)),
            ("https://github.com/Acme/app", Err(NameRefusal::PrefixNotAllowed)),
            ("https://github.com/openly-anybody/app", Ok(())),
            ("https://github.com/acme/old-app", Err(NameRefusal::PrefixDenied)),
        ] {
            assert_eq!(policy.check(&uri(name)), expected, "{name}");
        }
        let users = NamePolicy { allowed_prefixes: Some(list(&["ci-"])), ..NamePolicy::default() };
        assert_eq!(users.check(&SubjectAlternativeName::OtherName("ci-7!example.com".into())), Ok(()));
        assert!(users.check(&email("dev@example.com")).is_err());
    }
}
