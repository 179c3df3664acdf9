//! AWS KMS as the authority's key, against a service that speaks the real protocol and verifies each request's signature.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_kms::types::KeyUsageType;
use sigmint::failure::FailureKind;
use sigmint::signer::aws_kms::{self, AwsKmsKey, AwsKmsOptions};
use sigmint::signer::remote::{Bounds, OpenError, RemoteError, RemoteKey as _, SigningRequest};
use sigmint::signer::unfit::Unfit;

use crate::support::aws_kms::{Counterpart, OPERATOR, READER, REGION, STRANGER};
use crate::support::remote::{RemoteScene, authority_of, conforms};
use crate::support::{Reply, eventually};

/// Short enough for a test that waits for each of its bounds.
const BOUNDS: Bounds =
    Bounds { attempt: Duration::from_secs(1), budget: Duration::from_secs(2), attempts: 3, concurrency: 64 };

async fn opened(service: &Counterpart, key: &str) -> Arc<AwsKmsKey> {
    Arc::new(aws_kms::open(&format!("awskms:///{key}"), &service.options()).await.unwrap())
}

async fn scene(service: &Counterpart) -> RemoteScene {
    let key = opened(service, &service.signing_key("ECC_NIST_P256").await).await;
    RemoteScene::of(authority_of(key, BOUNDS).await.unwrap()).await
}

/// Asserts that an answer is the one refusal that clients see, with nothing of the backend in it.
fn is_clean_refusal(reply: &Reply, what: &str) {
    let row = FailureKind::SignerUnavailable.row();
    assert_eq!((reply.status, reply.reason().as_str()), (503, row.reason), "{what}: {reply:?}");
    assert_eq!((&reply.json()["code"], &reply.json()["message"]), (&14.into(), &row.text.into()), "{what}");
    assert!(!reply.text.contains("CERTIFICATE") && !reply.text.contains("KMS"), "{what}: {reply:?}");
}

/// Asserts what an operator reads when a key does not open.
fn tells(error: &OpenError, problem: &str, hint: &str) {
    assert!(error.problem.to_string().starts_with(problem), "{problem}: {error}");
    assert!(error.hint.contains(hint), "{hint}: {error}");
}

