//! Keys in PKCS#11 tokens: what each module must show, SoftHSM always, and a second one where it is installed
//! (`cargo test --test it signer::pkcs11 -- --ignored`, see tests/e2e/pkcs11/second_module.sh; scripts/test.sh does both).

use sigmint::crypto::KeyKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use secrecy::SecretString;
use sigmint::signer::pkcs11::{Login, Pkcs11Key, Pkcs11Options, certificate, generate_key_pair, store_certificate};
use sigmint::signer::remote::{Bounds, OpenError, RemoteError, RemoteKey, SigningRequest};

use crate::support::pkcs11::{Bench, Kind, PIN, TOKEN, alone};
use crate::support::remote::{CLIENTS, RemoteScene, authority_of, chain_for, conforms, openssl_verifies};
use crate::support::{Reply, eventually};

macro_rules! with_each_module {
    (both: $($test:ident),*; softhsm only: $($one:ident),* $(,)?) => {
        mod softhsm {
            $(#[test]
            fn $one() {
                super::alone(concat!(module_path!(), "::", stringify!($one)), super::Kind::SoftHsm, super::$one);
            })*
            $(#[test]
            fn $test() {
                super::alone(concat!(module_path!(), "::", stringify!($test)), super::Kind::SoftHsm, super::$test);
            })*
        }
        mod tpm {
            $(#[test]
            #[ignore = "needs the second module: tests/e2e/pkcs11/second_module.sh"]
            fn $test() {
                super::alone(concat!(module_path!(), "::", stringify!($test)), super::Kind::Tpm, super::$test);
            })*
        }
    };
}

// With SoftHSM only: what needs more loaded keys than the three of a TPM without a resource manager, objects that
// change after they were made, or a second token; and what ends all sessions at once, in which tpm2-pkcs11 1.9 crashes.
with_each_module!(
    both:
    p256_signs_for_sixty_four_clients,
    p384_signs_for_sixty_four_clients,
    p521_signs_for_sixty_four_clients,
    rsa_2048_signs_for_sixty_four_clients,
    rsa_3072_signs_for_sixty_four_clients,
    rsa_4096_signs_for_sixty_four_clients,
    ed25519_signs_for_sixty_four_clients,
    fulcios_file_and_a_uri_name_the_same_key,
    what_cannot_be_opened_says_what_to_mend,
    a_wrong_pin_is_tried_once,
    a_key_pair_is_made_once_and_never_leaves_the_token,
    a_certificate_is_stored_once_and_found_by_its_id,
    a_module_that_hangs_gives_503_in_time_and_recovers,
    a_wrong_signature_becomes_no_certificate,
    a_token_with_few_sessions_is_used_with_those,
    opening_a_module_that_hangs_ends_in_time;
    softhsm only:
    sessions_lost_under_load_are_opened_again_unnoticed,
    a_token_that_is_lost_under_load_gives_503_until_it_is_back,
    two_keys_and_their_successors_share_a_module,
    a_pin_changed_behind_our_back_is_tried_once_by_all_threads,
    two_tokens_of_one_name_are_told_apart_by_their_serial_number,
    keys_that_cannot_serve_are_refused_with_the_reason,
    the_public_key_may_be_in_the_certificate_alone,
    two_certificates_with_one_id_are_refused,
);

async fn open(bench: &Bench, label: &str) -> Arc<Pkcs11Key> {
    Arc::new(Pkcs11Key::open(&bench.options(label)).await.unwrap())
}

/// A P-256 key with this label and id.
async fn made(bench: &Bench, label: &str, id: &[u8]) -> Arc<Pkcs11Key> {
    generate_key_pair(&bench.options(label), KeyKind::P256, label, id).await.unwrap();
    open(bench, label).await
}

async fn refusal(options: &Pkcs11Options) -> OpenError {
    Pkcs11Key::open(options).await.expect_err("it must not open")
}

fn assert_says(error: &OpenError, problem: &str, hint: &str) {
    let text = error.problem.to_string();
    assert!(text.contains(problem) && error.hint.contains(hint), "{error}");
    let all = error.to_string();
    assert!(!all.contains(PIN) && !all.contains("secret"), "{all}");
}

