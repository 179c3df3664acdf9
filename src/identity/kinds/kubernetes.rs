//! `kubernetes`: a service account, from a projected service account token.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::claims::{ClaimError, filled_member, wrong_type};
use crate::identity::san::{self, Piece, check_separators};

pub(super) fn principal(token: &VerifiedClaims) -> Result<Principal, PrincipalError> {
    let cluster = token.claims().object("kubernetes.io")?;
    let namespace = filled_member(cluster, "namespace", "kubernetes.io.namespace")?;
    let account = match cluster.get("serviceaccount") {
        Some(serde_json::Value::Object(account)) => {
            filled_member(account, "name", "kubernetes.io.serviceaccount.name")?
        }
        Some(other) => return Err(wrong_type("kubernetes.io.serviceaccount", other, "an object").into()),
        None => return Err(ClaimError::Missing("kubernetes.io.serviceaccount".to_owned()).into()),
    };
    let pieces = [
        Piece::literal("https://kubernetes.io/namespaces/"),
        Piece::claim("kubernetes.io.namespace", namespace),
        Piece::literal("/serviceaccounts/"),
        Piece::claim("kubernetes.io.serviceaccount.name", account),
    ];
    check_separators(&pieces, None)?;
    Principal::new(token, SubjectAlternativeName::Uri(san::uri(&pieces)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;

    const SETTINGS: &str = "    type: kubernetes";

    #[test]
    fn a_service_account() {
        let claims = json!({"sub": "system:serviceaccount:builds:signer",
            "kubernetes.io": {"namespace": "builds", "serviceaccount": {"name": "signer"}}});
        let principal = principal_of(SETTINGS, claims).unwrap();
        assert_eq!(uri(&principal), "https://kubernetes.io/namespaces/builds/serviceaccounts/signer");
        assert_eq!(principal.challenge(), "system:serviceaccount:builds:signer");
    }

    #[test]
    fn names_are_encoded() {
        let claims = json!({"kubernetes.io": {"namespace": "a b", "serviceaccount": {"name": "x/y"}}});
        assert_eq!(
            uri(&principal_of(SETTINGS, claims).unwrap()),
            "https://kubernetes.io/namespaces/a%20b/serviceaccounts/x/y"
        );
    }

    #[test]
    fn a_name_made_of_nothing_is_refused() {
        let account = json!({"name": "signer"});
        let cases = [
            (json!(null), "kubernetes.io"),
            (json!({}), "kubernetes.io.namespace"),
            (json!({"namespace": "", "serviceaccount": account}), "kubernetes.io.namespace"),
            (json!({"namespace": 7, "serviceaccount": account}), "kubernetes.io.namespace"),
            (json!({"namespace": "n"}), "kubernetes.io.serviceaccount"),
            (json!({"namespace": "n", "serviceaccount": null}), "kubernetes.io.serviceaccount"),
            (json!({"namespace": "n", "serviceaccount": {}}), "kubernetes.io.serviceaccount.name"),
            (json!({"namespace": "n", "serviceaccount": {"name": ""}}), "kubernetes.io.serviceaccount.name"),
            (json!({"namespace": "n", "serviceaccount": {"name": null}}), "kubernetes.io.serviceaccount.name"),
        ];
        for (claim, named) in cases {
            let error = principal_of(SETTINGS, json!({"kubernetes.io": claim})).unwrap_err();
            assert_eq!(error.claim(), Some(named), "{claim}");
        }
        assert!(principal_of(SETTINGS, json!({})).is_err());
    }
}
