use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::tests::{deployment, p256, rekor, timestamp_authority};
use super::super::{RekorApi, Selector};
use super::*;

fn content(files: &[ClientFile], name: &str) -> Option<String> {
    files.iter().find(|file| file.name == name).map(|file| file.content.clone())
}

fn json(files: &[ClientFile], name: &str) -> Value {
    serde_json::from_str(&content(files, name).unwrap()).unwrap()
}

/// With a Rekor of version 1 and a timestamp authority.
fn whole() -> Deployment {
    let mut deployment = deployment();
    deployment.rekor_logs = vec![rekor("https://rekor.example", RekorApi::V1, p256(), 100)];
    deployment.timestamp_authorities = vec![timestamp_authority()];
    deployment.rekor_selector = Selector::All;
    deployment
}

/// The commands, each client's on its own.
fn scripts(markdown: &str) -> Vec<&str> {
    markdown.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_file_is_there_that_there_is_something_for() {
    let names =
        |deployment: &Deployment| deployment.client_files().into_iter().map(|file| file.name).collect::<Vec<_>>();
    let all = names(&whole());
    assert_eq!(
        all,
        [
            "trusted_root.json",
            "signing_config.json",
            "client_trust_config.json",
            "roots.pem",
            "chains.pem",
            "ctlog.pub",
            "rekor.pub",
            "tsa.pem",
            "policy-controller.json",
            "kyverno.json",
            "clients.md"
        ]
    );
    let fewer = names(&deployment());
    assert_eq!(fewer, all.into_iter().filter(|name| !["rekor.pub", "tsa.pem"].contains(name)).collect::<Vec<_>>());
}

#[test]
fn objects_for_kubernetes_hold_the_same_keys() {
    let deployment = whole();
    let files = deployment.client_files();
    let keys = &json(&files, "policy-controller.json")["spec"]["sigstoreKeys"];
    let decoded = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(keys["certificateAuthorities"].as_array().unwrap().len(), 2);
    assert_eq!(decoded(&keys["certificateAuthorities"][0]["certChain"]), deployment.authorities[0].chain.to_pem());
    assert_eq!(decoded(&keys["tLogs"][0]["publicKey"]), deployment.rekor_logs[0].key.to_pem());
    assert_eq!(decoded(&keys["ctLogs"][0]["publicKey"]), content(&files, "ctlog.pub").unwrap());
    assert_eq!(decoded(&keys["timestampAuthorities"][0]["certChain"]), content(&files, "tsa.pem").unwrap());
    let policy = json(&files, "kyverno.json");
    let keyless = &policy["spec"]["rules"][0]["verifyImages"][0]["attestors"][0]["entries"][0]["keyless"];
    assert_eq!(keyless["roots"], deployment.chains_pem());
    assert_eq!(keyless["rekor"]["pubkey"], deployment.rekor_logs[0].key.to_pem());
    assert_eq!(keyless["ctlog"]["tsaCertChain"], deployment.timestamp_authorities[0].chain.to_pem());
    // A policy that nobody filled in admits nothing.
    assert!(keyless["subject"].as_str().unwrap().starts_with("REPLACE"));
}

#[test]
fn a_rekor_of_version_2_is_kept_from_those_that_do_not_know_it() {
    let mut deployment = whole();
    deployment.rekor_logs[0].api = RekorApi::V2 { origin: "rekor.example".to_owned() };
    let files = deployment.client_files();
    assert_eq!(json(&files, "policy-controller.json")["spec"]["sigstoreKeys"]["tLogs"], serde_json::json!([]));
    let text = content(&files, "clients.md").unwrap();
    for client in ["cosign 2", "gitsign", "npm: @sigstore/cli"] {
        let section = text.split(&format!("## {client}\n\n")).nth(1).unwrap();
        assert!(
            section.starts_with("Not with this deployment: it writes to Rekor of version 1 only"),
            "{client}: {section}"
        );
    }
    assert!(!text.contains("--insecure"), "{text}");
    assert!(text.contains("sigstore --trust-config client_trust_config.json sign FILE"), "{text}");
}

#[test]
fn the_commands_are_sound_shell_and_name_files_that_are_there() {
    let mut deployment = whole();
    // A URL is not always a plain word.
    deployment.authorities[0].url = "https://ca.example/it's;x".to_owned();
    let files = deployment.client_files();
    let text = content(&files, "clients.md").unwrap();
    let scripts = scripts(&text);
    assert_eq!(scripts.len(), 6, "{text}");
    for script in scripts {
        let checked = Command::new("sh").args(["-n", "-c", script]).output().unwrap();
        assert!(checked.status.success(), "{script}\n{checked:?}");
        for word in script.split(|character: char| character.is_whitespace() || "=\"".contains(character)) {
            let name = word.strip_prefix("$PWD/").unwrap_or(word);
            let is_file = [".json", ".pem", ".pub"].iter().any(|end| name.ends_with(end)) && !name.starts_with("FILE");
            assert!(!is_file || name == "root.json" || files.iter().any(|file| file.name == name), "{name}");
        }
    }
    assert!(text.contains(r"--fulcio-url 'https://ca.example/it'\''s;x'"), "{text}");
    assert!(text.contains("--tsa-server-url https://tsa.example "), "{text}");
}
