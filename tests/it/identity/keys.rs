//! The life of issuers' keys: renewal, outage, withdrawal, floods of bad tokens and of invented issuers, reload.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::support::identities::{email_claims, email_file};
use crate::support::issuer::{KEYS, signed};
use crate::support::log::Log;
use crate::support::scene::{ADDRESS, Scene, assert_refused};
use crate::support::server::parse;
use crate::support::{Answer, FakeIssuer, Key, Kind, Names, Running, eventually, is_alone};
use serde_json::json;
use sigmint::failure::FailureKind;
use sigmint::identity::UnverifiedToken;
use sigmint::identity::fetch::{ClusterFiles, Fetcher};
use sigmint::identity::issuers::Issuers;
use sigmint::identity::keys::{KeyStore, KeyTiming};
use sigmint::identity::verify::{VerifyError, verify};

const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(200);

fn discovery(name: &str) -> String {
    format!("/{name}/.well-known/openid-configuration")
}

/// Issuers' keys without a server around them.
struct Keys {
    store: Arc<KeyStore>,
    issuers: Arc<Issuers>,
}

impl Keys {
    fn new(file: &str, timing: &KeyTiming) -> Self {
        Self::fetching(file, Fetcher::new().unwrap(), timing)
    }

    fn fetching(file: &str, fetcher: Fetcher, timing: &KeyTiming) -> Self {
        let store = Arc::new(KeyStore::new(fetcher, ClusterFiles::default(), timing));
        Self { store, issuers: Arc::new(parse(file)) }
    }

    /// The same, kept fresh in the background.
    fn kept(file: &str, timing: &KeyTiming) -> Self {
        let keys = Self::new(file, timing);
        keys.store.keep(&keys.issuers);
        keys
    }

    async fn verify(&self, token: &str) -> Result<(), VerifyError> {
        let token = UnverifiedToken::parse(token).unwrap();
        verify(token, &self.issuers, &self.store, SystemTime::now()).await.map(drop)
    }

    /// Waits until the keys are there.
    async fn are_there(&self) {
        eventually("the keys", async || (self.store.reading().without == 0).then_some(())).await;
    }
}

fn token_of(issuer: &FakeIssuer, name: &str) -> String {
    issuer.token(&issuer.claims(name, &email_claims()))
}

fn forged(issuer: &FakeIssuer, kid: &str) -> String {
    let header = json!({"alg": "ES256", "kid": kid}).to_string();
    signed(&Key::fixed_p256(), "ES256", &header, &issuer.claims("email", &email_claims()).to_string())
}

/// One after the other the issuers of several files.
fn together(files: &[String]) -> String {
    format!("oidc-issuers:\n{}", files.iter().map(|file| file.replace("oidc-issuers:\n", "")).collect::<String>())
}

