//! `gitlab-pipeline`: a GitLab CI pipeline. New deployments use a `ci-provider`; this type is kept for configured ones.

use std::borrow::Cow;

use serde_json::Value;

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::claims::{ClaimError, wrong_type};
use crate::identity::extensions::ExtensionId as Id;
use crate::identity::san::{self, Piece, path_uri};

const BASE: Piece<'static> = Piece::Literal(Cow::Borrowed("https://gitlab.com"));

pub(super) fn principal(token: &VerifiedClaims) -> Result<Principal, PrincipalError> {
    let claim = |name| token.claims().non_empty_str(name);
    let project = claim("project_path")?;
    let reference = match claim("ref_type")? {
        "branch" => format!("refs/heads/{}", claim("ref")?),
        "tag" => format!("refs/tags/{}", claim("ref")?),
        _ => return Err(PrincipalError::Unexpected("ref_type")),
    };
    needs_runner(token)?;
    claim("pipeline_id")?;
    let config = Piece::claim("ci_config_ref_uri", claim("ci_config_ref_uri")?);
    let config = san::uri(&[Piece::literal("https://"), config])?;
    let source = Piece::claim("project_path", project);
    let job = Piece::claim("job_id", claim("job_id")?);
    // The commit of a configuration that lives outside the instance is not in the token.
    let config_digest = token.claims().optional_text("ci_config_sha")?.unwrap_or_default();
    let visibility = token.claims().optional_text("project_visibility")?.unwrap_or_default();
    Ok(Principal::new(token, SubjectAlternativeName::Uri(config.clone()))?
        .with(Id::BuildSignerUri, config.as_str())
        .with(Id::BuildSignerDigest, config_digest)
        .with(Id::RunnerEnvironment, claim("runner_environment")?)
        .with(Id::SourceRepositoryUri, path_uri(&BASE, std::slice::from_ref(&source), &[])?.as_str())
        .with(Id::SourceRepositoryDigest, claim("sha")?)
        .with(Id::SourceRepositoryRef, reference)
        .with(Id::SourceRepositoryIdentifier, claim("project_id")?)
        .with(
            Id::SourceRepositoryOwnerUri,
            path_uri(&BASE, &[Piece::claim("namespace_path", claim("namespace_path")?)], &[])?.as_str(),
        )
        .with(Id::SourceRepositoryOwnerIdentifier, claim("namespace_id")?)
        .with(Id::BuildConfigUri, config.as_str())
        .with(Id::BuildConfigDigest, config_digest)
        .with(Id::BuildTrigger, claim("pipeline_source")?)
        .with(Id::RunInvocationUri, path_uri(&BASE, &[source, Piece::literal("/-/jobs/"), job], &[])?.as_str())
        .with(Id::SourceRepositoryVisibility, visibility))
}

/// `runner_id` is demanded though no extension carries it: a whole number other than zero.
fn needs_runner(token: &VerifiedClaims) -> Result<(), ClaimError> {
    match token.claims().get("runner_id") {
        None => Err(ClaimError::Missing("runner_id".to_owned())),
        Some(Value::Number(id)) if id.as_i64().is_some_and(|id| id != 0) => Ok(()),
        Some(other) => Err(wrong_type("runner_id", other, "a whole number other than zero")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;

    const SETTINGS: &str = "    type: gitlab-pipeline";

    fn claims() -> Value {
        json!({"sub": "project_path:g/p:ref_type:branch:ref:main", "namespace_id": "72", "namespace_path": "g", "project_id": "20",
            "project_path": "g/p", "pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "ref": "main", "ref_type": "branch",
            "runner_id": 1, "runner_environment": "gitlab-hosted", "sha": "aa", "project_visibility": "public", "ci_config_sha": "bb",
            "ci_config_ref_uri": "gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main"})
    }

    #[test]
    fn every_extension_has_its_claim() {
        let principal = principal_of(SETTINGS, claims()).unwrap();
        let config = "https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main";
        assert_eq!(uri(&principal), config);
        let texts: Vec<(u32, &str)> =
            principal.extensions().iter().map(|(id, text)| (id.arc(), text.as_str())).collect();
        let expected = [
            (1, ISSUER),
            (8, ISSUER),
            (9, config),
            (10, "bb"),
            (11, "gitlab-hosted"),
            (12, "https://gitlab.com/g/p"),
            (13, "aa"),
            (14, "refs/heads/main"),
            (15, "20"),
            (16, "https://gitlab.com/g"),
            (17, "72"),
            (18, config),
            (19, "bb"),
            (20, "push"),
            (21, "https://gitlab.com/g/p/-/jobs/302"),
            (22, "public"),
            (24, "project_path:g/p:ref_type:branch:ref:main"),
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn branch_or_tag_and_nothing_else() {
        let tagged = principal_of(SETTINGS, with(&claims(), "ref_type", json!("tag"))).unwrap();
        assert!(tagged.extensions().contains(&(Id::SourceRepositoryRef, "refs/tags/main".to_owned())));
        assert_eq!(
            principal_of(SETTINGS, with(&claims(), "ref_type", json!("merge"))),
            Err(PrincipalError::Unexpected("ref_type"))
        );
    }

    #[test]
    fn every_claim_is_needed_but_two() {
        each_is_needed(
            SETTINGS,
            &claims(),
            &[
                "namespace_id",
                "namespace_path",
                "project_id",
                "project_path",
                "pipeline_id",
                "pipeline_source",
                "job_id",
                "ref",
                "ref_type",
                "runner_id",
                "runner_environment",
                "sha",
                "ci_config_ref_uri",
            ],
        );
        for zero in [json!(0), json!("1"), json!(1.5)] {
            assert!(principal_of(SETTINGS, with(&claims(), "runner_id", zero)).is_err());
        }
        for optional in ["ci_config_sha", "project_visibility"] {
            let absent = principal_of(SETTINGS, without(&claims(), optional)).unwrap();
            assert_eq!(principal_of(SETTINGS, with(&claims(), optional, json!(null))).unwrap(), absent, "{optional}");
            assert!(principal_of(SETTINGS, with(&claims(), optional, json!(["x"]))).is_err(), "{optional}");
        }
    }
}
