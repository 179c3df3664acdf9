//! Keys in Google Cloud KMS: what works, what an operator is told, and what clients get when the service is slow, wrong or gone.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sigmint::authority::AuthorityError;
use sigmint::failure::FailureKind;
use sigmint::signer::gcp_kms::{ENDPOINT, GcpKmsKey, decrypt, open};
use sigmint::signer::google::CredentialsSource;
use sigmint::signer::google::GoogleOptions;
use sigmint::signer::remote::{Bounds, RemoteSigner};
use sigmint::signer::{Signer as _, SignerError};

use crate::support::google::kms::{RING, encrypted};
use crate::support::google::{FakeGoogle, Fault, KmsLie};
use crate::support::remote::{RemoteScene, authority_of, conforms};
use crate::support::{DEADLINE, Reply, eventually};

const THROTTLED: Fault = Fault::Status(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric");

fn options(fake: &FakeGoogle) -> GoogleOptions {
    fake.options()
}

/// A fake with one key of one version, opened.
async fn opened(algorithm: &'static str) -> (FakeGoogle, Arc<GcpKmsKey>) {
    let fake = FakeGoogle::start();
    let version = fake.state.kms.add("key", algorithm);
    let key = open(&format!("gcpkms://{version}"), &options(&fake)).await.unwrap();
    (fake, Arc::new(key))
}

/// What an operator reads when a key does not open.
async fn refusal(fake: &FakeGoogle, name: &str) -> String {
    open(name, &options(fake)).await.unwrap_err().to_string()
}

fn is_clean_503(reply: &Reply) {
    let row = FailureKind::SignerUnavailable.row();
    assert_eq!((reply.status, reply.reason().as_str()), (503, row.reason), "{reply:?}");
    assert_eq!(reply.json()["message"], row.text);
    assert!(reply.header("retry-after").is_some() && !reply.text.contains("CERTIFICATE"), "{reply:?}");
}

#[tokio::test]
async fn every_algorithm_that_fits_issues_for_sixty_four_clients_at_once() {
    for algorithm in [
        "EC_SIGN_P256_SHA256",
        "EC_SIGN_P384_SHA384",
        "EC_SIGN_ED25519",
        "RSA_SIGN_PKCS1_2048_SHA256",
        "RSA_SIGN_PKCS1_3072_SHA256",
        "RSA_SIGN_PKCS1_4096_SHA256",
    ] {
        conforms(opened(algorithm).await.1).await;
    }
}

#[tokio::test]
async fn without_a_version_the_newest_enabled_one_signs_and_stays() {
    let fake = FakeGoogle::start();
    let versions: Vec<String> = (0..3).map(|_| fake.state.kms.add("key", "EC_SIGN_P256_SHA256")).collect();
    fake.state.kms.enable(&versions[2], false);
    let key = open(&format!("gcpkms://{RING}/cryptoKeys/key"), &options(&fake)).await.unwrap();
    assert_eq!(key.version(), versions[1]);
    fake.state.kms.enable(&versions[2], true);
    let signer = RemoteSigner::new(Arc::new(key), Bounds::default());
    signer.sign(b"message").await.unwrap();
    assert_eq!(fake.calls().last().unwrap(), &format!("POST {}:asymmetricSign", versions[1]));
}

#[tokio::test]
async fn a_version_may_be_written_shorter_and_needs_no_more_than_its_public_key() {
    let fake = FakeGoogle::start();
    let version = fake.state.kms.add("key", "EC_SIGN_P256_SHA256");
    let short = format!("gcpkms://{}", version.replace("cryptoKeyVersions", "versions"));
    assert_eq!(open(&short, &options(&fake)).await.unwrap().version(), version);
    assert_eq!(fake.calls(), [format!("GET {version}/publicKey")]);
}

#[tokio::test]
async fn what_does_not_open_says_what_to_mend() {
    let fake = FakeGoogle::start();
    let kms = &fake.state.kms;
    let name = |version: &str| format!("gcpkms://{version}");
    let flags = "--key key --keyring ring --location global --project test-project";

    let version = kms.add("key", "EC_SIGN_P256_SHA256");
    kms.enable(&version, false);
    let text = refusal(&fake, &name(&version)).await;
    assert!(text.contains("400 FAILED_PRECONDITION") && text.contains("not enabled"), "{text}");
    assert!(text.contains(&format!("gcloud kms keys versions enable 1 {flags}")), "{text}");

    let text = refusal(&fake, &format!("gcpkms://{RING}/cryptoKeys/key")).await;
    assert!(text.contains("no version that is enabled") && text.contains("gcloud kms keys versions create"), "{text}");

    let text = refusal(&fake, &name(&version.replace("Versions/1", "Versions/7"))).await;
    assert!(text.contains("404 NOT_FOUND") && text.contains("gcloud kms keys versions list"), "{text}");
    let text = refusal(&fake, &format!("gcpkms://{RING}/cryptoKeys/other")).await;
    assert!(text.contains("404 NOT_FOUND") && text.contains("gcloud kms keys list"), "{text}");

    for (algorithm, instead) in [
        ("RSA_SIGN_PKCS1_4096_SHA512", "SHA-256 here: make a version with rsa-sign-pkcs1-4096-sha256"),
        ("RSA_SIGN_PSS_2048_SHA256", "PKCS#1 v1.5 here: make a key with rsa-sign-pkcs1-4096-sha256"),
    ] {
        let text = refusal(&fake, &name(&kms.add(algorithm, algorithm))).await;
        assert!(text.contains(algorithm) && text.contains(instead), "{text}");
    }
    let version = kms.add("symmetric", "GOOGLE_SYMMETRIC_ENCRYPTION");
    let text = refusal(&fake, &name(&version)).await;
    assert!(text.contains("ENCRYPT_DECRYPT") && text.contains("--purpose asymmetric-signing"), "{text}");
}

#[tokio::test]
async fn a_missing_permission_names_the_role_for_each_call() {
    let fake = FakeGoogle::start();
    let version = fake.state.kms.add("key", "EC_SIGN_P256_SHA256");
    let denied = Fault::Status(403, "PERMISSION_DENIED", "Permission denied for svc@example.com on resource");
    for (name, role) in [
        (format!("gcpkms://{version}"), "--role roles/cloudkms.signerVerifier"),
        (format!("gcpkms://{RING}/cryptoKeys/key"), "--role roles/cloudkms.viewer"),
    ] {
        fake.fail(denied, 1);
        let text = refusal(&fake, &name).await;
        assert!(text.contains("403 PERMISSION_DENIED") && text.contains(role), "{text}");
        assert!(!text.contains("svc@example.com"), "{text}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_from_wrong_keys() {
    let fake = FakeGoogle::start();
    let name = format!("gcpkms://{}", fake.state.kms.add("key", "EC_SIGN_P256_SHA256"));
    let hint = "set GOOGLE_APPLICATION_CREDENTIALS";
    let tokens = &fake.state.tokens;
    let secret = "-----BEGIN PRIVATE KEY-----";
    for (file, problem) in [
        (tokens.stranger_file(), "401 UNAUTHENTICATED"),
        (tokens.file("empty.json", &serde_json::json!({})), "its `type` is none that is known"),
        (tokens.file("half.json", &serde_json::json!({"type": "service_account", "private_key": secret})), "malformed"),
        ("/nonexistent/account.json".into(), "No such file"),
    ] {
        let mut options = options(&fake);
        options.credentials = CredentialsSource::File(file);
        let text = open(&name, &options).await.unwrap_err().to_string();
        assert!(text.contains(problem) && text.contains(hint) && !text.contains(secret), "{text}");
    }
    assert!(fake.calls().len() == 1, "only the stranger's token was ever sent");
}

#[tokio::test]
async fn federated_and_personal_credentials_get_their_tokens_by_exchange_once() {
    let fake = FakeGoogle::start();
    let name = format!("gcpkms://{}", fake.state.kms.add("key", "EC_SIGN_P256_SHA256"));
    let tokens = &fake.state.tokens;
    for (count, file) in [tokens.federation_file(&fake.url()), tokens.user_file(&fake.url())].into_iter().enumerate() {
        let mut options = options(&fake);
        options.credentials = CredentialsSource::File(file);
        conforms(Arc::new(open(&name, &options).await.unwrap())).await;
        assert_eq!(tokens.exchanges(), count + 1, "one token for all calls");
    }
    tokens.refuse(true);
    let mut options = options(&fake);
    options.credentials = CredentialsSource::File(tokens.federation_file(&fake.url()));
    let text = open(&name, &options).await.unwrap_err().to_string();
    assert!(text.contains("no access token") && text.contains("set GOOGLE_APPLICATION_CREDENTIALS"), "{text}");
}

/// The environment of a test cannot be changed: another process of the same tests has the variables that are tested.
#[tokio::test]
async fn the_environment_names_the_file_or_the_metadata_server() {
    let fake = FakeGoogle::start();
    let name = format!("gcpkms://{}", fake.state.kms.add("key", "EC_SIGN_P256_SHA256"));
    let file = fake.state.tokens.service_account_file();
    for (variable, value) in [
        ("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap().to_owned()),
        ("GCE_METADATA_HOST", fake.address.to_string()),
    ] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "signer::gcp_kms::opened_with_default_credentials", "--ignored"]);
        command.env_remove("GOOGLE_APPLICATION_CREDENTIALS").env("HOME", "/nonexistent").env(variable, value);
        let output = command.env("TEST_KEY", &name).env("TEST_ENDPOINT", fake.url()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{variable}: {text}");
    }
    assert_eq!(fake.calls().len(), 2);
}

#[tokio::test]
#[ignore = "run by the_environment_names_the_file_or_the_metadata_server"]
async fn opened_with_default_credentials() {
    let mut options = GoogleOptions::at(ENDPOINT);
    assert_eq!(options.credentials, CredentialsSource::Default);
    options.endpoint = std::env::var("TEST_ENDPOINT").unwrap();
    open(&std::env::var("TEST_KEY").unwrap(), &options).await.unwrap();
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_stays_is_a_503() {
    let (fake, key) = opened("EC_SIGN_P256_SHA256").await;
    let signer = RemoteSigner::new(Arc::clone(&key) as _, Bounds::default());
    let scene = RemoteScene::new(key).await;
    for fault in [
        THROTTLED,
        Fault::Status(503, "UNAVAILABLE", "The service is currently unavailable."),
        Fault::Status(500, "INTERNAL", "Internal error encountered."),
        Fault::Page(502),
        Fault::Cut,
    ] {
        fake.fail(fault, 2);
        scene.verified_by_openssl(&scene.ask().await);
        fake.fail(fault, usize::MAX);
        is_clean_503(&scene.ask().await);
        fake.heal();
    }
    for fault in [
        Fault::Status(400, "FAILED_PRECONDITION", "not enabled, current state is: DESTROYED."),
        Fault::Status(403, "PERMISSION_DENIED", "Permission denied"),
        Fault::Nonsense,
        Fault::Endless,
    ] {
        let before = fake.calls().len();
        fake.fail(fault, 1);
        // Without a server, which would try a failing signer by itself.
        assert!(matches!(signer.sign(b"message").await, Err(SignerError::Rejected(_))), "{fault:?}");
        assert_eq!(fake.calls().len(), before, "{fault:?} is not asked again");
        scene.verified_by_openssl(&scene.ask().await);
    }
}

#[tokio::test]
async fn a_service_that_takes_the_call_and_is_silent_is_given_up_in_time() {
    let (fake, key) = opened("EC_SIGN_P256_SHA256").await;
    let scene = RemoteScene::new(key).await;
    fake.fail(Fault::Hang, usize::MAX);
    is_clean_503(&tokio::time::timeout(DEADLINE, scene.ask()).await.unwrap());
    fake.heal();
    scene.verified_by_openssl(&scene.ask().await);
    fake.release();
}

#[tokio::test]
async fn no_lie_becomes_a_certificate() {
    let (fake, key) = opened("EC_SIGN_P384_SHA384").await;
    let scene = RemoteScene::new(key).await;
    for lie in [KmsLie::Signature, KmsLie::Name, KmsLie::Checksum, KmsLie::NoChecksum, KmsLie::Unverified] {
        fake.state.kms.lie(Some(lie));
        is_clean_503(&scene.ask().await);
        fake.state.kms.lie(None);
        scene.verified_by_openssl(&scene.ask().await);
    }
}

#[tokio::test]
async fn each_lie_is_named_where_an_operator_reads_it() {
    let (fake, key) = opened("EC_SIGN_ED25519").await;
    let signer = RemoteSigner::new(Arc::clone(&key) as _, Bounds { attempts: 1, ..Bounds::default() });
    for (lie, text) in [
        (KmsLie::Name, "another key signed"),
        (KmsLie::Checksum, "the signature was damaged on the way (CRC-32C)"),
        (KmsLie::NoChecksum, "the signature came without its CRC-32C"),
        (KmsLie::Unverified, "the request was damaged on the way (CRC-32C)"),
    ] {
        fake.state.kms.lie(Some(lie));
        let error = signer.sign(b"message").await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    for (lie, text) in [
        (KmsLie::Name, "the public key is another key's"),
        (KmsLie::Checksum, "the public key was damaged on the way (CRC-32C)"),
        (KmsLie::NoChecksum, "the public key came without its CRC-32C"),
    ] {
        fake.state.kms.lie(Some(lie));
        let text_of = refusal(&fake, &format!("gcpkms://{}", key.version())).await;
        assert!(text_of.contains(text), "{text_of}");
    }
    fake.state.kms.lie(Some(KmsLie::Signature));
    let untried = authority_of(key, Bounds::default()).await;
    assert!(matches!(untried, Err(AuthorityError::KeyMismatch)), "{untried:?}");
}

#[tokio::test]
async fn an_outage_under_load_gives_certificates_or_503_and_ends_without_a_restart() {
    let (fake, key) = opened("EC_SIGN_P256_SHA256").await;
    let scene = RemoteScene::new(key).await;
    let back = AtomicBool::new(false);
    let load = async {
        let mut replies = Vec::new();
        while !back.load(Ordering::SeqCst) {
            replies.extend(scene.ask_many().await);
        }
        replies
    };
    let outage = async {
        fake.kill();
        eventually("a refusal", || async { (scene.ask().await.status == 503).then_some(()) }).await;
        fake.revive();
        back.store(true, Ordering::SeqCst);
    };
    let (replies, ()) = tokio::join!(load, outage);
    for reply in replies {
        if reply.status == 200 { scene.verified_by_openssl(&reply) } else { is_clean_503(&reply) }
    }
    for reply in scene.ask_many().await {
        scene.verified_by_openssl(&reply);
    }
}

#[tokio::test]
async fn nobody_there_is_told_from_a_refusal() {
    let (fake, key) = opened("EC_SIGN_P256_SHA256").await;
    fake.kill();
    let text = refusal(&fake, &format!("gcpkms://{}", key.version())).await;
    assert!(text.contains("no answer") && text.contains("reaches *.googleapis.com:443"), "{text}");
    let signer = RemoteSigner::new(key, Bounds::default());
    assert!(matches!(signer.sign(b"message").await, Err(SignerError::Unavailable(_))));
}

#[tokio::test]
async fn a_keyset_is_decrypted_and_what_cannot_be_says_why() {
    let fake = FakeGoogle::start();
    fake.state.kms.add("tink", "GOOGLE_SYMMETRIC_ENCRYPTION");
    let name = format!("gcp-kms://{RING}/cryptoKeys/tink");
    let options = options(&fake);
    let keyset = decrypt(&name, &options, &encrypted(b"keyset")).await.unwrap();
    assert_eq!(keyset.as_slice(), b"keyset");
    for (lie, text) in [(KmsLie::Checksum, "damaged on the way"), (KmsLie::NoChecksum, "without its CRC-32C")] {
        fake.state.kms.lie(Some(lie));
        let error = decrypt(&name, &options, &encrypted(b"keyset")).await.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    fake.state.kms.lie(None);
    let error = decrypt(&name, &options, b"nonsense").await.unwrap_err().to_string();
    assert!(error.contains("encrypted with another key, or is damaged"), "{error}");
    fake.fail(Fault::Status(403, "PERMISSION_DENIED", "Permission denied"), 1);
    let error = decrypt(&name, &options, &encrypted(b"keyset")).await.unwrap_err().to_string();
    assert!(error.contains("--role roles/cloudkms.cryptoKeyDecrypter"), "{error}");
    fake.state.kms.add("signs", "EC_SIGN_P256_SHA256");
    let error = decrypt(&name.replace("tink", "signs"), &options, &encrypted(b"x")).await.unwrap_err().to_string();
    assert!(error.contains("the key's purpose be encryption"), "{error}");
    let error = decrypt(&name.replace("gcp-kms", "gcpkms"), &options, b"x").await.unwrap_err().to_string();
    assert!(error.contains("write gcp-kms://"), "{error}");
}
