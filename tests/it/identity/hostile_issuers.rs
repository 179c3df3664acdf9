//! Issuers as they are out there: slow, down, rotating, wrong and hostile. What is asked of them, how often, and what a token then gets.

use std::sync::Arc;
use std::time::Duration;

use crate::support::identities::{email_claims, email_file};
use crate::support::issuer::{ALGORITHMS, KEYS, signed};
use crate::support::scene::{ADDRESS, Scene, assert_refused};
use crate::support::{Answer, FakeIssuer, Key, Kind, Running, eventually};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::identity::keys::KeyTiming;

const DISCOVERY: &str = "/email/.well-known/openid-configuration";

/// A key store that asks again at every token whose signature is bad.
async fn impatient(issuer: FakeIssuer) -> Scene {
    let timing = KeyTiming { cool_down: Duration::ZERO, ..KeyTiming::default() };
    let server = Running::start_timed(&email_file(&issuer.issuer("email")), &timing).await;
    Scene { issuer, server, key: Key::new(Kind::P256) }
}

impl Scene {
    /// How often discovery and keys were fetched.
    fn fetches(&self) -> (usize, usize) {
        (self.issuer.requests(DISCOVERY), self.issuer.requests(KEYS))
    }
}

/// A server that trusts every issuer of the fake: one that failed is left alone for a while, so each case takes another.
async fn of_many(issuer: FakeIssuer) -> Scene {
    let file = email_file(&issuer.issuer("*")).replace("oidc-issuers", "meta-issuers");
    let server = Running::start(&file).await;
    Scene { issuer, server, key: Key::new(Kind::P256) }
}

fn discovery_of(name: &str) -> String {
    format!("/{name}/.well-known/openid-configuration")
}

impl Scene {
    /// The answer to a token of the issuer of that name.
    async fn ask_of(&self, name: &str) -> crate::support::Reply {
        self.ask(&self.issuer.token(&self.issuer.claims(name, &email_claims()))).await
    }