fn issued(reply: &Reply) -> bool {
    assert!(matches!(reply.status, 200 | 503), "{reply:?}");
    assert!(reply.status == 200 || !reply.text.contains("CERTIFICATE") && !reply.text.contains("CKR"), "{reply:?}");
    reply.status == 200
}

/// A key of this kind, where the token has it, signs for 64 clients at once.
async fn signs(bench: Bench, kind: KeyKind) {
    let made = generate_key_pair(&bench.options(""), kind, "key", &[1]).await;
    if bench.kind.lacks(kind) {
        assert!(made.is_err(), "{made:?}");
        return;
    }
    let key = open(&bench, "key").await;
    assert_eq!(key.public_key().spki_der(), made.unwrap().spki_der());
    if bench.kind == Kind::SoftHsm {
        return conforms(key).await;
    }
    // The same, but with the time that a TPM needs to sign 64 times, one after the other.
    let patient = Bounds { attempt: crate::support::DEADLINE, budget: crate::support::DEADLINE, ..Bounds::default() };
    let scene = RemoteScene::of(authority_of(key, patient).await.unwrap()).await;
    for reply in scene.ask_many().await {
        scene.verified_by_openssl(&reply);
    }
}

async fn p256_signs_for_sixty_four_clients(bench: Bench) {
    signs(bench, KeyKind::P256).await;
}

async fn p384_signs_for_sixty_four_clients(bench: Bench) {
    signs(bench, KeyKind::P384).await;
}

async fn p521_signs_for_sixty_four_clients(bench: Bench) {
    signs(bench, KeyKind::P521).await;
}

async fn rsa_2048_signs_for_sixty_four_clients(bench: Bench) {
    signs(bench, KeyKind::Rsa2048).await;
}

async fn rsa_3072_signs_for_sixty_four_clients(bench: Bench) {
    signs(bench, KeyKind::Rsa3072).await;
}

async fn rsa_4096_signs_for_sixty_four_clients(bench: Bench) {
    signs(bench, KeyKind::Rsa4096).await;
}

async fn ed25519_signs_for_sixty_four_clients(bench: Bench) {
    signs(bench, KeyKind::Ed25519).await;
}

async fn fulcios_file_and_a_uri_name_the_same_key(bench: Bench) {
    let key = made(&bench, "PKCS11CA", &[1, 0xff]).await;
    if bench.has_room() {
        made(&bench, "other", &[2]).await;
    }
    let module = bench.options("").module;
    let (file, pin) = (bench.folder().join("crypto11.conf"), bench.folder().join("pin"));
    let settings = serde_json::json!({ "Path": module, "TokenLabel": TOKEN, "Pin": PIN });
    std::fs::write(&file, settings.to_string()).unwrap();
    std::fs::write(&pin, format!("{PIN}\n")).unwrap();
    let query = format!("module-path={}&pin-source=file:{}", module.display(), pin.display());
    for options in [
        Pkcs11Options::from_config_file(&file, "PKCS11CA").unwrap(),
        Pkcs11Options::from_config_file(&file, "any").unwrap().with_key_id(&[1, 0xff]),
        Pkcs11Options::from_uri(&format!("pkcs11:token=test%20token;object=PKCS11CA?{query}")).unwrap(),
        Pkcs11Options::from_uri(&format!("pkcs11:id=%01%ff?{query}")).unwrap(),
    ] {
        let again = Pkcs11Key::open(&options).await.unwrap();
        assert_eq!(again.public_key().spki_der(), key.public_key().spki_der(), "{options}");
        authority_of(Arc::new(again), Bounds::default()).await.unwrap();
    }
}

