//! Keys in the transit engine of a real OpenBao server: policies, tokens, seals, rotations, and a server that is killed.
//!
//! Ignored unless asked for, since the server has to be built first:
//! `OPENBAO=$(tests/e2e/vault/get_openbao.sh) cargo test --test it signer::openbao -- --ignored`, which `scripts/test.sh` does where there is Go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use sigmint::signer::remote::{RemoteError, RemoteKey as _, SigningRequest};
use sigmint::signer::vault::{self, VaultKey, VaultOptions};

use crate::support::openbao::OpenBao;
use crate::support::remote::{CLIENTS, RemoteScene, conforms};
use crate::support::vault::shapes_of_answers;
use crate::support::{Reply, eventually};

const NAME: &str = "hashivault://ca";
const READ: &str = r#"path "transit/keys/ca" { capabilities = ["read"] }"#;
const SIGN: &str = r#"path "transit/sign/ca/sha2-384" { capabilities = ["update"] }"#;

/// A server with the P-384 key `ca`.
async fn server() -> OpenBao {
    let server = OpenBao::start().await;
    server.make_key("ca", "ecdsa-p384").await;
    server
}

async fn open(options: &VaultOptions) -> Arc<VaultKey> {
    Arc::new(vault::open(NAME, options).await.unwrap())
}

