//! `spiffe`: a workload of one trust domain (SPIFFE-ID standard, section 2).

use spiffe::{SpiffeId, TrustDomain};

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::uri::Uri;

pub(super) fn principal(token: &VerifiedClaims, domain: &TrustDomain) -> Result<Principal, PrincipalError> {
    let subject = token.claims().non_empty_str("sub")?;
    let id = SpiffeId::new(subject).map_err(|_| PrincipalError::SubjectForm("SPIFFE ID"))?;
    // The crate lower-cases scheme and trust domain; an id that was not lower case is not one (SPIFFE-ID section 2.1).
    if id.to_string() != subject {
        return Err(PrincipalError::SubjectForm("SPIFFE ID"));
    }
    if id.trust_domain() != domain {
        return Err(PrincipalError::ForeignSubject);
    }
    Principal::new(token, SubjectAlternativeName::Uri(Uri::parse(subject)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;

    const SETTINGS: &str = "    type: spiffe\n    spiffe-trust-domain: example.org";

    #[test]
    fn a_workload_of_the_trust_domain() {
        let principal = principal_of(SETTINGS, json!({"sub": "spiffe://example.org/ns/prod"})).unwrap();
        assert_eq!(
            (uri(&principal), principal.challenge()),
            ("spiffe://example.org/ns/prod", "spiffe://example.org/ns/prod")
        );
    }

    #[test]
    fn foreign_and_malformed_ids_are_refused() {
        assert_eq!(principal_of(SETTINGS, json!({"sub": "spiffe://evil.org/x"})), Err(PrincipalError::ForeignSubject));
        for sub in [
            "https://example.org/x",
            "spiffe:example.org",
            "spiffe://",
            "spiffe://example.org/../x",
            "spiffe://example.org/a?b",
            "spiffe://Example.org/x",
            "SPIFFE://example.org/x",
        ] {
            assert_eq!(
                principal_of(SETTINGS, json!({"sub": sub})),
                Err(PrincipalError::SubjectForm("SPIFFE ID")),
                "{sub}"
            );
        }
    }
}