async fn what_cannot_be_opened_says_what_to_mend(bench: Bench) {
    generate_key_pair(&bench.options(""), KeyKind::P256, "key", &[1]).await.unwrap();
    let good = bench.options("key");
    let error = refusal(&Pkcs11Options { module: "/nowhere/hsm.so".into(), ..good.clone() }).await;
    assert_says(&error, "/nowhere/hsm.so cannot be loaded", "check the module's path");
    let no_module = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert_says(&refusal(&Pkcs11Options { module: no_module, ..good.clone() }).await, "cannot be loaded", "built for");
    let mut options = good.clone();
    options.token.label = Some("another".into());
    let error = refusal(&options).await;
    assert_says(&error, "no answer: there is no such token", "the module sees `test token`");
    assert_eq!(error.key, "pkcs11:token=another;object=key");
    options.token.label = None;
    options.token.serial = Some("no such".into());
    assert_says(&refusal(&options).await, "there is no such token", "check how the token is named");
    let error = refusal(&bench.options("absent")).await;
    assert_says(&error, "refused: there is no such private key", "private keys have the labels `key`");
    let error = refusal(&Pkcs11Options { login: Login::Without, ..good.clone() }).await;
    assert_says(&error, "there is no such private key", "give the PIN");
    Pkcs11Key::open(&good).await.unwrap();
}

async fn a_wrong_pin_is_tried_once(bench: Bench) {
    // Its session is closed when it is answered, and with the last session the log-in ends: only then does a PIN count.
    generate_key_pair(&bench.options(""), KeyKind::P256, "key", &[1]).await.unwrap();
    let wrong = Pkcs11Options { login: Login::User("secret".to_owned().into()), ..bench.options("key") };
    let before = bench.logins();
    let error = refusal(&wrong).await;
    assert_says(&error, "PIN", "correct the PIN");
    assert!(matches!(error.problem, RemoteError::Refused(_)), "{error}");
    assert_eq!(bench.logins(), before + 1);
    let error = refusal(&wrong).await;
    assert_says(&error, "this PIN was wrong before and is not tried again", "restart");
    assert_eq!(bench.logins(), before + 1, "the token was not asked again");
    Pkcs11Key::open(&bench.options("key")).await.unwrap();
}

async fn a_key_pair_is_made_once_and_never_leaves_the_token(bench: Bench) {
    let _key = made(&bench, "key", &[1]).await;
    for (label, id, problem) in [("key", 2, "has this label already"), ("other", 1, "has this id already")] {
        let again = generate_key_pair(&bench.options(""), KeyKind::P256, label, &[id]).await;
        assert_says(&again.unwrap_err(), problem, "nothing in the token is overwritten");
    }
    let session = bench.session();
    let keys = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap();
    let [private] = keys.as_slice() else { panic!("{keys:?}") };
    let asked = [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::Token, AttributeType::Sign];
    let expected =
        [Attribute::Sensitive(true), Attribute::Extractable(false), Attribute::Token(true), Attribute::Sign(true)];
    assert_eq!(session.get_attributes(*private, &asked).unwrap(), expected);
    for attribute in session.get_attributes(*private, &[AttributeType::Decrypt, AttributeType::Derive]).unwrap() {
        assert!(matches!(attribute, Attribute::Decrypt(false) | Attribute::Derive(false)), "{attribute:?}");
    }
}

async fn a_certificate_is_stored_once_and_found_by_its_id(bench: Bench) {
    let key = made(&bench, "key", b"key id").await;
    let options = bench.options("key");
    let chain = chain_for(key.public_key().spki_der());
    assert_eq!(certificate(&options, b"issuing").await.unwrap(), None);
    store_certificate(&options, &chain[0], "intermediate", b"issuing").await.unwrap();
    store_certificate(&options, &chain[1], "root", b"root").await.unwrap();
    for (der, id) in chain.iter().zip([b"issuing".as_slice(), b"root"]) {
        assert_eq!(certificate(&options, id).await.unwrap().as_ref(), Some(der));
    }
    let again = store_certificate(&options, &chain[0], "intermediate", b"issuing").await.unwrap_err();
    assert_says(&again, "has this id already", "nothing in the token is overwritten");
    let error = store_certificate(&options, b"are not a certificate", "x", b"x").await.unwrap_err();
    assert_says(&error, "are not a certificate", "as DER");
    // A new key must not inherit the certificate of an old one.
    let taken = generate_key_pair(&options, KeyKind::P256, "new", b"issuing").await.unwrap_err();
    assert_says(&taken, "a key or certificate in the token has this id already", "choose another");
}

