//! The issuance policy: who is denied gets nothing signed and is told the same by every transport; files are loaded again when replaced.

use std::path::Path;
use std::sync::Arc;

use crate::support::adapters::{Outcome, ask_all, assert_kind, good};
use crate::support::certificate::parse;
use crate::support::identities::email_file;
use crate::support::scene::Scene;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa, eventually};
use sigmint::app::policy_files::PolicyFiles;
use sigmint::certificate::ValidityPolicy;
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;
use sigmint::policy::Policy;
use std::time::Duration;

/// A scene and its inside, with certificates of 20 minutes.
async fn scene() -> (Scene, Arc<Issuance>) {
    let (issuer, ca) = (FakeIssuer::start(), TestCa::new().await);
    let mut issuance = by_hand(&email_file(&issuer.issuer("email")), &ca);
    issuance.validity = ValidityPolicy::new(Duration::from_mins(20), Duration::ZERO).unwrap();
    let issuance = Arc::new(issuance);
    let server = Running::serve(Arc::clone(&issuance), ca);
    (Scene { issuer, server, key: Key::new(Kind::P256) }, issuance)
}

fn enforce(issuance: &Issuance, text: &str) {
    let (policy, _) = Policy::parse(Path::new("policy.yaml"), text).unwrap_or_else(|error| panic!("{text}{error}"));
    issuance.policy.store(Some(Arc::new(policy)));
}

async fn ask(scene: &Scene) -> [Outcome; 5] {
    ask_all(scene, &scene.token(), &good(&scene.key)).await
}

/// What every transport told a client that was denied.
async fn denied(scene: &Scene, text: &str, rule: &[(&str, &str)]) {
    let outcomes = ask(scene).await;
    assert_kind(&outcomes, FailureKind::PolicyDenied);
    let Outcome::Refused { code, text: found, metadata, .. } = &outcomes[0] else { panic!("issued") };
    let metadata: Vec<_> = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((*code, found.as_str(), metadata.as_slice()), (7, text, rule));
}

const DENIED: &str = "The issuance policy does not allow this certificate";

#[tokio::test]
async fn who_is_denied_gets_nothing_signed_and_the_same_answer_by_every_transport() {
    let (scene, issuance) = scene().await;
    let unproven = || async {
        let forged =
            crate::support::adapters::Material::Key { pem: scene.key.spki_pem(), proof: scene.key.prove("else") };
        ask_all(&scene, &scene.token(), &forged).await
    };
    enforce(&issuance, "rules: [{id: nobody, allow: \"claims.email == 'other@example.com'\"}]");
    denied(&scene, DENIED, &[]).await;
    enforce(
        &issuance,
        "default: allow\nrules:\n  - {id: no-devs, deny: \"claims.email.startsWith('dev@')\", message: Ask the release team.}\n",
    );
    denied(&scene, &format!("{DENIED}: Ask the release team."), &[("rule", "no-devs")]).await;
    let reply = scene.ask(&scene.token()).await;
    assert_eq!(reply.status, 403);
    // Without the key's proof nobody learns what the policy says.
    assert_kind(&unproven().await, FailureKind::ProofInvalid);
    // A rule that cannot be evaluated denies.
    enforce(&issuance, "default: allow\nrules: [{id: broken, deny: \"claims.hd == 'x' && false\"}]");
    denied(&scene, DENIED, &[("rule", "broken")]).await;
    enforce(&issuance, "rules: [{id: weak, allow: \"key.kind == 'rsa-4096' || claims.hd == 'x' || true\"}]");
    denied(&scene, DENIED, &[]).await;
    assert_eq!(scene.server.signer().calls(), 0, "something was signed");

    enforce(&issuance, "rules: [{id: key, allow: \"key.kind == 'ecdsa-p256' && principal.san == claims.email\"}]");
    assert!(is_issued(&ask(&scene).await));
    let metrics = issuance.metrics.encode().unwrap();
    for line in [
        r#"sigmint_policy_decisions_total{outcome="allow"} 5"#,
        r#"sigmint_policy_decisions_total{outcome="deny"} 6"#,
        r#"sigmint_policy_decisions_total{outcome="deny_error"} 5"#,
        r#"sigmint_policy_decisions_total{outcome="default_deny"} 10"#,
        r#"sigmint_policy_rule_errors_total{effect="deny"} 5"#,
        r#"sigmint_policy_rule_errors_total{effect="allow"} 5"#,
        r#"sigmint_failures_total{reason="policy_denied"} 21"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

fn is_issued(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::Issued(_)))
}

