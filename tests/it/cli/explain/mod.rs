//! `sigmint explain`: the first line is the cause, the second what to change.

mod verdict;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::identities::{email_file, identities, issuers_file};
use crate::support::{Key, Kind, issuer};

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

/// An identity type or an entry's settings, changes to the claims, the first line, the second line's beginning.
type Case = (&'static str, Value, &'static str, &'static str);

fn cases(table: &'static str) -> Vec<Case> {
    let case = |line: &'static str| {
        let [what, changes, first, second] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
        (what, serde_json::from_str(changes).unwrap(), first, second)
    };
    table.lines().filter(|line| !line.starts_with('#')).map(case).collect()
}

#[test]
fn the_first_line_is_the_cause_and_the_second_what_to_change() {
    let cases = cases(include_str!("../../../fixtures/explain/claims.txt"));
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

#[test]
fn what_the_issuer_s_entry_demands_is_named() {
    let cases = cases(include_str!("../../../fixtures/explain/demands.txt"));
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
        (
            format!("{{\"iss\":\"{}\"}}", "a".repeat(70_000)),
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
    let odd = token(r#"{"alg":"ES256","typ":"\u001b[31m"}"#, &json!({"iss": "https://id.example.com"}).to_string());
    let told = explain(&file, &odd, &[]);
    assert!(told.output.contains("type \\u{1b}[31m") && !told.output.contains('\u{1b}'), "{}", told.output);
    let content = token(r#"{"alg":"ES256"}"#, "{}");
    for (words, expected) in [
        (vec!["--config-path", "/nowhere/issuers.yaml"], "no issuer file"),
        (vec!["--builtin-issuers", "/nowhere/token.jwt"], "/nowhere/token.jwt: No such file"),
        (vec!["--builtin-issuers", content.as_str()], "looks like a token or claims"),
        (vec!["--builtin-issuers", "a", content.as_str()], "more than one input"),
        (vec!["--builtin-issuers", "--at", "tomorrow"], "write it in UTC"),
        (vec!["--builtin-issuers", "--at", "253402300800"], "no such time"),
        (vec!["--builtin-issuers", "--certificate-lifetime", "2h"], "use 10m to 20m"),
    ] {
        let told = run(&[&["--ct-log-url="], words.as_slice()].concat(), "{}");
        assert_eq!((told.code, told.output.as_str()), (Some(2), ""), "{words:?} {}", told.errors);
        assert!(told.errors.contains(expected) && !told.errors.contains(&content), "{words:?} {}", told.errors);
    }
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

/// The client's key, as `--key` takes it, in a file of the folder.
fn key_file(folder: &tempfile::TempDir) -> (String, String) {
    let key = Key::new(Kind::P256);
    let path = folder.path().join("key.pem");
    std::fs::write(&path, key.spki_pem()).unwrap();
    let der = pem::parse(key.spki_pem()).unwrap().into_contents();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
    (path.display().to_string(), hex::encode(hash.as_ref()))
}

#[test]
fn who_is_blocked_is_told_with_the_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (key, hash) = key_file(&folder);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let file = email_file(&format!("{BASE}/email"));
    let ask = |more: &[&str]| {
        let now = ["--at", "1800000000"];
        explain(&file, &claims(BASE, "email", &json!({})).to_string(), &[&now[..], more].concat())
    };
    let by_name = write("name.yaml", "entries:\n  - {san: dev@example.com, reason: left the company}\n");
    let by_key = write("key.yaml", &format!("entries:\n  - {{key-sha256: {hash}, reason: stolen}}\n"));
    let over = write("over.yaml", "entries:\n  - {san: dev@example.com, reason: x, until: 2027-01-15T08:00:00Z}\n");
    let keys = write("keys", &format!("{hash}\n"));
    let told = ask(&["--block-path", &by_name]);
    assert_eq!(told.line(0), "Refused: blocked, and the reason is: left the company", "{}{}", told.output, told.errors);
    assert!(told.line(1).starts_with("Change: remove the entry with san dev@example.com from "), "{}", told.output);
    assert!(
        told.code == Some(1) && told.output.contains("The client reads: BLOCKED (HTTP 403, gRPC 7)"),
        "{}",
        told.output
    );
    for (more, code) in [
        (vec!["--block-path", by_key.as_str()], 0),
        (vec!["--block-path", &by_key, "--key", &key], 1),
        (vec!["--blocked-public-keys", &keys], 0),
        (vec!["--blocked-public-keys", &keys, "--key", &key], 1),
        (vec!["--block-path", &over], 0),
    ] {
        let told = ask(&more);
        assert_eq!(told.code, Some(code), "{more:?}\n{}{}", told.output, told.errors);
    }
    let report = ask(&["--block-path", &by_key, "--key", &key, "--json"]).json();
    assert_eq!(report["blockLists"][0]["matched"], format!("key {hash}"));
    let told = ask(&["--block-path", "/nowhere/block.yaml"]);
    assert!(told.code == Some(2) && told.errors.contains("/nowhere/block.yaml"), "{}", told.errors);
    let told = ask(&["--key", &by_name]);
    assert!(told.code == Some(2) && told.errors.contains("name.yaml"), "{}", told.errors);
}

/// A policy's text, further arguments, the exit code, and parts of the two lines.
#[test]
fn the_policy_is_told_rule_by_rule() {
    let folder = tempfile::tempdir().unwrap();
    let (key, _) = key_file(&folder);
    let path = folder.path().join("policy.yaml");
    let file = email_file(&format!("{BASE}/email"));
    let rules = "rules:\n  - id: staff\n    allow: claims.email.endsWith('@example.com')\n  - id: left\n    message: ask Jane\n    \
                 deny: claims.sub == '1234567890'\n  - id: short\n    max-lifetime: 12m\n  - id: builds\n    \
                 identities: [github-workflow]\n    deny: claims.ref == 'x'\n";
    let ask = |text: &str, more: &[&str]| {
        std::fs::write(&path, text).unwrap();
        let settings = ["--at", "1800000000", "--policy-path", path.to_str().unwrap()];
        explain(&file, &claims(BASE, "email", &json!({})).to_string(), &[&settings[..], more].concat())
    };
    let allowed = rules.replace("1234567890", "other");
    let by_key = "rules:\n  - id: k\n    deny: key.kind == 'rsa-2048'\n  - id: all\n    allow: \"true\"\n";
    for (text, more, code, first, second) in [
        (allowed.as_str(), &[][..], 0, "Would be issued: a certificate for dev@example.com", "signature: not checked"),
        (rules, &[], 1, "Refused: the policy's rule \"left\" denies it", "the rule \"left\" (ask Jane) does not apply"),
        (
            "rules:\n  - id: a\n    allow: claims.sub == 'x'\n",
            &[],
            1,
            "Refused: no rule of the policy allows it",
            "Change: add an allow rule",
        ),
        (
            "rules:\n  - id: a\n    deny: claims.nbf == 1\n",
            &[],
            1,
            "Refused: the policy's rule \"a\" denies it, because it could not be evaluated",
            "policy.yaml:",
        ),
        (
            by_key,
            &[],
            1,
            "Refused: the policy's rule \"k\" denies it, because it could not be evaluated",
            "Change: give --key FILE",
        ),
        (by_key, &["--key", key.as_str()], 0, "Would be issued: ", "signature: not checked"),
    ] {
        let told = ask(text, more);
        assert!(
            told.line(0).starts_with(first) && told.line(1).contains(second),
            "{text}{}{}",
            told.output,
            told.errors
        );
        assert_eq!(told.code, Some(code), "{text}");
        assert_eq!(told.output.contains("POLICY_DENIED (HTTP 403, gRPC 7)"), code == 1, "{text}{}", told.output);
    }
    let report = ask(rules, &["--json"]).json();
    let policy = &report["policy"];
    assert_eq!(
        (&policy["outcome"], &policy["rule"], &policy["otherRules"]),
        (&json!("deny"), &json!("left"), &json!(1))
    );
    let results: Vec<_> =
        policy["rules"].as_array().unwrap().iter().map(|one| (one["id"].clone(), one["result"].clone())).collect();
    let expected = [("left", "true"), ("staff", "true"), ("short", "12m")];
    assert_eq!(results, expected.map(|(id, result)| (json!(id), json!(result))));
    assert_eq!(policy["rules"][1]["claims"][0], json!({"name": "email", "value": "\"dev@example.com\""}));
    assert_eq!(ask(&allowed, &["--json"]).json()["policy"]["lifetime"], "at most 12m");
    let told = ask("rules:\n  - id: a\n    allow: clams.sub == 'x'\n", &[]);
    assert!(told.code == Some(2) && told.errors.contains("unknown variable"), "{}", told.errors);
}
