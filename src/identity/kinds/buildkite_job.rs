//! `buildkite-job`: a Buildkite pipeline. New deployments use a `ci-provider`; this type is kept for configured ones.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::san::{self, Piece, check_separators};

pub(super) fn principal(token: &VerifiedClaims) -> Result<Principal, PrincipalError> {
    let claim = |name| Ok::<_, PrincipalError>(Piece::claim(name, token.claims().non_empty_str(name)?));
    let pieces = [
        Piece::literal("https://buildkite.com/"),
        claim("organization_slug")?,
        Piece::literal("/"),
        claim("pipeline_slug")?,
    ];
    check_separators(&pieces, None)?;
    Principal::new(token, SubjectAlternativeName::Uri(san::uri(&pieces)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;

    #[test]
    fn the_pipeline_is_the_name_and_both_claims_are_needed() {
        let settings = "    type: buildkite-job";
        let claims = json!({"organization_slug": "acme", "pipeline_slug": "app"});
        let principal = principal_of(settings, claims.clone()).unwrap();
        assert_eq!((uri(&principal), principal.challenge()), ("https://buildkite.com/acme/app", "subject-1"));
        each_is_needed(settings, &claims, &[]);
    }
}
