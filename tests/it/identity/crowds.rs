//! Crowds of tokens whose issuers do not answer: whom they hold up, what is fetched because of them, and who gets in all the same.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::support::adapters::{ask_all, assert_kind, good};
use crate::support::identities::{email_claims, email_file, identities, issuers_file};
use crate::support::scene::Scene;
use crate::support::server::parse;
use crate::support::{Answer, FakeIssuer, Key, Kind, Running, eventually};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::identity::UnverifiedToken;
use sigmint::identity::fetch::{ClusterFiles, Fetcher};
use sigmint::identity::issuers::Issuers;
use sigmint::identity::keys::{KeyStore, KeyTiming};
use sigmint::identity::verify::{Patience, Verification, VerifyError, verify_now};

/// Long enough for all of a crowd to be there.
const PATIENCE: Duration = Duration::from_secs(2);

fn discovery(name: &str) -> String {
    format!("/{name}/.well-known/openid-configuration")
}

/// Issuers' keys without a server around them, asked by clients of our choice.
#[derive(Clone)]
struct Keys {
    store: Arc<KeyStore>,
    issuers: Arc<Issuers>,
}

impl Keys {
    fn new(file: &str, timing: &KeyTiming) -> Self {
        let store = KeyStore::new(Fetcher::new().unwrap(), ClusterFiles::default(), timing);
        Self { store: Arc::new(store), issuers: Arc::new(parse(file)) }
    }

    async fn verify(&self, token: &str, client: &str) -> Result<(), VerifyError> {
        let mut patience = Patience::Waits(client.parse::<IpAddr>().ok().map(Into::into));
        loop {
            let token = UnverifiedToken::parse(token).unwrap();
            match verify_now(token, &self.issuers, &self.store, SystemTime::now(), patience)? {
                Verification::Believed(_) => return Ok(()),
                Verification::Waits(_, wait) => wait.over().await?,
            }
            patience = Patience::Waited;
        }
    }

    /// One token each for so many invented issuers, all at once.
    fn flood(&self, names: impl Iterator<Item = String>, issuer: &FakeIssuer, client: &str) -> Vec<Waiting> {
        let token = |name: String| issuer.token(&issuer.claims(&name, &email_claims()));
        let ask = |token: String| {
            let (keys, client) = (self.clone(), client.to_owned());
            tokio::spawn(async move { keys.verify(&token, &client).await })
        };
        names.map(token).map(ask).collect()
    }
}

type Waiting = tokio::task::JoinHandle<Result<(), VerifyError>>;

fn pattern(issuer: &FakeIssuer) -> String {
    email_file(&issuer.issuer("*")).replace("oidc-issuers:\n", "")
}

fn token_of(issuer: &FakeIssuer, name: &str) -> String {
    issuer.token(&issuer.claims(name, &email_claims()))
}

fn patient() -> KeyTiming {
    KeyTiming { patience: PATIENCE, ..KeyTiming::default() }
}

#[tokio::test]
async fn invented_issuers_of_a_pattern_hold_up_nobody_else() {
    let (flood, named, other) = (FakeIssuer::start(), FakeIssuer::start(), FakeIssuer::start());
    let pattern = |issuer: &FakeIssuer| email_file(&issuer.issuer("*")).replace("oidc-issuers:\n", "");
    let file = format!("{}meta-issuers:\n{}{}", email_file(&named.issuer("email")), pattern(&flood), pattern(&other));
    let keys = Arc::new(Keys::new(&file, &KeyTiming::default()));
    keys.verify(&token_of(&flood, "known"), "192.0.2.1").await.unwrap();
    let tokens: Vec<_> = (0..500).map(|number| token_of(&flood, &format!("invented-{number}"))).collect();
    for number in 0..500 {
        flood.answer(&discovery(&format!("invented-{number}")), Answer::Held);
    }
    let waiting: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let keys = Arc::clone(&keys);
            tokio::spawn(async move { keys.verify(&token, "192.0.2.1").await })
        })
        .collect();
    eventually("the flood", async || (flood.received().len() > 4).then_some(())).await;
    keys.verify(&token_of(&named, "email"), "192.0.2.1").await.unwrap();
    keys.verify(&token_of(&other, "new"), "192.0.2.1").await.unwrap();
    keys.verify(&token_of(&flood, "known"), "192.0.2.1").await.unwrap();
    assert!(flood.received().len() <= 2 + 10, "ten new issuers of one client and host: {}", flood.received().len());
    for task in waiting {
        assert!(matches!(task.await.unwrap(), Err(VerifyError::Keys { .. })));
    }
    flood.release();
}

