//! `uri`: a subject that is a URI of the issuer's own domain.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::email::is_address;
use crate::identity::kind::SubjectOrigin;
use crate::identity::san::{self, Piece, SanError};

pub(super) fn principal(token: &VerifiedClaims, origin: &SubjectOrigin) -> Result<Principal, PrincipalError> {
    let subject = token.claims().non_empty_str("sub")?;
    if is_address(subject) {
        return Err(PrincipalError::SubjectIsAddress);
    }
    let uri = san::uri(&[Piece::claim("sub", subject)]).map_err(|error| match error {
        SanError::Uri(_) => PrincipalError::SubjectForm("URI"),
        collides @ SanError::Collides { .. } => collides.into(),
    })?;
    if uri.scheme() != origin.scheme || uri.host() != origin.host.trim_start_matches('[').trim_end_matches(']') {
        return Err(PrincipalError::ForeignSubject);
    }
    Principal::new(token, SubjectAlternativeName::Uri(uri))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;

    const SETTINGS: &str = "    type: uri\n    subject-domain: https://users.example.com";

    #[test]
    fn a_subject_of_the_domain_is_the_name() {
        let principal = principal_of(SETTINGS, json!({"sub": "https://users.example.com/17"})).unwrap();
        assert_eq!(
            (uri(&principal), principal.challenge()),
            ("https://users.example.com/17", "https://users.example.com/17")
        );
    }

    #[test]
    fn another_origin_is_refused() {
        for sub in [
            "http://users.example.com/17",
            "https://example.com/17",
            "https://users.example.com.evil.org/",
            "https://evil.org@x/",
        ] {
            assert_eq!(principal_of(SETTINGS, json!({"sub": sub})), Err(PrincipalError::ForeignSubject), "{sub}");
        }
        for sub in ["users.example.com/17", "//users.example.com/17", "https://users.example.com/?ü"] {
            assert_eq!(principal_of(SETTINGS, json!({"sub": sub})), Err(PrincipalError::SubjectForm("URI")), "{sub}");
        }
        assert_eq!(principal_of(SETTINGS, json!({"sub": "a@example.com"})), Err(PrincipalError::SubjectIsAddress));
    }

    #[test]
    fn a_subject_that_would_be_written_as_another_one_is_refused() {
        for sub in [
            "HTTPS://users.example.com/17",
            "https://users.example.com/17#",
            "https://users.example.com/17?",
            "https://users.example.com/a%20b",
            "https://users.example.com/%zz",
        ] {
            let error = principal_of(SETTINGS, json!({"sub": sub})).unwrap_err();
            assert!(matches!(error, PrincipalError::Collides(_)) && error.claim() == Some("sub"), "{sub}: {error}");
        }
    }
}
