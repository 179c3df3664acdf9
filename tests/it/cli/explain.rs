//! `sigmint explain`: the first line is the cause, the second what to change; and its verdict is the server's.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::support::identities::{email_file, identities, issuers_file};
use crate::support::{FakeIssuer, Key, Kind, Running, Scene, issuer};

/// 2027-01-15T08:00:00Z: when everything here happens.
const NOW: u64 = 1_800_000_000;

/// What the command printed and ended with.
struct Told {
    code: Option<i32>,
    output: String,
    errors: String,
}

impl Told {
    fn line(&self, number: usize) -> &str {
        self.output.lines().nth(number).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {} {}", self.output, self.errors))
    }
}

/// The command, with the input on standard input and this issuer file.
fn explain(issuers: &str, input: &str, more: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuers.yaml");
    std::fs::write(&path, issuers).unwrap();
    run(&[&["--config-path", path.to_str().unwrap(), "--ct-log-url="], more].concat(), input)
}

fn run(words: &[&str], input: &str) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.arg("explain").args(words).env("NO_PROXY", "127.0.0.1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its settings has no use for the input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Told { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

/// The claims of an identity type at [`NOW`], with changes; a change to null removes the claim.
fn claims(base: &str, name: &str, changes: &Value) -> Value {
    let identity = identities(base, HOST).into_iter().find(|one| one.name == name).unwrap();
    let mut claims = json!({"iss": format!("{base}/{name}"), "aud": "sigstore", "sub": "subject-1",
        "iat": NOW - 5, "exp": NOW + 600});
    for (claim, value) in identity.claims.as_object().unwrap().iter().chain(changes.as_object().unwrap()) {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim.as_str()] = value.clone(),
        }
    }
    claims
}

/// Without TLS, so that its `uri` identities may be on this host.
const BASE: &str = "http://id.example.com";
const HOST: &str = "id.example.com";
const GOOD: &str = "signature: not checked, because claims have none";

