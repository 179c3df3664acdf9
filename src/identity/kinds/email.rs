//! `email`: a person, named by an address that the issuer has verified.

use serde_json::Value;

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::claims::{ClaimError, Claims, wrong_type};
use crate::identity::email::is_address;
use crate::identity::kind::{EmailRules, EmailVerification, IssuerClaim};

pub(super) fn principal(token: &VerifiedClaims, rules: &EmailRules) -> Result<Principal, PrincipalError> {
    let claims = token.claims();
    let address = claims.non_empty_str("email")?;
    let verified = is_verified(claims)?;
    if rules.verification == EmailVerification::Required && !verified {
        return Err(PrincipalError::EmailNotVerified);
    }
    // An rfc822Name is an IA5String (RFC 5280 section 4.2.1.6).
    if !address.is_ascii() || !is_address(address) {
        return Err(PrincipalError::NotAnAddress);
    }
    let principal = Principal::challenged_by(token, SubjectAlternativeName::Email(address.to_owned()), address);
    match &rules.issuer_claim {
        None => Ok(principal),
        Some(claim) => Ok(principal.issued_by(&upstream_issuer(claims, claim)?)),
    }
}

/// `email_verified`: true or false, also as the words that some issuers send; absent and null count as false.
pub(super) fn is_verified(claims: &Claims) -> Result<bool, ClaimError> {
    match claims.get("email_verified") {
        None => Ok(false),
        Some(Value::Bool(verified)) => Ok(*verified),
        Some(Value::String(word)) if matches!(word.as_str(), "true" | "True") => Ok(true),
        Some(Value::String(word)) if matches!(word.as_str(), "false" | "False") => Ok(false),
        Some(other) => Err(wrong_type("email_verified", other, "true or false")),
    }
}

/// The issuer behind the issuer, as a federating provider names it.
fn upstream_issuer(claims: &Claims, claim: &IssuerClaim) -> Result<String, PrincipalError> {
    let refused = || PrincipalError::IssuerClaim(claim.source.clone());
    let value = claims.to_value();
    let found = jsonpath_rust::query::js_path_process(&claim.path, &value).map_err(|_| refused())?;
    let mut found = found.into_iter().map(jsonpath_rust::query::QueryRef::val);
    match (found.next(), found.next()) {
        (Some(Value::String(issuer)), None) if !issuer.is_empty() => Ok(issuer.clone()),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;
    use crate::identity::extensions::ExtensionId;

    const PLAIN: &str = "    type: email";
    const DEX: &str = "    type: email\n    issuer-claim: $.federated_claims.connector_id";

    #[test]
    fn a_verified_address_is_the_name_and_the_challenge() {
        let principal = principal_of(PLAIN, json!({"email": "dev@example.com", "email_verified": true})).unwrap();
        assert_eq!(principal.name(), &SubjectAlternativeName::Email("dev@example.com".into()));
        assert_eq!(principal.challenge(), "dev@example.com");
        let expected =
            [(ExtensionId::IssuerV1, ISSUER), (ExtensionId::Issuer, ISSUER), (ExtensionId::Subject, "subject-1")];
        assert_eq!(principal.extensions(), expected.map(|(id, text)| (id, text.to_owned())));
    }

    #[test]
    fn words_for_true_count_and_nothing_else() {
        for verified in [json!(true), json!("true"), json!("True")] {
            assert!(principal_of(PLAIN, json!({"email": "dev@example.com", "email_verified": verified})).is_ok());
        }
        for other in [json!("TRUE"), json!("FALSE"), json!("1"), json!(1), json!([true]), json!("")] {
            let error = principal_of(PLAIN, json!({"email": "dev@example.com", "email_verified": other})).unwrap_err();
            assert!(error.claim() == Some("email_verified") && error != PrincipalError::EmailNotVerified, "{other}");
        }
        for unverified in [json!(false), json!("false"), json!("False"), json!(null)] {
            let claims = json!({"email": "dev@example.com", "email_verified": unverified});
            assert_eq!(principal_of(PLAIN, claims), Err(PrincipalError::EmailNotVerified), "{unverified}");
        }
        assert_eq!(principal_of(PLAIN, json!({"email": "dev@example.com"})), Err(PrincipalError::EmailNotVerified));
    }

    #[test]
    fn verification_can_be_skipped_by_the_operator() {
        let skip = "    type: email\n    skip-email-verification: true";
        assert!(principal_of(skip, json!({"email": "dev@example.com"})).is_ok());
        assert!(principal_of(skip, json!({"email": "dev@example.com", "email_verified": false})).is_ok());
        assert!(
            principal_of(skip, json!({"email": "dev@example.com", "email_verified": 1})).is_err(),
            "a wrong type is never absent"
        );
    }

    #[test]
    fn without_a_subject_the_address_is_certified_and_no_token_subject() {
        for sub in [Value::Null, json!("")] {
            let claims = json!({"sub": sub, "email": "dev@example.com", "email_verified": true});
            let principal = principal_of(PLAIN, claims).unwrap();
            assert_eq!(principal.challenge(), "dev@example.com");
            let expected = [(ExtensionId::IssuerV1, ISSUER), (ExtensionId::Issuer, ISSUER)];
            assert_eq!(principal.extensions(), expected.map(|(id, text)| (id, text.to_owned())));
        }
    }

    #[test]
    fn what_is_no_ascii_address_is_refused() {
        each_is_needed(PLAIN, &json!({"email": "dev@example.com", "email_verified": true}), &["email_verified"]);
        for email in ["not an email", "dev@localhost", "jürgen@example.com", "dev@example.com "] {
            let got = principal_of(PLAIN, json!({"email": email, "email_verified": true}));
            assert_eq!(got, Err(PrincipalError::NotAnAddress), "{email:?}");
        }
    }

    #[test]
    fn the_issuer_comes_from_the_issuer_claim_when_one_is_set() {
        let claims = json!({"email": "dev@example.com", "email_verified": true, "federated_claims": {"connector_id": "https://up.example"}});
        let principal = principal_of(DEX, claims.clone()).unwrap();
        assert_eq!(principal.extensions()[0], (ExtensionId::IssuerV1, "https://up.example".into()));
        assert_eq!(principal.extensions()[1], (ExtensionId::Issuer, "https://up.example".into()));
        for bad in [
            json!({}),
            json!({"connector_id": ""}),
            json!({"connector_id": null}),
            json!({"connector_id": 7}),
            json!("x"),
        ] {
            let got = principal_of(DEX, with(&claims, "federated_claims", bad));
            assert!(matches!(got, Err(PrincipalError::IssuerClaim(_))), "{got:?}");
        }
        assert!(principal_of(DEX, without(&claims, "federated_claims")).is_err());
    }
}
