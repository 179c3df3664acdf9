//! `sigmint config check`: each kind of fault in a deployment is found, and a good one has none.

mod audit;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::ct_log::{FakeLog, Manner};
use crate::support::ports::free_port;
use crate::support::{Answer, FakeIssuer, RedisServer};

/// A deployment in a folder: two CAs in files, TLS, and an issuer file.
struct Deployment {
    folder: tempfile::TempDir,
}

impl Deployment {
    fn new(issuers: &str) -> Self {
        let deployment = Self { folder: tempfile::tempdir().unwrap() };
        deployment.write("issuers.yaml", issuers);
        for name in ["ca", "other"] {
            let folder = deployment.path(name).display().to_string();
            let made = sigmint(&["ca", "init", "--out", &folder, "--unencrypted", "--algorithm", "p256"]);
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        deployment
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
        private(&self.path(name));
    }

    /// A certificate for TLS that is valid until this year, and its key.
    fn write_tls(&self, name: &str, until: i32) {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        self.write(&format!("{name}.crt"), &parameters.self_signed(&key).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// The report for the good settings with changes; `FOLDER` in them is the folder.
    fn check(&self, more: &[&str]) -> (Option<i32>, Value) {
        let (code, text) = self.told(&[more, &["--json"]].concat());
        (code, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    fn told(&self, more: &[&str]) -> (Option<i32>, String) {
        let good = [
            "config",
            "check",
            "--config-path=FOLDER/issuers.yaml",
            "--ca=fileca",
            "--fileca-cert=FOLDER/ca/chain.pem",
            "--fileca-key=FOLDER/ca/intermediate.key",
            "--ct-log-url=",
            "--host=127.0.0.1",
            "--grpc-host=127.0.0.1",
            "--metrics-host=127.0.0.1",
            "--port=0",
            "--grpc-port=0",
            "--metrics-port=0",
        ];
        let words = good.iter().chain(more).map(|word| word.replace("FOLDER", self.folder.path().to_str().unwrap()));
        let words: Vec<String> = words.collect();
        let output = sigmint(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "everything is in the report");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// Asserts the finding, and that nothing else is as bad.
    fn finds(&self, severity: &str, about: &str, part: &str, more: &[&str]) {
        let (code, report) = self.check(more);
        let found = findings(&report, severity);
        let is_meant = |one: &&Value| one["about"] == about && one["message"].as_str().unwrap().contains(part);
        assert!(found.iter().any(is_meant), "{severity}, {about}, {part}\n{report:#}");
        if severity == "error" {
            assert_eq!((code, found.len()), (Some(2), 1), "{part}\n{report:#}");
            assert!(report["verdict"] == "errors" && report["errors"] == 1, "{report:#}");
        } else {
            assert_eq!((code, report["verdict"].as_str()), (Some(0), Some("warnings")), "{part}\n{report:#}");
            let (strict, _) = self.check(&[more, &["--strict"]].concat());
            assert_eq!(strict, Some(1), "{part}");
        }
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn sigmint(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(words).env("NO_PROXY", "127.0.0.1").env_remove("RUST_LOG").output().unwrap()
}

fn findings<'a>(report: &'a Value, severity: &str) -> Vec<&'a Value> {
    let all = report["findings"].as_array().unwrap();
    all.iter().filter(|one| one["severity"] == severity).collect()
}

fn issuers(url: &str) -> String {
    format!("oidc-issuers:\n  {url}: {{client-id: sigstore, type: email}}\n")
}

const FAR: &str = "https://id.example.com";
/// What every deployment without a log is warned of.
const NO_LOG: &str = "not entered in a transparency log";

#[test]
fn a_good_deployment_is_fine_and_nobody_is_asked() {
    let issuer = FakeIssuer::start();
    let deployment = Deployment::new(&issuers(&issuer.url));
    let log = TcpListener::bind("127.0.0.1:0").unwrap();
    log.set_nonblocking(true).unwrap();
    deployment.write_tls("tls", 2999);
    let url = format!("--ct-log-url=http://{}/log", log.local_addr().unwrap());
    let tls = ["--tls-certificate=FOLDER/tls.crt", "--tls-key=FOLDER/tls.key"];
    let (code, report) = deployment.check(&[url.as_str(), tls[0], tls[1]]);
    assert_eq!((code, &report["errors"]), (Some(0), &json!(0)), "{report:#}");
    for (about, part) in [
        ("issuer file", "1 issuers and patterns"),
        ("certificate authority", "a trial signature is right"),
        ("TLS", "tls.crt and"),
        ("ports", "free: REST 127.0.0.1:"),
    ] {
        let found = findings(&report, "ok");
        let is_meant = |one: &&Value| one["about"] == about && one["message"].as_str().unwrap().contains(part);
        assert!(found.iter().any(is_meant), "{about} {part}\n{report:#}");
    }
    let skipped: Vec<_> = findings(&report, "skipped").iter().map(|one| one["about"].as_str().unwrap()).collect();
    assert_eq!(skipped, ["transparency log", "issuers"]);
    assert!(issuer.received().is_empty() && log.accept().is_err(), "nobody is asked");
    let (_, text) = deployment.told(&[]);
    assert!(text.starts_with("The configuration can be used: 0 errors, "), "{text}");
    assert!(text.contains(NO_LOG), "{text}");
}

#[test]
fn files_that_cannot_be_used_are_errors() {
    let deployment = Deployment::new(&issuers(FAR));
    deployment
        .write("broken.yaml", &format!("{}  https://c.example: {{client-id: s, type: nonsense}}\n", issuers(FAR)));
    deployment.write("blocked", "not a key\n");
    deployment.write("block.yaml", "entries:\n  - {san: a@b.example}\n");
    deployment.write("log.pub", "not a key\n");
    deployment.write("ca.yaml", "active: {ca: fileca, fileca-cert: FOLDER, fileca-key: x}\nnext: 7\n");
    deployment.write_tls("tls", 2999);
    deployment.write_tls("old", 2021);
    for (about, part, more) in [
        ("issuer file", "nonsense", vec!["--config-path=FOLDER/broken.yaml"]),
        ("certificate authority", "--fileca-cert: FOLDER/none.pem", vec!["--fileca-cert=FOLDER/none.pem"]),
        ("certificate authority", "does not belong to", vec!["--fileca-key=FOLDER/other/intermediate.key"]),
        ("certificate authority", "ca.yaml", vec!["--ca=", "--ca-config=FOLDER/ca.yaml"]),
        (
            "transparency log",
            "log.pub",
            vec!["--ct-log-url=http://127.0.0.1:1", "--ct-log-public-key-path=FOLDER/log.pub"],
        ),
        ("block lists", "FOLDER/blocked", vec!["--blocked-public-keys=FOLDER/blocked"]),
        ("block lists", "FOLDER/block.yaml", vec!["--block-path=FOLDER/block.yaml"]),
        ("single use", "--single-use-store", vec!["--single-use-store=http://x"]),
        ("TLS", "cannot be used", vec!["--tls-certificate=FOLDER/tls.crt", "--tls-key=FOLDER/old.key"]),
        ("TLS", "expired at 2021-01-01", vec!["--tls-certificate=FOLDER/old.crt", "--tls-key=FOLDER/old.key"]),
        ("TLS", "FOLDER/none.key", vec!["--tls-certificate=FOLDER/tls.crt", "--tls-key=FOLDER/none.key"]),
    ] {
        let part = part.replace("FOLDER", deployment.folder.path().to_str().unwrap());
        deployment.finds("error", about, &part, &more);
    }
    for (more, expected) in
        [("--config-path=FOLDER/none.yaml", "no such file"), ("--port=x", "a number from 0 to 65535")]
    {
        let (code, report) = deployment.check(&[more]);
        assert_eq!((code, &report["errors"]), (Some(2), &json!(1)));
        assert!(report.to_string().contains(expected), "{report:#}");
    }
}

#[test]
fn ports_are_bound_and_let_go() {
    let deployment = Deployment::new(&issuers(FAR));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for flag in ["port", "grpc-port", "metrics-port"] {
        let setting = format!("--{flag}={port}");
        deployment.finds("error", "ports", &format!("cannot listen on 127.0.0.1:{port}"), &[&setting]);
        let (code, report) = deployment.check(&[&setting, "--while-running"]);
        assert_eq!((code, &report["errors"]), (Some(0), &json!(0)), "{report:#}");
    }
    deployment.finds("error", "ports", "192.0.2.1:0", &["--host=192.0.2.1"]);
    let port = free_port();
    let same = [format!("--port={port}"), format!("--metrics-port={port}")];
    deployment.finds("error", "ports", "(metrics)", &[&same[0], &same[1]]);
    let (code, _) = deployment.check(&[&same[0]]);
    assert_eq!(code, Some(0), "it is free again");
    TcpListener::bind(("127.0.0.1", port)).unwrap();
}

#[test]
fn what_is_odd_about_the_issuers_is_a_warning() {
    let overlapping = "meta-issuers:\n  https://*.eu.example.com/id: {client-id: s, type: email}\n  \
                       https://ci.*.example.com/id: {client-id: s, type: email}\n";
    let metadata = "oidc-issuers:\n  https://id.example.com: {client-id: s, type: ci-provider, ci-provider: forge}\n\
        ci-issuer-metadata:\n  forge:\n    default-template-values: {url: \"https://x\", link: y, aud: z}\n    \
        subject-alternative-name-template: \"{{ .url }}/{{ .aud }}\"\n";
    let plain = "oidc-issuers:\n  http://id.example.com: {client-id: s, type: email}\n";
    for (file, parts) in [
        (overlapping, vec!["overlap: https://ci.eu.example.com/id matches both"]),
        (metadata, vec!["no template asks for \"link\"", "the default for \"aud\" never counts"]),
        (plain, vec!["fetched without TLS"]),
    ] {
        let deployment = Deployment::new(file);
        for part in parts {
            deployment.finds("warning", "issuer file", part, &[]);
        }
    }
}

#[test]
fn issuers_are_asked_for_their_keys_and_their_time() {
    let issuer = FakeIssuer::start();
    let deployment = Deployment::new(&issuers(&issuer.url));
    let (code, report) = deployment.check(&["--online"]);
    let told = report.to_string();
    assert!(code == Some(0) && told.contains("1 keys; it does not tell its time"), "{report:#}");
    issuer.set_headers("Date: Fri, 01 Jan 2021 00:00:00 GMT\r\n");
    deployment.finds("warning", "issuers", "s behind this machine's", &["--online"]);
    issuer.set_headers("Date: Wed, 01 Jan 2098 00:00:00 GMT\r\n");
    deployment.finds("warning", "issuers", "s ahead of this machine's", &["--online"]);
    issuer.set_headers("");
    issuer.add_jwks(vec![json!({"kty": "oct", "k": "AAAA", "kid": "secret"})]);
    deployment.finds("warning", "issuers", "the key \"secret\" is not used", &["--online"]);
    issuer.answer("/.well-known/openid-configuration", Answer::Body(404, Vec::new()));
    deployment.finds("error", "issuers", "its keys cannot be fetched, so its tokens are refused", &["--online"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_asked_for_the_roots_that_they_take() {
    let deployment = Deployment::new(&issuers(FAR));
    // The issuer cannot be reached from here: its keys are in the file.
    let issuer = FakeIssuer::start();
    let keys = json!({"keys": [issuer.first_key().jwk()]}).to_string();
    deployment.write(
        "issuers.yaml",
        &format!("oidc-issuers:\n  {FAR}: {{client-id: sigstore, type: email, jwks: '{keys}'}}\n"),
    );
    let answer = |name: &str| {
        let pem = fs::read(deployment.path(name)).unwrap();
        let body = json!({"certificates": [STANDARD.encode(pem::parse(pem).unwrap().contents())]}).to_string();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Manner::Says(Box::leak(text.into_boxed_str()))
    };
    let good = FakeLog::start(answer("ca/root.pem")).await;
    let foreign = FakeLog::start(answer("other/root.pem")).await;
    let silent = FakeLog::start(Manner::Says("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")).await;
    let url = |log: &FakeLog| format!("http://{}/log", log.address);
    tokio::task::spawn_blocking(move || {
        let (code, report) = deployment.check(&[&format!("--ct-log-url={}", url(&good)), "--online"]);
        assert!(code == Some(0) && report.to_string().contains("takes the CA's root"), "{report:#}");
        let (code, report) = deployment.check(&[&format!("--ct-log-url={}", url(&silent)), "--online"]);
        assert!(code == Some(0) && report.to_string().contains("does not tell which roots it takes"), "{report:#}");
        let log = format!("--ct-log-url={}", url(&foreign));
        deployment.finds("error", "transparency log", "the CA's is not one of them", &[&log, "--online"]);
        deployment.finds(
            "error",
            "transparency log",
            "cannot be asked for its roots",
            &["--ct-log-url=http://127.0.0.1:1", "--online"],
        );
        let both = format!("--ct-log-url={},{}", url(&good), url(&foreign));
        deployment.finds("warning", "transparency log", "the CA's is not one of them", &[&both, "--online"]);
        deployment.finds(
            "error",
            "transparency log",
            "the CA's is not one of them",
            &[&both, "--ct-log-quorum=2", "--online"],
        );
    })
    .await
    .unwrap();
}

#[test]
fn the_store_of_tokens_uses_is_asked() {
    let deployment = Deployment::new(&issuers(FAR));
    let keys = json!({"keys": [FakeIssuer::start().first_key().jwk()]}).to_string();
    deployment.write(
        "issuers.yaml",
        &format!("oidc-issuers:\n  {FAR}: {{client-id: sigstore, type: email, jwks: '{keys}'}}\n"),
    );
    let gone = ["--single-use-store=redis://127.0.0.1:1", "--online"];
    deployment.finds("error", "single use", "--single-use-store: ", &gone);
    let (code, _) = deployment.check(&gone[..1]);
    assert_eq!(code, Some(0), "nobody is asked");
    let server = RedisServer::start();
    let (code, report) = deployment.check(&[&format!("--single-use-store={}", server.url()), "--online"]);
    assert!(code == Some(0) && report.to_string().contains("the store answers"), "{report:#}");
}

#[test]
fn a_key_in_a_service_is_opened_only_if_it_may_be_asked() {
    let deployment = Deployment::new(&issuers(FAR));
    let kms = ["--ca=kmsca", "--kms-resource=hashivault://x", "--kms-cert-chain-path=FOLDER/ca/chain.pem"];
    let (code, report) = deployment.check(&kms);
    assert_eq!(code, Some(0), "{report:#}");
    let skipped = findings(&report, "skipped");
    assert!(skipped.iter().any(|one| one["about"] == "certificate authority"), "{report:#}");
    assert!(report.to_string().contains("can be read"), "{report:#}");
    deployment.finds(
        "error",
        "certificate authority",
        "none.pem",
        &[kms[0], kms[1], "--kms-cert-chain-path=FOLDER/none.pem"],
    );
}

#[test]
fn the_settings_in_effect_say_where_they_are_from() {
    let deployment = Deployment::new(&issuers(FAR));
    deployment
        .write("settings.yaml", "idle-connection-timeout: 45s\nsingle-use-store: redis://me:hunter2@127.0.0.1:1\n");
    let (_, report) = deployment.check(&["-c", "FOLDER/settings.yaml", "--print"]);
    let settings = report["settings"].as_array().unwrap();
    let found = |name: &str| {
        let one = settings.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} {report:#}"));
        (one["value"].as_str().unwrap().to_owned(), one["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(found("port"), ("0".to_owned(), "--port".to_owned()));
    let (value, origin) = found("idle-connection-timeout");
    assert!(value == "45s" && origin.contains("settings.yaml"), "{origin}");
    assert_eq!(found("certificate-lifetime"), ("10m".to_owned(), "default".to_owned()));
    assert_eq!(found("single-use-store").0, "redis://(hidden)@127.0.0.1:1");
    let (_, text) = deployment.told(&["--print"]);
    assert!(text.contains("\nSettings in effect\n") && text.contains("\n  port = 0  (--port)"), "{text}");
    let (_, report) = deployment.check(&[]);
    assert!(report.get("settings").is_none());
}

#[test]
fn policies_that_let_everybody_pass_are_a_warning() {
    let deployment = Deployment::new(&issuers(FAR));
    let rule = |rule: &str| format!("rules:\n  - id: one\n    {rule}\n");
    let path = "--policy-path=FOLDER/policy.yaml";
    for (text, part) in [
        (rule("allow: \"true\""), "may sign, by the rule \"one\" (every kind)"),
        (rule("identities: [email]\n    allow: principal.kind == 'email'"), "by the rule \"one\" (email)"),
        (format!("default: allow\n{}", rule("deny: claims.email == 'x'")), "by default: allow"),
        (format!("mode: shadow\n{}", rule("allow: claims.sub == 'x'")), "files that are all in shadow mode"),
    ] {
        deployment.write("policy.yaml", &text);
        let (code, report) = deployment.check(&[path]);
        assert!(
            code == Some(0) && report.to_string().contains(&json!(part).to_string().trim_matches('"').to_owned()),
            "{text}{report:#}"
        );
    }
    deployment.write("policy.yaml", &rule("allow: claims.sub == 'x'"));
    let (_, report) = deployment.check(&[path]);
    assert!(!report.to_string().contains("may sign, by"), "{report:#}");
    assert!(report.to_string().contains("policy.yaml can be used: 1 rules"), "{report:#}");
    deployment.write("policy.yaml", &rule("allow: clams.sub == 'x'"));
    deployment.finds("error", "policy", "unknown variable", &[path]);
}
