//! Where sigmint may be sent by those who write tokens and discovery documents, and what goes along.

use std::sync::Arc;

use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::identity::fetch::{ClusterFiles, Fetcher};
use sigmint::identity::keys::{KeyStore, KeyTiming};
use sigmint::issuance::Issuance;

use crate::support::identities::{email_claims, email_file};
use crate::support::issuer::{ALGORITHMS, signed};
use crate::support::scene::{ADDRESS, Scene, assert_refused};
use crate::support::server::by_hand;
use crate::support::{Answer, FakeIssuer, Key, Kind, Running, TestCa, eventually};

const DISCOVERY: &str = "/email/.well-known/openid-configuration";

/// Fulcio's patterns for meta issuers were not anchored: an `iss` that only held a trusted URL somewhere sent the server wherever its
/// beginning pointed. Here not one of those is an issuer, and nobody is asked anything.
#[tokio::test]
async fn ghsa_59jp_pj84_45mr_an_issuer_that_holds_a_trusted_url() {
    let (victim, issuer) = (FakeIssuer::start(), FakeIssuer::start());
    let file = format!(
        "{}meta-issuers:\n  https://meta.example/*: {{client-id: sigstore, type: email}}\n  https://*.oidc.example/id/*: {{client-id: sigstore, type: email}}\n",
        email_file(&issuer.issuer("email"))
    );
    let server = Running::start(&file).await;
    let (key, place) = (Key::new(Kind::P256), victim.url.strip_prefix("http://").unwrap());
    for hostile in [
        format!("http://{place}?https://meta.example/x"),
        format!("http://{place}/?https://meta.example/x"),
        format!("http://{place}#https://meta.example/x"),
        format!("http://{place}/https://meta.example/x"),
        format!("https://meta.example@{place}/x"),
        format!("https://meta.example:x@{place}/x"),
        format!("https://meta.example:{}/x", place.rsplit_once(':').unwrap().1),
        format!("https://{place}/\nhttps://meta.example/x"),
        format!("https://meta.example/x\nhttp://{place}/x"),
        "https://meta.example/x\n".to_owned(),
        "https://meta.example/x\0".to_owned(),
        format!("https://meta.example/..%2f..%2f{place}"),
        "https://meta.example/x%2fy".to_owned(),
        "https://meta.example/x?y".to_owned(),
        "https://meta.example/x/".to_owned(),
        "https://meta.example\\@127.0.0.1/x".to_owned(),
        "https://META.example/x".to_owned(),
        format!("https://{place}/.oidc.example/id/x"),
        format!("https://a@{place}/.oidc.example/id/x"),
        "https://a.b.oidc.example/id/x".to_owned(),
        "https://\u{ff41}.oidc.example/id/x".to_owned(),
    ] {
        let mut claims = victim.claims("x", &email_claims());
        claims["iss"] = json!(hostile);
        let reply = server.ask(&victim.token(&claims), &key, ADDRESS).await;
        // A control character is refused in any claim, before it is compared with anything.
        let controlled = hostile.chars().any(char::is_control);
        let kind = if controlled { FailureKind::TokenClaim } else { FailureKind::TokenIssuerUnknown };
        assert_refused(&server, &reply, kind, &hostile);
    }
    assert!(victim.received().is_empty() && issuer.received().is_empty(), "somebody was asked");
    let token = issuer.token(&issuer.claims("email", &email_claims()));
    assert_eq!(server.ask(&token, &key, ADDRESS).await.status, 200, "the issuer that is trusted");
}

/// Fulcio followed a redirect of an issuer's discovery or keys to any host: requests into the inside network, and keys of anyone who was
/// there. Here another host, or another port, is not asked, and a token that its keys would verify is refused.
#[tokio::test]
async fn ghsa_f5mr_q85p_6hh6_redirects_of_discovery_and_keys() {
    let attacker = FakeIssuer::start();
    let named = attacker.url.replace("127.0.0.1", "localhost");
    let places = [&attacker.url, &named, &named.replace("localhost", "127.1"), &named.replace("http:", "https:")];
    let targets = |path: &str| places.map(|place| format!("{place}{path}"));
    let odd = ["file:///etc/passwd", "//localhost/keys", "ftp://127.0.0.1/keys", "javascript:1", "http://[::1]/keys"];
    for path in [DISCOVERY, "/keys"] {
        for target in targets(path).into_iter().chain(odd.map(str::to_owned)) {
            // A server of its own for each: an issuer that failed is not asked again at once.
            let scene = Scene::new().await;
            scene.issuer.answer(path, Answer::Redirect(target.clone()));
            scene.refuses(&forged(&scene, &attacker), FailureKind::IssuerUnavailable, &target).await;
            assert!(scene.issuer.requests(path) > 0, "{target}: the redirect was not even seen");
        }
    }
    assert!(attacker.received().is_empty(), "{:?}", attacker.received());
}

/// Nothing of such an answer stays: once the issuer is itself again, the attacker's keys are not its keys.
#[tokio::test]
async fn ghsa_f5mr_q85p_6hh6_no_poisoned_keys_stay() {
    let (scene, attacker) = (Scene::new().await, FakeIssuer::start());
    let token = forged(&scene, &attacker);
    scene.issuer.answer("/keys", Answer::Redirect(format!("{}/keys", attacker.url)));
    scene.refuses(&token, FailureKind::IssuerUnavailable, "redirected").await;
    scene.issuer.recover("/keys");
    let last = eventually("the issuer to be asked again", async || {
        let reply = scene.ask(&token).await;
        (reply.status != 503).then_some(reply)
    });
    assert_refused(&scene.server, &last.await, FailureKind::TokenSignature, "the issuer never had that key");
    assert!(attacker.received().is_empty(), "{:?}", attacker.received());
}

