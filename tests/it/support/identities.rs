//! An issuer of each identity type below one URL, and claims that fit it.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// One issuer and what its tokens say.
pub struct Identity {
    /// The issuer's name: the last part of its URL.
    pub name: &'static str,
    /// Its settings besides `client-id`.
    settings: String,
    /// Claims that fit, besides `iss`, `aud` and times.
    pub claims: Value,
    /// What a client signs.
    pub challenge: String,
    /// The certificate's name, as [`super::certificate::subject_alternative_names`] writes it.
    pub san: String,
    /// The `iss` that stands in the certificate, when not the token's.
    pub issuer: Option<&'static str>,
    /// Claims that must be texts: of another type or missing, they are refused.
    pub needed: &'static [&'static str],
}

/// The issuer file for all of [`identities`] below `base`, whose host is `host`.
pub fn issuers_file(base: &str, host: &str) -> String {
    let mut file = "oidc-issuers:\n".to_owned();
    for identity in identities(base, host) {
        let _ = writeln!(file, "  {base}/{}:\n    client-id: sigstore", identity.name);
        for line in identity.settings.lines() {
            let _ = writeln!(file, "    {line}");
        }
    }
    file.push_str(METADATA);
    file
}

/// The issuer file of one `email` issuer, which most tests need and no more.
pub fn email_file(url: &str) -> String {
    format!("oidc-issuers:\n  {url}:\n    client-id: sigstore\n    type: email\n")
}

/// The setting of such an issuer that makes these certificates trusted.
pub fn ca_cert(pem: &str) -> String {
    format!("    ca-cert: |\n      {}\n", pem.trim().replace('\n', "\n      "))
}

/// Claims that fit an `email` issuer; the challenge is the address.
pub fn email_claims() -> Value {
    json!({"sub": "1234567890", "email": "dev@example.com", "email_verified": true})
}

const METADATA: &str = r#"
ci-issuer-metadata:
  forge:
    default-template-values:
      url: "https://forge.example.com"
      environment: ""
    extension-templates:
      build-signer-uri: "{{ .url }}/{{ .project }}/build.yml@{{ .ref }}"
      source-repository-uri: "{{ .url }}/{{ .project }}"
      source-repository-digest: sha
      source-repository-ref: 'refs/{{ if eq .kind "tag" }}tags{{ else }}heads{{ end }}/{{ .ref }}'
      source-repository-identifier: project_id
      build-trigger: '{{ index . "forge/trigger" }}'
      deployment-environment: environment
    subject-alternative-name-template: "{{ .url }}/{{ .project }}/build.yml@{{ .ref }}"
"#;

fn github() -> Value {
    json!({"sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "event_name": "push", "sha": "9f1c2b3a",
        "workflow": "release", "repository": "octo-org/octo-repo", "ref": "refs/heads/main",
        "job_workflow_ref": "octo-org/shared/.github/workflows/build.yml@refs/tags/v2", "job_workflow_sha": "abab",
        "runner_environment": "github-hosted", "repository_id": "42", "repository_owner": "octo-org",
        "repository_owner_id": "7", "workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": "cdcd", "run_id": "1536140711", "run_attempt": "1", "repository_visibility": "public"})
}

fn gitlab() -> Value {
    json!({"sub": "project_path:my-group/my-project:ref_type:branch:ref:main", "namespace_id": "72",
        "namespace_path": "my-group", "project_id": "20", "project_path": "my-group/my-project", "pipeline_id": "574",
        "pipeline_source": "push", "job_id": "302", "ref": "main", "ref_type": "branch", "runner_id": 1,
        "runner_environment": "gitlab-hosted", "sha": "7171", "project_visibility": "public", "ci_config_sha": "efef",
        "ci_config_ref_uri": "gitlab.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main"})
}

fn codefresh() -> Value {
    json!({"sub": "account:628a:pipeline:65e5", "account_id": "628a", "account_name": "acme", "pipeline_id": "65e5",
        "pipeline_name": "oidc-test/get-token", "workflow_id": "64f4", "runner_environment": "hybrid",
        "scm_repo_url": "https://github.com/acme/oidc-test", "scm_ref": "main"})
}

fn forge() -> Value {
    json!({"sub": "project:17", "project": "group/app", "project_id": 12_345_678_901_u64, "ref": "v1", "kind": "tag",
        "sha": "1a2b", "forge/trigger": true})
}