async fn two_keys_and_their_successors_share_a_module(bench: Bench) {
    let root = made(&bench, "root", &[1]).await;
    let issuing = made(&bench, "issuing", &[2]).await;
    assert_ne!(root.public_key().spki_der(), issuing.public_key().spki_der());
    let scene = RemoteScene::new(issuing).await;
    let successor = RemoteScene::new(open(&bench, "issuing").await).await;
    drop(root);
    scene.verified_by_openssl(&scene.ask().await);
    drop(scene);
    successor.verified_by_openssl(&successor.ask().await);
    assert!(authority_of(open(&bench, "root").await, Bounds::default()).await.is_ok());
}

async fn a_token_that_is_lost_under_load_gives_503_until_it_is_back(bench: Bench) {
    let scene = RemoteScene::new(made(&bench, "key", &[1]).await).await;
    let lost_midway = async {
        tokio::task::yield_now().await;
        bench.fault("gone");
    };
    let (replies, ()) = tokio::join!(scene.ask_many(), lost_midway);
    for reply in replies {
        if issued(&reply) {
            scene.verified_by_openssl(&reply);
        }
    }
    assert!(!issued(&scene.ask().await), "the token is gone");
    bench.fault("");
    for reply in scene.ask_many().await {
        assert!(issued(&reply), "the token is back: {reply:?}");
        scene.verified_by_openssl(&reply);
    }
}

