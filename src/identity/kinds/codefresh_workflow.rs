//! `codefresh-workflow`: a Codefresh pipeline. New deployments use a `ci-provider`; this type is kept for configured ones.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::extensions::ExtensionId as Id;
use crate::identity::san::{Piece, check_separators, path_uri};
use crate::identity::uri::Uri;

const DEFAULT_PLATFORM: &str = "https://g.codefresh.io";

pub(super) fn principal(token: &VerifiedClaims) -> Result<Principal, PrincipalError> {
    let claim = |name| token.claims().non_empty_str(name);
    let optional = |name| token.claims().optional_text(name);
    let [account, pipeline, workflow] = [claim("account_id")?, claim("pipeline_id")?, claim("workflow_id")?];
    let (platform, base) = match optional("platform_url")? {
        None | Some("") => (DEFAULT_PLATFORM, Piece::literal(DEFAULT_PLATFORM)),
        Some(platform) => (platform, Piece::claim("platform_url", platform)),
    };
    // Names can change, identifiers cannot: the name carries both, and the identifiers tell pipelines apart.
    let pieces = [
        base,
        Piece::literal("/"),
        Piece::claim("account_name", claim("account_name")?),
        Piece::literal("/"),
        Piece::claim("pipeline_name", claim("pipeline_name")?),
        Piece::literal(":"),
        Piece::claim("account_id", account),
        Piece::literal("/"),
        Piece::claim("pipeline_id", pipeline),
    ];
    check_separators(&pieces, Some("pipeline_name"))?;
    let [base, _, path @ ..] = &pieces;
    let name = path_uri(base, path, &["account_name", "pipeline_name"])?;
    let build = Uri::join(platform, &["build", workflow])?;
    Ok(Principal::new(token, SubjectAlternativeName::Uri(name))?
        .with(Id::BuildSignerUri, build.as_str())
        .with_optional(Id::RunnerEnvironment, optional("runner_environment")?)
        .with_optional(Id::SourceRepositoryUri, optional("scm_repo_url")?)
        .with_optional(Id::SourceRepositoryRef, optional("scm_ref")?)
        .with(Id::BuildConfigUri, Uri::join(platform, &["api/pipelines", pipeline])?.as_str())
        .with(Id::RunInvocationUri, build.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::*;

    const SETTINGS: &str = "    type: codefresh-workflow";

    fn claims() -> Value {
        json!({"account_id": "628a", "account_name": "acme", "pipeline_id": "65e5", "pipeline_name": "oidc/get", "workflow_id": "64f4",
            "scm_repo_url": "https://github.com/acme/o", "scm_ref": "main", "runner_environment": "hybrid"})
    }

    #[test]
    fn every_extension_has_its_claim() {
        let principal = principal_of(SETTINGS, claims()).unwrap();
        assert_eq!(uri(&principal), "https://g.codefresh.io/acme/oidc/get:628a/65e5");
        let expected = [
            (1, ISSUER),
            (8, ISSUER),
            (9, "https://g.codefresh.io/build/64f4"),
            (11, "hybrid"),
            (12, "https://github.com/acme/o"),
            (14, "main"),
            (18, "https://g.codefresh.io/api/pipelines/65e5"),
            (21, "https://g.codefresh.io/build/64f4"),
            (24, "subject-1"),
        ];
        assert_eq!(texts(&principal), expected);
    }

    #[test]
    fn the_platform_can_be_another_one() {
        let principal =
            principal_of(SETTINGS, with(&claims(), "platform_url", json!("https://cf.example.com"))).unwrap();
        assert_eq!(uri(&principal), "https://cf.example.com/acme/oidc/get:628a/65e5");
    }

    #[test]
    fn the_ids_decide_and_so_only_they_and_the_account_are_held_to_their_separators() {
        let named = |name, value: &str| principal_of(SETTINGS, with(&claims(), name, json!(value)));
        assert_eq!(uri(&named("pipeline_name", "a:b/c").unwrap()), "https://g.codefresh.io/acme/a:b/c:628a/65e5");
        for (name, value) in
            [("account_name", "a/b"), ("account_id", "a:b"), ("pipeline_id", "a/b"), ("platform_url", "https://h/x")]
        {
            assert_eq!(named(name, value).unwrap_err().claim(), Some(name), "{value}");
        }
    }

    #[test]
    fn what_makes_the_name_is_needed() {
        const OPTIONAL: [&str; 3] = ["scm_repo_url", "scm_ref", "runner_environment"];
        each_is_needed(SETTINGS, &claims(), &OPTIONAL);
        for optional in OPTIONAL {
            assert!(principal_of(SETTINGS, without(&claims(), optional)).is_ok(), "{optional}");
            assert!(principal_of(SETTINGS, with(&claims(), optional, json!(7))).is_err(), "{optional}");
        }
    }
}
