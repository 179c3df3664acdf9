//! Files: every seeded mistake is refused or warned of, with its place and a hint.

mod mistakes;
mod warnings;

use std::fs;

use super::*;
use crate::policy::Effect;

pub(super) fn parse_text(text: &str) -> Result<(Policy, Vec<Warning>), PolicyFileError> {
    parse(&[(PathBuf::from("p.yaml"), text)])
}

const RULE: &str = "rules:\n  - id: one\n    allow: claims.sub == 'x'\n";

#[test]
fn a_file_with_everything() {
    let text = "\
default: deny
mode: enforce
extra-claims: {team: string, level: int, on: bool, tags: strings, more: any}
rules:
  - id: pinned.repositories_1
    description: The release repositories.
    issuers:
      - https://token.actions.githubusercontent.com
      - https://oidc.*.example.com/id
    identities: [github-workflow]
    allow: |
      claims.repository_owner_id == \"12\" &&
      claims.repository_id in [\"1\", \"2\"]
  - {id: two, identities: email, deny: \"claims.team == 'x'\", message: 'Team x signs elsewhere.', mode: shadow}
  - id: three
    max-lifetime: 15m
  - id: four
    issuers: https://token.actions.githubusercontent.com
    max-lifetime: 'claims.ref_protected == \"true\" ? duration(\"20m\") : duration(\"10m\")'
";
    let (policy, warnings) = parse_text(text).unwrap();
    let ids: Vec<(&str, Effect)> = policy.rules().iter().map(|rule| (rule.id(), rule.effect())).collect();
    let expected = [
        ("two", Effect::Deny),
        ("pinned.repositories_1", Effect::Allow),
        ("three", Effect::MaxLifetime),
        ("four", Effect::MaxLifetime),
    ];
    assert_eq!(ids, expected);
    let rule = &policy.rules()[1];
    assert_eq!(
        (rule.place().line, rule.issuers().len(), rule.kinds()),
        (5, 2, [crate::identity::IdentityKind::GithubWorkflow].as_slice())
    );
    assert_eq!(rule.description(), Some("The release repositories."));
    assert_eq!(rule.claims().collect::<Vec<_>>(), ["repository_id", "repository_owner_id"]);
    assert_eq!(
        (policy.rules()[0].message(), policy.rules()[0].mode()),
        (Some("Team x signs elsewhere."), Mode::Shadow)
    );
    assert!(policy.claims_named().iter().eq(["ref_protected", "repository_id", "repository_owner_id", "team"]));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_folder_s_files_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("20-b.yml", &RULE.replace("one", "b"));
    write("10-a.yaml", &RULE.replace("one", "a"));
    write("notes.txt", "no policy");
    write(".hidden.yaml", "no policy");
    let (policy, _) = load(folder.path()).unwrap();
    assert_eq!(policy.rules().iter().map(|rule| rule.id()).collect::<Vec<_>>(), ["a", "b"]);
    let (policy, _) = load(&folder.path().join("20-b.yml")).unwrap();
    assert_eq!(policy.rules().len(), 1);

    write("30-c.yaml", &RULE.replace("one", "a"));
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("30-c.yaml:2:9: the id \"a\" is a duplicate") && error.contains("10-a.yaml:2"), "{error}");
    write("30-c.yaml", "default: allow\nrules: [{id: c, allow: \"issuer == ''\"}]");
    write("40-d.yaml", "default: deny\nrules: [{id: d, allow: \"issuer == ''\"}]");
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("40-d.yaml:1:10: default is another one than in a file before"), "{error}");
}

#[test]
fn what_is_not_there_or_has_no_policy_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused = |path: &Path| load(path).unwrap_err().to_string();
    assert!(refused(&path("none.yaml")).contains("none.yaml cannot be read"));
    assert!(refused(folder.path()).contains("has no policy file in it"));
    fs::write(path("latin.yaml"), b"# \xe4\n").unwrap();
    assert!(refused(&path("latin.yaml")).contains("is not UTF-8"));
    fs::write(path("latin.yaml"), "x".repeat(MAX_FILE_BYTES + 1)).unwrap();
    assert!(refused(&path("latin.yaml")).contains("is larger than 1 MiB"));
    fs::write(path("latin.yaml"), "").unwrap();
    for number in 0..MAX_FILES {
        fs::write(path(&format!("{number}.yaml")), RULE).unwrap();
    }
    assert!(refused(folder.path()).contains("more than 200 policy files"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text =
        "default: maybe\nrules:\n  - id: a b\n    allow: clams.sub == 'x'\n  - id: c\n    deny: claims.sub == 1\n";
    let error = parse_text(text).unwrap_err();
    let places: Vec<(usize, usize)> = error.findings().iter().map(|finding| (finding.line, finding.column)).collect();
    assert_eq!(places, [(1, 10), (3, 9), (4, 12), (6, 22)], "{error}");
}

#[test]
fn the_documented_policy_is_taken_without_a_warning() {
    let text = include_str!("../../../../docs/policy.md");
    let examples: Vec<&str> = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let (policy, warnings) = parse_text(example).unwrap_or_else(|error| panic!("{example}\n{error}"));
        assert!(policy.rules().len() > 1 && warnings.is_empty(), "{warnings:?}");
    }
}
