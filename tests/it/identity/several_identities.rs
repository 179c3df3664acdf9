//! Several identities of one issuer: by audience, by type, in an order or ambiguous.

use crate::support::certificate::{self, subject_alternative_names};
use crate::support::identities::email_claims;
use crate::support::issuer::KEYS;
use crate::support::scene::{ADDRESS, assert_refused};
use crate::support::{FakeIssuer, Key, Kind, Reply, Running};
use serde_json::{Value, json};
use sigmint::failure::FailureKind;

/// A subject that is a service account and has an address as well.
fn account() -> Value {
    json!({"sub": "system:serviceaccount:builds:signer", "email": ADDRESS, "email_verified": true,
        "kubernetes.io": {"namespace": "builds", "serviceaccount": {"name": "signer"}}})
}

const ACCOUNT: &str = "URI https://kubernetes.io/namespaces/builds/serviceaccounts/signer";

struct Scene {
    issuer: FakeIssuer,
    server: Running,
    key: Key,
}

impl Scene {
    /// An issuer with these identities, each the settings of one.
    async fn new(section: &str, identities: &[&str]) -> Self {
        let issuer = FakeIssuer::start();
        let name = if section == "meta-issuers" { "*" } else { "team" };
        let items: Vec<_> = identities.iter().map(|settings| format!("  - {{{settings}}}")).collect();
        let file = format!("{section}:\n  {}:\n{}\n", issuer.issuer(name), items.join("\n"));
        let server = Running::start(&file).await;
        Self { issuer, server, key: Key::new(Kind::P256) }
    }

    async fn ask(&self, audience: Value, claims: &Value, challenge: &str) -> Reply {
        let mut claims = self.issuer.claims("team", claims);
        claims["aud"] = audience;
        self.server.ask(&self.issuer.token(&claims), &self.key, challenge).await
    }

    /// The name in the certificate.
    async fn name(&self, audience: Value, claims: &Value, challenge: &str) -> String {
        let certificate = self.ask(audience, claims, challenge).await.certificates().remove(0);
        subject_alternative_names(&certificate::parse(&certificate)).join(" ")
    }
}

#[tokio::test]
async fn the_audience_tells_identities_apart() {
    for section in ["oidc-issuers", "meta-issuers"] {
        let scene = Scene::new(section, &["client-id: people, type: email", "client-id: pods, type: kubernetes"]).await;
        let subject = "system:serviceaccount:builds:signer";
        assert!(scene.name(json!("people"), &account(), ADDRESS).await.contains(ADDRESS), "{section}");
        assert_eq!(scene.name(json!("pods"), &account(), subject).await, ACCOUNT, "{section}");
        assert_eq!(scene.issuer.requests(KEYS), 1, "they share their keys");
        let signed = scene.server.signer().calls();
        let both = scene.ask(json!(["people", "pods"]), &account(), ADDRESS).await;
        assert_eq!((both.status, both.reason().as_str()), (400, "IDENTITY_AMBIGUOUS"), "{both:?}");
        let none = scene.ask(json!("others"), &account(), ADDRESS).await;
        assert_eq!(none.reason(), "TOKEN_AUDIENCE_MISMATCH");
        assert_eq!(scene.server.signer().calls(), signed, "nothing was signed for these");
    }
}

#[tokio::test]
async fn the_claims_tell_identities_apart_that_have_one_audience() {
    let scene = Scene::new("oidc-issuers", &["client-id: s, type: kubernetes", "client-id: s, type: email"]).await;
    let mut pod = account();
    pod["email_verified"] = json!(false);
    let reply = scene.ask(json!("s"), &account(), ADDRESS).await;
    assert_refused(&scene.server, &reply, FailureKind::IdentityAmbiguous, "fits both");
    let reply = scene.ask(json!("s"), &json!({"email": "x"}), ADDRESS).await;
    assert_refused(&scene.server, &reply, FailureKind::IdentityRefused, "fits none");
    assert_eq!(scene.name(json!("s"), &pod, "system:serviceaccount:builds:signer").await, ACCOUNT);
    assert!(scene.name(json!("s"), &email_claims(), ADDRESS).await.contains(ADDRESS));
}

