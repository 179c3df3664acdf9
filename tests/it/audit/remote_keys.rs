//! Heads signed by a key in a PKCS#11 token or in Vault: the log verifies with the public half that the token shows, and the CA's own key is
//! refused however it is named.

use std::fs;
use std::path::Path;

use sigmint::crypto::KeyKind;
use sigmint::signer::pkcs11::generate_key_pair;
use sigmint::signer::remote::RemoteKey as _;
use sigmint::signer::vault;

use super::served::{ask, audit, end, folder, serve, trust};
use crate::support::audit::{of_type, records};
use crate::support::authority::pem_file;
use crate::support::pkcs11::{Bench, Kind as Module, PIN, alone};
use crate::support::remote::chain_for;
use crate::support::vault::{FakeVault, TOKEN};
use crate::support::{FakeIssuer, Key, Kind};

/// A key that signs heads, as settings name it.
struct Named<'a> {
    uri: &'a str,
    spki: &'a [u8],
    /// What the server needs to reach it.
    variables: &'a [(&'a str, &'a str)],
}

fn public_pem(spki: &[u8]) -> String {
    pem::encode(&pem::Pem::new("PUBLIC KEY", spki))
}

/// Serves with the key, issues, ends: the log is as it was written by this key and by no other.
async fn signs_heads(key: &Named<'_>) {
    let (folder, issuer) = (folder(), FakeIssuer::start());
    trust(folder.path(), &issuer);
    let named = format!("--audit-key={}", key.uri);
    let (mut child, [http, ..]) = serve(folder.path(), &["--audit-path=audit.jsonl", &named], key.variables);
    assert_eq!(ask(http, &issuer).await, 200, "{}", log(folder.path()));
    end(&mut child);
    let records = records(&folder.path().join("audit.jsonl"));
    let (outcomes, heads) = (of_type(&records, "outcome"), of_type(&records, "head"));
    assert!(outcomes.len() == 1 && outcomes[0]["certificate_sha256"].is_string(), "{records:?}");
    // The last head is over all records before it, the end included.
    assert_eq!(heads.last().unwrap()["head"]["count"], records.len() - 1);
    fs::write(folder.path().join("token.pub"), public_pem(key.spki)).unwrap();
    fs::write(folder.path().join("other.pub"), Key::new(Kind::P256).spki_pem()).unwrap();
    let (code, text) = audit(folder.path(), &["verify", "--key", "token.pub", "audit.jsonl"]);
    assert!(code == Some(0) && text.ends_with("The log is as it was written.\n"), "{text}");
    let (code, text) = audit(folder.path(), &["verify", "--key", "other.pub", "audit.jsonl"]);
    assert!(code == Some(1) && text.contains("the head's signature is not by the key"), "{text}");
}

/// The CA's key by this name, and by another: the server does not start, and writes no record.
fn is_refused_beside_itself(key: &Named<'_>, uris: &[&str]) {
    let folder = folder();
    fs::write(folder.path().join("chain.pem"), pem_file(&chain_for(key.spki))).unwrap();
    let resource = format!("--kms-resource={}", key.uri);
    let ca = ["--ca=kmsca", &resource, "--kms-cert-chain-path=chain.pem", "--audit-path=audit.jsonl"];
    for uri in uris {
        let named = format!("--audit-key={uri}");
        let (mut child, _) = serve(folder.path(), &[&ca[..], &[&named]].concat(), key.variables);
        assert_eq!(child.wait().unwrap().code(), Some(1));
        let log = log(folder.path());
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("--audit-key: the audit key is a CA's key"), "{uri}: {log}");
        assert!(!log.contains(PIN) && !log.contains(TOKEN), "{log}");
        assert!(!folder.path().join("audit.jsonl").exists());
    }
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap()
}

#[test]
fn a_token_signs_heads() {
    alone(concat!(module_path!(), "::a_token_signs_heads"), Module::SoftHsm, a_key_of_the_token_signs);
}

async fn a_key_of_the_token_signs(bench: Bench) {
    let (module, pin) = (bench.options("").module, bench.folder().join("pin"));
    fs::write(&pin, format!("{PIN}\n")).unwrap();
    let query = format!("module-path={}&pin-source=file:{}", module.display(), pin.display());
    for (kind, id) in [(KeyKind::P256, 1), (KeyKind::Rsa2048, 2), (KeyKind::Ed25519, 3)] {
        let label = format!("audit-{id}");
        let made = generate_key_pair(&bench.options(""), kind, &label, &[id]).await.unwrap();
        let uri = format!("pkcs11:token=test%20token;object={label}?{query}");
        let key = Named { uri: &uri, spki: made.spki_der(), variables: &[] };
        signs_heads(&key).await;
        if kind == KeyKind::P256 {
            is_refused_beside_itself(&key, &[&uri, &format!("pkcs11:id=%0{id}?{query}")]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_vault_signs_heads() {
    let service = FakeVault::start();
    service.make_key("audit", "ecdsa-p256");
    let opened = vault::open("hashivault://audit", &service.options()).await.unwrap();
    let variables = [("VAULT_ADDR", service.url.as_str()), ("VAULT_TOKEN", TOKEN)];
    let spki = opened.public_key().spki_der();
    let key = Named { uri: "hashivault://audit", spki, variables: &variables };
    signs_heads(&key).await;
    is_refused_beside_itself(&key, &["hashivault://audit", "openbao://audit"]);
}
