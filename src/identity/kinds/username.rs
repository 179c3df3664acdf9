//! `username`: a name that means something within one domain only, written `name!domain` in an otherName.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::email::is_address;

pub(super) fn principal(token: &VerifiedClaims, domain: &str) -> Result<Principal, PrincipalError> {
    let name = token.claims().non_empty_str("sub")?;
    // The exclamation mark separates name and domain; inside the name it would let one user pose as another domain's.
    if name.contains('!') {
        return Err(PrincipalError::SubjectForm("user name"));
    }
    if is_address(name) {
        return Err(PrincipalError::SubjectIsAddress);
    }
    Principal::new(token, SubjectAlternativeName::OtherName(format!("{name}!{domain}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;
    use crate::identity::claims::ClaimError;

    const SETTINGS: &str = "    type: username\n    subject-domain: users.example.com";

    #[test]
    fn the_name_is_bound_to_the_domain() {
        let principal = principal_of(SETTINGS, json!({"sub": "jane"})).unwrap();
        assert_eq!(principal.name(), &SubjectAlternativeName::OtherName("jane!users.example.com".into()));
        assert_eq!(principal.challenge(), "jane");
    }

    #[test]
    fn separators_controls_and_addresses_are_refused() {
        for sub in ["ja\nne", "ja\0ne"] {
            let refused = principal_of(SETTINGS, json!({"sub": sub})).unwrap_err();
            assert_eq!(refused, PrincipalError::Claim(ClaimError::ControlCharacter("sub".to_owned())));
        }
        for sub in ["jane!x", "!"] {
            assert_eq!(
                principal_of(SETTINGS, json!({"sub": sub})),
                Err(PrincipalError::SubjectForm("user name")),
                "{sub:?}"
            );
        }
        assert_eq!(principal_of(SETTINGS, json!({"sub": "jane@example.com"})), Err(PrincipalError::SubjectIsAddress));
    }
}
