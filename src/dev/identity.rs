//! The identity types as the development issuer offers them: one issuer each, named like the type.
//!
//! Owns the ready-made claims of each type, and its name on the command line. Knows neither tokens nor HTTP.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde_json::{Map, Value, json};

use crate::identity::IdentityKind;

impl ValueEnum for IdentityKind {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.about()))
    }
}

/// Claims that a certificate can be had with.
pub(super) fn claims(kind: IdentityKind) -> Map<String, Value> {
    let claims = match kind {
        // sigstore-js proves possession with `sub`, whatever the type: the two are equal here.
        IdentityKind::Email => json!({"sub": "dev@example.com", "email": "dev@example.com", "email_verified": true}),
        IdentityKind::Uri => json!({"sub": "http://127.0.0.1/users/dev"}),
        IdentityKind::Username => json!({"sub": "dev"}),
        IdentityKind::Spiffe => json!({"sub": "spiffe://example.org/ns/default/sa/builder"}),
        IdentityKind::Kubernetes => json!({
            "sub": "system:serviceaccount:default:builder",
            "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "builder", "uid": "f3a1c9d2-0000-4000-8000-000000000001"}},
        }),
        IdentityKind::GithubWorkflow | IdentityKind::CiProvider => github(),
        IdentityKind::GitlabPipeline => gitlab(),
        IdentityKind::BuildkiteJob => json!({
            "sub": "organization:example:pipeline:app:ref:refs/heads/main:commit:5f3c0b1d:step:build",
            "organization_slug": "example", "pipeline_slug": "app", "build_number": 17,
            "job_id": "0184990a-477b-4fa8-9968-496074483cee",
        }),
        IdentityKind::CodefreshWorkflow => json!({
            "sub": "account:628a80b693a15c0f9c13ab75:pipeline:65e5a53e52853dc51a5b0cc1",
            "account_id": "628a80b693a15c0f9c13ab75", "account_name": "example",
            "pipeline_id": "65e5a53e52853dc51a5b0cc1", "pipeline_name": "app/release",
            "workflow_id": "64f447c02199f903000aa20b", "platform_url": "https://g.codefresh.io",
            "scm_repo_url": "https://github.com/example/app", "scm_ref": "main", "runner_environment": "hybrid",
        }),
        IdentityKind::ChainguardIdentity => json!({"sub": "2b3a4c5d6e7f/0123456789ab"}),
    };
    match claims {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn github() -> Value {
    json!({
        "sub": "repo:example/app:ref:refs/heads/main",
        "event_name": "push", "workflow": "release", "run_id": "1536140711", "run_attempt": "1",
        "repository": "example/app", "repository_id": "42", "repository_visibility": "public",
        "repository_owner": "example", "repository_owner_id": "7",
        "ref": "refs/heads/main", "sha": "5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d",
        "workflow_ref": "example/app/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": "5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d",
        "job_workflow_ref": "example/app/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_sha": "5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d",
        "runner_environment": "github-hosted",
    })
}

fn gitlab() -> Value {
    json!({
        "sub": "project_path:example/app:ref_type:branch:ref:main",
        "namespace_id": "72", "namespace_path": "example", "project_id": "20", "project_path": "example/app",
        "project_visibility": "public", "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
        "ref": "main", "ref_type": "branch", "runner_id": 1, "runner_environment": "gitlab-hosted",
        "sha": "5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d",
        "ci_config_ref_uri": "gitlab.com/example/app//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d5f3c0b1d",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_claims_and_one_name() {
        for &kind in IdentityKind::ALL {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.name());
            assert_eq!(IdentityKind::from_name(kind.name()), Some(kind));
            assert!(claims(kind).contains_key("sub"), "{kind:?}");
        }
        assert_eq!(IdentityKind::from_name("Email"), None);
    }
}
