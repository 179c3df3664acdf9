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
    assert_eq!(texts(&principal), expected);
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
    each_is_needed(SETTINGS, &claims(), &["sub", "ci_config_sha", "project_visibility"]);
    for zero in [json!(0), json!("1"), json!(1.5)] {
        assert!(principal_of(SETTINGS, with(&claims(), "runner_id", zero)).is_err());
    }
    for optional in ["ci_config_sha", "project_visibility"] {
        let absent = principal_of(SETTINGS, without(&claims(), optional)).unwrap();
        assert_eq!(principal_of(SETTINGS, with(&claims(), optional, json!(null))).unwrap(), absent, "{optional}");
        assert!(principal_of(SETTINGS, with(&claims(), optional, json!(["x"]))).is_err(), "{optional}");
    }
}