/// An identity type, changes to its claims, the first line, the second line's beginning.
type Case = (&'static str, Value, &'static str, &'static str);

#[test]
fn the_first_line_is_the_cause_and_the_second_what_to_change() {
    let cases: Vec<Case> = vec![
        ("email", json!({}), "Would be issued: a certificate for dev@example.com", GOOD),
        (
            "kubernetes",
            json!({}),
            "Would be issued: a certificate for https://kubernetes.io/namespaces/builds/serviceaccounts/signer",
            GOOD,
        ),
        (
            "ci-provider",
            json!({}),
            "Would be issued: a certificate for https://forge.example.com/group/app/build.yml@v1",
            GOOD,
        ),
        (
            "email",
            json!({"exp": NOW - 10}),
            "Refused: the token expired 10s ago, at 2027-01-15T07:59:50Z",
            "Change: get a new token and use it at once; if it was new, set the clocks right; --at 2027-01-15T07:59:49Z shows what came of it then",
        ),
        (
            "email",
            json!({"exp": NOW}),
            "Refused: the token expired 0s ago, at 2027-01-15T08:00:00Z",
            "Change: get a new token",
        ),
        (
            "email",
            json!({"exp": null}),
            "Refused: the claim \"exp\" is missing",
            "Change: have the issuer put the claim \"exp\" into its tokens",
        ),
        (
            "email",
            json!({"exp": "soon"}),
            "Refused: the claim \"exp\" is a string, not a point in time",
            "Change: have the issuer make the claim \"exp\" a point in time",
        ),
        (
            "email",
            json!({"nbf": NOW + 900}),
            "Refused: the token is not valid yet: its nbf is 1800000900",
            "Change: set the clocks",
        ),
        (
            "email",
            json!({"iat": "today"}),
            "Refused: the claim \"iat\" is a string, not a number",
            "Change: have the issuer make the claim \"iat\" a number",
        ),
        (
            "email",
            json!({"aud": "other"}),
            "Refused: the token is for the audience \"other\", and the issuer's client-id is \"sigstore\"",
            "Change: have the client ask the issuer for a token with the audience \"sigstore\"",
        ),
        (
            "email",
            json!({"aud": ["a", "b"]}),
            "Refused: the token is for the audience [\"a\",\"b\"], and the issuer's client-id is \"sigstore\"",
            "Change: have the client",
        ),
        (
            "email",
            json!({"aud": null}),
            "Refused: the claim \"aud\" is missing",
            "Change: have the issuer put the claim \"aud\"",
        ),
        (
            "email",
            json!({"aud": 7}),
            "Refused: the claim \"aud\" is a number, not a string or a list of strings",
            "Change: have the issuer make the claim \"aud\" a string or a list of strings",
        ),
        (
            "email",
            json!({"iss": null}),
            "Refused: the claim \"iss\" is missing",
            "Change: have the issuer put the claim \"iss\"",
        ),
        (
            "email",
            json!({"iss": "https://stranger.example.org/very/far"}),
            "Refused: no configured issuer is \"https://stranger.example.org/very/far\"",
            "Change: add it to oidc-issuers in ",
        ),
        (
            "email",
            json!({"iss": "http://id.example.com/email/"}),
            "Refused: no configured issuer is \"http://id.example.com/email/\"",
            "Change: make the two the same, byte for byte: the issuer file has \"http://id.example.com/email\"",
        ),
        (
            "email",
            json!({"iss": "https://id.example.com/email"}),
            "Refused: no configured issuer is \"https://id.example.com/email\"",
            "Change: make the two the same, byte for byte",
        ),
        (
            "email",
            json!({"iss": "http://id.exmaple.com/email"}),
            "Refused: no configured issuer is \"http://id.exmaple.com/email\"",
            "Change: write the issuer in ",
        ),
        (
            "email",
            json!({"sub": 17}),
            "Refused: the claim \"sub\" is a number, not a string",
            "Change: have the issuer make the claim \"sub\" a string",
        ),
        (
            "email",
            json!({"nonce": 1}),
            "Refused: the claim \"nonce\" is a number, not a string",
            "Change: have the issuer make the claim \"nonce\" a string",
        ),
        (
            "uri",
            json!({"sub": null}),
            "Refused: the claim \"sub\" is missing",
            "Change: have the issuer put the claim \"sub\"",
        ),
        (
            "uri",
            json!({"sub": ""}),
            "Refused: the claim \"sub\" is empty",
            "Change: have the issuer fill the claim \"sub\"",
        ),
        (
            "email",
            json!({"email_verified": false}),
            "Refused: the e-mail address is not verified by the issuer",
            "Change: have the issuer verify the address (email_verified: true), or set skip-email-verification",
        ),
        (
            "email",
            json!({"email": null}),
            "Refused: the claim \"email\" is missing",
            "Change: have the issuer put the claim \"email\"",
        ),
        (
            "email",
            json!({"email": "nobody"}),
            "Refused: the claim \"email\" is not a valid address",
            "Change: have the issuer put an ASCII e-mail address",
        ),
        (
            "email-issuer-claim",
            json!({"federated_claims": {}}),
            "Refused: the issuer claim \"$.federated_claims.connector_id\" does not lead to exactly one text",
            "Change: have the issuer put the upstream issuer's name at $.federated_claims.connector_id",
        ),
        (
            "uri",
            json!({"sub": "http://evil.example/users/17"}),
            "Refused: the claim \"sub\" is not within the domain that is configured for the issuer",
            "Change: have the issuer name its own subjects only, or set subject-domain",
        ),
        (
            "uri",
            json!({"sub": "dev@example.com"}),
            "Refused: the claim \"sub\" is an e-mail address",
            "Change: use type: email",
        ),
        (
            "username",
            json!({"sub": "jane!root"}),
            "Refused: the claim \"sub\" is not a valid user name",
            "Change: have the issuer make the claim \"sub\" a user name",
        ),
        (
            "spiffe",
            json!({"sub": "spiffe://evil.org/x"}),
            "Refused: the claim \"sub\" is not within the domain that is configured for the issuer",
            "Change: have the issuer name its own subjects only",
        ),
        (
            "kubernetes",
            json!({"kubernetes.io": {"namespace": "a"}}),
            "Refused: the claim \"kubernetes.io.serviceaccount\" is missing",
            "Change: have the issuer put the claim",
        ),
        (
            "github-workflow",
            json!({"run_id": null}),
            "Refused: the claim \"run_id\" is missing",
            "Change: have the issuer put the claim \"run_id\"",
        ),
        (
            "gitlab-pipeline",
            json!({"ref_type": "merge"}),
            "Refused: the claim \"ref_type\" has an unexpected value",
            "Change: look at the claim \"ref_type\"",
        ),
        (
            "chainguard-identity",
            json!({"email": "dev@example.com"}),
            "Refused: the e-mail address is not verified by the issuer",
            "Change: have the issuer verify",
        ),
        (
            "buildkite-job",
            json!({"pipeline_slug": "a\u{7}"}),
            "Refused: the claim \"pipeline_slug\" contains a control character",
            "Change: take the control character out of the claim \"pipeline_slug\"",
        ),
        (
            "buildkite-job",
            json!({"organization_slug": "a/b"}),
            "Refused: the claim \"organization_slug\" contains what separates it from the next claim: another identity would have the same name",
            "Change: change the value of the claim \"organization_slug\"",
        ),
        (
            "ci-provider",
            json!({"project": null}),
            "Refused: the template for subject-alternative-name: the key \"project\" is missing",
            "Change: have the issuer put the claim \"project\" into its tokens, or give project a default in default-template-values",
        ),
        (
            "ci-provider",
            json!({"sha": null}),
            "Refused: the template for source-repository-digest: the key \"sha\" is missing",
            "Change: have the issuer put the claim \"sha\"",
        ),
        (
            "ci-provider",
            json!({"sha": {"a": 1}}),
            "Refused: the template for source-repository-digest: the key \"sha\" holds an object where a string is needed",
            "Change: have the issuer make the claim \"sha\" a string",
        ),
        (
            "ci-provider",
            json!({"url": "no uri"}),
            "Refused: the claims do not make a valid URI: the URI has no scheme",
            "Change: look at the claims",
        ),
    ];
    let file = issuers_file(BASE, HOST);
    let mut wrong = Vec::new();
    for (name, changes, first, second) in &cases {
        let told = explain(&file, &claims(BASE, name, changes).to_string(), &["--at", "2027-01-15T08:00:00Z"]);
        let code = if first.starts_with("Refused") { Some(1) } else { Some(0) };
        if told.line(0) != *first || !told.line(1).starts_with(second) || told.code != code {
            wrong.push(format!(
                "{name} {changes}\n{first}\n{second}\n-- was {:?}\n{}{}",
                told.code, told.output, told.errors
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n====\n"));
    assert_eq!(cases.len(), 40);
}

/// The settings of an entry, changes to the claims, the lines.
#[test]
fn what_the_issuer_s_entry_demands_is_named() {
    let cases: Vec<Case> = vec![
        (
            "token-types: [at+jwt]",
            json!({}),
            "Refused: the token's typ header is not one of the issuer's token-types",
            "Change: give the token itself: claims have no typ header",
        ),
        (
            "authorized-parties: [cli]",
            json!({"azp": "web"}),
            "Refused: the token's azp is not one of the issuer's authorized-parties",
            "Change: get the token as one of the clients in authorized-parties",
        ),
        (
            "authorized-parties: [cli]",
            json!({}),
            "Refused: the claim \"azp\" is missing",
            "Change: have the issuer put the claim \"azp\"",
        ),
        (
            "max-token-age: 10m",
            json!({"iat": NOW - 601}),
            "Refused: the token is older than the issuer's max-token-age",
            "Change: get a new token and use it at once, or raise max-token-age",
        ),
        (
            "max-token-age: 10m",
            json!({"iat": NOW + 61}),
            "Refused: the token's iat is more than 60 s ahead, and its age counts",
            "Change: set the clocks",
        ),
        (
            "name-policy: {allowed-email-domains: [example.org]}",
            json!({}),
            "Refused: the issuer's name-policy: the e-mail domain is not in allowed-email-domains",
            "Change: change allowed-email-domains in the name-policy of oidc-issuers: http://id.example.com/email",
        ),
        (
            "name-policy: {denied-san-prefixes: [dev]}",
            json!({}),
            "Refused: the issuer's name-policy: the name begins with one of denied-san-prefixes",
            "Change: change denied-san-prefixes",
        ),
        (
            "max-certificates-per-token: 1",
            json!({"jti": 7}),
            "Refused: the claim \"jti\" is a number, not a string",
            "Change: have the issuer make the claim \"jti\" a string",
        ),
        (
            "max-certificates-per-token: 1",
            json!({"exp": NOW + 90_000}),
            "Refused: the token is counted, and expires in more than 1day",
            "Change: have the issuer make tokens that live for minutes",
        ),
        (
            "max-certificates-per-token: 1",
            json!({"jti": "a"}),
            "Would be issued: a certificate for dev@example.com",
            GOOD,
        ),
    ];
    for (settings, changes, first, second) in &cases {
        let file = format!("{}    {settings}\n", email_file(&format!("{BASE}/email")));
        let told = explain(&file, &claims(BASE, "email", changes).to_string(), &["--at", &NOW.to_string()]);
        assert_eq!(told.line(0), *first, "{settings} {changes}\n{}{}", told.output, told.errors);
        assert!(told.line(1).starts_with(second), "{settings} {changes}\n{}", told.output);
    }
}

#[test]
fn an_entry_that_cannot_be_used_and_identities_without_an_order_are_named() {
    let url = format!("{BASE}/email");
    let broken = format!("{}  https://other.example: {{client-id: s, type: nonsense}}\n", email_file(&url));
    let other = json!({"iss": "https://other.example", "aud": "s", "exp": NOW + 60});
    let told = explain(&broken, &other.to_string(), &["--at", &NOW.to_string()]);
    assert_eq!(told.line(0), "Refused: the entry of \"https://other.example\" in the issuer file cannot be used");
    assert!(
        told.line(1).starts_with("Change: fix the entry: ") && told.line(1).contains("nonsense"),
        "{}",
        told.output
    );

    let several = format!(
        "oidc-issuers:\n  {url}:\n    - {{client-id: sigstore, type: email}}\n    \
         - {{client-id: sigstore, type: username, subject-domain: id.example.com}}\n"
    );
    let told = explain(&several, &claims(BASE, "email", &json!({})).to_string(), &["--at", &NOW.to_string()]);
    assert_eq!(told.line(0), "Refused: the token fits several identities of its issuer, and they have no order");
    assert!(told.line(1).starts_with("Change: give the identities of the issuer an order"), "{}", told.output);
    let ordered =
        several.replace("type: email", "order: 2, type: email").replace("type: username", "order: 1, type: username");
    let told = explain(&ordered, &claims(BASE, "email", &json!({})).to_string(), &["--json", "--at", &NOW.to_string()]);
    let report = told.json();
    assert_eq!(report["certificate"]["name"]["value"], "1234567890!id.example.com");
    assert_eq!(
        (&report["identities"][0]["chosen"], &report["identities"][0]["kind"]),
        (&json!(true), &json!("username"))
    );
    assert_eq!(report["identities"][1]["chosen"], false);

    let pattern = "meta-issuers:\n  https://*.example.com/email: {client-id: sigstore, type: email}\n";
    let secure = claims(BASE, "email", &json!({"iss": "https://id.example.com/email"}));
    let told = explain(pattern, &secure.to_string(), &["--json", "--at", &NOW.to_string()]);
    let compared = &told.json()["steps"][0]["compared"][0];
    assert_eq!(compared["against"], "meta-issuers: https://*.example.com/email");
    assert_eq!(compared["found"], "\"https://id.example.com/email\"");
}

#[test]
fn what_is_not_a_token_is_a_refusal_and_what_is_not_a_question_is_not() {
    let file = email_file("https://id.example.com");
    let token = |header: &str, payload: &str| issuer::signed(&Key::new(Kind::P256), "ES256", header, payload);
    for (input, first, second) in [
        (String::new(), "Refused: the request carries no identity token", "Change: give the file of a token"),
        (
            "x".to_owned(),
            "Refused: the token does not have the three parts of a signed token; encrypted tokens (JWE) are not accepted",
            "Change: give the whole ID token",
        ),
        (
            "a+.b.c".to_owned(),
            "Refused: the token's header is not base64url without padding",
            "Change: copy the token again",
        ),
        (token("{", "{}"), "Refused: the token's header is not valid: ", "Change: have the issuer make JSON"),
        (
            token(r#"{"alg":"none"}"#, "{}"),
            "Refused: the token's signature algorithm is not accepted",
            "Change: have the issuer sign with RS256",
        ),
        (
            token(r#"{"alg":"ES256","crit":["x"]}"#, "{}"),
            "Refused: the token's header lists critical extensions",
            "Change: have the issuer leave out the header members crit",
        ),
        (
            token(r#"{"alg":"ES256","typ":"logout+jwt"}"#, "{}"),
            "Refused: the token's typ header, logout+jwt, is registered for another use",
            "Change: have the client send the ID token",
        ),
        (
            token(r#"{"alg":"ES256"}"#, "{}"),
            "Refused: the claim \"iss\" is missing",
            "Change: have the issuer put the claim \"iss\"",
        ),
        (
            token(r#"{"alg":"ES256"}"#, "[]"),
            "Refused: the token's claims are not valid: ",
            "Change: have the issuer make JSON",
        ),
        (
            r#"{"iss":"a","iss":"b"}"#.to_owned(),
            "Refused: the token's claims are not valid: ",
            "Change: have the issuer make JSON",
        ),
        ("{".to_owned(), "Refused: the token's claims are not valid: ", "Change: have the issuer make JSON"),
        (
            "a".repeat(70_000),
            "Refused: the token is longer than 65536 bytes",
            "Change: have the issuer put fewer claims",
        ),
    ] {
        let told = explain(&file, &input, &[]);
        assert!(
            told.line(0).starts_with(first) && told.line(1).starts_with(second),
            "{input}\n{}{}",
            told.output,
            told.errors
        );
        assert_eq!(told.code, Some(1), "{input}");
    }
    let content = token(r#"{"alg":"ES256"}"#, "{}").replace("eyJhbGciOiJFUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9");
    for (words, expected) in [
        (vec!["--config-path", "/nowhere/issuers.yaml"], "no issuer file"),
        (vec!["--builtin-issuers", "/nowhere/token.jwt"], "/nowhere/token.jwt: No such file"),
        (vec!["--builtin-issuers", content.as_str()], "looks like a token or claims"),
        (vec!["--builtin-issuers", "a", content.as_str()], "more than one input"),
        (vec!["--builtin-issuers", "--at", "tomorrow"], "write it in UTC"),
        (vec!["--builtin-issuers", "--certificate-lifetime", "2h"], "use 10m to 20m"),
    ] {
        let told = run(&[&["--ct-log-url="], words.as_slice()].concat(), "{}");
        assert_eq!((told.code, told.output.as_str()), (Some(2), ""), "{words:?} {}", told.errors);
        assert!(told.errors.contains(expected) && !told.errors.contains(&content), "{words:?} {}", told.errors);
    }
}

#[test]
fn the_signature_is_checked_with_the_issuer_s_keys_if_they_may_be_fetched() {
    let issuer = FakeIssuer::start();
    let file = email_file(&issuer.issuer("email"));
    let claims = issuer.claims("email", &json!({"email": "dev@example.com", "email_verified": true}));
    let token = issuer.token(&claims);
    let payload = claims.to_string();
    let issued = "Would be issued: a certificate for dev@example.com";
    let told = explain(&file, &token, &[]);
    assert_eq!((told.line(0), told.code), (issued, Some(0)), "{}", told.output);
    assert_eq!(told.line(1), "signature: not checked (--online fetches the issuer's keys and checks it)");
    assert!(issuer.received().is_empty(), "nobody is asked");
    let told = explain(&file, &token, &["--online"]);
    assert_eq!(
        (told.line(0), told.line(1)),
        (issued, "signature: one of the issuer's keys made it"),
        "{}",
        told.output
    );
    assert!(!told.output.contains(&token) && !told.output.contains(token.rsplit('.').next().unwrap()), "not the token");

    let forged = issuer::signed(&Key::new(Kind::P256), "ES256", r#"{"alg":"ES256"}"#, &payload);
    let unknown = issuer.token_of_text(r#"{"alg":"ES256","kid":"unknown"}"#, &payload);
    for (text, first, second) in [
        (
            forged.as_str(),
            "Refused: bad signature: no key of the issuer made the token's signature",
            "Change: get a new token from the issuer",
        ),
        (
            &unknown,
            "Refused: unknown key id: the issuer has no key \"unknown\"",
            "Change: have the issuer publish the key",
        ),
    ] {
        assert_eq!(explain(&file, text, &[]).line(0), issued, "nobody can tell without keys");
        let told = explain(&file, text, &["--online"]);
        assert!(told.line(0) == first && told.line(1).starts_with(second) && told.code == Some(1), "{}", told.output);
    }
    let cut = &token[..token.len() - 2];
    assert_eq!(
        explain(&file, cut, &[]).line(0),
        "Refused: bad signature: no key of the issuer made the token's signature"
    );

    let mut jwk = issuer.first_key().jwk();
    jwk["kid"] = json!("first");
    let keys = json!({"keys": [jwk]}).to_string();
    let fixed = format!("{file}    jwks: '{keys}'\n");
    let asked = issuer.received().len();
    let told = explain(&fixed, &token, &[]);
    assert_eq!(told.line(1), "signature: one of the issuer's keys made it", "{}{}", told.output, told.errors);
    assert_eq!(explain(&fixed, &forged, &[]).code, Some(1));
    assert_eq!(issuer.received().len(), asked, "the keys are in the file");

    issuer.set_algorithms(&["RS256"]);
    let told = explain(&file, &token, &["--online"]);
    assert_eq!(told.line(0), "Refused: the issuer does not sign with the token's algorithm");
    assert!(told.line(1).contains("id_token_signing_alg_values_supported"), "{}", told.output);
    issuer.answer("/email/.well-known/openid-configuration", crate::support::Answer::Body(500, Vec::new()));
    let told = explain(&file, &token, &["--online"]);
    assert!(
        told.line(0).starts_with("Refused: could not fetch the keys of ") && told.line(0).contains("answered 500"),
        "{}",
        told.output
    );
    assert!(told.line(1).starts_with("Change: see that this machine reaches the issuer"), "{}", told.output);
}

/// What a server answers to tokens, and what the command says would become of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_is_the_server_s() {
    let scene = Scene::new().await;
    let file = email_file(&scene.issuer.issuer("email"));
    let now = scene.claims()["exp"].as_u64().unwrap() - 600;
    let mut tokens = vec![("good".to_owned(), scene.token())];
    for (name, value) in [
        ("iss", json!(7)),
        ("iss", json!("")),
        ("iss", json!("https://stranger.example")),
        ("iss", json!(format!("{}/", scene.issuer.issuer("email")))),
        ("aud", Value::Null),
        ("aud", json!(["sigstore", 1])),
        ("aud", json!([])),
        ("aud", json!("Sigstore")),
        ("aud", json!(["other", "sigstore"])),
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("exp", json!("x")),
        ("exp", Value::Null),
        ("nbf", json!(now + 600)),
        ("nbf", json!("x")),
        ("nbf", Value::Null),
        ("iat", json!("x")),
        ("iat", json!(now + 3600)),
        ("sub", json!(17)),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("nonce", json!(1)),
        ("at_hash", json!([])),
        ("_claim_names", json!("x")),
        ("email", json!("no address")),
        ("email", Value::Null),
        ("email_verified", json!(false)),
        ("email_verified", json!(1)),
        ("email_verified", json!("true")),
        ("email", json!("d\u{e9}v@example.com")),
    ] {
        let mut claims = scene.claims();
        claims[name] = value.clone();
        tokens.push((format!("{name} = {value}"), scene.issuer.token(&claims)));
    }
    let payload = scene.claims().to_string();
    for header in [
        r#"{"alg":"ES256","crit":["exp"]}"#,
        r#"{"kid":"first"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"ES384"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256","kid":"unknown"}"#,
        r#"{"alg":"ES256","typ":"logout+jwt"}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"["ES256"]"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
    ] {
        tokens.push((header.to_owned(), scene.issuer.token_of_text(header, &payload)));
    }
    let token = scene.token();
    tokens.push(("cut".to_owned(), token[..token.len() - 2].to_owned()));
    tokens.push(("padded".to_owned(), format!("{token}==")));
    tokens.push(("four parts".to_owned(), format!("{token}.x")));
    tokens.push((
        "duplicate".to_owned(),
        scene.issuer.token_of_text(r#"{"alg":"ES256"}"#, &payload.replacen('{', r#"{"sub":"x","#, 1)),
    ));
    tokens.push((
        "another's key".to_owned(),
        issuer::signed(&Key::new(Kind::P256), "ES256", r#"{"alg":"ES256"}"#, &payload),
    ));
    compare(&scene.server, &file, tokens, &|_| "dev@example.com".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_on_every_identity_type_is_the_server_s() {
    let issuer = FakeIssuer::start();
    let file = issuers_file(&issuer.url, "127.0.0.1");
    let server = Running::start(&file).await;
    let mut tokens = Vec::new();
    for identity in identities(&issuer.url, "127.0.0.1") {
        let claims = issuer.claims(identity.name, &identity.claims);
        tokens.push((identity.name.to_owned(), issuer.token(&claims)));
        for name in identity.needed {
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(*name);
            tokens.push((format!("{} without {name}", identity.name), issuer.token(&claims)));
        }
    }
    let challenges = identities(&issuer.url, "127.0.0.1");
    let challenge = |case: &str| {
        let found = challenges.iter().find(|one| case == one.name);
        found.map_or_else(|| "subject-1".to_owned(), |one| one.challenge.clone())
    };
    compare(&server, &file, tokens, &challenge).await;
}

async fn compare(server: &Running, file: &str, tokens: Vec<(String, String)>, challenge: &dyn Fn(&str) -> String) {
    let key = Key::new(Kind::P256);
    let (mut issued, mut refused) = (0, 0);
    for (case, token) in tokens {
        let reply = server.ask(&token, &key, &challenge(&case)).await;
        let (file, text) = (file.to_owned(), token.clone());
        let told = tokio::task::spawn_blocking(move || explain(&file, &text, &["--online", "--json"])).await.unwrap();
        let report = told.json();
        if reply.status == 200 {
            issued += 1;
            assert_eq!((told.code, &report["verdict"]), (Some(0), &json!("issued")), "{case}: {}", told.output);
            let certificate = reply.certificates().remove(0);
            let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
            let names = crate::support::certificate::subject_alternative_names(&parsed);
            let name = report["certificate"]["name"]["value"].as_str().unwrap();
            assert!(names.iter().all(|found| found.ends_with(name)), "{case}: {names:?} {name}");
        } else {
            refused += 1;
            assert_eq!(report["refusal"]["reason"], reply.reason(), "{case}: {}", told.output);
            assert_eq!(report["refusal"]["httpStatus"], reply.status, "{case}");
            assert_eq!((told.code, &report["verdict"]), (Some(1), &json!("refused")), "{case}");
        }
    }
    assert!(issued > 3 && refused > 10, "{issued} {refused}");
}

/// Each extension is in the certificate of every type, and says what it is made of.
#[test]
fn every_part_of_the_certificate_says_what_it_is_made_of() {
    let file = issuers_file(BASE, HOST);
    let report = |name: &str| {
        explain(&file, &claims(BASE, name, &json!({})).to_string(), &["--json", "--at", &NOW.to_string()]).json()
    };
    let part = |report: &Value, name: &str| {
        let all = report["certificate"]["extensions"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} {report:#}"))
    };
    let github = report("github-workflow");
    assert_eq!(github["certificate"]["name"]["template"], "https://github.com/{{ .job_workflow_ref }}");
    for (name, template) in [
        ("issuer", "{{ .iss }}"),
        ("subject", "{{ .sub }}"),
        ("build-trigger", "{{ .event_name }}"),
        ("source-repository-owner-uri", "https://github.com/{{ .repository_owner }}"),
        (
            "run-invocation-uri",
            "https://github.com/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
        ),
    ] {
        assert_eq!(part(&github, name)["template"], template);
    }
    let kubernetes = report("kubernetes");
    assert_eq!(
        kubernetes["certificate"]["name"]["template"],
        "https://kubernetes.io/namespaces/{{ .kubernetes.io.namespace }}/serviceaccounts/{{ .kubernetes.io.serviceaccount.name }}"
    );
    let gitlab = part(&report("gitlab-pipeline"), "source-repository-ref");
    assert_eq!(gitlab["template"], "refs/heads/{{ .ref }}");
    let keys: Vec<&str> = gitlab["madeOf"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["ref", "ref_type"], "also what decides between heads and tags");

    let forge = report("ci-provider");
    let name = &forge["certificate"]["name"];
    assert_eq!(name["template"], "{{ .url }}/{{ .project }}/build.yml@{{ .ref }}");
    assert_eq!(name["madeOf"][0], json!({"key": "url", "value": "https://forge.example.com", "origin": "default"}));
    assert_eq!(name["madeOf"][1], json!({"key": "project", "value": "group/app", "origin": "claim"}));
    let reference = part(&forge, "source-repository-ref");
    assert_eq!(reference["madeOf"][0], json!({"key": "kind", "value": "tag", "origin": "claim"}));
    assert_eq!(part(&forge, "source-repository-identifier")["template"], "project_id");
    assert_eq!(part(&forge, "issuer")["madeOf"][0]["key"], "iss");
}

#[test]
fn limits_that_apply_are_told() {
    let file = format!("{}    max-certificates-per-token: 2\n", email_file(&format!("{BASE}/email")));
    let more = ["--at", "1800000000", "--rate-limit-per-identity", "10/m", "--rate-limit-per-address=600/h", "--json"];
    let report = explain(&file, &claims(BASE, "email", &json!({})).to_string(), &more).json();
    let limits = report["limits"].as_array().unwrap();
    let found: Vec<_> =
        limits.iter().map(|one| (one["setting"].as_str().unwrap(), one["value"].as_str().unwrap())).collect();
    assert_eq!(
        found,
        [
            ("max-certificates-per-token", "2"),
            ("rate-limit-per-identity", "10/1m"),
            ("rate-limit-per-address", "600/1h")
        ]
    );
    assert!(limits[0]["applies"].as_str().unwrap().contains("it has no jti"), "{report:#}");
}