#[tokio::test]
async fn one_client_that_invents_issuers_of_a_pattern_keeps_no_other_from_new_ones_of_it() {
    let (flood, honest) = (FakeIssuer::start(), FakeIssuer::start());
    // One pattern for both: their host is one of `localhost` and `127.0.0.1` at any port.
    let file = "meta-issuers:\n  http://127.0.0.1:*/*:\n    client-id: sigstore\n    type: email\n";
    let keys = Keys::new(file, &patient());
    let names: Vec<_> = (0..2000).map(|number| format!("invented-{number}")).collect();
    for name in &names {
        flood.answer(&discovery(name), Answer::Held);
        honest.answer(&discovery(name), Answer::Held);
    }
    // A site of 65,536 networks, and each of its hosts hangs.
    let mut crowd = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let host = if number % 2 == 0 { &flood } else { &honest };
        crowd.extend(keys.flood(std::iter::once(name.clone()), host, &format!("2001:db8:1:{number:x}::1")));
    }
    eventually("the flood", async || (flood.received().len() > 4).then_some(())).await;
    for number in 0..10 {
        let token = token_of(&honest, &format!("honest-{number}"));
        keys.verify(&token, "192.0.2.7").await.unwrap_or_else(|error| panic!("{number}: {error:?}"));
        let token = token_of(&honest, &format!("other-{number}"));
        keys.verify(&token, "2001:db8:2::7").await.unwrap_or_else(|error| panic!("{number}: {error:?}"));
    }
    flood.release();
    honest.release();
    drop(crowd);
}

#[tokio::test]
async fn an_issuer_that_a_stranger_has_asked_for_first_comes_when_its_own_client_has_his_turn() {
    let (flood, honest) = (FakeIssuer::start(), FakeIssuer::start());
    let file = "meta-issuers:\n  http://127.0.0.1:*/*:\n    client-id: sigstore\n    type: email\n";
    let keys = Keys::new(file, &patient());
    let names: Vec<_> = (0..300).map(|number| format!("invented-{number}")).collect();
    for name in &names {
        flood.answer(&discovery(name), Answer::Held);
    }
    let crowd = keys.flood(names.into_iter(), &flood, "192.0.2.1");
    eventually("the flood", async || (flood.received().len() > 4).then_some(())).await;
    // Behind three hundred others of the stranger's, on the host that hangs.
    let first = keys.flood(std::iter::once("wanted".to_owned()), &flood, "192.0.2.1");
    eventually("it is asked for", async || (keys.store.reading().waiting > 250).then_some(())).await;
    assert_eq!(flood.requests(&discovery("wanted")), 0);
    keys.verify(&token_of(&flood, "wanted"), "198.51.100.1").await.unwrap();
    keys.verify(&token_of(&honest, "wanted"), "198.51.100.1").await.unwrap();
    flood.release();
    drop((crowd, first));
}

#[tokio::test]
async fn a_name_that_proved_good_once_does_not_queue_with_inventions() {
    let issuer = FakeIssuer::start();
    let keys = Keys::new(&format!("meta-issuers:\n{}", pattern(&issuer)), &patient());
    keys.verify(&token_of(&issuer, "good"), "192.0.2.1").await.unwrap();
    // Its keys are forgotten: the file is loaded without its pattern, and with it again.
    keys.store.keep(&parse(&email_file(&issuer.issuer("named"))));
    keys.store.keep(&keys.issuers);
    let names: Vec<_> = (0..400).map(|number| format!("invented-{number}")).collect();
    for name in &names {
        issuer.answer(&discovery(name), Answer::Held);
    }
    let crowd = keys.flood(names.into_iter(), &issuer, "192.0.2.1");
    eventually("the flood", async || (issuer.received().len() > 4).then_some(())).await;
    keys.verify(&token_of(&issuer, "good"), "192.0.2.1").await.unwrap();
    assert!(keys.verify(&token_of(&issuer, "new"), "192.0.2.1").await.is_err(), "of the same client as the crowd");
    issuer.release();
    drop(crowd);
}

#[tokio::test]
async fn an_issuer_that_was_not_asked_for_want_of_turns_is_no_issuer_that_failed() {
    let issuer = FakeIssuer::start();
    let timing = KeyTiming { patience: Duration::from_millis(300), longest_fetch: Duration::from_secs(2), ..patient() };
    let keys = Keys::new(&format!("meta-issuers:\n{}", pattern(&issuer)), &timing);
    let names: Vec<_> = (0..100).map(|number| format!("invented-{number}")).collect();
    for name in &names {
        issuer.answer(&discovery(name), Answer::Held);
    }
    let crowd = keys.flood(names.into_iter(), &issuer, "192.0.2.1");
    eventually("the flood", async || (issuer.received().len() > 4).then_some(())).await;
    let refused = keys.verify(&token_of(&issuer, "honest"), "192.0.2.1").await;
    assert!(matches!(refused, Err(VerifyError::Keys { .. })), "{refused:?}");
    issuer.release();
    for task in crowd {
        let _ = task.await.unwrap();
    }
    // No rest of a second follows, and who asks is waited for.
    let next = || async { keys.verify(&token_of(&issuer, "honest"), "192.0.2.1").await.ok() };
    tokio::time::timeout(Duration::from_millis(700), eventually("the next try", next)).await.expect("without a rest");
}

