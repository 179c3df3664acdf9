//! The rows of the catalogue.

use super::ClaimType::{Any, Int, Object, String, Strings};
use super::Presence::{Always, Sometimes};
use super::{Claim, ClaimType, Presence};

const fn claim(name: &'static str, kind: ClaimType, presence: Presence, about: &'static str) -> Claim {
    Claim { name, kind, presence, about, lasting: None }
}

/// A name that somebody else can register later, and the claim that stays.
const fn renamed(claim: Claim, lasting: &'static str) -> Claim {
    Claim { lasting: Some(lasting), ..claim }
}

pub(super) const STANDARD: &[Claim] = &[
    claim("iss", String, Always, "the issuer's URL"),
    claim("sub", String, Always, "the subject; an e-mail issuer may leave it out"),
    claim("aud", Any, Always, "the audience: a string or a list; `audience` is the one that the issuer file names"),
    claim("exp", Int, Always, "when the token expires, in seconds since 1970"),
    claim("iat", Int, Sometimes, "when the token was issued, in seconds since 1970"),
    claim("nbf", Int, Sometimes, "from when on the token is valid, in seconds since 1970"),
    claim("jti", String, Sometimes, "the token's own identifier"),
    claim("azp", String, Sometimes, "the client that the token was made for"),
];

pub(super) const GITHUB: &[Claim] = &[
    renamed(
        claim("sub", String, Always, "repository and ref or environment; since July 2026 with their ids behind @"),
        "repository_id",
    ),
    renamed(claim("repository", String, Always, "owner and name, like octo/app"), "repository_id"),
    claim("repository_id", String, Always, "the repository's id: stays when it is renamed"),
    renamed(claim("repository_owner", String, Always, "the organisation or user"), "repository_owner_id"),
    claim("repository_owner_id", String, Always, "the owner's id: stays when it is renamed"),
    claim("repository_visibility", String, Always, "public, private or internal"),
    claim("ref", String, Always, "the git ref, like refs/heads/main"),
    claim("ref_type", String, Always, "branch or tag"),
    claim("ref_protected", String, Always, "\"true\" if the ref is protected: a string"),
    claim("sha", String, Always, "the commit"),
    claim("event_name", String, Always, "what started the workflow, like push"),
    claim("head_ref", String, Always, "the source branch of a pull request; else empty"),
    claim("base_ref", String, Always, "the target branch of a pull request; else empty"),
    claim("workflow", String, Always, "the workflow's name, which anyone with write access chooses"),
    renamed(
        claim("workflow_ref", String, Always, "the workflow file that was started, with its ref"),
        "repository_owner_id",
    ),
    claim("workflow_sha", String, Always, "its commit"),
    renamed(
        claim("job_workflow_ref", String, Always, "the (reusable) workflow file of the job, with its ref"),
        "repository_owner_id",
    ),
    claim("job_workflow_sha", String, Always, "its commit"),
    renamed(claim("actor", String, Always, "who started the workflow"), "actor_id"),
    claim("actor_id", String, Always, "the id of who started the workflow"),
    claim("run_id", String, Always, "the run"),
    claim("run_number", String, Always, "the run's number within the workflow"),
    claim("run_attempt", String, Always, "the run's attempt"),
    claim("runner_environment", String, Always, "github-hosted or self-hosted"),
    claim("environment", String, Sometimes, "the job's environment"),
    claim("environment_node_id", String, Sometimes, "the environment's id"),
    renamed(claim("enterprise", String, Sometimes, "the enterprise's name"), "enterprise_id"),
    claim("enterprise_id", String, Sometimes, "the enterprise's id"),
    claim("check_run_id", String, Sometimes, "the check run of the job"),
];