#[tokio::test]
async fn the_lifetime_is_the_least_that_rules_allow() {
    let (scene, issuance) = scene().await;
    for (rules, minutes) in [
        ("[{id: a, allow: \"true\"}]", 20),
        ("[{id: a, allow: \"true\"}, {id: b, max-lifetime: 15m}, {id: c, max-lifetime: 18m}]", 15),
        ("[{id: a, allow: \"true\"}, {id: b, max-lifetime: \"duration('1s')\"}]", 10),
        (
            "[{id: a, allow: \"true\"}, {id: b, max-lifetime: \"claims.hd == 'x' ? duration('20m') : duration('20m')\"}]",
            10,
        ),
        ("[{id: a, allow: \"true\"}, {id: b, mode: shadow, max-lifetime: 10m}]", 20),
    ] {
        enforce(&issuance, &format!("rules: {rules}"));
        for outcome in ask(&scene).await {
            let Outcome::Issued(chain) = outcome else { panic!("{outcome:?}") };
            let validity = parse(&chain[0]).validity().clone();
            assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), minutes * 60, "{rules}");
        }
    }
}

#[tokio::test]
async fn shadow_mode_is_counted_and_denies_nobody() {
    let (scene, issuance) = scene().await;
    enforce(&issuance, "mode: shadow\nrules: [{id: none, allow: \"claims.email == 'x'\"}]");
    assert!(is_issued(&ask(&scene).await));
    let metrics = issuance.metrics.encode().unwrap();
    for line in [
        r#"sigmint_policy_decisions_total{outcome="not_enforced"} 5"#,
        r#"sigmint_policy_shadow_total{would="deny"} 5"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn replaced_files_count_and_broken_ones_change_nothing() {
    let (scene, issuance) = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    let metric = |line: &str| issuance.metrics.encode().unwrap().contains(&format!("{line}\n"));
    let is_open = || async { is_issued(&ask(&scene).await) };
    let allow = |address: &str| format!("rules: [{{id: one, allow: \"claims.email == '{address}'\"}}]");

    assert!(PolicyFiles::start(path.clone(), &issuance).is_err(), "a file that was named must be there");
    assert!(PolicyFiles::start(folder.path().to_owned(), &issuance).is_err(), "and a folder must have one in it");
    replace(&path, "rules: []");
    let error = PolicyFiles::start(path.clone(), &issuance).unwrap_err();
    assert!(error.to_string().contains("policy.yaml:1:1: the file has no rules"), "{error}");
    assert!(is_open().await, "a policy that cannot be used is not half in use");

    replace(&path, &allow("nobody@example.com"));
    let files = PolicyFiles::start(folder.path().to_owned(), &issuance).unwrap();
    assert!(!is_open().await && metric("sigmint_policy_rules 1"));
    replace(&path, &allow("dev@example.com"));
    eventually("the new policy", || async { is_open().await.then_some(()) }).await;

    replace(&path, &allow("nobody@example.com").replace("claims", "clams"));
    eventually("the complaint", || async { metric("sigmint_policy_refused 1").then_some(()) }).await;
    assert!(is_open().await, "the old policy stays");
    std::fs::remove_file(&path).unwrap();
    files.reload(&issuance).await;
    assert!(metric("sigmint_policy_refused 1") && is_open().await, "a policy that is gone stays as it was");

    replace(&path, &allow("nobody@example.com"));
    files.reload(&issuance).await;
    assert!(metric("sigmint_policy_refused 0") && !is_open().await, "as at SIGHUP");
}

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}
