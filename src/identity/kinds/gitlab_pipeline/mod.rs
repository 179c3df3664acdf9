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
    let config_digest = token.claims().optional_text("ci_config_sha")?;
    let visibility = token.claims().optional_text("project_visibility")?;
    Ok(Principal::new(token, SubjectAlternativeName::Uri(config.clone()))?
        .with(Id::BuildSignerUri, config.as_str())
        .with_optional(Id::BuildSignerDigest, config_digest)
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
        .with_optional(Id::BuildConfigDigest, config_digest)
        .with(Id::BuildTrigger, claim("pipeline_source")?)
        .with(Id::RunInvocationUri, path_uri(&BASE, &[source, Piece::literal("/-/jobs/"), job], &[])?.as_str())
        .with_optional(Id::SourceRepositoryVisibility, visibility))
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
mod tests;
