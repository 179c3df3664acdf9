//! `username`: a name that means something within one domain only, written `name!domain` in an otherName.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::email::is_address;

pub(super) fn principal(token: &VerifiedClaims, domain: &str) -> Result<Principal, PrincipalError> {
    let name = token.subject();
    // The exclamation mark separates name and domain; inside the name it would let one user pose as another domain's.
    if name.contains('!') || name.chars().any(char::is_control) {
        return Err(PrincipalError::SubjectForm("user name"));
    }
    if is_address(name) {
        return Err(PrincipalError::SubjectIsAddress);
    }
    Ok(Principal::new(token, SubjectAlternativeName::OtherName(format!("{name}!{domain}"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;

    const SETTINGS: &str = "    type: username\n    subject-domain: users.example.com";

    #[test]
    fn the_name_is_bound_to_the_domain() {
        let principal = principal_of(SETTINGS, json!({"sub": "jane"})).unwrap();
        assert_eq!(principal.name(), &SubjectAlternativeName::OtherName("jane!users.example.com".into()));
        assert_eq!(principal.challenge(), "jane");
    }

    #[test]
    fn separators_controls_and_addresses_are_refused() {
        for sub in ["jane!x", "!", "ja\nne", "ja\0ne"] {
            assert_eq!(
                principal_of(SETTINGS, json!({"sub": sub})),
                Err(PrincipalError::SubjectForm("user name")),
                "{sub:?}"
            );
        }
        assert_eq!(principal_of(SETTINGS, json!({"sub": "jane@example.com"})), Err(PrincipalError::SubjectIsAddress));
    }
}
