//! Tokens that make so many certificates and no more: in memory, and with a real Redis or Valkey that several replicas share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::identities::{email_claims, email_file};
use crate::support::scene::ADDRESS;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, RedisServer, Reply, Running, TestCa, eventually};
use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;
use sigmint::limits::single_use::{RedisOptions, RedisStore, SingleUse, WhenUnknown};

/// An issuer whose tokens make one certificate each, and replicas that trust it.
struct Scene {
    issuer: FakeIssuer,
    replicas: Vec<Running>,
    key: Key,
}

impl Scene {
    async fn new(uses: u32, stores: Vec<SingleUse>) -> Self {
        let issuer = FakeIssuer::start();
        let file = format!("{}    max-certificates-per-token: {uses}\n", email_file(&issuer.issuer("email")));
        let mut replicas = Vec::new();
        for single_use in stores {
            let ca = TestCa::new().await;
            let issuance = Issuance { single_use, ..by_hand(&file, &ca) };
            replicas.push(Running::serve(Arc::new(issuance), ca));
        }
        Self { issuer, replicas, key: Key::new(Kind::P256) }
    }

    /// Replicas that share a store.
    async fn shared(uses: u32, replicas: usize, server: &RedisServer, when_unknown: WhenUnknown) -> Self {
        let store = || SingleUse::in_redis(RedisStore::new(&options(&server.url())).unwrap(), when_unknown);
        Self::new(uses, (0..replicas).map(|_| store()).collect()).await
    }

    fn claims(&self, more: &Value) -> Value {
        let mut claims = self.issuer.claims("email", &email_claims());
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    }

    fn token(&self, id: &str) -> String {
        self.issuer.token(&self.claims(&json!({"jti": id})))
    }

    async fn ask(&self, replica: usize, token: &str) -> Reply {
        self.replicas[replica].ask(token, &self.key, ADDRESS).await
    }

    fn signatures(&self) -> usize {
        self.replicas.iter().map(|replica| replica.signer().calls()).sum()
    }
}

fn options(url: &str) -> RedisOptions {
    RedisOptions { url: url.to_owned(), password_file: None, ca_certificate: None, timeout: Duration::from_secs(5) }
}

fn assert_is(reply: &Reply, kind: FailureKind) {
    let row = kind.row();
    assert_eq!((reply.status, reply.reason().as_str()), (row.http, row.reason), "{reply:?}");
    assert_eq!(reply.header("retry-after").is_some(), kind.is_transient());
}

#[tokio::test]
async fn a_token_makes_as_many_certificates_as_its_issuer_says() {
    let scene = Scene::new(2, vec![SingleUse::default()]).await;
    let token = scene.token("a");
    for _ in 0..2 {
        assert_eq!(scene.ask(0, &token).await.status, 200);
    }
    assert_is(&scene.ask(0, &token).await, FailureKind::TokenSpent);
    assert_is(&scene.ask(0, &scene.token("a")).await, FailureKind::TokenSpent);
    assert_eq!(scene.signatures(), 2, "nothing is signed for a token that is spent");
    assert_eq!(scene.ask(0, &scene.token("b")).await.status, 200, "another id is another token");
}

#[tokio::test]
async fn without_an_id_the_signed_text_is_the_token() {
    let scene = Scene::new(1, vec![SingleUse::default()]).await;
    let token = scene.issuer.token(&scene.claims(&json!({"n": 1})));
    assert_eq!(scene.ask(0, &token).await.status, 200);
    assert_is(&scene.ask(0, &token).await, FailureKind::TokenSpent);
    // The same claims, signed again: an ECDSA signature has many forms, the text below it has one.
    assert_is(&scene.ask(0, &scene.issuer.token(&scene.claims(&json!({"n": 1})))).await, FailureKind::TokenSpent);
    assert_eq!(scene.ask(0, &scene.issuer.token(&scene.claims(&json!({"n": 2})))).await.status, 200);
    let odd = scene.issuer.token(&scene.claims(&json!({"jti": 7})));
    assert_is(&scene.ask(0, &odd).await, FailureKind::TokenClaim);
}