/// Every identity type, `email` also with `issuer-claim`.
pub fn identities(base: &str, host: &str) -> Vec<Identity> {
    let mut all = people(host);
    all.extend(workloads());
    all.extend(pipelines());
    all.push(identity(
        "chainguard-identity",
        "type: chainguard-identity",
        json!({"sub": "2b3a/9f"}),
        "2b3a/9f",
        &format!("URI {base}/chainguard-identity/2b3a/9f"),
        &["sub"],
    ));
    all
}

fn people(host: &str) -> Vec<Identity> {
    let federated = json!({"sub": "5", "email": "dev@example.com", "email_verified": "true",
        "federated_claims": {"connector_id": "https://accounts.example.com", "user_id": "5"}});
    let claim = "type: email\nissuer-claim: $.federated_claims.connector_id";
    let (address, san) = ("dev@example.com", "email dev@example.com");
    let user = format!("http://{host}/users/17");
    vec![
        identity("email", "type: email", email_claims(), address, san, &["email"]),
        Identity {
            issuer: Some("https://accounts.example.com"),
            ..identity("email-issuer-claim", claim, federated, address, san, &["email"])
        },
        identity(
            "uri",
            &format!("type: uri\nsubject-domain: http://{host}"),
            json!({"sub": user}),
            &user,
            &format!("URI {user}"),
            &["sub"],
        ),
        identity(
            "username",
            &format!("type: username\nsubject-domain: {host}"),
            json!({"sub": "jane"}),
            "jane",
            &format!("other 1.3.6.1.4.1.57264.1.7 jane!{host}"),
            &["sub"],
        ),
    ]
}

fn workloads() -> Vec<Identity> {
    let workload = "spiffe://example.org/ns/prod/sa/builder";
    let account = json!({"sub": "system:serviceaccount:builds:signer", "kubernetes.io": {"namespace": "builds",
        "pod": {"name": "p"}, "serviceaccount": {"name": "signer"}}});
    vec![
        identity(
            "spiffe",
            "type: spiffe\nspiffe-trust-domain: example.org",
            json!({"sub": workload}),
            workload,
            &format!("URI {workload}"),
            &["sub"],
        ),
        identity(
            "kubernetes",
            "type: kubernetes",
            account,
            "system:serviceaccount:builds:signer",
            "URI https://kubernetes.io/namespaces/builds/serviceaccounts/signer",
            &["sub", "kubernetes.io"],
        ),
    ]
}

fn pipelines() -> Vec<Identity> {
    let buildkite =
        json!({"sub": "organization:acme:pipeline:app", "organization_slug": "acme", "pipeline_slug": "app"});
    vec![
        identity(
            "github-workflow",
            "type: github-workflow",
            github(),
            "repo:octo-org/octo-repo:ref:refs/heads/main",
            "URI https://github.com/octo-org/shared/.github/workflows/build.yml@refs/tags/v2",
            &["sub", "event_name", "job_workflow_ref", "run_id", "repository_visibility"],
        ),
        identity(
            "gitlab-pipeline",
            "type: gitlab-pipeline",
            gitlab(),
            "project_path:my-group/my-project:ref_type:branch:ref:main",
            "URI https://gitlab.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
            &["sub", "project_path", "ref_type", "runner_id", "ci_config_ref_uri"],
        ),
        identity(
            "buildkite-job",
            "type: buildkite-job",
            buildkite,
            "organization:acme:pipeline:app",
            "URI https://buildkite.com/acme/app",
            &["sub", "organization_slug", "pipeline_slug"],
        ),
        identity(
            "codefresh-workflow",
            "type: codefresh-workflow",
            codefresh(),
            "account:628a:pipeline:65e5",
            "URI https://g.codefresh.io/acme/oidc-test/get-token:628a/65e5",
            &["sub", "account_id", "pipeline_name", "workflow_id"],
        ),
        identity(
            "ci-provider",
            "type: ci-provider\nci-provider: forge",
            forge(),
            "project:17",
            "URI https://forge.example.com/group/app/build.yml@v1",
            &["sub", "project", "ref", "kind", "sha", "project_id"],
        ),
    ]
}

fn identity(
    name: &'static str,
    settings: &str,
    claims: Value,
    challenge: &str,
    san: &str,
    needed: &'static [&'static str],
) -> Identity {
    Identity {
        name,
        settings: settings.to_owned(),
        claims,
        challenge: challenge.to_owned(),
        san: san.to_owned(),
        issuer: None,
        needed,
    }
}