/// A token of the scene's issuer that the attacker has signed.
fn forged(scene: &Scene, attacker: &FakeIssuer) -> String {
    signed(&attacker.first_key(), "ES256", r#"{"alg":"ES256"}"#, &scene.claims().to_string())
}

/// The same by another way: the attacker, who can answer for the issuer once, names an issuer or keys of its own. A document of another
/// issuer is not used, and nothing of it stays.
#[tokio::test]
async fn ghsa_f5mr_q85p_6hh6_a_discovery_document_of_another_issuer() {
    let scene = Scene::new().await;
    let attacker = FakeIssuer::start();
    let document = json!({"issuer": attacker.issuer("email"), "jwks_uri": format!("{}/keys", attacker.url),
        "id_token_signing_alg_values_supported": ALGORITHMS});
    scene.issuer.answer(DISCOVERY, Answer::Body(200, document.to_string().into_bytes()));
    let token = forged(&scene, &attacker);
    scene.refuses(&token, FailureKind::IssuerUnavailable, "another issuer's document").await;
    assert!(attacker.received().is_empty(), "{:?}", attacker.received());
}

const SUBJECT: &str = "system:serviceaccount:builds:signer";

/// A server inside a cluster, whose file names the cluster's own issuer and these; and the files of its pod.
async fn in_cluster(issuers: &str, api_server: &str) -> (Running, tempfile::TempDir) {
    let (ca, files) = (TestCa::new().await, tempfile::tempdir().unwrap());
    let cluster = ClusterFiles {
        ca_certificate: files.path().join("ca.crt"),
        token: files.path().join("token"),
        service_host: Some("127.0.0.1".to_owned()),
    };
    std::fs::write(&cluster.ca_certificate, api_server).unwrap();
    std::fs::write(&cluster.token, "pod-token").unwrap();
    let own = "oidc-issuers:\n  https://kubernetes.default.svc: {client-id: sigstore, type: kubernetes}\n";
    let keys = KeyStore::new(Fetcher::new().unwrap(), cluster, &KeyTiming::default());
    let issuance = Issuance { keys, ..by_hand(&format!("{own}{issuers}"), &ca) };
    (Running::serve(Arc::new(issuance), ca), files)
}

fn account(issuer: &FakeIssuer, name: &str) -> String {
    let account: Value = json!({"namespace": "builds", "serviceaccount": {"name": "signer"}});
    issuer.token(&issuer.claims(name, &json!({"sub": SUBJECT, "kubernetes.io": account})))
}

/// Of every request that reached an issuer, whether the pod's token went along.
fn with_token(issuer: &FakeIssuer) -> Vec<bool> {
    let carries = |line: &String| line.to_ascii_lowercase().contains("pod-token");
    issuer.received().iter().map(|request| request.head.iter().any(carries)).collect()
}

/// Fulcio's third fault of that advisory: the pod's token went along to meta issuers that a pattern matched. Here they are asked, if at
/// all, without it. Where patterns do not reach this machine, nobody is asked, which is as good.
#[tokio::test]
async fn ghsa_f5mr_q85p_6hh6_the_pods_token_and_meta_issuers() {
    let stranger = FakeIssuer::start();
    let pattern = format!("meta-issuers:\n  {}/*: {{client-id: sigstore, type: kubernetes}}\n", stranger.url);
    let (_, certificate) = FakeIssuer::start_tls(&["127.0.0.1"]);
    let (server, _files) = in_cluster(&pattern, &certificate).await;
    server.ask(&account(&stranger, "cluster"), &Key::new(Kind::P256), SUBJECT).await;
    assert!(!with_token(&stranger).contains(&true), "the token leaked");
}

/// Kyverno sent its service account token along with a request to whatever URL a policy named. Here the pod's token goes to the cluster's
/// API server, and neither to where that issuer says its keys are, nor to where it redirects, not even on this machine.
#[tokio::test]
async fn ghsa_f9g8_6ppc_pqq4_the_pods_token_and_foreign_urls() {
    let foreign = FakeIssuer::start();
    let discovery = "/cluster/.well-known/openid-configuration";
    for host in [foreign.url.clone(), foreign.url.replace("127.0.0.1", "localhost")] {
        let keys = |issuer: &FakeIssuer| {
            let document = json!({"issuer": issuer.issuer("cluster"), "jwks_uri": format!("{host}/keys")});
            Answer::Body(200, document.to_string().into_bytes())
        };
        let redirect = |_: &FakeIssuer| Answer::Redirect(format!("{host}{discovery}"));
        for answer in [&keys as &dyn Fn(&FakeIssuer) -> Answer, &redirect] {
            let (issuer, certificate) = FakeIssuer::start_tls(&["127.0.0.1"]);
            issuer.answer(discovery, answer(&issuer));
            let named = format!("  {}: {{client-id: sigstore, type: kubernetes}}\n", issuer.issuer("cluster"));
            let (server, _files) = in_cluster(&named, &certificate).await;
            let reply = server.ask(&account(&issuer, "cluster"), &Key::new(Kind::P256), SUBJECT).await;
            assert!(matches!(reply.status, 400 | 503), "{reply:?}");
            assert_eq!(server.signer().calls(), 0, "something was signed");
            assert!(with_token(&issuer).contains(&true), "the issuer is asked with the token, or this proves nothing");
        }
    }
    assert!(!with_token(&foreign).contains(&true), "the token leaked");
}