fn is_certificate_or_503(scene: &RemoteScene, reply: &Reply) -> bool {
    match reply.status {
        200 => {
            scene.verified_by_openssl(reply);
            true
        }
        status => {
            assert_eq!(status, 503, "{reply:?}");
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn every_kind_of_key_gives_certificates_that_openssl_verifies() {
    let server = OpenBao::start().await;
    for kind in ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"] {
        server.make_key(kind, kind).await;
        let key = vault::open(&format!("openbao://{kind}"), &server.options()).await.unwrap();
        conforms(Arc::new(key)).await;
    }
    for (kind, problem) in [("aes256-gcm96", "aes256-gcm96 cannot sign"), ("xchacha20-poly1305", "cannot sign")] {
        server.make_key(kind, kind).await;
        let error = vault::open(&format!("hashivault://{kind}"), &server.options()).await.unwrap_err();
        assert!(error.to_string().contains(problem) && error.hint.contains("type=ecdsa-p384"), "{error}");
    }
    server.expect("POST", "transit/keys/derived", json!({"type": "ed25519", "derived": true})).await;
    let error = vault::open("hashivault://derived", &server.options()).await.unwrap_err();
    assert!(error.to_string().contains("derived"), "{error}");
    let error = vault::open("hashivault://missing", &server.options()).await.unwrap_err();
    assert!(error.hint.contains("vault write -f transit/keys/missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn the_policies_of_the_hints_are_what_is_needed_and_no_more() {
    let server = server().await;
    for (name, rules, hint) in [
        ("nothing", r#"path "elsewhere" { capabilities = ["read"] }"#, READ),
        ("reader", READ, SIGN),
        ("signer", SIGN, READ),
    ] {
        let token = server.token(name, rules).await;
        let error = vault::open(NAME, &server.options_with(&token)).await.unwrap_err();
        assert!(matches!(&error.problem, RemoteError::Refused(_)) && error.hint.contains(hint), "{error}");
    }
    let token = server.token("both", &format!("{READ}\n{SIGN}")).await;
    conforms(open(&server.options_with(&token)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn a_revoked_token_gives_503_until_its_file_has_a_new_one() {
    let server = server().await;
    let rules = format!("{READ}\n{SIGN}");
    let token = server.token("ca", &rules).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &token).unwrap();
    let options = VaultOptions { token_file: Some(file.path().to_owned()), ..server.options() };
    let scene = RemoteScene::new(open(&options).await).await;
    scene.verified_by_openssl(&scene.ask().await);
    server.revoke(&token).await;
    assert_eq!(scene.ask().await.status, 503);
    std::fs::write(file.path(), server.token("ca", &rules).await).unwrap();
    for reply in scene.ask_many().await {
        scene.verified_by_openssl(&reply);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn a_sealed_server_gives_503_until_it_is_unsealed() {
    let server = server().await;
    let scene = RemoteScene::new(open(&server.options()).await).await;
    server.seal().await;
    assert_eq!(scene.ask().await.status, 503);
    let error = vault::open(NAME, &server.options()).await.unwrap_err();
    assert!(
        matches!(&error.problem, RemoteError::Unreachable(_)) && error.hint.contains("vault operator unseal"),
        "{error}"
    );
    server.unseal().await;
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn a_rotated_key_signs_with_the_version_of_the_opening_until_that_is_taken_away() {
    let server = server().await;
    let key = open(&server.options()).await;
    let scene = RemoteScene::new(Arc::clone(&key) as _).await;
    server.rotate("ca").await;
    for reply in scene.ask_many().await {
        scene.verified_by_openssl(&reply);
    }
    let second = open(&server.options()).await;
    let first = vault::open("hashivault://ca?version=1", &server.options()).await.unwrap();
    assert_eq!((key.version(), first.version(), second.version()), (1, 1, 2));
    assert_eq!(first.public_key().spki_der(), key.public_key().spki_der());
    assert_ne!(second.public_key().spki_der(), key.public_key().spki_der());
    conforms(second).await;

    let config = |minimum: u32| json!({"min_decryption_version": minimum, "min_encryption_version": minimum});
    let request = SigningRequest { message: b"", digest: &[7; 48] };
    let refused = "less than the minimum encryption key version";
    server.expect("POST", "transit/keys/ca/config", json!({"min_encryption_version": 2})).await;
    let error = vault::open("hashivault://ca?version=1", &server.options()).await.unwrap_err();
    assert!(error.to_string().contains("min_encryption_version is 2"), "{error}");
    assert_eq!(scene.ask().await.status, 503);
    assert!(matches!(key.ask(&request).await, Err(RemoteError::Refused(words)) if words.contains(refused)));

    server.expect("POST", "transit/keys/ca/config", config(2)).await;
    server.expect("POST", "transit/keys/ca/trim", json!({"min_available_version": 2})).await;
    let error = vault::open("hashivault://ca?version=1", &server.options()).await.unwrap_err();
    assert!(error.to_string().contains("no version 1, but 2 to 2"), "{error}");
    let error = key.ask(&request).await.unwrap_err();
    assert!(matches!(error, RemoteError::Refused(_)), "{error}");
    assert_eq!(scene.ask().await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn a_soft_deleted_key_is_refused_and_a_deleted_one_gives_503() {
    let server = server().await;
    let key = open(&server.options()).await;
    let scene = RemoteScene::new(Arc::clone(&key) as _).await;
    server.expect("DELETE", "transit/keys/ca/soft-delete", json!({})).await;
    assert_eq!(scene.ask().await.status, 503);
    let error = key.ask(&SigningRequest { message: b"", digest: &[7; 48] }).await.unwrap_err();
    assert!(matches!(&error, RemoteError::Refused(words) if words.contains("soft-deleted")), "{error}");
    let error = vault::open(NAME, &server.options()).await.unwrap_err();
    assert!(error.to_string().contains("soft-deleted") && error.hint.contains("soft-delete-restore"), "{error}");
    server.expect("POST", "transit/keys/ca/soft-delete-restore", json!({})).await;
    scene.verified_by_openssl(&scene.ask().await);
    server.expect("DELETE", "sys/mounts/transit", json!({})).await;
    assert_eq!(scene.ask().await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn a_server_killed_under_load_is_used_again_when_it_is_back() {
    let server = server().await;
    let scene = RemoteScene::new(open(&server.options()).await).await;
    let answered = AtomicUsize::new(0);
    let load = async {
        let mut replies = Vec::new();
        for _ in 0..4 {
            let counted = async || {
                let reply = scene.ask().await;
                answered.fetch_add(1, Ordering::SeqCst);
                reply
            };
            replies.extend(futures_util::future::join_all((0..CLIENTS).map(|_| counted())).await);
        }
        replies
    };
    let killing = async {
        eventually("the load", || async { (answered.load(Ordering::SeqCst) > 0).then_some(()) }).await;
        server.kill();
    };
    let (replies, ()) = tokio::join!(load, killing);
    let certificates = replies.iter().filter(|reply| is_certificate_or_503(&scene, reply)).count();
    assert!((1..replies.len()).contains(&certificates), "{certificates}");
    assert_eq!(scene.ask().await.status, 503);
    let (second, ()) = tokio::join!(scene.ask_many(), server.start_again());
    for reply in &second {
        is_certificate_or_503(&scene, reply);
    }
    for reply in scene.ask_many().await {
        assert!(is_certificate_or_503(&scene, &reply), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn tls_takes_the_ca_that_is_named_and_no_other() {
    let server = server().await;
    let over_tls = VaultOptions { address: Some(server.tls_url.clone()), ..server.options() };
    let error = vault::open(NAME, &over_tls).await.unwrap_err();
    assert!(matches!(&error.problem, RemoteError::Unreachable(_)) && error.hint.contains("VAULT_CACERT"), "{error}");
    conforms(open(&VaultOptions { ca_file: Some(server.ca_file()), ..over_tls }).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn namespaces_and_other_mounts_are_other_keys() {
    let server = server().await;
    server.expect("POST", "sys/namespaces/team", json!({})).await;
    for (path, body) in
        [("sys/mounts/keys/transit", json!({"type": "transit"})), ("keys/transit/keys/ca", json!({"type": "ed25519"}))]
    {
        let (status, answer) = server.call_in("team", "POST", path, body).await;
        assert!((200..300).contains(&status), "{answer}");
    }
    let there = VaultOptions { namespace: Some("team".into()), mount: Some("keys/transit".into()), ..server.options() };
    let (here, there) = (open(&server.options()).await, open(&there).await);
    assert_ne!(here.public_key().spki_der(), there.public_key().spki_der());
    conforms(there).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn a_quota_that_is_used_up_throttles() {
    let server = server().await;
    let key = open(&server.options()).await;
    let scene = RemoteScene::new(Arc::clone(&key) as _).await;
    server
        .expect("POST", "sys/quotas/rate-limit/tight", json!({"path": "transit", "rate": 1, "interval": "60s"}))
        .await;
    let request = SigningRequest { message: b"", digest: &[7; 48] };
    let error = eventually("the quota being used up", || async { key.ask(&request).await.err() }).await;
    assert!(matches!(&error, RemoteError::Throttled(words) if words.contains("429")), "{error}");
    assert_eq!(scene.ask().await.status, 503);
    server.expect("DELETE", "sys/quotas/rate-limit/tight", json!({})).await;
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OPENBAO"]
async fn it_answers_as_the_fake_does() {
    let server = OpenBao::start().await;
    for (name, kind) in [("p256", "ecdsa-p256"), ("ed25519", "ed25519"), ("rsa", "rsa-2048")] {
        server.make_key(name, kind).await;
    }
    server.rotate("p256").await;
    server.expect("POST", "transit/keys/p256/config", json!({"min_encryption_version": 2})).await;
    let recorded: Value = serde_json::from_str(include_str!("../../e2e/vault/answers.json")).unwrap();
    let shapes = shapes_of_answers(&server.url, &server.root).await;
    assert_eq!(shapes, recorded, "{shapes:#}");
}