#[tokio::test]
async fn a_token_that_lives_for_years_makes_no_certificate() {
    let scene = Scene::new(1, vec![SingleUse::default()]).await;
    let token = scene.issuer.token(&scene.claims(&json!({"jti": "a", "exp": 4_000_000_000_u64})));
    let reply = scene.ask(0, &token).await;
    assert_is(&reply, FailureKind::TokenLife);
    assert_eq!(reply.json()["details"][0]["metadata"]["longestSeconds"], json!("86400"));
    assert_eq!(scene.signatures(), 0, "nothing is signed for it");
}

#[tokio::test]
async fn only_what_is_verified_and_proven_counts_and_what_is_not_signed_is_given_back() {
    let redis = RedisServer::start();
    let scenes =
        [Scene::new(1, vec![SingleUse::default()]).await, Scene::shared(1, 1, &redis, WhenUnknown::Refuse).await];
    for scene in scenes {
        let token = scene.token("a");
        let wrong_proof = scene.replicas[0].ask(&token, &scene.key, "somebody@example.com").await;
        assert_is(&wrong_proof, FailureKind::ProofInvalid);
        let forged = format!("{}AAAA", &token[..token.len() - 4]);
        assert_is(&scene.ask(0, &forged).await, FailureKind::TokenSignature);
        scene.replicas[0].signer().fail();
        for _ in 0..3 {
            assert_is(&scene.ask(0, &token).await, FailureKind::SignerUnavailable);
        }
        scene.replicas[0].signer().recover();
        assert_eq!(scene.ask(0, &token).await.status, 200, "nothing was lost");
        assert_is(&scene.ask(0, &token).await, FailureKind::TokenSpent);
    }
}

#[tokio::test]
async fn of_many_requests_at_once_to_two_replicas_one_gets_its_certificate() {
    let redis = RedisServer::start();
    let scene = Scene::shared(1, 2, &redis, WhenUnknown::Refuse).await;
    let token = scene.token("a");
    let asked = (0..64).map(|number| scene.ask(number % 2, &token));
    let replies = futures_util::future::join_all(asked).await;
    let (good, bad): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((good.len(), bad.len(), scene.signatures()), (1, 63, 1));
    for reply in bad {
        assert_is(reply, FailureKind::TokenSpent);
    }
}

#[tokio::test]
async fn the_store_holds_no_identity_and_forgets_the_token_with_its_end() {
    let redis = RedisServer::start();
    let scene = Scene::shared(1, 1, &redis, WhenUnknown::Refuse).await;
    assert_eq!(scene.ask(0, &scene.token("secret-id")).await.status, 200);
    let kept = redis.ask(&["KEYS", "*"]);
    assert!(kept.starts_with("*1\r\n") && kept.contains("sigmint:token:"), "{kept}");
    assert!(!kept.contains("secret-id") && !kept.contains("127.0.0.1"), "{kept}");
    let left = redis.ask(&["EVAL", "return redis.call('TTL', redis.call('KEYS', '*')[1])", "0"]);
    let seconds: u64 = left.trim_start_matches(':').lines().next().unwrap().parse().unwrap();
    assert!((300..=3600 + 301).contains(&seconds), "an hour at most, and five minutes for clocks: {left}");
}

#[tokio::test]
async fn while_the_store_is_down_tokens_are_refused_or_pass_and_afterwards_all_is_well() {
    for when_unknown in [WhenUnknown::Refuse, WhenUnknown::Pass] {
        let mut redis = RedisServer::start();
        let scene = Scene::shared(1, 1, &redis, when_unknown).await;
        assert_eq!(scene.ask(0, &scene.token("before")).await.status, 200);
        redis.kill();
        let token = scene.token("meanwhile");
        let reply = scene.ask(0, &token).await;
        match when_unknown {
            WhenUnknown::Refuse => {
                assert_is(&reply, FailureKind::TokenUsesUnknown);
                assert!(!reply.text.contains("redis") && !reply.text.contains("refused"), "no inside: {reply:?}");
                assert_eq!(scene.signatures(), 1);
            }
            WhenUnknown::Pass => assert_eq!(reply.status, 200),
        }
        redis.restart();
        let tries = AtomicUsize::new(0);
        let back = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            let token = scene.token(&format!("after {}", tries.load(Ordering::Relaxed)));
            let first = scene.ask(0, &token).await.status;
            (first == 200 && scene.ask(0, &token).await.status == 400).then_some(())
        };
        eventually("the store is found again", back).await;
    }
}