#[tokio::test]
async fn a_crowd_that_waits_for_a_named_issuer_is_capped_and_shared_out() {
    let (hanging, well) = (FakeIssuer::start(), FakeIssuer::start());
    hanging.answer(&discovery("email"), Answer::Held);
    let entries = [&hanging, &well].map(|issuer| email_file(&issuer.issuer("email")).replace("oidc-issuers:\n", ""));
    let keys = Keys::new(&format!("oidc-issuers:\n{}", entries.concat()), &KeyTiming::default());
    let crowd = keys.flood(std::iter::repeat_n("email".to_owned(), 1000), &hanging, "192.0.2.1");
    eventually("the cap", async || (keys.store.reading().refused_waits == 1000 - 256).then_some(())).await;
    assert_eq!(keys.store.reading().waiting, 256);
    let honest = keys.flood(std::iter::repeat_n("email".to_owned(), 10), &hanging, "198.51.100.1");
    eventually("ten more", async || (keys.store.reading().refused_waits == 1010 - 256).then_some(())).await;
    keys.verify(&token_of(&well, "email"), "192.0.2.1").await.unwrap();
    hanging.release();
    for task in honest {
        task.await.unwrap().unwrap();
    }
    let mut passed = 0;
    for task in crowd {
        passed += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(passed, 246, "the last ten of the crowd gave way");
}

/// A token that nobody has signed.
fn forged(claims: &Value, algorithm: &str, length: usize) -> String {
    let header = json!({"alg": algorithm, "kid": "first"}).to_string();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()), part(&vec![7; length]))
}

#[tokio::test]
async fn nothing_is_fetched_for_tokens_whose_claims_make_no_identity_of_their_issuer() {
    let issuer = FakeIssuer::start();
    let server = Running::start(&issuers_file(&issuer.url, "127.0.0.1")).await;
    let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
    let material = good(&scene.key);
    for identity in identities(&scene.issuer.url, "127.0.0.1") {
        for missing in identity.needed {
            let mut claims = scene.issuer.claims(identity.name, &identity.claims);
            claims.as_object_mut().unwrap().remove(*missing);
            let unasked = ask_all(&scene, &forged(&claims, "ES256", 64), &material).await;
            let asked = scene.issuer.requests(&discovery(identity.name));
            assert_eq!(asked, 0, "{} without {missing}: {unasked:?}", identity.name);
            // The reason is the one that a token gets which the issuer did sign.
            if Some(missing) == identity.needed.last() {
                let signed = ask_all(&scene, &scene.issuer.token(&claims), &material).await;
                assert_eq!(unasked, signed, "{} without {missing}", identity.name);
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_fetched_for_signatures_of_another_length_than_their_algorithm_makes() {
    let scene = Scene::new().await;
    let claims = scene.claims();
    let cases = [("ES256", 63), ("ES256", 65), ("ES256", 0), ("ES256", 72), ("ES384", 64), ("ES512", 128)];
    let rsa = [("RS256", 64), ("RS512", 255), ("PS256", 513), ("EdDSA", 63), ("EdDSA", 256)];
    for (algorithm, length) in cases.into_iter().chain(rsa) {
        let outcomes = ask_all(&scene, &forged(&claims, algorithm, length), &good(&scene.key)).await;
        assert_kind(&outcomes, FailureKind::TokenSignature);
        assert!(scene.issuer.received().is_empty(), "{algorithm} {length}");
    }
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

#[tokio::test]
async fn tokens_from_the_future_cause_no_more_fetches_than_others() {
    let issuer = FakeIssuer::start();
    let keys = Keys::new(&email_file(&issuer.issuer("email")), &KeyTiming::default());
    keys.verify(&token_of(&issuer, "email"), "192.0.2.1").await.unwrap();
    let before = issuer.received().len();
    for ahead in [61, 100, 1_000_000] {
        for _ in 0..20 {
            let mut claims = issuer.claims("email", &email_claims());
            claims["iat"] = json!(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + ahead);
            let refused = keys.verify(&forged(&claims, "ES256", 64), "192.0.2.1").await;
            assert!(matches!(refused, Err(VerifyError::Signature)), "{refused:?}");
        }
    }
    assert_eq!(issuer.received().len(), before);
}