pub(super) const GITLAB: &[Claim] = &[
    renamed(claim("namespace_path", String, Always, "the group or user, like acme/tools"), "namespace_id"),
    claim("namespace_id", String, Always, "the group's id: stays when it is renamed"),
    renamed(claim("project_path", String, Always, "the project, like acme/tools/app"), "project_id"),
    claim("project_id", String, Always, "the project's id: stays when it is renamed"),
    claim("project_visibility", String, Sometimes, "public, internal or private"),
    renamed(claim("user_login", String, Always, "who runs the job"), "user_id"),
    renamed(claim("user_email", String, Always, "the address of who runs the job"), "user_id"),
    claim("user_id", String, Always, "the id of who runs the job"),
    claim("user_access_level", String, Sometimes, "guest, reporter, developer, maintainer or owner"),
    claim("user_identities", Any, Sometimes, "the user's external identities"),
    claim("groups_direct", Strings, Sometimes, "the groups that the user is a direct member of"),
    claim("pipeline_id", String, Always, "the pipeline"),
    claim("pipeline_source", String, Always, "what started the pipeline, like push or web"),
    claim("job_id", String, Always, "the job"),
    claim("ref", String, Always, "the branch or tag, without refs/"),
    claim("ref_type", String, Always, "branch or tag"),
    claim("ref_path", String, Sometimes, "the git ref, like refs/heads/main"),
    claim("ref_protected", String, Always, "\"true\" if the ref is protected: a string"),
    claim("sha", String, Always, "the commit"),
    claim("environment", String, Sometimes, "the job's environment"),
    claim("environment_protected", String, Sometimes, "\"true\" if the environment is protected: a string"),
    claim("environment_action", String, Sometimes, "what the job does to the environment, like start"),
    claim("deployment_tier", String, Sometimes, "the environment's tier, like production"),
    claim("deployment_action", String, Sometimes, "the same as environment_action, by its older name"),
    claim("runner_id", Int, Always, "the runner: a number"),
    claim("runner_environment", String, Always, "gitlab-hosted or self-hosted"),
    renamed(claim("ci_config_ref_uri", String, Always, "the CI configuration, with its ref"), "project_id"),
    claim("ci_config_sha", String, Sometimes, "its commit"),
];

pub(super) const BUILDKITE: &[Claim] = &[
    renamed(claim("organization_slug", String, Always, "the organisation"), "organization_id"),
    claim("organization_id", String, Sometimes, "the organisation's id: stays when it is renamed"),
    renamed(claim("pipeline_slug", String, Always, "the pipeline"), "pipeline_id"),
    claim("pipeline_id", String, Sometimes, "the pipeline's id: stays when it is renamed"),
    claim("build_number", Int, Always, "the build: a number"),
    claim("build_branch", String, Always, "the branch"),
    claim("build_tag", String, Sometimes, "the tag, of builds of tags"),
    claim("build_commit", String, Always, "the commit"),
    claim("build_source", String, Sometimes, "what started the build, like webhook, ui or schedule"),
    claim("step_key", String, Sometimes, "the step's key"),
    claim("job_id", String, Always, "the job"),
    claim("agent_id", String, Always, "the agent"),
    claim("cluster_id", String, Sometimes, "the agent's cluster"),
    claim("cluster_name", String, Sometimes, "the cluster's name"),
    claim("queue_id", String, Sometimes, "the agent's queue"),
    claim("queue_key", String, Sometimes, "the queue's key"),
    claim("runner_environment", String, Sometimes, "buildkite-hosted or self-hosted"),
];

pub(super) const CODEFRESH: &[Claim] = &[
    renamed(claim("account_name", String, Always, "the account"), "account_id"),
    claim("account_id", String, Always, "the account's id: stays when it is renamed"),
    renamed(claim("pipeline_name", String, Always, "the pipeline, like project/name"), "pipeline_id"),
    claim("pipeline_id", String, Always, "the pipeline's id: stays when it is renamed"),
    claim("workflow_id", String, Always, "the build"),
    claim("initiator", String, Sometimes, "what started the build"),
    claim("platform_url", String, Sometimes, "the platform, when it is not g.codefresh.io"),
    claim("runner_environment", String, Sometimes, "codefresh-hosted, hybrid or on-premise"),
    claim("scm_repo_url", String, Sometimes, "the repository's URL"),
    claim("scm_ref", String, Sometimes, "the branch or tag"),
    claim("scm_user_name", String, Sometimes, "who started the build, at the source host"),
    claim("scm_pull_request_target_branch", String, Sometimes, "the target branch of a pull request"),
];