#[tokio::test]
async fn a_store_that_hangs_is_given_up_and_found_again() {
    let redis = RedisServer::start();
    let impatient = RedisOptions { timeout: Duration::from_millis(300), ..options(&redis.url()) };
    let store = SingleUse::in_redis(RedisStore::new(&impatient).unwrap(), WhenUnknown::Refuse);
    let scene = Scene::new(1, vec![store]).await;
    assert_eq!(scene.ask(0, &scene.token("before")).await.status, 200);
    redis.freeze();
    let token = scene.token("meanwhile");
    assert_is(&scene.ask(0, &token).await, FailureKind::TokenUsesUnknown);
    redis.thaw();
    // The use was counted though its answer was lost; it is given back, so that the token is worth its certificate.
    let back = || async { (scene.ask(0, &token).await.status == 200).then_some(()) };
    eventually("the token is worth its certificate", back).await;
    assert_is(&scene.ask(0, &token).await, FailureKind::TokenSpent);
    assert_eq!(scene.signatures(), 2);
    redis.freeze();
    for id in 0..5 {
        assert_is(&scene.ask(0, &scene.token(&format!("again {id}"))).await, FailureKind::TokenUsesUnknown);
    }
    redis.thaw();
    let works = || async { (scene.ask(0, &scene.token("after")).await.status == 200).then_some(()) };
    eventually("the store is found again", works).await;
    // Each connection that was given up is closed: of those that remain one is the store's, and one asks here.
    let closed = || async { (redis.ask(&["CLIENT", "LIST"]).matches("addr=").count() <= 4).then_some(()) };
    eventually("the silent connections are closed", closed).await;
}

#[tokio::test]
async fn the_store_may_ask_for_tls_and_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // As `openssl req -x509` makes it: an authority's certificate, which the server uses as its own.
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(path("cert.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(path("password"), "hunter2\n").unwrap();
    let file = |name: &str| path(name).display().to_string();
    let redis = RedisServer::start_with(|port| {
        let port = port.to_string();
        let words = ["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--requirepass", "hunter2"];
        let files = ["--tls-cert-file".into(), file("cert.pem"), "--tls-key-file".into(), file("key.pem")];
        let ca = ["--tls-ca-cert-file".into(), file("cert.pem")];
        words.map(str::to_owned).into_iter().chain(files).chain(ca).collect()
    });
    let url = format!("rediss://localhost:{}", redis.port());
    let good =
        RedisOptions { password_file: Some(path("password")), ca_certificate: Some(path("cert.pem")), ..options(&url) };
    let stores = [
        good.clone(),
        RedisOptions { password_file: None, ..good.clone() },
        RedisOptions { ca_certificate: None, ..good.clone() },
        RedisOptions { url: url.replace("localhost", "127.0.0.1"), ..good },
    ];
    let stores = stores.map(|options| SingleUse::in_redis(RedisStore::new(&options).unwrap(), WhenUnknown::Refuse));
    let scene = Scene::new(1, stores.into()).await;
    assert_eq!(scene.ask(0, &scene.token("a")).await.status, 200);
    for (replica, lacking) in [(1, "the password"), (2, "trust in the certificate"), (3, "the certificate's name")] {
        let reply = scene.ask(replica, &scene.token("b")).await;
        assert_eq!(reply.reason(), "TOKEN_USES_UNKNOWN", "without {lacking}: {reply:?}");
    }
}
