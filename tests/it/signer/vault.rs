//! Keys in a transit engine: what a server may answer, and what sigmint makes of it. The server is one that can be broken at will;
//! `signer_openbao.rs` has the same with a real one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::signer::remote::{Bounds, OpenError, RemoteError, RemoteKey as _, SigningRequest};
use sigmint::signer::vault::{self, VaultKey, VaultOptions};

use crate::support::log::Log;
use crate::support::remote::{RemoteScene, authority_of, conforms};
use crate::support::vault::{FakeVault, Fault, KINDS, TOKEN, shapes_of_answers};
use crate::support::{Reply, eventually, is_alone};

const NAME: &str = "hashivault://ca";

/// A server with the P-256 key `ca`.
fn server() -> FakeVault {
    let server = FakeVault::start();
    server.make_key("ca", "ecdsa-p256");
    server
}

async fn open(server: &FakeVault) -> Arc<VaultKey> {
    Arc::new(vault::open(NAME, &server.options()).await.unwrap())
}

async fn refusal(name: &str, options: &VaultOptions) -> OpenError {
    let error = vault::open(name, options).await.unwrap_err();
    assert_eq!(error.key, name);
    error
}

fn is_unavailable(reply: &Reply) {
    let row = FailureKind::SignerUnavailable.row();
    assert_eq!((reply.status, reply.reason().as_str()), (503, row.reason), "{reply:?}");
    assert!(reply.header("retry-after").is_some());
    let text = reply.text.to_lowercase();
    for word in ["vault", "certificate-", "127.0.0.1", "token", "transit"] {
        assert!(!text.contains(word), "{word}: {reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_gives_certificates_that_openssl_verifies() {
    let server = FakeVault::start();
    for kind in KINDS {
        server.make_key(kind, kind);
        let key = vault::open(&format!("hashivault://{kind}"), &server.options()).await.unwrap();
        conforms(Arc::new(key)).await;
    }
}

#[tokio::test]
async fn calls_name_version_hash_and_encoding_and_carry_token_and_namespace() {
    let server = FakeVault::start();
    for (kind, path, expected) in [
        ("ecdsa-p256", "/sha2-256", json!({"prehashed": true, "key_version": 1, "marshaling_algorithm": "asn1"})),
        ("ecdsa-p384", "/sha2-384", json!({"prehashed": true, "key_version": 1, "marshaling_algorithm": "asn1"})),
        ("ecdsa-p521", "/sha2-512", json!({"prehashed": true, "key_version": 1, "marshaling_algorithm": "asn1"})),
        ("rsa-2048", "/sha2-256", json!({"prehashed": true, "key_version": 1, "signature_algorithm": "pkcs1v15"})),
        ("ed25519", "", json!({"prehashed": false, "key_version": 1})),
    ] {
        server.make_key(kind, kind);
        let options = VaultOptions { namespace: Some("team/production".into()), ..server.options() };
        vault::open(&format!("openbao://{kind}"), &options).await.unwrap();
        let received = server.received();
        let call = received.iter().rfind(|call| call.method == "POST").unwrap();
        assert_eq!(call.path, format!("/v1/transit/sign/{kind}{path}"));
        let mut body = call.body.clone();
        assert!(body.as_object_mut().unwrap().remove("input").is_some());
        assert_eq!(body, expected);
        for call in &received {
            assert_eq!(call.headers["x-vault-token"], TOKEN);
            assert_eq!(call.headers["x-vault-namespace"], "team/production");
            assert_eq!(call.headers["x-vault-request"], "true");
        }
    }
}

#[tokio::test]
async fn the_version_of_the_opening_signs_whatever_is_rotated_since() {
    let server = server();
    let scene = RemoteScene::new(open(&server).await).await;
    server.rotate("ca");
    scene.verified_by_openssl(&scene.ask().await);

    let second = open(&server).await;
    let named = vault::open("hashivault://ca?version=1", &server.options()).await.unwrap();
    assert_eq!((second.version(), named.version()), (2, 1));
    assert_ne!(second.public_key().spki_der(), named.public_key().spki_der());
    let first_scene = RemoteScene::new(Arc::new(named)).await;
    first_scene.verified_by_openssl(&first_scene.ask().await);

    server.fail(usize::MAX, Fault::LatestVersion);
    is_unavailable(&scene.ask().await);
    server.recover();
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_refused_with_what_to_mend() {
    for (change, problem, hint) in [
        (
            json!({"type": "aes256-gcm96", "supports_signing": false, "keys": {"1": 1_700_000_000}}),
            "aes256-gcm96 cannot sign",
            "type=ecdsa-p384",
        ),
        (json!({"derived": true}), "derived", "type=ecdsa-p384"),
        (json!({"soft_deleted": true}), "soft-deleted", "bao write -f transit/keys/ca/soft-delete-restore"),
        (json!({"keys": {"1": {"public_key": ""}}}), "no public key", "use a key of type ecdsa-p256"),
        (json!({"keys": {"1": {"public_key": "-----BEGIN"}}}), "malformed", "use a key of type ecdsa-p256"),
        (json!({"type": "ed25519", "keys": {"1": {"public_key": "AAAA"}}}), "malformed", "this one is of type ed25519"),
        (json!({"keys": 7}), "another shape", "VAULT_ADDR is a Vault or OpenBao server"),
        (json!({"min_encryption_version": 2}), "version 1 may not sign any more", "config min_encryption_version=1"),
        (json!({"keys": {"4": {}}, "latest_version": 5}), "no version 5, but 4 to 5", "min_decryption_version=N"),
    ] {
        let server = server();
        server.describe("ca", change.clone());
        let error = refusal(NAME, &server.options()).await;
        let text = error.to_string();
        assert!(text.contains(problem) && error.hint.contains(hint), "{change}: {text}");
        assert_eq!(server.signed(), 0);
    }
}

#[tokio::test]
async fn a_version_that_is_not_there_or_not_allowed_is_refused_with_what_to_mend() {
    let server = server();
    server.rotate("ca");
    server.rotate("ca");
    server.set_minimum("ca", 3, 2);
    for (version, problem, hint) in [
        (4, "no version 4, but 2 to 3", "hashivault://ca?version=N"),
        (1, "no version 1, but 2 to 3", "min_decryption_version"),
        (2, "min_encryption_version is 3", "min_encryption_version=2"),
    ] {
        let error = refusal(&format!("{NAME}?version={version}"), &server.options()).await;
        assert!(error.to_string().contains(problem) && error.hint.contains(hint), "{error}");
    }
    assert_eq!(server.signed(), 0);
}

#[tokio::test]
async fn a_server_that_says_no_is_reported_with_what_to_mend() {
    let server = server();
    let missing = refusal("hashivault://missing", &server.options()).await;
    assert!(
        matches!(&missing.problem, RemoteError::Refused(_))
            && missing.hint.contains("vault write -f transit/keys/missing"),
        "{missing}"
    );

    let elsewhere = VaultOptions { mount: Some("team/transit".into()), ..server.options() };
    let error = refusal(NAME, &elsewhere).await;
    assert!(error.to_string().contains("no handler for route") && error.hint.contains("vault secrets list"), "{error}");

    let stranger = VaultOptions { token: Some("hvs.stranger".into()), ..server.options() };
    let error = refusal(NAME, &stranger).await;
    assert!(error.to_string().contains("403 Forbidden: permission denied"), "{error}");
    assert!(error.hint.contains(r#"path "transit/keys/ca" { capabilities = ["read"] }"#), "{error}");
    assert!(!error.to_string().contains("hvs."), "{error}");

    server.seal(true);
    let error = refusal(NAME, &server.options()).await;
    assert!(
        matches!(&error.problem, RemoteError::Unreachable(_)) && error.hint.contains("vault operator unseal"),
        "{error}"
    );
    server.seal(false);

    for (fault, problem, hint) in [
        (
            Fault::Status(403, "permission denied"),
            "refused: 403",
            r#"path "transit/sign/ca/sha2-256" { capabilities = ["update"] }"#,
        ),
        (Fault::Status(429, "quota exceeded"), "throttled: 429", "sys/quotas/rate-limit"),
        (Fault::Status(500, "internal error"), "no answer: 500", "the server's log"),
        (Fault::Status(400, "no"), "refused: 400 Bad Request: no", "the server's log"),
        (Fault::Redirect("http://127.0.0.1:9".into()), "no answer: 307", "set VAULT_ADDR to the active server"),
        (Fault::Hang, "no answer", "VAULT_ADDR is right"),
        (Fault::Body("<html>"), "unusable answer", "VAULT_ADDR is a Vault"),
    ] {
        server.fail(usize::MAX, fault.clone());
        let options = VaultOptions { timeout: Some(Duration::from_millis(200)), ..server.options() };
        let error = refusal(NAME, &options).await;
        assert!(error.to_string().contains(problem) && error.hint.contains(hint), "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn settings_that_lead_nowhere_are_reported_with_what_to_mend() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let options = || server.options();
    for (name, options, hint) in [
        ("hashivault://a/b", options(), "hashivault://KEY?version=N"),
        (NAME, VaultOptions { address: Some("http://127.0.0.1:1".into()), ..options() }, "VAULT_ADDR is right"),
        (NAME, VaultOptions { address: Some("vault".into()), ..options() }, "set VAULT_ADDR"),
        (NAME, VaultOptions { token_file: Some(empty.clone()), ..options() }, "one token"),
        (NAME, VaultOptions { token: Some("two words".into()), ..options() }, "one token"),
        (NAME, VaultOptions { ca_file: Some(empty.clone()), ..options() }, "VAULT_CACERT"),
        (NAME, VaultOptions { ca_file: Some("/nowhere.pem".into()), ..options() }, "VAULT_CACERT"),
        (NAME, VaultOptions { namespace: Some("a\nb".into()), ..options() }, "VAULT_NAMESPACE"),
    ] {
        let error = refusal(name, &options).await;
        assert!(error.hint.contains(hint), "{error}");
    }
    assert_eq!(server.received().len(), 0);
}

#[tokio::test]
async fn what_is_no_signature_gives_503_and_the_next_good_answer_a_certificate() {
    let server = server();
    let scene = RemoteScene::new(open(&server).await).await;
    for fault in [
        Fault::Lie,
        Fault::Cut,
        Fault::Endless,
        Fault::Redirect("http://127.0.0.1:9".into()),
        Fault::Status(400, "requested version for signing is less than the minimum encryption key version"),
        Fault::Status(403, "permission denied"),
        Fault::Status(404, "no handler for route"),
        Fault::Status(429, "request path \"transit/sign\": rate limit quota exceeded"),
        Fault::Status(500, "internal error"),
        Fault::Status(502, "bad gateway"),
        Fault::Body("<html>"),
        Fault::Body("{}"),
        Fault::Body(r#"{"data":{"signature":"vault:v1"}}"#),
        Fault::Body(r#"{"data":{"signature":"vault:v1:?"}}"#),
        Fault::Body(r#"{"data":{"signature":"vault:v1:"}}"#),
        Fault::Body(r#"{"data":{"signature":"vault:v2:AAAA"}}"#),
    ] {
        server.fail(usize::MAX, fault);
        is_unavailable(&scene.ask().await);
        server.recover();
        scene.verified_by_openssl(&scene.ask().await);
    }
    server.seal(true);
    is_unavailable(&scene.ask().await);
    server.seal(false);
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test]
async fn a_server_that_never_answers_gives_503_within_the_bounds() {
    let server = server();
    let bounds =
        Bounds { attempt: Duration::from_millis(200), budget: Duration::from_millis(500), ..Bounds::default() };
    let scene = RemoteScene::of(authority_of(open(&server).await, bounds).await.unwrap()).await;
    server.fail(usize::MAX, Fault::Hang);
    is_unavailable(&scene.ask().await);
    server.recover();
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test]
async fn a_passing_throttle_a_cut_and_a_standby_cost_no_answer() {
    let server = server();
    let scene = RemoteScene::new(open(&server).await).await;
    for fault in [Fault::Status(429, "quota"), Fault::Cut, Fault::Status(503, "Vault is sealed")] {
        server.fail(2, fault);
        scene.verified_by_openssl(&scene.ask().await);
    }
}

#[tokio::test]
async fn a_refusal_is_asked_once_and_an_outage_again() {
    let server = server();
    let key = open(&server).await;
    let request = SigningRequest { message: b"", digest: &[7; 32] };
    for (fault, expected) in [
        (Fault::Status(400, "no"), RemoteError::Refused("400 Bad Request: no".into())),
        (Fault::Status(405, "no"), RemoteError::Refused("405 Method Not Allowed: no".into())),
        (Fault::Status(412, "no"), RemoteError::Unreachable("412 Precondition Failed: no".into())),
        (Fault::Status(429, "no"), RemoteError::Throttled("429 Too Many Requests: no".into())),
        (Fault::Status(500, "no"), RemoteError::Unreachable("500 Internal Server Error: no".into())),
        (
            Fault::Status(500, "1 error occurred:\n\t* requested version for signing is higher\n\n"),
            RemoteError::Refused(
                "500 Internal Server Error: 1 error occurred: * requested version for signing is higher".into(),
            ),
        ),
        (Fault::Status(503, "no"), RemoteError::Unreachable("503 Service Unavailable: no".into())),
    ] {
        server.fail(1, fault);
        assert_eq!(key.ask(&request).await.unwrap_err(), expected);
        assert!(key.ask(&request).await.is_ok(), "one call was one request");
    }
    server.fail(1, Fault::Endless);
    let error = key.ask(&request).await.unwrap_err();
    assert_eq!(error, RemoteError::Unusable("longer than 1048576 bytes".into()));
}

#[tokio::test]
async fn a_token_is_carried_to_no_other_server() {
    let (server, other) = (server(), FakeVault::start());
    let key = open(&server).await;
    server.fail(1, Fault::Redirect(other.url.clone()));
    let error = key.ask(&SigningRequest { message: b"", digest: &[7; 32] }).await.unwrap_err();
    assert!(matches!(error, RemoteError::Unreachable(_)), "{error}");
    assert_eq!(other.received().len(), 0);
}

#[tokio::test]
async fn a_token_that_the_file_replaces_is_used_by_the_request_that_finds_the_old_one_refused() {
    let server = server();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    let options = VaultOptions { token_file: Some(file.path().to_owned()), ..server.options() };
    let scene = RemoteScene::new(Arc::new(vault::open(NAME, &options).await.unwrap())).await;
    let fixed = RemoteScene::new(open(&server).await).await;

    server.revoke(TOKEN);
    is_unavailable(&scene.ask().await);
    server.allow("hvs.second", 3600);
    std::fs::write(file.path(), "hvs.second").unwrap();
    for reply in scene.ask_many().await {
        scene.verified_by_openssl(&reply);
    }
    is_unavailable(&fixed.ask().await);
    server.allow(TOKEN, 0);
    fixed.verified_by_openssl(&fixed.ask().await);
}

#[tokio::test]
async fn a_new_token_is_taken_before_the_old_one_is_refused() {
    let server = server();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKEN).unwrap();
    let options = VaultOptions { token_file: Some(file.path().to_owned()), ..server.options() };
    let key = vault::open(NAME, &options).await.unwrap();
    server.allow("hvs.second", 3600);
    std::fs::write(file.path(), "hvs.second").unwrap();
    eventually("the new token being used", || async {
        key.ask(&SigningRequest { message: b"", digest: &[7; 32] }).await.unwrap();
        (server.received().last().unwrap().headers["x-vault-token"] == "hvs.second").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_that_expires_is_warned_of_when_nothing_replaces_it_and_never_logged() {
    if !is_alone(concat!(
        module_path!(),
        "::a_token_that_expires_is_warned_of_when_nothing_replaces_it_and_never_logged"
    )) {
        return;
    }
    let log = Log::capture(tracing::Level::TRACE);
    let server = server();
    let warnings =
        || log.lines().into_iter().filter(|line| line["level"] == "WARN" && line["fields"]["seconds"] == 4242).count();
    server.allow("hvs.short-lived", 4242);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hvs.short-lived").unwrap();
    let followed = VaultOptions { token_file: Some(file.path().to_owned()), ..server.options() };
    vault::open(NAME, &followed).await.unwrap();
    assert_eq!(warnings(), 0);
    let fixed = VaultOptions { token: Some("hvs.short-lived".into()), ..server.options() };
    let key = vault::open(NAME, &fixed).await.unwrap();
    assert_eq!(warnings(), 1);
    assert!(!format!("{}{key:?}{fixed:?}", log.text()).contains("short-lived"));
}

#[tokio::test]
async fn this_server_answers_as_a_real_one_did() {
    let server = FakeVault::start();
    for (name, kind) in [("p256", "ecdsa-p256"), ("ed25519", "ed25519"), ("rsa", "rsa-2048")] {
        server.make_key(name, kind);
    }
    server.rotate("p256");
    server.set_minimum("p256", 2, 1);
    let recorded: Value = serde_json::from_str(include_str!("../../e2e/vault/answers.json")).unwrap();
    let shapes = shapes_of_answers(&server.url, TOKEN).await;
    assert_eq!(shapes, recorded, "{shapes:#}");
}
