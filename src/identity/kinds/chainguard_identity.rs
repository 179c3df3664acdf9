//! `chainguard-identity`: a Chainguard identity, named by issuer and subject.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::kinds::email::is_verified;
use crate::identity::san::{Piece, path_uri};

pub(super) fn principal(token: &VerifiedClaims) -> Result<Principal, PrincipalError> {
    let subject = token.claims().non_empty_str("sub")?;
    let uri = path_uri(&Piece::literal(token.issuer_url()), &[Piece::claim("sub", subject)], &[])?;
    let name = SubjectAlternativeName::Uri(uri);
    // Clients sign the e-mail address when the token has one, and so the token's address must be verified.
    match token.claims().optional_text("email")? {
        None | Some("") => Principal::new(token, name),
        Some(email) if is_verified(token.claims())? => Ok(Principal::challenged_by(token, name, email)),
        Some(_) => Err(PrincipalError::EmailNotVerified),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;

    const SETTINGS: &str = "    type: chainguard-identity";

    #[test]
    fn issuer_and_subject_are_the_name() {
        let principal = principal_of(SETTINGS, json!({"sub": "2b3a/9f"})).unwrap();
        assert_eq!((uri(&principal), principal.challenge()), ("https://issuer.example.com/2b3a/9f", "2b3a/9f"));
    }

    #[test]
    fn a_verified_address_is_the_challenge_and_an_unverified_one_a_refusal() {
        let principal = principal_of(SETTINGS, json!({"email": "dev@example.com", "email_verified": true})).unwrap();
        assert_eq!(
            (uri(&principal), principal.challenge()),
            ("https://issuer.example.com/subject-1", "dev@example.com")
        );
        assert_eq!(principal_of(SETTINGS, json!({"email": "dev@example.com"})), Err(PrincipalError::EmailNotVerified));
        for none in [json!(""), json!(null)] {
            assert_eq!(principal_of(SETTINGS, json!({"email": none})).unwrap().challenge(), "subject-1");
        }
    }
}