async fn every_certificate_verifies(spec: &str) {
    let service = Counterpart::start();
    let key = service.signing_key(spec).await;
    conforms(opened(&service, &key).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p256_keys_sign_for_sixty_four_clients() {
    every_certificate_verifies("ECC_NIST_P256").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p384_keys_sign_for_sixty_four_clients() {
    every_certificate_verifies("ECC_NIST_P384").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p521_keys_sign_for_sixty_four_clients() {
    every_certificate_verifies("ECC_NIST_P521").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_keys_sign_for_sixty_four_clients() {
    every_certificate_verifies("RSA_2048").await;
    every_certificate_verifies("RSA_3072").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ed25519_keys_sign_for_sixty_four_clients() {
    every_certificate_verifies("ECC_NIST_EDWARDS25519").await;
}

#[tokio::test]
async fn a_message_that_kms_would_not_take_is_not_sent() {
    let service = Counterpart::start();
    let key = opened(&service, &service.signing_key("ECC_NIST_EDWARDS25519").await).await;
    let ask = async |length| key.ask(&SigningRequest { message: &vec![0; length], digest: &[] }).await;
    assert_eq!(ask(4096).await.unwrap().len(), 64);
    let unfit = Unfit::Length { length: 4097, most: Some(4096) };
    assert_eq!(ask(4097).await, Err(RemoteError::Unfit(unfit)));
    assert_eq!(key.longest_message(), Some(4096), "what is longer is refused before anybody is asked");
    let digests = opened(&service, &service.signing_key("ECC_NIST_P256").await).await;
    assert_eq!(digests.longest_message(), None);
}

#[tokio::test]
async fn a_key_opens_by_arn_id_and_alias() {
    let service = Counterpart::start();
    let arn = service.signing_key("ECC_NIST_P256").await;
    let id = arn.rsplit('/').next().unwrap();
    service.administrator().create_alias().alias_name("alias/ca").target_key_id(id).send().await.unwrap();
    let alias_arn = format!("{}:alias/ca", arn.rsplit_once(':').unwrap().0);
    let no_region = AwsKmsOptions { region: None, ..service.options() };
    for (key, options) in [
        (arn.as_str(), service.options()),
        (id, service.options()),
        ("alias/ca", service.options()),
        (&alias_arn, service.options()),
        (&arn, no_region),
    ] {
        aws_kms::open(&format!("awskms:///{key}"), &options).await.unwrap();
    }
}

#[tokio::test]
async fn keys_that_cannot_sign_do_not_open() {
    let service = Counterpart::start();
    let refused = async |key: &str| aws_kms::open(&format!("awskms:///{key}"), &service.options()).await.unwrap_err();

    let missing = refused("1234abcd-12ab-34cd-56ef-1234567890ab").await;
    tells(&missing, "refused: GetPublicKey: NotFoundException", "aws kms describe-key --key-id");

    let disabled = service.signing_key("ECC_NIST_P256").await;
    service.administrator().disable_key().key_id(&disabled).send().await.unwrap();
    tells(&refused(&disabled).await, "refused: Sign: DisabledException", "aws kms enable-key");

    let deleted = service.signing_key("ECC_NIST_P256").await;
    service.administrator().schedule_key_deletion().key_id(&deleted).send().await.unwrap();
    tells(&refused(&deleted).await, "refused: Sign: KMSInvalidStateException", "aws kms cancel-key-deletion");

    let decrypting = service.key("RSA_2048", KeyUsageType::EncryptDecrypt).await;
    let usage = "refused: the key's usage is ENCRYPT_DECRYPT, not SIGN_VERIFY";
    tells(&refused(&decrypting).await, usage, "aws kms create-key --key-usage SIGN_VERIFY --key-spec ECC_NIST_P384");

    let curve = service.signing_key("ECC_SECG_P256K1").await;
    let unsupported = "refused: its elliptic curve 1.3.132.0.10 is not supported";
    tells(&refused(&curve).await, unsupported, "ECC_NIST_P384");

    tells(&refused("my-key").await, "refused: not the name of a key", "awskms:///alias/NAME");
}

#[tokio::test]
async fn callers_who_may_not_sign_open_nothing() {
    let service = Counterpart::start();
    let key = format!("awskms:///{}", service.signing_key("ECC_NIST_P256").await);
    let refused = async |caller| aws_kms::open(&key, &service.options_of(caller)).await.unwrap_err();

    let both = "allow kms:GetPublicKey and kms:Sign on this key";
    tells(&refused(STRANGER).await, "refused: GetPublicKey: AccessDeniedException", both);
    tells(&refused(READER).await, "refused: Sign: AccessDeniedException", both);

    let wrong = refused((OPERATOR.0, "another secret")).await;
    tells(&wrong, "refused: GetPublicKey: SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY");
    assert!(!wrong.to_string().contains("another secret"), "{wrong}");
    let unknown = refused(("AKIANOBODY", "a secret")).await;
    tells(&unknown, "refused: GetPublicKey: ", "check AWS_ACCESS_KEY_ID");
    tells(&refused(("ASIAEXPIRED", "a secret")).await, "refused: GetPublicKey: ExpiredToken", "have expired");
}

#[tokio::test]
async fn what_is_no_kms_opens_nothing() {
    let service = Counterpart::start();
    let key = format!("awskms:///{}", service.signing_key("ECC_NIST_P256").await);
    let options = AwsKmsOptions { timeout: Duration::from_millis(500), ..service.options() };
    for (fault, problem, hint) in [
        ("throttle-1", "throttled: GetPublicKey: ThrottlingException", "quota"),
        ("broken", "no answer: GetPublicKey: KMSInternalException", "is KMS reachable"),
        ("bad-gateway", "no answer: GetPublicKey: ", "is KMS reachable"),
        ("cut", "no answer: GetPublicKey: ", "is KMS reachable"),
        ("hang", "no answer: GetPublicKey: ", "is KMS reachable"),
        ("portal", "unusable answer: GetPublicKey: ", "is this KMS?"),
        ("flood", "unusable answer: GetPublicKey: ", "is this KMS?"),
    ] {
        service.fault(fault).await;
        tells(&aws_kms::open(&key, &options).await.unwrap_err(), problem, hint);
    }
    service.kill();
    tells(&aws_kms::open(&key, &options).await.unwrap_err(), "no answer: GetPublicKey: ", "is KMS reachable");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let region = || AwsKmsOptions { region: Some(REGION.to_owned()), ..AwsKmsOptions::default() };
    for (options, hint) in [
        (AwsKmsOptions { endpoint: Some("http://kms.example.com".parse().unwrap()), ..region() }, "use https"),
        (AwsKmsOptions { ca_bundle: Some(folder.path().join("none.pem")), ..region() }, "AWS_CA_BUNDLE"),
        (AwsKmsOptions { ca_bundle: Some(empty), ..region() }, "AWS_CA_BUNDLE"),
        (AwsKmsOptions { ca_bundle: Some(broken), ..region() }, "AWS_CA_BUNDLE"),
    ] {
        tells(&aws_kms::open("awskms:///alias/ca", &options).await.unwrap_err(), "refused: ", hint);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_or_lies_gives_503_and_no_certificate() {
    let service = Counterpart::start();
    let scene = scene(&service).await;
    for fault in ["lie", "throttle-1000", "broken", "bad-gateway", "cut", "portal", "flood", "hang"] {
        service.fault(fault).await;
        is_clean_refusal(&scene.ask().await, fault);
        service.fault("none").await;
        scene.verified_by_openssl(&scene.ask().await);
    }
    service.fault("hang").await;
    for reply in scene.ask_many().await {
        is_clean_refusal(&reply, "hang, for many");
    }
    service.fault("none").await;
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test]
async fn a_client_sees_nothing_of_a_throttled_call_that_is_repeated() {
    let service = Counterpart::start();
    let scene = scene(&service).await;
    service.fault("throttle-2").await;
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test]
async fn a_key_that_is_disabled_or_an_alias_that_is_moved_signs_no_more() {
    let service = Counterpart::start();
    let (one, other) = (service.signing_key("ECC_NIST_P256").await, service.signing_key("ECC_NIST_P256").await);
    let administrator = service.administrator();
    administrator.create_alias().alias_name("alias/ca").target_key_id(&one).send().await.unwrap();
    let key = opened(&service, "alias/ca").await;
    let scene = RemoteScene::new(Arc::clone(&key) as _).await;

    administrator.update_alias().alias_name("alias/ca").target_key_id(&other).send().await.unwrap();
    let moved = RemoteError::Refused(format!("alias/ca leads to {other} now, and led to {one} at start").into());
    assert_eq!(key.ask(&SigningRequest { message: b"", digest: &[1; 32] }).await, Err(moved));
    is_clean_refusal(&scene.ask().await, "moved");
    administrator.update_alias().alias_name("alias/ca").target_key_id(&one).send().await.unwrap();
    scene.verified_by_openssl(&scene.ask().await);

    administrator.disable_key().key_id(&one).send().await.unwrap();
    is_clean_refusal(&scene.ask().await, "disabled");
    administrator.enable_key().key_id(&one).send().await.unwrap();
    scene.verified_by_openssl(&scene.ask().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_under_load_and_comes_back_is_used_again() {
    let service = Counterpart::start();
    let scene = Arc::new(scene(&service).await);
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let (scene, over) = (Arc::clone(&scene), Arc::clone(&over));
            tokio::spawn(async move {
                let mut replies = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    replies.push(scene.ask().await);
                }
                replies
            })
        })
        .collect();

    let answers = async |status: u16, what: &str| {
        eventually(what, async || (scene.ask().await.status == status).then_some(())).await;
    };
    answers(200, "a certificate before").await;
    service.kill();
    answers(503, "a refusal").await;
    service.start_again();
    answers(200, "a certificate after").await;
    over.store(true, Ordering::SeqCst);

    let mut refusals = 0;
    let mut certificates = Vec::new();
    for client in clients {
        for reply in client.await.unwrap() {
            if reply.status == 200 {
                certificates.push(reply);
            } else {
                is_clean_refusal(&reply, "killed");
                refusals += 1;
            }
        }
    }
    assert!(refusals > 0, "the load went on through the outage");
    // Each certificate was verified with the chain's key before it was released; openssl looks at the last ones.
    for reply in certificates.iter().rev().take(50) {
        scene.verified_by_openssl(reply);
    }
}

#[tokio::test]
async fn a_keyset_is_decrypted_by_its_key_alone() {
    let service = Counterpart::start();
    let key = service.key("SYMMETRIC_DEFAULT", KeyUsageType::EncryptDecrypt).await;
    let other = service.key("SYMMETRIC_DEFAULT", KeyUsageType::EncryptDecrypt).await;
    let ciphertext = service.encrypt(&key, b"a keyset").await;
    for name in [format!("awskms:///{key}"), format!("aws-kms://{key}")] {
        let plaintext = aws_kms::decrypt(&name, &service.options(), &ciphertext).await.unwrap();
        assert_eq!(plaintext.as_slice(), b"a keyset");
    }

    let refused = async |key: &str, caller, ciphertext: &[u8]| {
        aws_kms::decrypt(&format!("aws-kms://{key}"), &service.options_of(caller), ciphertext).await.unwrap_err()
    };
    tells(&refused(&other, OPERATOR, &ciphertext).await, "refused: Decrypt: ", "use the key that encrypted it");
    tells(&refused(&key, OPERATOR, b"nonsense").await, "refused: Decrypt: ", "use the key that encrypted it");
    let denied = refused(&key, STRANGER, &ciphertext).await;
    tells(&denied, "refused: Decrypt: AccessDeniedException", "allow kms:Decrypt on this key");
}

/// Runs [`opens_with_what_the_environment_has`] in a process of its own, and answers what it printed.
async fn with_environment(key: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "signer::aws_kms::opens_with_what_the_environment_has", "--nocapture"]);
    command.env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin").env("KEY_TO_OPEN", key);
    command.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
#[ignore = "run by other tests, with an environment of theirs"]
async fn opens_with_what_the_environment_has() {
    let Ok(key) = std::env::var("KEY_TO_OPEN") else { return };
    match aws_kms::open(&key, &AwsKmsOptions::default()).await {
        Ok(_) => println!("OPENED"),
        Err(error) => println!("REFUSED {error}"),
    }
}

fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn credentials_are_found_the_standard_way() {
    let service = Counterpart::start();
    let arn = format!("awskms:///{}", service.signing_key("ECC_NIST_P256").await);
    let folder = tempfile::tempdir().unwrap();
    let endpoint = service.endpoint();
    let (sts, container) = (format!("{endpoint}/_sts/"), format!("{endpoint}/_credentials"));
    let profile = format!("[profile ca]\naws_access_key_id = {}\naws_secret_access_key = {}\n", OPERATOR.0, OPERATOR.1);
    let profile = file(folder.path(), "profile", &profile);
    let answer = format!(r#"{{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}"}}"#, OPERATOR.0, OPERATOR.1);
    let answer = file(folder.path(), "answer.json", &answer);
    let process = file(folder.path(), "process", &format!("[default]\ncredential_process = cat {answer}\n"));
    let (token, wrong) = (file(folder.path(), "token", "a.web.identity"), file(folder.path(), "wrong", "another"));
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/ca");
    let kms = ("AWS_ENDPOINT_URL_KMS", endpoint.as_str());
    let sts = ("AWS_ENDPOINT_URL_STS", sts.as_str());

    for (what, expected, variables) in [
        ("keys", "OPENED", vec![kms, ("AWS_ACCESS_KEY_ID", OPERATOR.0), ("AWS_SECRET_ACCESS_KEY", OPERATOR.1)]),
        ("a profile", "OPENED", vec![kms, ("AWS_CONFIG_FILE", &profile), ("AWS_PROFILE", "ca")]),
        ("a process", "OPENED", vec![kms, ("AWS_CONFIG_FILE", &process)]),
        ("a web identity", "OPENED", vec![kms, sts, role, ("AWS_WEB_IDENTITY_TOKEN_FILE", &token)]),
        ("a container", "OPENED", vec![kms, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container)]),
        (
            "a bad web identity",
            "a web identity (AWS_ROLE_ARN",
            vec![kms, sts, role, ("AWS_WEB_IDENTITY_TOKEN_FILE", &wrong)],
        ),
        ("nothing", "hint: give credentials in one of AWS's standard ways: AWS_ACCESS_KEY_ID", vec![kms]),
    ] {
        let printed = with_environment(&arn, &variables).await;
        assert!(printed.contains(expected), "{what}: {printed}");
    }
    let printed = with_environment("awskms:///alias/ca", &[]).await;
    assert!(printed.contains("no region is set\n  hint: set AWS_REGION, or name the key by its ARN"), "{printed}");
}

#[tokio::test]
async fn empty_variables_are_none_and_the_profile_says_region_and_endpoint() {
    let service = Counterpart::start();
    let arn = service.signing_key("ECC_NIST_P256").await;
    let key = format!("awskms:///{}", arn.rsplit('/').next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (keys, kms) = ([("AWS_ACCESS_KEY_ID", OPERATOR.0), ("AWS_SECRET_ACCESS_KEY", OPERATOR.1)], service.endpoint());
    let profile = |name: &str, endpoint: &str| {
        file(folder.path(), name, &format!("[default]\nregion = {REGION}\nendpoint_url = {endpoint}\n"))
    };
    let named = file(folder.path(), "named", &format!("[profile ca]\nregion = {REGION}\nendpoint_url = {kms}\n"));
    let (whole, without, unusable) = (profile("whole", &kms), profile("without", ""), profile("unusable", "x"));
    let no_region = [("AWS_REGION", ""), ("AWS_DEFAULT_REGION", " \n")];
    for (what, expected, variables) in [
        ("the profile's", "OPENED", vec![("AWS_CONFIG_FILE", whole.as_str())]),
        (
            "the profile's region",
            "OPENED",
            vec![("AWS_CONFIG_FILE", without.as_str()), no_region[0], no_region[1], ("AWS_ENDPOINT_URL_KMS", &kms)],
        ),
        ("no region at all", "no region is set", vec![no_region[0], no_region[1], ("AWS_ENDPOINT_URL_KMS", &kms)]),
        (
            "no instance to say it",
            "no region is set",
            vec![
                no_region[0],
                ("AWS_EC2_METADATA_DISABLED", "false"),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"),
            ],
        ),
        ("an unusable endpoint", "endpoint_url of the AWS profile", vec![("AWS_CONFIG_FILE", unusable.as_str())]),
        ("a padded profile", "OPENED", vec![("AWS_CONFIG_FILE", named.as_str()), ("AWS_PROFILE", " ca\n")]),
        // The region's own, which is not reached from here.
        ("no endpoint", "REFUSED", vec![("AWS_CONFIG_FILE", without.as_str()), ("HTTPS_PROXY", "http://127.0.0.1:1")]),
    ] {
        let printed = with_environment(&key, &[&keys[..], &variables].concat()).await;
        assert!(printed.contains(expected), "{what}: {printed}");
    }
    for (name, value) in [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1\n"),
        ("AWS_ROLE_ARN", "arn\n"),
    ] {
        let printed = with_environment(&key, &[("AWS_REGION", REGION), (name, value)]).await;
        assert!(
            printed.contains(&format!("REFUSED {key}: refused: {name} is set and empty, or has blanks")),
            "{printed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_in_the_name_is_spoken_to_over_tls_that_is_verified() {
    let service = Counterpart::start();
    let arn = service.signing_key("ECC_NIST_P256").await;
    let (port, trusted) = service.behind_tls().await;
    let key = format!("awskms://localhost:{port}/{arn}");
    let callers = [("AWS_ACCESS_KEY_ID", OPERATOR.0), ("AWS_SECRET_ACCESS_KEY", OPERATOR.1)];
    let trust = [callers.as_slice(), &[("AWS_CA_BUNDLE", trusted.to_str().unwrap())]].concat();
    let printed = with_environment(&key, &trust).await;
    assert!(printed.contains("OPENED"), "{printed}");
    let printed = with_environment(&key, &callers).await;
    assert!(printed.contains("REFUSED") && printed.contains("AWS_CA_BUNDLE"), "{printed}");
}