#[tokio::test]
async fn an_address_needs_no_subject_and_everything_else_does() {
    let scene = Scene::new("oidc-issuers", &["client-id: p, type: email", "client-id: k, type: kubernetes"]).await;
    let without_subject = |claims: Value, sub: &Value| {
        let mut claims = claims;
        claims["sub"] = sub.clone();
        claims
    };
    for sub in [json!(null), json!("")] {
        let reply = scene.ask(json!("k"), &without_subject(account(), &sub), "").await;
        assert_refused(&scene.server, &reply, FailureKind::TokenClaim, "a pod without a subject");
    }
    let reply = scene.ask(json!("p"), &without_subject(email_claims(), &json!(17)), ADDRESS).await;
    assert_refused(&scene.server, &reply, FailureKind::TokenClaim, "a subject of the wrong type");
    for sub in [json!(null), json!("")] {
        let name = scene.name(json!("p"), &without_subject(email_claims(), &sub), ADDRESS).await;
        assert!(name.contains(ADDRESS), "{sub}");
    }
}

#[tokio::test]
async fn of_two_identities_only_the_one_without_need_of_a_subject_takes_a_token_without_one() {
    let identities = ["client-id: s, type: kubernetes, order: 1", "client-id: s, type: email, order: 2"];
    let scene = Scene::new("oidc-issuers", &identities).await;
    let mut pod = account();
    pod["sub"] = json!(null);
    let mut nobody = pod.clone();
    nobody["email_verified"] = json!(false);
    let reply = scene.ask(json!("s"), &nobody, "").await;
    assert_refused(&scene.server, &reply, FailureKind::IdentityRefused, "nobody's name");
    assert!(scene.name(json!("s"), &pod, ADDRESS).await.contains(ADDRESS));
}

#[tokio::test]
async fn an_order_decides_for_a_token_that_fits_several() {
    let identities = ["client-id: s, type: kubernetes, order: 2", "client-id: s, type: email, order: 1"];
    let scene = Scene::new("oidc-issuers", &identities).await;
    assert!(scene.name(json!("s"), &account(), ADDRESS).await.contains(ADDRESS), "the lowest counts");
    let mut pod = account();
    pod["email_verified"] = json!(false);
    let name = scene.name(json!("s"), &pod, "system:serviceaccount:builds:signer").await;
    assert_eq!(name, ACCOUNT, "the next one if that does not fit");
}

#[tokio::test]
async fn the_configuration_tells_of_every_identity() {
    let scene = Scene::new("oidc-issuers", &["client-id: a, type: email", "client-id: b, type: kubernetes"]).await;
    let told = scene.server.get("/api/v2/configuration").await.json();
    let issuers = told["issuers"].as_array().unwrap();
    let audiences: Vec<_> = issuers.iter().map(|issuer| issuer["audience"].as_str().unwrap()).collect();
    assert_eq!(audiences, ["a", "b"]);
    assert!(issuers.iter().all(|issuer| issuer["issuerUrl"] == scene.issuer.issuer("team").as_str()));
}

#[tokio::test]
async fn tokens_of_an_issuer_whose_entry_is_broken_go_to_no_other_entry() {
    let issuer = FakeIssuer::start();
    let (team, people) = (issuer.issuer("team"), issuer.issuer("*"));
    let file = format!(
        "oidc-issuers:\n  {team}: {{client-id: sigstore, type: emial}}\nmeta-issuers:\n  {people}: {{client-id: sigstore, type: email}}\n"
    );
    let server = Running::start(&file).await;
    let key = Key::new(Kind::P256);
    let token = |name: &str| issuer.token(&issuer.claims(name, &email_claims()));
    let reply = server.ask(&token("team"), &key, ADDRESS).await;
    assert_refused(&server, &reply, FailureKind::IssuerMisconfigured, "the pattern fits, and is not asked");
    assert_eq!(server.ask(&token("others"), &key, ADDRESS).await.status, 200, "others are not concerned");
}

#[tokio::test]
async fn two_entries_of_one_issuer_have_an_audience_each() {
    let issuer = FakeIssuer::start();
    let team = issuer.issuer("team");
    let entry =
        |name: &str, audience: &str| format!("  {name}: {{issuer-url: {team}, client-id: {audience}, type: email}}\n");
    let server = Running::start(&format!("oidc-issuers:\n{}{}", entry("ci", "a"), entry("people", "b"))).await;
    let key = Key::new(Kind::P256);
    for (audience, status) in [("c", 400), ("a", 200), ("b", 200)] {
        let mut claims = issuer.claims("team", &email_claims());
        claims["aud"] = json!(audience);
        assert_eq!(server.ask(&issuer.token(&claims), &key, ADDRESS).await.status, status, "{audience}");
    }
}
