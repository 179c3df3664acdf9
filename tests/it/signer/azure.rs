//! Keys in Azure Key Vault, opened and asked over TLS against [`crate::support::azure::FakeAzure`].

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::support::azure::{ASSERTION, CLIENT, FakeAzure, IDENTITY_HEADER, Mood, VAULT, VaultKey};
use crate::support::eventually;
use crate::support::keys::Kind;
use crate::support::remote::{RemoteScene, authority_of, conforms};
use crate::support::server::Reply;
use sigmint::crypto::algorithm::SignatureAlgorithm;
use sigmint::failure::FailureKind;
use sigmint::signer::azure_key_vault::{AzureCredential, AzureOptions, open};
use sigmint::signer::remote::{Bounds, OpenError, RemoteError, RemoteKey as _};

fn name(key: &str) -> String {
    format!("azurekms://{VAULT}/{key}")
}

fn one(kind: Kind) -> FakeAzure {
    FakeAzure::start(vec![("ca", VaultKey::new(kind, "0a1b"))])
}

async fn scene(azure: &FakeAzure) -> RemoteScene {
    RemoteScene::new(Arc::new(open(&name("ca"), &azure.options()).await.unwrap())).await
}

async fn refusal(azure: &FakeAzure, key: &str) -> OpenError {
    open(&name(key), &azure.options()).await.unwrap_err()
}