pub(super) const CHAINGUARD: &[Claim] = &[
    claim("email", String, Sometimes, "the address, of people"),
    claim("email_verified", Any, Sometimes, "whether the address is verified"),
    claim("act", Any, Sometimes, "for whom the identity acts"),
    claim("internal", Any, Sometimes, "of identities of the platform itself"),
];

pub(super) const KUBERNETES: &[Claim] =
    &[claim("kubernetes.io", Object(KUBERNETES_IO), Always, "written claims[\"kubernetes.io\"], with these members")];

const KUBERNETES_IO: &[Claim] = &[
    claim("namespace", String, Always, "the service account's namespace"),
    claim("serviceaccount", Object(NAMED), Always, "the service account"),
    claim("pod", Object(NAMED), Sometimes, "the pod that the token was made for"),
    claim("node", Object(NAMED), Sometimes, "the pod's node"),
    claim("warnafter", Int, Sometimes, "from when on the token should have been renewed"),
];

const NAMED: &[Claim] = &[
    claim("name", String, Always, "its name"),
    claim("uid", String, Sometimes, "its UID: another one of the same name has another"),
];

macro_rules! person {
    ($($first:expr),*) => {
        &[
            $($first,)*
            renamed(claim("preferred_username", String, Sometimes, "the user name, which may change"), "sub"),
            renamed(claim("upn", String, Sometimes, "Entra: the user principal name, which may change"), "oid"),
            claim("name", String, Sometimes, "the person's name, which the person may choose"),
            claim("given_name", String, Sometimes, "the person's given name"),
            claim("family_name", String, Sometimes, "the person's family name"),
            claim("oid", String, Sometimes, "Entra: the user's id"),
            claim("tid", String, Sometimes, "Entra: the tenant's id"),
            claim("hd", String, Sometimes, "Google: the Workspace domain"),
            claim("groups", Strings, Sometimes, "the person's groups, by name or id"),
            claim("roles", Strings, Sometimes, "Entra: the person's application roles"),
            claim("realm_access", Object(ROLES), Sometimes, "Keycloak: the person's realm roles"),
            claim("resource_access", Any, Sometimes, "Keycloak: the person's roles by client"),
            claim("federated_claims", Object(FEDERATED), Sometimes, "Dex: where the person comes from"),
            claim("scope", String, Sometimes, "the scopes, separated by blanks"),
            claim("sid", String, Sometimes, "the session"),
            claim("auth_time", Int, Sometimes, "when the person signed in, in seconds since 1970"),
            claim("acr", String, Sometimes, "how well the person was authenticated"),
            claim("amr", Strings, Sometimes, "the methods by which the person was authenticated"),
            claim("nonce", String, Sometimes, "what the client sent along"),
            claim("at_hash", String, Sometimes, "a hash of the access token"),
        ]
    };
}

pub(super) const EMAIL: &[Claim] = person!(
    renamed(claim("email", String, Always, "the address; the next person may get it when its owner leaves"), "sub"),
    claim("email_verified", Any, Sometimes, "whether the issuer verified the address: true, or \"true\" at some")
);

pub(super) const PERSON: &[Claim] = person!(
    renamed(claim("email", String, Sometimes, "the address; the next person may get it when its owner leaves"), "sub"),
    claim("email_verified", Any, Sometimes, "whether the issuer verified the address: true, or \"true\" at some")
);

const ROLES: &[Claim] = &[claim("roles", Strings, Sometimes, "the roles")];

const FEDERATED: &[Claim] = &[
    claim("connector_id", String, Always, "Dex: the connector"),
    claim("user_id", String, Always, "Dex: the user's id at the connector"),
];
