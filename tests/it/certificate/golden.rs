//! One certificate of each identity type, compared byte for byte with the one in `tests/golden/`: see the README there.
//!
//! Everything that chance decides is fixed: clock, serial number, keys, and a CA key whose signatures are deterministic (Ed25519). The
//! issuer's name must be fixed too, though it listens on whatever port was free: it stands in as an HTTP proxy, which has to be in the
//! environment from the start. So the test runs itself again with that environment.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::certificate::{dump, is_issued_by};
use crate::support::identities::{identities, issuers_file};
use crate::support::issuer::signed;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, TestCa, run_again};
use serde_json::json;
use sigmint::audit::Transport;
use sigmint::issuance::{Clock, Issuance, Request, Rng};
use sigmint::possession::KeyRequest;

const ISSUER: &str = "http://issuer.example.com";
const HOST: &str = "issuer.example.com";
/// 2 January 2026, 03:04:05 UTC, and a bit that certificates must leave out.
const NOW: Duration = Duration::from_millis(1_767_323_045_678);
const SERIAL: [u8; 20] = [0xab, 0xcd, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
/// Set in the run that has the proxy.
const INNER: &str = "SIGMINT_GOLDEN_INNER";

#[test]
fn certificates_are_what_they_were() {
    let issuer = FakeIssuer::start_with(Key::fixed_p256());
    run_again(concat!(module_path!(), "::each_certificate"), |run| {
        run.env(INNER, "1").env("http_proxy", &issuer.url).env_remove("HTTP_PROXY").env_remove("REQUEST_METHOD")
    });
    assert!(issuer.requests("/keys") > 0, "the keys came from the issuer");
}

#[tokio::test]
#[ignore = "run by certificates_are_what_they_were, with an environment of its own"]
async fn each_certificate() {
    // Asked for with --include-ignored and without the environment, there is nothing to do: the other test runs this one.
    if std::env::var_os(INNER).is_none() {
        return;
    }
    let issuance = issuance().await;
    let key = Key::fixed_p256();
    let mut differing = Vec::new();
    for identity in identities(ISSUER, HOST) {
        let mut claims =
            json!({"iss": format!("{ISSUER}/{}", identity.name), "aud": "sigstore", "exp": NOW.as_secs() + 60});
        for (name, value) in identity.claims.as_object().unwrap() {
            claims[name.as_str()] = value.clone();
        }
        let token = signed(&Key::fixed_p256(), "ES256", r#"{"alg":"ES256","kid":"first"}"#, &claims.to_string());
        let proof = key.prove(&identity.challenge);
        let key = KeyRequest::PublicKey { content: key.spki_pem().into_bytes(), proof };
        let issued = issuance
            .issue(Request { token, key, client: None, request_id: None, transport: Transport::Local })
            .await
            .unwrap();
        let ca = issued.chain.certificates()[0].der();
        assert!(is_issued_by(&issued.certificate, ca), "{}", identity.name);
        differing.extend(compare(identity.name, &issued.certificate));
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

async fn issuance() -> Issuance {
    let now = UNIX_EPOCH + NOW;
    let ca = TestCa::with(&Key::fixed_ed25519(), now, Duration::from_hours(24 * 365)).await;
    let (clock, rng): (Clock, Rng) = (Box::new(|| SystemTime::UNIX_EPOCH + NOW), Box::new(|| Some(SERIAL)));
    // The issuer has a name, but no TLS.
    let file = issuers_file(ISSUER, HOST).replace("    client-id:", "    allow-http: true\n    client-id:");
    Issuance { clock, rng, ..by_hand(&file, &ca) }
}

/// What differs from the golden files, in words; nothing if they are equal. Writes them instead when told to bless.
fn compare(name: &str, certificate: &[u8]) -> Option<String> {
    let (der, text) = (golden(name, "der"), golden(name, "txt"));
    let found = dump(certificate);
    if std::env::var_os("SIGMINT_BLESS").is_some() {
        std::fs::write(&der, certificate).unwrap();
        std::fs::write(&text, found).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(&text).unwrap_or_default();
    if std::fs::read(&der).unwrap_or_default() == certificate && expected == found {
        return None;
    }
    let changes: String = expected
        .lines()
        .filter(|line| !found.lines().any(|other| other == *line))
        .map(|line| format!("  - {line}\n"))
        .chain(
            found
                .lines()
                .filter(|line| !expected.lines().any(|other| other == *line))
                .map(|line| format!("  + {line}\n")),
        )
        .collect();
    Some(format!(
        "{name} is not the certificate in {}:\n{changes}If it is meant to change: SIGMINT_BLESS=1 cargo test --test golden",
        der.display()
    ))
}

fn golden(name: &str, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.{extension}"))
}