fn assert_unavailable(reply: &Reply) {
    let row = FailureKind::SignerUnavailable.row();
    assert_eq!((reply.status, reply.reason().as_str()), (503, row.reason), "{reply:?}");
    assert!(reply.header("retry-after").is_some());
    assert!(!reply.text.contains("CERTIFICATE") && !reply.text.contains("vault.azure"), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_issue_for_sixty_four_clients() {
    for (kind, kty, algorithm) in [
        (Kind::P256, "EC", SignatureAlgorithm::EcdsaP256Sha256),
        (Kind::P384, "EC-HSM", SignatureAlgorithm::EcdsaP384Sha384),
        (Kind::P521, "EC", SignatureAlgorithm::EcdsaP521Sha512),
        (Kind::Rsa2048, "RSA", SignatureAlgorithm::RsaPkcs1Sha256),
        (Kind::Rsa3072, "RSA-HSM", SignatureAlgorithm::RsaPkcs1Sha256),
    ] {
        let azure = one(kind);
        azure.change("ca", |key| key.kty = kty);
        let key = Arc::new(open(&name("ca"), &azure.options()).await.unwrap());
        assert_eq!(key.public_key().algorithm(), algorithm);
        conforms(Arc::clone(&key) as _).await;
        assert_eq!(azure.token_requests(), 1, "the token is kept");
        let connections = azure.connections();
        for _ in 0..5 {
            authority_of(Arc::clone(&key) as _, Bounds::default()).await.unwrap();
        }
        assert_eq!(azure.connections(), connections, "connections are kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_found_at_opening_signs_even_after_a_newer_one_came() {
    let azure = one(Kind::P256);
    let newest = Arc::new(open(&name("ca"), &azure.options()).await.unwrap());
    let old_scene = RemoteScene::new(Arc::clone(&newest) as _).await;
    azure.add_version("ca", VaultKey::new(Kind::P384, "2c3d"));
    old_scene.verified_by_openssl(&old_scene.ask().await);
    assert_eq!(newest.version(), "0a1b");

    let named = open(&name("ca/0a1b"), &azure.options()).await.unwrap();
    assert_eq!((named.version(), named.public_key().spki_der()), ("0a1b", newest.public_key().spki_der()));
    assert_eq!(open(&name("ca"), &azure.options()).await.unwrap().version(), "2c3d");
    assert_eq!(refusal(&azure, "ca/ffff").await.problem, not_found("ca"));
}

fn not_found(key: &str) -> RemoteError {
    RemoteError::Refused(format!("A key with (name/id) {key} was not found in this key vault. (HTTP 404)").into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_sign_is_refused_with_what_to_do() {
    let azure = one(Kind::P256);
    let missing = refusal(&azure, "other").await;
    assert_eq!(missing.problem, not_found("other"));
    assert_eq!(
        missing.hint,
        "check the name and the version: az keyvault key list-versions --vault-name sigmint --name other"
    );

    azure.change("ca", |key| key.enabled = false);
    let disabled = refusal(&azure, "ca").await;
    assert_eq!(disabled.problem, RemoteError::Refused("the key is disabled".into()));
    assert_eq!(disabled.hint, "az keyvault key set-attributes --vault-name sigmint --name ca --enabled true");

    azure.change("ca", |key| (key.enabled, key.operations) = (true, vec!["wrapKey", "verify"]));
    let usage = refusal(&azure, "ca").await;
    assert_eq!(usage.problem, RemoteError::Refused("`sign` is not among the key's permitted operations".into()));
    assert_eq!(usage.hint, "az keyvault key set-attributes --vault-name sigmint --name ca --ops sign verify");

    azure.change("ca", |key| (key.kty, key.operations) = ("oct-HSM", vec!["sign"]));
    let kind = refusal(&azure, "ca").await;
    assert_eq!(kind.problem, RemoteError::Refused("its type is oct-HSM".into()));
    assert!(kind.hint.starts_with("make a key for signing: az keyvault key create --vault-name sigmint"), "{kind}");
    assert_eq!(azure.signatures(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_permission_is_told_which_one() {
    let azure = one(Kind::P256);
    azure.vault_is(Mood::Denies);
    let denied = refusal(&azure, "ca").await;
    let text = "ForbiddenByRbac: Caller is not authorized to perform action on resource. Action: 'Microsoft.KeyVault/vaults/keys/read' (HTTP 403)";
    assert_eq!(denied.problem, RemoteError::Refused(text.into()));
    assert!(denied.hint.contains("az role assignment create --role \"Key Vault Crypto User\""), "{denied}");
    assert!(denied.hint.contains("az keyvault set-policy --name sigmint --spn CLIENT_ID --key-permissions get sign"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_broken_names_are_told_apart() {
    let azure = one(Kind::P256);
    let secret = AzureCredential::ClientSecret {
        tenant: crate::support::azure::TENANT.into(),
        client: CLIENT.into(),
        secret: "wrong".to_owned().into(),
    };
    let error = open(&name("ca"), &AzureOptions { credential: secret, ..azure.options() }).await.unwrap_err();
    let text = "no token from Microsoft Entra ID: AADSTS7000215: Invalid client secret provided. (HTTP 401)";
    assert_eq!(error.problem, RemoteError::Refused(text.into()));
    assert!(error.hint.starts_with("check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"), "{error}");
    assert!(!format!("{error:?}").contains("wrong"));

    let half = AzureOptions { credential: AzureCredential::Unusable("half"), ..azure.options() };
    let error = open(&name("ca"), &half).await.unwrap_err();
    assert_eq!(error.problem, RemoteError::Refused("no token from Microsoft Entra ID: half".into()));

    let error = open("azurekms://sigmint/ca", &azure.options()).await.unwrap_err();
    assert!(error.hint.starts_with("write azurekms://NAME.vault.azure.net/KEY"), "{error}");
    assert_eq!(azure.signatures(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_wants_tokens_for_somebody_else_gets_none() {
    let azure = one(Kind::P256);
    azure.vault_is(Mood::Lures);
    let lured = refusal(&azure, "ca").await;
    assert!(matches!(&lured.problem, RemoteError::Refused(text) if text.contains("doesn't match")), "{lured}");
    azure.vault_is(Mood::Good);
    // The certificate is good for this host, but it is not a vault of the cloud whose tokens it wants.
    let elsewhere = open("azurekms://sigmint.example.com/ca", &azure.options()).await.unwrap_err();
    assert!(matches!(&elsewhere.problem, RemoteError::Refused(text) if text.contains("doesn't match")), "{elsewhere}");
    assert_eq!(azure.token_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_with_an_unknown_certificate_is_not_talked_to() {
    let azure = one(Kind::P256);
    let error = open(&name("ca"), &AzureOptions { roots: Vec::new(), ..azure.options() }).await.unwrap_err();
    assert!(matches!(&error.problem, RemoteError::Unreachable(text) if text.contains("certificate")), "{error}");
    assert!(error.hint.starts_with("check the vault's name, and that https://sigmint.vault.azure.net/"), "{error}");
    assert_eq!((azure.token_requests(), azure.signatures()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_identity_and_the_identity_of_an_app_service_get_tokens() {
    let azure = one(Kind::P256);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, ASSERTION).unwrap();
    conforms(Arc::new(open(&name("ca"), &azure.workload_options(&file)).await.unwrap())).await;
    std::fs::write(&file, "another").unwrap();
    let error = open(&name("ca"), &azure.workload_options(&file)).await.unwrap_err();
    assert!(matches!(&error.problem, RemoteError::Refused(text) if text.contains("AADSTS700213")), "{error}");
    assert!(error.hint.contains("federated credential"), "{error}");
    let error = open(&name("ca"), &azure.workload_options(&folder.path().join("none"))).await.unwrap_err();
    assert!(matches!(&error.problem, RemoteError::Refused(text) if text.contains("failed to read")), "{error}");
}

/// The library takes the app service's address from the environment, which a test may not change for its neighbours: the
/// test below runs this one by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test after it, with an environment of its own"]
async fn in_an_app_service() {
    let address = std::env::var("SIGMINT_TEST_AZURE").unwrap().parse().unwrap();
    let root = std::fs::read(std::env::var("SIGMINT_TEST_ROOT").unwrap()).unwrap();
    let options =
        AzureOptions { roots: vec![root], addresses: vec![(VAULT.into(), address)], ..AzureOptions::default() };
    assert!(matches!(options.credential, AzureCredential::Machine { client: None }));
    match open(&name("ca"), &options).await {
        Ok(key) => conforms(Arc::new(key)).await,
        Err(error) => println!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_service_is_asked_in_clear_text_because_it_is_on_this_machine() {
    let azure = one(Kind::P256);
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.der");
    std::fs::write(&root, &azure.options().roots[0]).unwrap();
    let run = |header: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "signer::azure::in_an_app_service", "--ignored", "--nocapture"]).env_clear();
        command.env("IDENTITY_ENDPOINT", azure.start_identity_service()).env("IDENTITY_HEADER", header);
        command.env("SIGMINT_TEST_AZURE", azure.address.to_string()).env("SIGMINT_TEST_ROOT", &root);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        text
    };
    run(IDENTITY_HEADER);
    assert_eq!((azure.token_requests(), azure.signatures() > 64), (1, true));
    let text = run("wrong");
    assert!(text.contains("no token from Microsoft Entra ID") && text.contains("managed identity"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_for_and_then_told() {
    let azure = one(Kind::P256);
    let scene = scene(&azure).await;
    azure.vault_is(Mood::Throttles(2));
    scene.verified_by_openssl(&scene.ask().await);
    azure.vault_is(Mood::Throttles(usize::MAX));
    assert_unavailable(&scene.ask().await);
    assert!(matches!(refusal(&azure, "ca").await.problem, RemoteError::Throttled(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_of_a_sick_vault_becomes_a_certificate() {
    let azure = one(Kind::P384);
    let scene = scene(&azure).await;
    for mood in [Mood::Lies, Mood::Cuts, Mood::Fails, Mood::Gateway, Mood::Rambles, Mood::Denies, Mood::Hangs] {
        azure.vault_is(mood);
        assert_unavailable(&scene.ask().await);
        azure.vault_is(Mood::Good);
        scene.verified_by_openssl(&scene.ask().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_goes_away_under_load_is_used_again_when_it_is_back() {
    let azure = Arc::new(one(Kind::P256));
    let scene = Arc::new(scene(&azure).await);
    let asking = {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move {
            let mut replies = Vec::new();
            for _ in 0..3 {
                replies.extend(scene.ask_many().await);
            }
            replies
        })
    };
    eventually("a signature", || async { (azure.signatures() > 10).then_some(()) }).await;
    azure.stop();
    assert_unavailable(&scene.ask().await);
    azure.restart();
    for reply in asking.await.unwrap() {
        match reply.status {
            200 => scene.verified_by_openssl(&reply),
            _ => assert_unavailable(&reply),
        }
    }
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_service_that_hangs_stops_nothing_while_the_token_holds() {
    for mood in [Mood::Hangs, Mood::Fails, Mood::Gateway] {
        let azure = one(Kind::P256);
        azure.token_life(200);
        let scene = scene(&azure).await;
        azure.login_is(mood);
        for reply in scene.ask_many().await {
            scene.verified_by_openssl(&reply);
        }
        assert!(azure.token_requests() < 5, "{mood:?}: {}", azure.token_requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_a_clean_answer_and_the_next_one_is_fetched() {
    let azure = one(Kind::P256);
    azure.token_life(20);
    let scene = scene(&azure).await;
    azure.login_is(Mood::Fails);
    azure.forget_tokens();
    assert_unavailable(&scene.ask().await);
    azure.login_is(Mood::Good);
    scene.verified_by_openssl(&scene.ask().await);

    azure.login_is(Mood::Hangs);
    let error = refusal(&azure, "ca").await;
    assert!(matches!(&error.problem, RemoteError::Unreachable(text) if text.contains("Entra")), "{error}");
    assert!(error.hint.starts_with("check that https://login.microsoftonline.com can be reached"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_vault_no_longer_takes_is_replaced() {
    let azure = one(Kind::P256);
    let scene = scene(&azure).await;
    azure.forget_tokens();
    scene.verified_by_openssl(&scene.ask().await);
    assert_eq!(azure.token_requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_never_answers_keeps_nobody_longer_than_the_bounds() {
    let azure = one(Kind::P256);
    let key = Arc::new(open(&name("ca"), &azure.options()).await.unwrap());
    azure.vault_is(Mood::Hangs);
    let bounds =
        Bounds { attempt: Duration::from_millis(100), budget: Duration::from_millis(250), ..Bounds::default() };
    let trial = tokio::time::timeout(crate::support::DEADLINE, authority_of(key, bounds)).await.unwrap();
    assert!(trial.is_err());
    let short = AzureOptions { timeout: Duration::from_millis(100), ..azure.options() };
    let opened = tokio::time::timeout(crate::support::DEADLINE, open(&name("ca"), &short)).await.unwrap();
    assert!(matches!(opened.unwrap_err().problem, RemoteError::Unreachable(_)));
}
