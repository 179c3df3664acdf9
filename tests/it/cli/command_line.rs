//! The program itself: what it prints, and what it ends with.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::support::dev::FREE_PORTS;

fn sigmint(words: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(words).env_remove("SIGMINT_TOKEN").env_remove("SIGSTORE_ID_TOKEN").env_remove("SIGMINT_URL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn one_command_shows_a_certificate_that_inspect_understands() {
    let output = sigmint(&[&["dev", "--once", "--identity", "username"][..], &FREE_PORTS].concat(), "");
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for expected in
        ["FOR DEVELOPMENT ONLY", "Certificate for dev!127.0.0.1", "signed by itself: the signature is right"]
    {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(text(&output.stderr).contains("FOR DEVELOPMENT ONLY"), "the log says so, too");
    let inspected = sigmint(&["inspect", "--json", "-"], &shown);
    let report: serde_json::Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(report["identity"][0], serde_json::json!({"kind": "username", "value": "dev!127.0.0.1"}));
    assert_eq!(report["chain"].as_array().map(Vec::len), Some(3));
}

#[test]
fn exit_codes_tell_a_refusal_from_a_mistake() {
    let token = "e30.eyJzdWIiOiJzIn0.AAAA";
    let nobody = sigmint(&["request", "--url", "http://127.0.0.1:1", "--token", token], "");
    assert_eq!(nobody.status.code(), Some(1));
    let said = text(&nobody.stderr);
    assert!(said.contains("cannot reach the server at http://127.0.0.1:1/") && said.contains("What to do:"), "{said}");
    assert!(!said.contains(token), "{said}");
    for (words, input) in [
        (&["request"][..], ""),
        (&["request", "--token", "-"], "no token"),
        (&["request", "--key-kind", "rsa"], ""),
        (&["inspect", "-"], "no certificate"),
        (&["inspect", "/nowhere/at/all"], ""),
    ] {
        let output = sigmint(words, input);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{words:?}: {}", text(&output.stderr));
    }
}

/// `config check` in a folder with these issuers: its exit code, what it prints, and what it logs.
fn checked(issuers: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuers.yaml");
    std::fs::write(&path, issuers).unwrap();
    let output = sigmint(&[&["config", "check", "--config-path", path.to_str().unwrap()], more].concat(), "");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn config_check_says_what_a_start_would_say_and_ends_with_the_verdict() {
    let good = "oidc-issuers:\n  https://a.example: {client-id: s, type: email}\n";
    let odd = format!("{good}  http://b.example: {{client-id: s, type: email, issuer-name: x}}\n");
    let broken = format!("{good}  https://c.example: {{client-id: s, type: nonsense}}\n");
    for (issuers, code, verdict, told) in [
        (good, 0, "can be used: 0 errors, 0 warnings", "1 issuers and patterns are trusted"),
        (&odd, 0, "can be used: 0 errors, 2 warnings", "issuer-name"),
        (&broken, 2, "cannot be used as it is: 1 error, 0 warnings", "nonsense"),
        ("oidc-issuers: {}\n", 0, "can be used: 0 errors, 1 warning", "nobody gets a certificate"),
    ] {
        let (found, printed, said) = checked(issuers, &[]);
        assert_eq!(found, Some(code), "{printed}{said}");
        assert!(printed.contains(verdict) && printed.contains(told), "{printed}{said}");
        assert!(
            printed.contains("issuer file, block lists and policy alone are judged") && said.is_empty(),
            "{printed}{said}"
        );
    }
    let (code, printed, _) = checked("oidc-issuers: [\n", &[]);
    assert!(code == Some(2) && printed.contains("issuers.yaml:"), "{printed}");
    let (code, printed, _) = checked(&broken, &["--strict-config"]);
    assert!(code == Some(2) && printed.contains("nonsense"), "{printed}");

    let (code, printed, said) = checked(good, &["--ca", "ephemeralca", "--ct-log-url=", "--while-running"]);
    assert!(code == Some(0) && printed.contains("can be used"), "{printed}{said}");
    assert!(printed.contains("the CA's key is in memory") && printed.contains("--ct-log-url is empty"), "{printed}");
    for (more, expected) in
        [(&["--ca", "fileca"][..], "--fileca-cert"), (&["--certificate-lifetime", "2h"], "use 10m to 20m")]
    {
        let (code, printed, said) = checked(good, more);
        assert!(code == Some(2) && printed.is_empty() && said.contains(expected), "{said}");
    }
}

#[test]
fn policy_check_says_what_is_wrong_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    let check = |text: &str, more: &[&str]| {
        std::fs::write(&path, text).unwrap();
        let output = sigmint(&[&["policy", "check", path.to_str().unwrap()], more].concat(), "");
        (output.status.code(), self::text(&output.stdout))
    };
    let rule =
        |condition: &str| format!("rules:\n  - id: a\n    identities: [github-workflow]\n    allow: {condition}\n");
    let (code, said) = check(&rule("claims.repository_id == '1'"), &["--strict"]);
    assert!(code == Some(0) && said.ends_with("can be used: 1 rules, 0 warnings.\n"), "{said}");
    let named = rule("claims.repository == 'o/r'");
    let (code, said) = check(&named, &[]);
    assert!(code == Some(0) && said.contains("p.yaml:4:12: rule \"a\": the name in claims.repository"), "{said}");
    assert!(said.contains("\n  hint: write claims.repository_id") && said.contains("1 warnings"), "{said}");
    assert_eq!(check(&named, &["--strict"]).0, Some(1));
    let (code, said) = check(&rule("clams.repository_id == '1'"), &[]);
    assert!(code == Some(1) && said.contains("error: ") && said.contains("did you mean \"claims\"?"), "{said}");
    assert!(said.ends_with("p.yaml cannot be used.\n"), "{said}");
    let (code, said) = check(&rule("claims.ref == 'x'"), &["/nowhere.yaml"]);
    assert!(
        code == Some(1) && said.contains("/nowhere.yaml cannot be read") && said.contains("can be used: 1 rules"),
        "{said}"
    );
}

#[test]
fn a_start_with_a_policy_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, "rules:\n  - id: a\n    allow: clams.sub == 'x'\n").unwrap();
    let issuers = "oidc-issuers:\n  https://a.example: {client-id: s, type: email}\n";
    let (code, said, _) = checked(issuers, &["--policy-path", path.to_str().unwrap()]);
    assert!(code == Some(2) && said.contains("policy.yaml:3:12: allow: unknown variable"), "{said}");
    std::fs::write(&path, "rules:\n  - id: a\n    allow: claims.sub == 'x'\n").unwrap();
    let (code, said, _) = checked(issuers, &["--policy-path", path.to_str().unwrap()]);
    assert!(code == Some(0) && said.contains("policy.yaml can be used: 1 rules"), "{said}");
}