    async fn refuses_for_now(&self, name: &str) {
        let reply = self.ask_of(name).await;
        assert_refused(&self.server, &reply, FailureKind::IssuerUnavailable, name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_first_tokens_at_once_cause_one_fetch() {
    let scene = Arc::new(Scene::new().await);
    // Held back until all are waiting, so that they are at the same time for certain.
    scene.issuer.answer(DISCOVERY, Answer::Held);
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let scene = Arc::clone(&scene);
            tokio::spawn(async move { scene.ask(&scene.token()).await.status })
        })
        .collect();
    eventually("the first fetch", async || (scene.issuer.requests(DISCOVERY) > 0).then_some(())).await;
    scene.issuer.release();
    for one in asking {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(scene.fetches(), (1, 1));
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    assert_eq!(scene.fetches(), (1, 1), "later tokens find the keys in the cache");
}

#[tokio::test]
async fn nothing_is_fetched_for_a_token_that_is_refused_without_keys() {
    let scene = Scene::new().await;
    for (name, value) in [("aud", json!("other")), ("exp", json!(1)), ("iss", json!("https://stranger.example"))] {
        let mut claims = scene.claims();
        claims[name] = value;
        assert_eq!(scene.ask(&scene.issuer.token(&claims)).await.status, 400);
    }
    assert_eq!(scene.ask("x.y.z").await.status, 400);
    assert!(scene.issuer.received().is_empty());
}

#[tokio::test]
async fn bad_signatures_cause_no_fetch_within_the_cool_down() {
    let scene = Scene::new().await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    let payload = scene.claims().to_string();
    for number in 0..20 {
        let header = json!({"alg": "ES256", "kid": format!("unknown-{number}")}).to_string();
        assert_eq!(scene.ask(&scene.issuer.token_of_text(&header, &payload)).await.status, 400);
        let stranger = signed(&Key::new(Kind::P256), "ES256", r#"{"alg":"ES256","kid":"first"}"#, &payload);
        assert_eq!(scene.ask(&stranger).await.status, 400);
    }
    // One refetch in 30 seconds is the most there may be, however slow the machine.
    assert!(scene.fetches().0 <= 2, "{:?}", scene.fetches());
}

#[tokio::test]
async fn rotated_keys_are_found_after_the_cool_down() {
    let scene = impatient(FakeIssuer::start()).await;
    let old = scene.token();
    assert_eq!(scene.ask(&old).await.status, 200);
    scene.issuer.set_keys(vec![(Key::new(Kind::P384), Some("second"))]);
    assert_eq!(scene.ask(&scene.token()).await.status, 200, "a new key of another kind");
    let after_rotation = scene.fetches();
    assert_eq!(after_rotation.0, 2);
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    assert_eq!(scene.fetches(), after_rotation, "the new keys are kept");
    assert_eq!(scene.ask(&old).await.reason(), "TOKEN_KEY_UNKNOWN", "the old key is gone");
}

#[tokio::test]
async fn an_issuer_that_is_down_for_the_refetch_keeps_its_old_keys() {
    let scene = impatient(FakeIssuer::start()).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    scene.issuer.answer(DISCOVERY, Answer::Close);
    let stranger = signed(&Key::new(Kind::P256), "ES256", r#"{"alg":"ES256"}"#, &scene.claims().to_string());
    assert_eq!(scene.ask(&stranger).await.reason(), "TOKEN_SIGNATURE_INVALID");
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

#[tokio::test]
async fn keys_are_fetched_anew_after_their_lifetime() {
    let issuer = FakeIssuer::start();
    let timing = KeyTiming { lifetime: Duration::from_millis(1), ..KeyTiming::default() };
    let server = Running::start_timed(&email_file(&issuer.issuer("email")), &timing).await;
    let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    eventually("a second fetch", async || {
        assert_eq!(scene.ask(&scene.token()).await.status, 200);
        (scene.fetches().0 > 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_starts_while_its_issuer_is_down_and_finds_it_when_it_is_back() {
    let [address] = crate::support::ports::free_addresses();
    let server = Running::start(&email_file(&format!("http://{address}/email"))).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let (elsewhere, key) = (FakeIssuer::start(), Key::new(Kind::P256));
    let claims = elsewhere.claims("email", &email_claims());
    let mut lost = claims.clone();
    lost["iss"] = json!(format!("http://{address}/email"));
    let reply = server.ask(&elsewhere.token(&lost), &key, ADDRESS).await;
    assert_refused(&server, &reply, FailureKind::IssuerUnavailable, "down");

    let issuer = FakeIssuer::start_at(address);
    let token = issuer.token(&issuer.claims("email", &email_claims()));
    eventually("its recovery", async || (server.ask(&token, &key, ADDRESS).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn discovery_documents_that_cannot_be_used_are_the_issuers_fault() {
    let text = |value: Value| Answer::Body(200, value.to_string().into_bytes());
    let cases = [
        ("closed", Answer::Close),
        ("missing", Answer::Body(404, b"{}".to_vec())),
        ("oops", Answer::Body(500, b"oops".to_vec())),
        ("no-json", Answer::Body(200, b"<html>".to_vec())),
        ("list", Answer::Body(200, b"[]".to_vec())),
        ("no-keys-url", text(json!({"issuer": "x"}))),
        ("large", Answer::Body(200, vec![b' '; 10_000_000])),
        ("endless", Answer::Endless),
        ("nested", Answer::Body(200, vec![b'['; 100_000])),
    ];
    let scene = of_many(FakeIssuer::start()).await;
    for (case, answer) in cases {
        scene.issuer.answer(&discovery_of(case), answer);
        scene.refuses_for_now(case).await;
    }
    // Good, but for its length.
    let document = json!({"issuer": scene.issuer.issuer("long"), "jwks_uri": format!("{}{KEYS}", scene.issuer.url),
        "id_token_signing_alg_values_supported": ALGORITHMS});
    scene.issuer.answer(&discovery_of("long"), long(&document));
    scene.refuses_for_now("long").await;
    assert_eq!(scene.issuer.requests(KEYS), 0);
    assert_eq!(scene.ask_of("well").await.status, 200);
}

fn long(document: &Value) -> Answer {
    Answer::Body(200, format!("{document}{}", " ".repeat(2 << 20)).into_bytes())
}

#[tokio::test]
async fn key_sets_that_cannot_be_used_are_the_issuers_fault() {
    let jwk = Key::new(Kind::P256).jwk();
    let text = |value: Value| Answer::Body(200, value.to_string().into_bytes());
    let scene = of_many(FakeIssuer::start()).await;
    let cases = [
        ("closed", Answer::Close),
        ("missing", Answer::Body(404, b"{}".to_vec())),
        ("no-json", Answer::Body(200, b"keys".to_vec())),
        ("no-list", text(json!({"keys": {"a": jwk}}))),
        ("no-keys", text(json!({"keys": []}))),
        ("no-usable-keys", text(json!({"keys": [{"kty": "oct", "k": "AAAA"}, null, "x", {"kty": "EC"}]}))),
        ("large", Answer::Body(200, vec![b' '; 10_000_000])),
        ("endless", Answer::Endless),
        ("long", long(&json!({"keys": [scene.issuer.first_key().jwk()]}))),
    ];
    for (case, answer) in cases {
        scene.issuer.answer(KEYS, answer);
        scene.refuses_for_now(case).await;
        scene.issuer.recover(KEYS);
    }
    assert_eq!(scene.ask_of("well").await.status, 200);
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_refused() {
    let scene = of_many(FakeIssuer::start()).await;
    let others = [
        scene.issuer.issuer("other"),
        scene.issuer.issuer("case-1/"),
        scene.issuer.issuer("Case-2"),
        "https://issuer.example.com".to_owned(),
    ];
    for (number, other) in others.into_iter().enumerate() {
        let document = json!({"issuer": other, "jwks_uri": scene.issuer.issuer("keys"),
            "id_token_signing_alg_values_supported": ALGORITHMS});
        let name = format!("case-{number}");
        scene.issuer.answer(&discovery_of(&name), Answer::Body(200, document.to_string().into_bytes()));
        scene.refuses_for_now(&name).await;
    }
    assert_eq!(scene.issuer.requests(KEYS), 0, "its keys are not even looked at");
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_host_only() {
    let scene = of_many(FakeIssuer::start()).await;
    // The same machine by another name is another host.
    let elsewhere = FakeIssuer::start();
    let other_host = elsewhere.url.replace("127.0.0.1", "localhost");
    scene.issuer.answer(&discovery_of("away"), Answer::Redirect(format!("{other_host}{}", discovery_of("away"))));
    scene.refuses_for_now("away").await;
    scene.issuer.answer(KEYS, Answer::Redirect(format!("{other_host}{KEYS}")));
    scene.refuses_for_now("keys-away").await;
    scene.issuer.answer(&discovery_of("circle"), Answer::Redirect(scene.issuer.url.clone() + &discovery_of("circle")));
    scene.refuses_for_now("circle").await;
    assert!(elsewhere.received().is_empty(), "{:?}", elsewhere.received());

    scene.issuer.answer(KEYS, Answer::Redirect(scene.issuer.issuer("moved")));
    let mut jwk = scene.issuer.first_key().jwk();
    jwk["kid"] = json!("first");
    scene.issuer.answer("/moved", Answer::Body(200, json!({"keys": [jwk]}).to_string().into_bytes()));
    assert_eq!(scene.ask_of("moved-here").await.status, 200, "moved on the same host");
}

#[tokio::test]
async fn an_issuer_gets_to_see_nothing_of_the_token_or_of_ours() {
    let scene = Scene::new().await;
    scene.issuer.set_headers("Set-Cookie: follow=me; Path=/\r\n");
    let token = scene.token();
    assert_eq!(scene.ask(&token).await.status, 200);
    for request in scene.issuer.received() {
        let head = request.head.join("\n").to_lowercase();
        assert!(!head.contains("authorization") && !head.contains("cookie"), "{head}");
        assert!(!head.contains(&token.to_lowercase()[..20]), "{head}");
    }
}

#[tokio::test]
async fn a_slow_issuer_holds_up_nobody_else() {
    let (slow, quick) = (FakeIssuer::start(), FakeIssuer::start());
    slow.answer(DISCOVERY, Answer::Held);
    let file = email_file(&slow.issuer("email")) + &email_file(&quick.issuer("email")).replace("oidc-issuers:\n", "");
    let server = Arc::new(Running::start(&file).await);
    let key = Arc::new(Key::new(Kind::P256));
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (server, key) = (Arc::clone(&server), Arc::clone(&key));
            let token = slow.token(&slow.claims("email", &email_claims()));
            tokio::spawn(async move { server.ask(&token, &key, ADDRESS).await.status })
        })
        .collect();
    eventually("the slow fetch", async || (slow.requests(DISCOVERY) > 0).then_some(())).await;
    let token = quick.token(&quick.claims("email", &email_claims()));
    assert_eq!(server.ask(&token, &key, ADDRESS).await.status, 200);
    assert_eq!(server.get("/healthz").await.status, 200);
    assert!(waiting.iter().all(|task| !task.is_finished()), "they still wait");
    slow.release();
    for task in waiting {
        assert_eq!(task.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_verified() {
    let scene = impatient(FakeIssuer::start()).await;
    let kinds = [Kind::Rsa2048, Kind::P256, Kind::P384, Kind::P521, Kind::Ed25519];
    for id in [Some("of this kind"), None] {
        for kind in kinds {
            scene.issuer.set_keys(vec![(Key::new(kind), id)]);
            let algorithms: &[&str] = match kind {
                Kind::Rsa2048 | Kind::Rsa3072 => &ALGORITHMS[..6],
                _ => &[scene.issuer.first_key().token_algorithm()],
            };
            for algorithm in algorithms {
                let mut header = json!({"alg": algorithm});
                if let Some(id) = id {
                    header["kid"] = json!(id);
                }
                let key = scene.issuer.first_key();
                let token = signed(&key, algorithm, &header.to_string(), &scene.claims().to_string());
                let reply = scene.ask(&token).await;
                assert_eq!(reply.status, 200, "{algorithm} with {id:?}: {reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn jwks_of_unknown_types_and_other_uses_do_not_spoil_the_set() {
    let scene = Scene::new().await;
    let other_use = |usage: &str| {
        let mut jwk = Key::new(Kind::P256).jwk();
        jwk["use"] = json!(usage);
        jwk
    };
    scene.issuer.add_jwks(vec![
        json!({"kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-44", "pub": "AAAA"}),
        json!({"kty": "oct", "k": "AAAA", "kid": "first"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "n": "*", "e": 3}),
        json!(null),
        json!(["not a key"]),
        other_use("enc"),
    ]);
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

#[tokio::test]
async fn documents_and_keys_in_the_forms_that_providers_write_are_read() {
    let scene = of_many(FakeIssuer::start_with(Key::new(Kind::Rsa2048))).await;
    let jwk = |name: &str, value: Value| {
        let mut jwk = scene.issuer.first_key().jwk();
        jwk["kid"] = json!("first");
        jwk[name] = value;
        jwk
    };
    let n = scene.issuer.first_key().jwk()["n"].as_str().unwrap().to_owned();
    let zeros = URL_SAFE_NO_PAD.encode([vec![0], URL_SAFE_NO_PAD.decode(&n).unwrap()].concat());
    let plain = |keys: &Value| json!({"keys": keys}).to_string();
    let ordinary = plain(&json!([jwk("use", json!("sig"))]));
    let many: Vec<Value> =
        (0..120).map(|number| jwk("kid", json!(format!("k{number}")))).chain([jwk("e", json!("AQAB"))]).collect();
    let sets = [
        ("leading-zero", plain(&json!([jwk("n", json!(zeros))]))),
        ("padded", plain(&json!([jwk("n", json!(format!("{n}==")))]))),
        ("empty-use", plain(&json!([jwk("use", json!(""))]))),
        ("empty-alg", plain(&json!([jwk("alg", json!(""))]))),
        (
            "jwt-svid",
            plain(
                &json!([{"use": "x509-svid", "kty": "RSA", "n": n, "e": "AQAB", "x5c": ["AAAA"]}, jwk("use", json!("jwt-svid"))]),
            ),
        ),
        ("null-members", plain(&json!([jwk("key_ops", Value::Null)]))),
        ("hundred-and-twenty", plain(&json!(many))),
        ("twice", ordinary.replacen('{', "{\"keys\":[],", 1)),
        ("mark", format!("\u{feff}{ordinary}")),
    ];
    for (name, set) in sets {
        scene.issuer.answer(KEYS, Answer::Body(200, set.into_bytes()));
        let reply = scene.ask_of(name).await;
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
    }
    scene.issuer.recover(KEYS);
    let document = |name: &str| {
        json!({"issuer": scene.issuer.issuer(name), "jwks_uri": format!("{}{KEYS}", scene.issuer.url)}).to_string()
    };
    let zipped = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        Answer::Zipped(encoder.finish().unwrap())
    };
    let text = |text: String| Answer::Body(200, text.into_bytes());
    let null = document("null-list").replace('}', ",\"id_token_signing_alg_values_supported\":null}");
    for (name, answer, expected) in [
        ("mark-there", text(format!("\u{feff}{}", document("mark-there"))), 200),
        ("null-list", text(null), 200),
        (
            "members-twice",
            text(document("members-twice").replacen('{', "{\"issuer\":\"x\",\"jwks_uri\":\"y\",", 1)),
            200,
        ),
        ("other-member-last", text(document("other-member-last").replace('}', ",\"issuer\":\"x\"}")), 503),
        ("gzip", zipped(&document("gzip")), 200),
        ("gzip-bomb", zipped(&format!("{}{}", document("gzip-bomb"), " ".repeat(50_000_000))), 503),
        ("no-gzip", Answer::Zipped(document("no-gzip").into_bytes()), 503),
    ] {
        scene.issuer.answer(&discovery_of(name), answer);
        let reply = scene.ask_of(name).await;
        assert_eq!(reply.status, expected, "{name}: {reply:?}");
    }
    assert!(
        scene.issuer.received().iter().all(|request| {
            !request.head.iter().any(|line| line.to_ascii_lowercase().starts_with("accept-encoding"))
        })
    );
}

#[tokio::test]
async fn ed25519_goes_by_the_names_of_both_registrations() {
    for (listed, alg, header, expected) in [
        ("EdDSA", json!("EdDSA"), "EdDSA", 200),
        ("Ed25519", json!("Ed25519"), "Ed25519", 200),
        ("Ed25519", json!("EdDSA"), "Ed25519", 200),
        ("Ed25519", json!(null), "EdDSA", 200),
        ("EdDSA", json!("Ed25519"), "EdDSA", 200),
        ("EdDSA", json!("Ed25519"), "Ed25519", 200),
        // Neither the document nor a key says that the issuer signs by that name. Fulcio refuses it too.
        ("EdDSA", json!("EdDSA"), "Ed25519", 400),
        ("EdDSA", json!(null), "Ed25519", 400),
    ] {
        let scene = impatient(FakeIssuer::start_with(Key::new(Kind::Ed25519))).await;
        scene.issuer.set_algorithms(&[listed]);
        let mut jwk = scene.issuer.first_key().jwk();
        (jwk["kid"], jwk["alg"]) = (json!("first"), alg);
        scene.issuer.answer(KEYS, Answer::Body(200, json!({"keys": [jwk]}).to_string().into_bytes()));
        let head = json!({"alg": header, "kid": "first"}).to_string();
        let token = signed(&scene.issuer.first_key(), "EdDSA", &head, &scene.claims().to_string());
        let reply = scene.ask(&token).await;
        assert_eq!(reply.status, expected, "{listed} {header}: {reply:?}");
    }
}

#[tokio::test]
async fn any_of_several_keys_verifies_a_token_without_key_id() {
    let issuer = FakeIssuer::start();
    let keys = [Kind::P256, Kind::P256, Kind::P384, Kind::Ed25519].map(|kind| (Key::new(kind), None));
    issuer.set_keys(keys.into_iter().collect());
    let scene = impatient(issuer).await;
    for position in 0..4 {
        let key = scene.issuer.key(position);
        let header = json!({"alg": key.token_algorithm()}).to_string();
        let token = signed(&key, key.token_algorithm(), &header, &scene.claims().to_string());
        assert_eq!(scene.ask(&token).await.status, 200, "key {position}");
    }
}

#[tokio::test]
async fn a_meta_issuer_is_one_label_and_each_has_its_own_keys() {
    let issuer = FakeIssuer::start();
    let file = format!("meta-issuers:\n  {}/clusters/*/id:\n    client-id: sigstore\n    type: email\n", issuer.url);
    let server = Running::start(&file).await;
    let key = Key::new(Kind::P256);
    let ask = async |name: &str| server.ask(&issuer.token(&issuer.claims(name, &email_claims())), &key, ADDRESS).await;
    for name in ["clusters/blue/id", "clusters/eu-1_A/id"] {
        assert_eq!(ask(name).await.status, 200, "{name}");
        assert_eq!(issuer.requests(&format!("/{name}/.well-known/openid-configuration")), 1);
    }
    for name in
        ["clusters//id", "clusters/a.b/id", "clusters/a/b/id", "clusters/a/id/", "clusters/a%2fb/id", "clusters/a"]
    {
        assert_eq!(ask(name).await.reason(), "TOKEN_ISSUER_UNKNOWN", "{name}");
    }
    assert_eq!(issuer.received().len(), 4, "nobody else was asked for anything");
}