#[tokio::test]
async fn three_hundred_bad_tokens_cause_one_fetch_at_most() {
    let scene = impatient_scene(KeyTiming { cool_down: LONG, ..KeyTiming::default() }).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    let before = scene.issuer.requests(KEYS);
    for number in 0..150 {
        for kid in ["first".to_owned(), format!("unknown-{number}")] {
            let expected = if kid == "first" { "TOKEN_SIGNATURE_INVALID" } else { "TOKEN_KEY_UNKNOWN" };
            assert_eq!(scene.ask(&forged(&scene.issuer, &kid)).await.reason(), expected);
        }
    }
    assert!(scene.issuer.requests(KEYS) <= before + 1, "{} fetches", scene.issuer.requests(KEYS) - before);
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_bad_tokens_at_once_cause_two_fetches_at_most_and_refuse_nobody_else() {
    let issuer = FakeIssuer::start();
    let timing = KeyTiming { cool_down: LONG, patience: LONG, ..KeyTiming::default() };
    let keys = Arc::new(Keys::new(&email_file(&issuer.issuer("email")), &timing));
    let tasks: Vec<_> = (0..10_000)
        .map(|number| {
            let keys = Arc::clone(&keys);
            let (token, is_good) = match number % 100 {
                0 => (token_of(&issuer, "email"), true),
                _ => (forged(&issuer, &format!("unknown-{number}")), false),
            };
            tokio::spawn(async move { (keys.verify(&token).await, is_good) })
        })
        .collect();
    for task in tasks {
        match task.await.unwrap() {
            (Ok(()), true) | (Err(VerifyError::UnknownKeyId(_)), false) => {}
            (outcome, is_good) => panic!("{is_good}: {outcome:?}"),
        }
    }
    assert!(issuer.requests(KEYS) <= 2, "{} fetches", issuer.requests(KEYS));
}

#[tokio::test]
async fn a_refetch_that_hangs_holds_up_no_token_whose_key_is_held() {
    let issuer = FakeIssuer::start();
    let timing = KeyTiming { cool_down: Duration::ZERO, patience: LONG, ..KeyTiming::default() };
    let keys = Arc::new(Keys::new(&email_file(&issuer.issuer("email")), &timing));
    keys.verify(&token_of(&issuer, "email")).await.unwrap();
    issuer.answer(&discovery("email"), Answer::Held);
    let (waiting, token) = (Arc::clone(&keys), forged(&issuer, "unknown"));
    let waiting = tokio::spawn(async move { waiting.verify(&token).await });
    eventually("the refetch", async || (issuer.requests(&discovery("email")) > 1).then_some(())).await;
    keys.verify(&token_of(&issuer, "email")).await.unwrap();
    assert!(!waiting.is_finished(), "the bad token still waits");
    issuer.release();
    assert!(matches!(waiting.await.unwrap(), Err(VerifyError::UnknownKeyId(_))));
}

#[tokio::test]
async fn a_key_made_after_the_last_fetch_is_found_at_once() {
    let issuer = FakeIssuer::start();
    let keys = Keys::new(&email_file(&issuer.issuer("email")), &KeyTiming::default());
    keys.verify(&token_of(&issuer, "email")).await.unwrap();
    issuer.set_keys(vec![(Key::new(Kind::P256), Some("second"))]);
    let later = SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 1;
    let mut claims = email_claims();
    claims["iat"] = json!(later);
    keys.verify(&issuer.token(&issuer.claims("email", &claims))).await.unwrap();
    assert_eq!(issuer.requests(KEYS), 2);
}

#[tokio::test]
async fn keys_are_renewed_without_a_token_and_a_withdrawn_one_is_dead_then() {
    let issuer = FakeIssuer::start();
    let keys = Keys::kept(
        &email_file(&issuer.issuer("email")),
        &KeyTiming { lifetime: SHORT, cool_down: LONG, ..KeyTiming::default() },
    );
    keys.are_there().await;
    let withdrawn = token_of(&issuer, "email");
    keys.verify(&withdrawn).await.unwrap();
    issuer.set_keys(vec![(Key::new(Kind::P256), Some("second"))]);
    let before = issuer.requests(KEYS);
    eventually("two more fetches", async || (issuer.requests(KEYS) > before + 1).then_some(())).await;
    eventually("the end of the old key", async || {
        matches!(keys.verify(&withdrawn).await, Err(VerifyError::UnknownKeyId(_))).then_some(())
    })
    .await;
    keys.verify(&token_of(&issuer, "email")).await.unwrap();
}

#[tokio::test]
async fn what_the_issuer_says_of_their_life_counts_within_bounds() {
    let (hasty, lasting) = (FakeIssuer::start(), FakeIssuer::start());
    hasty.set_headers("Cache-Control: no-store\r\n");
    lasting.set_headers("Cache-Control: max-age=31536000\r\n");
    let file = together(&[email_file(&hasty.issuer("email")), email_file(&lasting.issuer("email"))]);
    let timing = KeyTiming { lifetime: LONG, shortest: SHORT, longest: SHORT * 2, ..KeyTiming::default() };
    let _keys = Keys::kept(&file, &timing);
    for issuer in [&hasty, &lasting] {
        eventually("three fetches", async || (issuer.requests(KEYS) > 2).then_some(())).await;
    }
}

#[tokio::test]
async fn with_the_issuer_down_every_token_passes_until_the_keys_are_too_old() {
    let issuer = FakeIssuer::start();
    let timing = KeyTiming { lifetime: SHORT, longest_retry: SHORT, ..KeyTiming::default() };
    let file = email_file(&issuer.issuer("email"));
    let keys = Keys::kept(&file, &timing);
    keys.are_there().await;
    issuer.answer(&discovery("email"), Answer::Close);
    eventually("stale keys", async || (keys.store.reading().stale == 1).then_some(())).await;
    for _ in 0..100 {
        keys.verify(&token_of(&issuer, "email")).await.unwrap();
    }
    assert!(matches!(keys.verify(&forged(&issuer, "first")).await, Err(VerifyError::Signature)));
    issuer.recover(&discovery("email"));
    eventually("fresh keys", async || (keys.store.reading().stale == 0).then_some(())).await;

    let keys = Keys::kept(&file, &KeyTiming { stale: SHORT * 2, ..timing });
    keys.are_there().await;
    issuer.answer(&discovery("email"), Answer::Close);
    eventually("the end of the keys", async || {
        matches!(keys.verify(&token_of(&issuer, "email")).await, Err(VerifyError::Keys { .. })).then_some(())
    })
    .await;
    assert_eq!(keys.store.reading().without, 1);
}

#[tokio::test]
async fn an_answer_without_a_key_that_can_be_used_is_an_outage_and_no_withdrawal() {
    let encryption = json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "enc", "x": "", "y": ""}]}).to_string();
    for odd in [r#"{"keys": []}"#, r#"{"keys": null}"#, "{}", "[]", "null", "", "<html>", &encryption] {
        let issuer = FakeIssuer::start();
        let timing = KeyTiming { lifetime: SHORT, longest_retry: SHORT, ..KeyTiming::default() };
        let keys = Keys::kept(&email_file(&issuer.issuer("email")), &timing);
        keys.are_there().await;
        issuer.answer(KEYS, Answer::Body(200, odd.as_bytes().to_vec()));
        eventually("stale keys", async || (keys.store.reading().stale == 1).then_some(())).await;
        keys.verify(&token_of(&issuer, "email")).await.unwrap();
        // The key is withdrawn once the issuer has others.
        let old = token_of(&issuer, "email");
        issuer.set_keys(vec![(Key::new(Kind::P256), Some("second"))]);
        issuer.recover(KEYS);
        eventually("the end of the old key", async || {
            matches!(keys.verify(&old).await, Err(VerifyError::UnknownKeyId(_))).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_outage_window_is_the_issuers_own_and_a_reload_changes_it_for_keys_that_are_held() {
    let issuer = FakeIssuer::start();
    let file = email_file(&issuer.issuer("email"));
    let timing = KeyTiming { lifetime: SHORT, longest_retry: SHORT, ..KeyTiming::default() };
    for answer in [503, 404, 500] {
        let mut keys = Keys::kept(&file, &timing);
        keys.are_there().await;
        issuer.answer(&discovery("email"), Answer::Body(answer, Vec::new()));
        eventually("stale keys", async || (keys.store.reading().stale == 1).then_some(())).await;
        keys.verify(&token_of(&issuer, "email")).await.unwrap();
        for (window, passes) in [("0", false), ("30d", true), ("0s", false)] {
            keys.issuers = Arc::new(parse(&format!("{file}    key-outage-window: {window}\n")));
            keys.store.keep(&keys.issuers);
            let outcome = keys.verify(&token_of(&issuer, "email")).await;
            assert_eq!(outcome.is_ok(), passes, "{answer} {window}: {outcome:?}");
            assert!(passes || matches!(outcome, Err(VerifyError::Keys { .. })));
        }
        issuer.recover(&discovery("email"));
    }
    let keys = Keys::kept(&format!("{file}    key-outage-window: 0\n"), &timing);
    keys.are_there().await;
    keys.verify(&token_of(&issuer, "email")).await.unwrap();
    issuer.answer(&discovery("email"), Answer::Body(503, Vec::new()));
    eventually("no keys", async || (keys.store.reading().without == 1).then_some(())).await;
}

#[tokio::test]
async fn an_issuer_that_failed_is_not_waited_for() {
    let scene = impatient_scene(KeyTiming { first_retry: LONG, longest_retry: LONG, ..KeyTiming::default() }).await;
    scene.issuer.answer(&discovery("email"), Answer::Close);
    scene.refuses(&scene.token(), FailureKind::IssuerUnavailable, "the first").await;
    let asked = scene.issuer.requests(&discovery("email"));
    scene.issuer.answer(&discovery("email"), Answer::Held);
    for _ in 0..20 {
        scene.refuses(&scene.token(), FailureKind::IssuerUnavailable, "later ones").await;
    }
    assert_eq!(scene.issuer.requests(&discovery("email")), asked, "it is left alone");
}

#[tokio::test]
async fn an_issuer_that_failed_is_asked_again_behind_the_callers_backs() {
    let timing = KeyTiming { first_retry: Duration::ZERO, patience: LONG, ..KeyTiming::default() };
    let scene = impatient_scene(timing).await;
    scene.issuer.answer(&discovery("email"), Answer::Close);
    scene.refuses(&scene.token(), FailureKind::IssuerUnavailable, "the first").await;
    scene.issuer.answer(&discovery("email"), Answer::Held);
    // Nothing lets go of the fetch that these cause: anyone who waited for it would wait for an hour.
    for _ in 0..3 {
        scene.refuses(&scene.token(), FailureKind::IssuerUnavailable, "later ones").await;
    }
    scene.issuer.release();
    eventually("recovery", async || (scene.ask(&scene.token()).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn an_issuer_that_hangs_is_waited_for_once() {
    let scene = impatient_scene(KeyTiming { patience: SHORT, ..KeyTiming::default() }).await;
    scene.issuer.answer(&discovery("email"), Answer::Held);
    for _ in 0..5 {
        scene.refuses(&scene.token(), FailureKind::IssuerUnavailable, "hanging").await;
    }
    assert_eq!(scene.issuer.requests(&discovery("email")), 1);
    scene.issuer.release();
}

async fn impatient_scene(timing: KeyTiming) -> Scene {
    let issuer = FakeIssuer::start();
    let server = Running::start_timed(&email_file(&issuer.issuer("email")), &timing).await;
    Scene { issuer, server, key: Key::new(Kind::P256) }
}

#[tokio::test]
async fn a_fetch_outlives_the_caller_that_caused_it() {
    let issuer = FakeIssuer::start();
    issuer.answer(&discovery("email"), Answer::Held);
    let keys = Arc::new(Keys::new(&email_file(&issuer.issuer("email")), &KeyTiming::default()));
    for _ in 0..20 {
        let (keys, token) = (Arc::clone(&keys), token_of(&issuer, "email"));
        let caller = tokio::spawn(async move { keys.verify(&token).await });
        eventually("the fetch", async || (issuer.requests(&discovery("email")) > 0).then_some(())).await;
        caller.abort();
        assert!(caller.await.is_err());
    }
    issuer.release();
    keys.verify(&token_of(&issuer, "email")).await.unwrap();
    assert_eq!(issuer.requests(&discovery("email")), 1);
}

#[tokio::test]
async fn all_issuers_are_asked_at_the_start_and_none_waits_for_another() {
    let (hanging, dead, well) = (FakeIssuer::start(), FakeIssuer::start(), FakeIssuer::start());
    hanging.answer(&discovery("email"), Answer::Held);
    dead.answer(&discovery("email"), Answer::Close);
    let file = together(&[&hanging, &dead, &well].map(|issuer| email_file(&issuer.issuer("email"))));
    let keys = Keys::kept(&file, &KeyTiming::default());
    eventually("one issuer", async || (keys.store.reading().without == 2).then_some(())).await;
    keys.verify(&token_of(&well, "email")).await.unwrap();
    dead.recover(&discovery("email"));
    eventually("the other", async || (keys.store.reading().without == 1).then_some(())).await;
    hanging.release();
    keys.are_there().await;
    assert_eq!(hanging.requests(&discovery("email")), 1);
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_those_who_stay_and_forgets_the_others() {
    let issuer = FakeIssuer::start();
    let file =
        |names: &[&str]| together(&names.iter().map(|name| email_file(&issuer.issuer(name))).collect::<Vec<_>>());
    let mut keys = Keys::kept(&file(&["gone", "stays"]), &KeyTiming { lifetime: SHORT, ..KeyTiming::default() });
    keys.are_there().await;
    issuer.answer(&discovery("stays"), Answer::Close);
    keys.issuers = Arc::new(parse(&file(&["stays"])));
    keys.store.keep(&keys.issuers);
    keys.verify(&token_of(&issuer, "stays")).await.unwrap();
    assert!(matches!(keys.verify(&token_of(&issuer, "gone")).await, Err(VerifyError::UnknownIssuer(_))));
    // A fetch may have been under way.
    issuer.recover(&discovery("stays"));
    let (gone, stays) = (issuer.requests(&discovery("gone")), issuer.requests(&discovery("stays")));
    eventually("renewals", async || (issuer.requests(&discovery("stays")) > stays + 3).then_some(())).await;
    assert!(issuer.requests(&discovery("gone")) <= gone + 1, "nobody asks for what is gone");
}

#[tokio::test]
async fn keys_that_came_since_a_token_looked_for_them_need_no_second_fetch() {
    let issuer = FakeIssuer::start();
    let keys = Keys::new(&email_file(&issuer.issuer("email")), &KeyTiming::default());
    let token = token_of(&issuer, "email");
    keys.verify(&token).await.unwrap();
    let token = UnverifiedToken::parse(&token).unwrap();
    let entry = &keys.issuers.find(token.issuer())[0];
    // It found none when it looked, before the fetch.
    let wait = keys.store.ask(&token, entry, None, SystemTime::now(), None).unwrap();
    assert!(wait.is_none() && keys.store.check_any(&token, entry).is_ok());
    assert_eq!(keys.store.reading().fetches, 1);
}

#[tokio::test]
async fn an_issuer_whose_access_changes_is_fetched_anew() {
    let issuer = FakeIssuer::start();
    let file = email_file(&issuer.issuer("email"));
    let mut keys = Keys::kept(&file, &KeyTiming::default());
    keys.are_there().await;
    let other_set = Key::new(Kind::P256);
    issuer.answer("/elsewhere", Answer::Body(200, json!({"keys": [other_set.jwk()]}).to_string().into_bytes()));
    keys.issuers = Arc::new(parse(&format!("{file}    jwks-url: {}\n", issuer.issuer("elsewhere"))));
    keys.store.keep(&keys.issuers);
    assert!(matches!(keys.verify(&token_of(&issuer, "email")).await, Err(VerifyError::UnknownKeyId(_))));
    let claims = issuer.claims("email", &email_claims()).to_string();
    keys.verify(&signed(&other_set, "ES256", r#"{"alg":"ES256"}"#, &claims)).await.unwrap();
}

#[tokio::test]
async fn a_scrape_tells_how_the_keys_are() {
    let (well, dead) = (FakeIssuer::start(), FakeIssuer::start());
    dead.answer(&discovery("email"), Answer::Close);
    let file = together(&[&well, &dead].map(|issuer| email_file(&issuer.issuer("email"))));
    let keys = Keys::kept(&file, &KeyTiming { first_retry: LONG, longest_retry: LONG, ..KeyTiming::default() });
    eventually("both fetches", async || (keys.store.reading().fetches == 2).then_some(())).await;
    let reading = keys.store.reading();
    assert_eq!((reading.without, reading.stale, reading.failed_fetches, reading.matched), (1, 0, 1, 0));
}

#[tokio::test]
async fn the_answer_for_an_unreachable_issuer_says_when_to_come_again() {
    let server =
        Running::start_fetching(&email_file("https://nowhere.example.com"), Names::fetcher(&[]), &KeyTiming::default())
            .await;
    let issuer = FakeIssuer::start();
    let mut claims = issuer.claims("email", &email_claims());
    claims["iss"] = json!("https://nowhere.example.com");
    let reply = server.ask(&issuer.token(&claims), &Key::new(Kind::P256), ADDRESS).await;
    assert_refused(&server, &reply, FailureKind::IssuerUnavailable, "no such host");
}

#[tokio::test]
async fn a_key_that_is_left_out_says_why_once_and_so_do_its_tokens() {
    if !is_alone(concat!(module_path!(), "::a_key_that_is_left_out_says_why_once_and_so_do_its_tokens")) {
        return;
    }
    let log = Log::capture(tracing::Level::WARN);
    let (issuer, strangers) = (FakeIssuer::start(), FakeIssuer::start());
    let short = json!({"kty": "RSA", "kid": "short", "n": "q80", "e": "AQAB"});
    for one in [&issuer, &strangers] {
        one.add_jwks(vec![short.clone(), json!({"kty": "oct", "kid": "secret", "k": "AAAA"})]);
    }
    let pattern = email_file(&strangers.issuer("*")).replace("oidc-issuers", "meta-issuers");
    let file = email_file(&issuer.issuer("email")) + &pattern;
    let timing = KeyTiming { lifetime: SHORT, ..KeyTiming::default() };
    let keys = Keys::kept(&file, &timing);
    eventually("four fetches", async || (issuer.requests(KEYS) > 3).then_some(())).await;
    let lines_of = |url: &str| log.lines_with("issuer", url);
    let lines = lines_of(&issuer.issuer("email"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (fields, level) = (&lines[0]["fields"], &lines[0]["level"]);
    let expected = "\"short\": its RSA modulus does not have 2048 to 4096 bits; \
        \"secret\": its type or curve (kty, crv) is not one that tokens are verified with";
    assert_eq!((level.as_str(), fields["left_out"].as_str()), (Some("WARN"), Some(expected)));
    assert_eq!(fields["used"], 1);

    let said = async |kid: &str| keys.verify(&forged(&issuer, kid)).await.unwrap_err().to_string();
    assert_eq!(
        said("short").await,
        "the issuer's key \"short\" is not used: its RSA modulus does not have 2048 to 4096 bits"
    );
    assert_eq!(said("other").await, "unknown key id: the issuer has no key \"other\"");
    assert_eq!(said("first").await, "bad signature: no key of the issuer made the token's signature");

    // Strangers write the sets of a pattern's issuers: each reason is told once for all of them.
    for name in ["one", "two", "three"] {
        keys.verify(&token_of(&strangers, name)).await.unwrap();
    }
    let told: Vec<usize> = ["one", "two", "three"].map(|name| lines_of(&strangers.issuer(name)).len()).into();
    assert_eq!(told, [1, 0, 0]);
}
