//! What is allowed and probably not meant is warned of, with its place and the better rule.

use super::*;

const GITHUB: &str = "    identities: [github-workflow]\n";
const GITLAB: &str = "    identities: [gitlab-pipeline]\n";
const EMAIL: &str = "    identities: [email]\n";

fn warnings(who: &str, effect: &str, condition: &str) -> Vec<Warning> {
    let other = "  - {id: z, allow: \"issuer == 'https://x.example'\"}\n";
    let text = format!("rules:\n  - id: a\n{who}    {effect}: |\n      {condition}\n{other}");
    parse_text(&text).unwrap_or_else(|error| panic!("{text}{error}")).1
}

#[test]
fn names_that_change_hands_are_warned_of_with_the_better_rule() {
    for (who, condition, column, message, hint) in [
        (GITHUB, "claims.repository == 'octo/app'", 1, "claims.repository can", "gh api repos/octo/app --jq .id"),
        (GITHUB, "claims.ref_type == 'tag' && claims.repository_owner == 'octo'", 29, "repository_owner", "users/octo"),
        (GITHUB, "claims.repository in ['octo/app']", 1, "claims.repository", "repository_id"),
        (GITHUB, "claims.repository.startsWith('octo/')", 1, "claims.repository", "repository_id"),
        (GITHUB, "claims.sub == 'repo:octo/app:ref:refs/heads/main'", 1, "claims.sub", "July 2026"),
        (GITHUB, "claims.job_workflow_ref.startsWith('octo/w/')", 1, "claims.job_workflow_ref", "job_workflow_sha"),
        (GITHUB, "claims.actor == 'mona'", 1, "claims.actor", "actor_id"),
        (GITHUB, "claims['repository'].lowerAscii() == 'octo/app'", 1, "claims.repository", "repository_id"),
        (GITLAB, "claims.project_path == 'g/p'", 1, "claims.project_path", "claims.project_id == \"<id>\""),
        (GITLAB, "claims.namespace_path.startsWith('g/')", 1, "claims.namespace_path", "namespace_id"),
        (GITLAB, "claims.user_login == 'mona'", 1, "claims.user_login", "user_id"),
        (EMAIL, "claims.email == 'mona@example.com'", 1, "claims.email", "claims.sub == \"<id>\""),
        (
            "    identities: [buildkite-job]\n",
            "claims.organization_slug == 'acme'",
            1,
            "organization_slug",
            "organization_id",
        ),
        ("    identities: [codefresh-workflow]\n", "claims.account_name == 'acme'", 1, "account_name", "account_id"),
    ] {
        for effect in ["allow", "deny"] {
            let found = warnings(who, effect, condition);
            let [warning] = found.as_slice() else { panic!("{condition}: {found:?}") };
            assert_eq!((warning.line, warning.column), (5, column + 6), "{condition}");
            assert!(
                warning.message.contains(message) && warning.message.contains("somebody else's later"),
                "{warning}"
            );
            assert!(warning.hint.as_ref().is_some_and(|found| found.contains(hint)), "{warning}");
        }
    }
}

#[test]
fn rules_by_id_and_by_domain_are_not_warned_of() {
    for (who, condition) in [
        (GITHUB, "claims.repository_id == '1' && claims.repository == 'octo/app'"),
        (GITHUB, "claims.repository_owner_id == '1' && claims.job_workflow_ref.startsWith('octo/w/')"),
        (GITHUB, "claims.ref == 'refs/heads/main' && claims.runner_environment == 'github-hosted'"),
        (GITHUB, "has(claims.environment) && claims.environment == 'release'"),
        (GITLAB, "claims.project_id in ['1'] && claims.ref_protected == 'true'"),
        (EMAIL, "claims.email.endsWith('@example.com')"),
        ("    issuers: [https://gitlab.example.com]\n", "claims.project_id == '1'"),
        ("    identities: [kubernetes]\n", "claims['kubernetes.io'].namespace == 'builds'"),
        ("    identities: [ci-provider]\n", "claims.anything == 'x'"),
    ] {
        let found = warnings(who, "allow", condition);
        assert!(found.is_empty(), "{condition}: {found:?}");
    }
}

#[test]
fn claims_that_some_tokens_lack_are_warned_of() {
    for (who, effect, condition, message, hint) in [
        (
            GITHUB,
            "deny",
            "claims.environment == 'test'",
            "\"environment\": the rule then denies",
            "has(claims.environment) && ..",
        ),
        (
            GITHUB,
            "allow",
            "claims.environment == 'prod'",
            "\"environment\": the rule then does not allow",
            "has(claims.environment)",
        ),
        (
            "",
            "deny",
            "claims.repository_id == '1'",
            "\"repository_id\": the rule then denies",
            "name the rule's identities or issuers",
        ),
        (EMAIL, "deny", "'x' in claims.groups", "\"groups\": the rule then denies", "has(claims.groups)"),
        (
            "    issuers: [https://a.example]\n",
            "deny",
            "claims.environment == 'x'",
            "\"environment\"",
            "has(claims.environment)",
        ),
    ] {
        let found = warnings(who, effect, condition);
        let [warning] = found.as_slice() else { panic!("{condition}: {found:?}") };
        assert!(warning.message.contains(message), "{warning}");
        assert!(warning.hint.as_ref().is_some_and(|found| found.contains(hint)), "{warning}");
    }
}

#[test]
fn loose_patterns_constant_conditions_and_pointless_files_are_warned_of() {
    for (condition, is_loose) in [
        ("claims.ref.matches('refs/tags/v.*')", true),
        ("claims.ref.matches('^refs/tags/v.*')", true),
        ("claims.ref.matches('^refs/tags/a|refs/tags/b$')", true),
        ("claims.ref.matches('^(refs/tags/a|refs/tags/b)$')", false),
        ("claims.ref.matches('^refs/tags/v[0-9|]+$')", false),
    ] {
        let found = warnings(GITHUB, "allow", condition);
        assert_eq!(
            found.iter().any(|warning| warning.message.contains("may match in the middle")),
            is_loose,
            "{condition}"
        );
    }
    let found = warnings("", "allow", "true");
    assert!(found.iter().any(|warning| warning.message.contains("looks at nothing of the request")), "{found:?}");
    let whole = |text: &str| parse_text(text).unwrap().1.iter().map(ToString::to_string).collect::<String>();
    let deny = "rules: [{id: a, deny: \"issuer == ''\"}]";
    assert!(whole(deny).contains("everybody is denied"));
    assert!(whole(&format!("default: allow\n{deny}")).is_empty());
    assert!(whole("rules: [{id: a, mode: shadow, allow: \"issuer == ''\"}]").contains("everybody is denied"));
    assert!(whole("mode: shadow\nrules: [{id: a, allow: \"issuer == ''\"}]").is_empty());
    assert!(whole("default: allow\nrules: [{id: a, allow: \"issuer == ''\"}]").contains("change nothing"));
}
