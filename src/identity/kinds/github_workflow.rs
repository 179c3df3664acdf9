//! `github-workflow`: a GitHub Actions workflow. New deployments use a `ci-provider`; this type is kept for configured ones.

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::extensions::ExtensionId as Id;
use crate::identity::san::{Piece, SanError, path_uri};
use crate::identity::uri::Uri;

const BASE: &str = "https://github.com";

pub(super) fn principal(token: &VerifiedClaims) -> Result<Principal, PrincipalError> {
    let claim = |name| token.claims().non_empty_str(name);
    let [event, sha, workflow, repository, reference] =
        [claim("event_name")?, claim("sha")?, claim("workflow")?, claim("repository")?, claim("ref")?];
    let signer = below(&[Piece::claim("job_workflow_ref", claim("job_workflow_ref")?)])?;
    let source = Piece::claim("repository", repository);
    let owner = below(&[Piece::claim("repository_owner", claim("repository_owner")?)])?;
    let config = below(&[Piece::claim("workflow_ref", claim("workflow_ref")?)])?;
    let run = below(&[
        source.clone(),
        Piece::literal("/actions/runs/"),
        Piece::claim("run_id", claim("run_id")?),
        Piece::literal("/attempts/"),
        Piece::claim("run_attempt", claim("run_attempt")?),
    ])?;
    Ok(Principal::new(token, SubjectAlternativeName::Uri(signer.clone()))?
        .with(Id::GithubWorkflowTrigger, event)
        .with(Id::GithubWorkflowSha, sha)
        .with(Id::GithubWorkflowName, workflow)
        .with(Id::GithubWorkflowRepository, repository)
        .with(Id::GithubWorkflowRef, reference)
        .with(Id::BuildSignerUri, signer.as_str())
        .with(Id::BuildSignerDigest, claim("job_workflow_sha")?)
        .with(Id::RunnerEnvironment, claim("runner_environment")?)
        .with(Id::SourceRepositoryUri, below(&[source])?.as_str())
        .with(Id::SourceRepositoryDigest, sha)
        .with(Id::SourceRepositoryRef, reference)
        .with(Id::SourceRepositoryIdentifier, claim("repository_id")?)
        .with(Id::SourceRepositoryOwnerUri, owner.as_str())
        .with(Id::SourceRepositoryOwnerIdentifier, claim("repository_owner_id")?)
        .with(Id::BuildConfigUri, config.as_str())
        .with(Id::BuildConfigDigest, claim("workflow_sha")?)
        .with(Id::BuildTrigger, event)
        .with(Id::RunInvocationUri, run.as_str())
        .with(Id::SourceRepositoryVisibility, claim("repository_visibility")?))
}

/// A URI of github.com that no other claims give.
fn below(path: &[Piece<'_>]) -> Result<Uri, SanError> {
    path_uri(&Piece::literal(BASE), path, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::*;

    const SETTINGS: &str = "    type: github-workflow";

    fn claims() -> Value {
        json!({"sub": "repo:o/r:ref:refs/heads/main", "event_name": "push", "sha": "aa", "workflow": "release", "repository": "o/r",
            "ref": "refs/heads/main", "job_workflow_ref": "o/shared/.github/workflows/b.yml@refs/tags/v2", "job_workflow_sha": "bb",
            "runner_environment": "github-hosted", "repository_id": "42", "repository_owner": "o", "repository_owner_id": "7",
            "workflow_ref": "o/r/.github/workflows/r.yml@refs/heads/main", "workflow_sha": "cc", "run_id": "15", "run_attempt": "1",
            "repository_visibility": "public"})
    }

    #[test]
    fn every_extension_has_its_claim() {
        let principal = principal_of(SETTINGS, claims()).unwrap();
        assert_eq!(uri(&principal), "https://github.com/o/shared/.github/workflows/b.yml@refs/tags/v2");
        assert_eq!(principal.challenge(), "repo:o/r:ref:refs/heads/main");
        let expected = [
            (1, ISSUER),
            (2, "push"),
            (3, "aa"),
            (4, "release"),
            (5, "o/r"),
            (6, "refs/heads/main"),
            (8, ISSUER),
            (9, "https://github.com/o/shared/.github/workflows/b.yml@refs/tags/v2"),
            (10, "bb"),
            (11, "github-hosted"),
            (12, "https://github.com/o/r"),
            (13, "aa"),
            (14, "refs/heads/main"),
            (15, "42"),
            (16, "https://github.com/o"),
            (17, "7"),
            (18, "https://github.com/o/r/.github/workflows/r.yml@refs/heads/main"),
            (19, "cc"),
            (20, "push"),
            (21, "https://github.com/o/r/actions/runs/15/attempts/1"),
            (22, "public"),
            (24, "repo:o/r:ref:refs/heads/main"),
        ];
        assert_eq!(texts(&principal), expected);
    }

    #[test]
    fn an_extension_that_names_the_repository_is_no_other_repositorys() {
        for name in ["job_workflow_ref", "repository", "repository_owner", "workflow_ref", "run_id", "run_attempt"] {
            for value in ["o//r", "./o", "o/../r", "caf%C3%A9", "a%23b", "x%"] {
                let error = principal_of(SETTINGS, with(&claims(), name, json!(value))).unwrap_err();
                assert_eq!(error.claim(), Some(name), "{value}");
            }
        }
    }

    #[test]
    fn every_claim_is_needed() {
        each_is_needed(SETTINGS, &claims(), &["sub"]);
    }
}