async fn sessions_lost_under_load_are_opened_again_unnoticed(bench: Bench) {
    let key = made(&bench, "key", &[1]).await;
    let request = SigningRequest { message: b"message", digest: &[7; 32] };
    for round in 0..5 {
        bench.fault(&format!("lost {round}"));
        // One `ask` is one try: the second one within it is the pool's.
        key.ask(&request).await.unwrap();
    }
    let scene = RemoteScene::new(key).await;
    let losses = async {
        for round in 5..10 {
            bench.fault(&format!("lost {round}"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (replies, ()) = tokio::join!(scene.ask_many(), losses);
    for reply in replies {
        assert!(issued(&reply), "{reply:?}");
    }
}

async fn a_module_that_hangs_gives_503_in_time_and_recovers(bench: Bench) {
    let key = made(&bench, "key", &[1]).await;
    let bounds = Bounds { attempt: Duration::from_millis(300), budget: Duration::from_secs(1), ..Bounds::default() };
    let scene = RemoteScene::of(authority_of(key, bounds).await.unwrap()).await;
    bench.fault("hang");
    for reply in scene.ask_many().await {
        assert!(!issued(&reply), "{reply:?}");
    }
    bench.fault("");
    eventually("the module's recovery", || async { issued(&scene.ask().await).then_some(()) }).await;
    scene.verified_by_openssl(&scene.ask().await);
}

async fn a_wrong_signature_becomes_no_certificate(bench: Bench) {
    let scene = RemoteScene::new(made(&bench, "key", &[1]).await).await;
    for word in ["flip", "short", "denied"] {
        bench.fault(word);
        assert!(!issued(&scene.ask().await), "{word}");
        bench.fault("");
        scene.verified_by_openssl(&scene.ask().await);
    }
}

async fn a_pin_changed_behind_our_back_is_tried_once_by_all_threads(bench: Bench) {
    let scene = RemoteScene::new(made(&bench, "key", &[1]).await).await;
    scene.verified_by_openssl(&scene.ask().await);
    bench.session().set_pin(&SecretString::from(PIN), &"another-pin".to_owned().into()).unwrap();
    let before = bench.logins();
    bench.fault("lost");
    for _ in 0..2 {
        for reply in scene.ask_many().await {
            assert!(!issued(&reply), "{reply:?}");
        }
    }
    assert_eq!(bench.logins(), before + 1, "a wrong PIN must not be repeated");
    assert_eq!(CLIENTS, 64);
    // What an operator does: the right PIN, and open again.
    let right = Pkcs11Options { login: Login::User("another-pin".to_owned().into()), ..bench.options("key") };
    authority_of(Arc::new(Pkcs11Key::open(&right).await.unwrap()), Bounds::default()).await.unwrap();
}

async fn a_token_with_few_sessions_is_used_with_those(bench: Bench) {
    generate_key_pair(&bench.options(""), KeyKind::P256, "key", &[1]).await.unwrap();
    let few = bench.options("key");
    bench.fault("few");
    let scene = RemoteScene::new(open(&bench, "key").await).await;
    assert!(matches!(refusal(&few).await.problem, RemoteError::Throttled(_)), "all sessions are taken");
    assert_says(&refusal(&few).await, "throttled", "lower MaxSessions");
    for reply in scene.ask_many().await {
        assert!(issued(&reply), "{reply:?}");
    }
}

async fn opening_a_module_that_hangs_ends_in_time(bench: Bench) {
    bench.fault("stuck");
    let impatient = Pkcs11Options { opening: Duration::from_millis(300), ..bench.options("key") };
    let error = refusal(&impatient).await;
    assert_says(&error, "no answer: the module did not return within", "whether the HSM can be reached");
    bench.fault("");
}

async fn two_tokens_of_one_name_are_told_apart_by_their_serial_number(bench: Bench) {
    made(&bench, "key", &[1]).await;
    bench.initialize_token(TOKEN);
    assert_says(&refusal(&bench.options("key")).await, "more than one token is meant", "serial number");
}

async fn keys_that_cannot_serve_are_refused_with_the_reason(bench: Bench) {
    let _open = made(&bench, "twin", &[1]).await;
    let _other = made(&bench, "other", &[2]).await;
    let session = bench.session();
    let find = |class, id: u8| {
        session.find_objects(&[Attribute::Class(class), Attribute::Id(vec![id])]).unwrap().pop().unwrap()
    };
    let other = find(ObjectClass::PRIVATE_KEY, 2);
    let relabelled = [Attribute::Label(b"twin".to_vec())];
    session.update_attributes(other, &relabelled).unwrap();
    let error = refusal(&bench.options("twin")).await;
    assert_says(&error, "2 private keys in the token are named so", "name one by its id");
    Pkcs11Key::open(&bench.options("twin").with_key_id(&[2])).await.unwrap();
    session.update_attributes(other, &[Attribute::Sign(false)]).unwrap();
    let error = refusal(&bench.options("").with_key_id(&[2])).await;
    assert_says(&error, "the private key may not sign", "CKA_SIGN is not set");
    assert_eq!(error.key, "pkcs11:token=test%20token;id=%02");
    session.destroy_object(find(ObjectClass::PUBLIC_KEY, 1)).unwrap();
    let error = refusal(&bench.options("").with_key_id(&[1])).await;
    assert_says(&error, "the token has no public key", "with the private key's id (CKA_ID)");
}

async fn the_public_key_may_be_in_the_certificate_alone(bench: Bench) {
    let key = made(&bench, "key", &[1]).await;
    let chain = chain_for(key.public_key().spki_der());
    store_certificate(&bench.options("key"), &chain[0], "key", &[1]).await.unwrap();
    let session = bench.session();
    let public = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(vec![1])];
    session.destroy_object(session.find_objects(&public).unwrap().pop().unwrap()).unwrap();
    let again = open(&bench, "key").await;
    assert_eq!(again.public_key().spki_der(), key.public_key().spki_der());
    openssl_verifies(&chain);
    conforms(again).await;
}

async fn two_certificates_with_one_id_are_refused(bench: Bench) {
    let key = made(&bench, "key", &[1]).await;
    let options = bench.options("key");
    let session = bench.session();
    for (der, id) in chain_for(key.public_key().spki_der()).iter().zip(b"ab") {
        store_certificate(&options, der, "ca", &[*id]).await.unwrap();
        let stored = session.find_objects(&[Attribute::Class(ObjectClass::CERTIFICATE), Attribute::Id(vec![*id])]);
        session.update_attributes(stored.unwrap()[0], &[Attribute::Id(b"same".to_vec())]).unwrap();
    }
    let error = certificate(&options, b"same").await.unwrap_err();
    assert_says(&error, "2 certificates in the token have this id", "delete those that are not in use");
}
