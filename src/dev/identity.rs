//! The identity types as the development issuer offers them: one issuer each, named like the type.
//!
//! Owns the list and the ready-made claims of each type. Knows neither tokens nor HTTP.

use serde_json::{Map, Value, json};

/// An identity type that tokens can be had for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DevIdentity {
    /// A person, by e-mail address
    Email,
    /// A person, by URI
    Uri,
    /// A person, by user name
    Username,
    /// A workload with a SPIFFE ID
    Spiffe,
    /// A Kubernetes service account
    Kubernetes,
    /// A GitHub Actions workflow
    GithubWorkflow,
    /// A GitLab CI pipeline
    GitlabPipeline,
    /// A Buildkite job
    BuildkiteJob,
    /// A Codefresh pipeline
    CodefreshWorkflow,
    /// A Chainguard identity
    ChainguardIdentity,
    /// A build of any CI system, described by templates; here one that looks like GitHub Actions
    CiProvider,
}

impl DevIdentity {
    /// Every type.
    pub const ALL: [Self; 11] = [
        Self::Email,
        Self::Uri,
        Self::Username,
        Self::Spiffe,
        Self::Kubernetes,
        Self::GithubWorkflow,
        Self::GitlabPipeline,
        Self::BuildkiteJob,
        Self::CodefreshWorkflow,
        Self::ChainguardIdentity,
        Self::CiProvider,
    ];

    /// The type's word in an issuer file, and the last part of its issuer's URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Username => "username",
            Self::Spiffe => "spiffe",
            Self::Kubernetes => "kubernetes",
            Self::GithubWorkflow => "github-workflow",
            Self::GitlabPipeline => "gitlab-pipeline",
            Self::BuildkiteJob => "buildkite-job",
            Self::CodefreshWorkflow => "codefresh-workflow",
            Self::ChainguardIdentity => "chainguard-identity",
            Self::CiProvider => "ci-provider",
        }
    }

    /// The type with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|identity| identity.name() == name)
    }

    /// Claims that a certificate can be had with.
    pub fn claims(self) -> Map<String, Value> {
        let claims = match self {
            // sigstore-js proves possession with `sub`, whatever the type: the two are equal here.
            Self::Email => json!({"sub": "dev@example.com", "email": "dev@example.com", "email_verified": true}),
            Self::Uri => json!({"sub": "http://127.0.0.1/users/dev"}),
            Self::Username => json!({"sub": "dev"}),
            Self::Spiffe => json!({"sub": "spiffe://example.org/ns/default/sa/builder"}),
            Self::Kubernetes => json!({
                "sub": "system:serviceaccount:default:builder",
                "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "builder", "uid": "f3a1c9d2-0000-4000-8000-000000000001"}},
            }),
            Self::GithubWorkflow | Self::CiProvider => github(),
            Self::GitlabPipeline => gitlab(),
            Self::BuildkiteJob => json!({
                "sub": "organization:example:pipeline:app:ref:refs/heads/main:commit:5f3c0b1d:step:build",
                "organization_slug": "example", "pipeline_slug": "app", "build_number": 17,
                "job_id": "0184990a-477b-4fa8-9968-496074483cee",
            }),
            Self::CodefreshWorkflow => json!({
                "sub": "account:628a80b693a15c0f9c13ab75:pipeline:65e5a53e52853dc51a5b0cc1",
                "account_id": "628a80b693a15c0f9c13ab75", "account_name": "example",
                "pipeline_id": "65e5a53e52853dc51a5b0cc1", "pipeline_name": "app/release",
                "workflow_id": "64f447c02199f903000aa20b", "platform_url": "https://g.codefresh.io",
                "scm_repo_url": "https://github.com/example/app", "scm_ref": "main", "runner_environment": "hybrid",
            }),
            Self::ChainguardIdentity => json!({"sub": "2b3a4c5d6e7f/0123456789ab"}),
        };
        match claims {
            Value::Object(members) => members,
            _ => Map::new(),
        }
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
    use clap::ValueEnum as _;

    #[test]
    fn the_command_line_the_paths_and_the_issuer_file_use_the_same_names() {
        assert_eq!(DevIdentity::value_variants(), DevIdentity::ALL);
        for identity in DevIdentity::ALL {
            assert_eq!(identity.to_possible_value().unwrap().get_name(), identity.name());
            assert_eq!(DevIdentity::from_name(identity.name()), Some(identity));
            assert!(identity.claims().contains_key("sub"), "{identity:?}");
        }
        assert_eq!(DevIdentity::from_name("Email"), None);
    }
}
