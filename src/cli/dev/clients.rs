//! Files and commands for Sigstore's own clients. Nothing is printed here that `tests/e2e/clients/run.sh` does not run.
//!
//! Owns the files' names and the commands' words. Knows no server.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::display::visible;
use super::super::inspect::Report;
use crate::dev::{self, Folder, FolderError, Readers, issuers_file};
use crate::text;
use crate::trust::Deployment;

/// How long the token in the folder is valid.
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// The file that the commands sign.
const HELLO: &[u8] = b"hello\n";

/// Whom signatures are by, as verifiers have to be told.
pub(super) struct Signer {
    pub(super) authority: String,
    /// The log of signatures.
    pub(super) rekor: String,
    pub(super) issuer_base: String,
    pub(super) identity: String,
    pub(super) token_issuer: String,
}

impl Signer {
    /// The one that a certificate was issued to.
    pub(super) fn new(deployment: &dev::Deployment, issuer_base: &str, report: &Report) -> Self {
        let (authority, rekor) = (deployment.authority.clone(), deployment.rekor.url.clone());
        let identity = report.identity.first().map(|name| name.value.clone()).unwrap_or_default();
        let token_issuer = report.token_issuer.clone().unwrap_or_default();
        Self { authority, rekor, issuer_base: issuer_base.to_owned(), identity, token_issuer }
    }
}

/// Writes everything that clients need.
pub(super) fn write(
    folder: &Folder,
    deployment: &Deployment,
    issuer_base: &str,
    token: &SecretString,
) -> Result<(), FolderError> {
    folder.put("trusted_root.json", pretty(&deployment.trusted_root()).as_bytes(), Readers::All)?;
    folder.put("signing_config.json", pretty(&deployment.signing_config()).as_bytes(), Readers::All)?;
    folder.put("client_trust_config.json", pretty(&deployment.client_trust_config()).as_bytes(), Readers::All)?;
    folder.put("chain.pem", deployment.chains_pem().as_bytes(), Readers::All)?;
    folder.put("root.pem", deployment.roots_pem().as_bytes(), Readers::All)?;
    let log_keys: String = deployment.ct_logs.iter().map(|log| text::pem("PUBLIC KEY", log.key.spki_der())).collect();
    folder.put("ctlog.pub", log_keys.as_bytes(), Readers::All)?;
    let timestamping: String = deployment.timestamp_authorities.iter().map(|one| one.chain.to_pem()).collect();
    folder.put("tsa-chain.pem", timestamping.as_bytes(), Readers::All)?;
    let rekor_keys: String = deployment.rekor_logs.iter().map(|log| log.key.to_pem()).collect();
    folder.put("rekor.pub", rekor_keys.as_bytes(), Readers::All)?;
    folder.put("hello.txt", HELLO, Readers::All)?;
    folder.put("statement.json", pretty(&statement()).as_bytes(), Readers::All)?;
    write_for_issuer(folder, issuer_base, token)
}

/// Writes what a `sigmint serve` of one's own needs to trust the issuers.
pub(super) fn write_for_issuer(folder: &Folder, issuer_base: &str, token: &SecretString) -> Result<(), FolderError> {
    folder.put("issuers.yaml", issuers_file(issuer_base).as_bytes(), Readers::All)?;
    folder.put("identity-token", token.expose_secret().as_bytes(), Readers::Owner)
}

/// What an attestation says of hello.txt (in-toto Statement, version 1).
fn statement() -> Value {
    let digest = hex::encode(digest::digest(&digest::SHA256, HELLO).as_ref());
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "hello.txt", "digest": {"sha256": digest}}],
        "predicateType": "https://example.com/greeting/v1",
        "predicate": {"language": "en"},
    })
}

fn pretty(value: &impl Serialize) -> String {
    // Values made of text always have a JSON form.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// The commands, each below a line that says whose it is and what for.
pub(super) fn instructions(folder: &Path, signer: &Signer) -> String {
    let commands = COMMANDS.map(|(heading, command)| format!("  # {heading}\n  {command}\n\n")).concat();
    let text = format!("{INTRODUCTION}{commands}{CLOSING}");
    [
        ("{folder}", quoted(&folder.display().to_string())),
        ("{authority}", signer.authority.clone()),
        ("{rekor}", signer.rekor.clone()),
        ("{base}", signer.issuer_base.clone()),
        ("{identity}", quoted(&signer.identity)),
        ("{issuer}", quoted(&signer.token_issuer)),
    ]
    .into_iter()
    .fold(text, |text, (name, value)| text.replace(name, &value))
}

const INTRODUCTION: &str = "\
Files for other clients are in {folder}:
  trusted_root.json                                           what to trust; in other forms:
  chain.pem, root.pem, ctlog.pub, rekor.pub, tsa-chain.pem
  signing_config.json                                         whom to ask
  client_trust_config.json                                    both in one file, for sigstore-python
  tuf                                                         both in a TUF repository, which {base}/tuf serves
  identity-token                                              a token for {identity}, valid for a day
  hello.txt, statement.json                                   something to sign
  issuers.yaml                                                for a `sigmint serve` that shall trust the same tokens

To sign and verify a file, go there first. Each signature is logged (Rekor), and has a signed time: it goes on
verifying when its certificate, which is valid for 10 minutes, has ended.

  cd {folder}

";

/// What `tests/e2e/clients/run.sh` runs, by heading.
const COMMANDS: [(&str, &str); 11] = [
    (
        "cosign 3: sign",
        "cosign sign-blob --yes --signing-config signing_config.json --trusted-root trusted_root.json \\
    --identity-token identity-token --bundle cosign3.sigstore.json hello.txt",
    ),
    (
        "cosign 3: verify",
        "cosign verify-blob --trusted-root trusted_root.json --use-signed-timestamps \\
    --certificate-identity {identity} --certificate-oidc-issuer {issuer} \\
    --bundle cosign3.sigstore.json hello.txt",
    ),
    (
        "cosign 3 by TUF: once, with a cache of its own; then it needs no file",
        "TUF_ROOT=tuf-cache cosign initialize --mirror {base}/tuf --root tuf/root.json",
    ),
    (
        "cosign 3 by TUF: sign",
        "TUF_ROOT=tuf-cache cosign sign-blob --yes --identity-token identity-token \\
    --bundle tuf.sigstore.json hello.txt",
    ),
    (
        "cosign 3 by TUF: verify",
        "TUF_ROOT=tuf-cache cosign verify-blob --use-signed-timestamps \\
    --certificate-identity {identity} --certificate-oidc-issuer {issuer} \\
    --bundle tuf.sigstore.json hello.txt",
    ),
    (
        "cosign 2: sign",
        "SIGSTORE_ROOT_FILE=root.pem SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=ctlog.pub SIGSTORE_REKOR_PUBLIC_KEY=rekor.pub \\
    cosign sign-blob --yes --fulcio-url {authority} --rekor-url {rekor} --identity-token identity-token \\
    --output-certificate cosign2.pem --bundle cosign2.json hello.txt",
    ),
    (
        "cosign 2: verify",
        "SIGSTORE_ROOT_FILE=root.pem SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=ctlog.pub SIGSTORE_REKOR_PUBLIC_KEY=rekor.pub \\
    cosign verify-blob --certificate-chain chain.pem --certificate-identity {identity} \\
    --certificate-oidc-issuer {issuer} --bundle cosign2.json hello.txt",
    ),
    (
        "sigstore-python: sign",
        "sigstore --trust-config client_trust_config.json sign --identity-token \"$(cat identity-token)\" \\
    --overwrite --bundle python.sigstore.json hello.txt",
    ),
    (
        "sigstore-python: verify",
        "sigstore --trust-config client_trust_config.json verify identity --bundle python.sigstore.json \\
    --cert-identity {identity} --cert-oidc-issuer {issuer} hello.txt",
    ),
    (
        "sigstore-js: sign; with CI=true it takes the token from the environment",
        "CI=true SIGSTORE_ID_TOKEN=\"$(cat identity-token)\" npx --yes @sigstore/cli@0.8.1 attest \\
    --fulcio-url {authority} --rekor-url {rekor} --output-file js.sigstore.json statement.json",
    ),
    (
        "sigstore-js: verify, with cosign 3; its command line verifies with a TUF repository only",
        "cosign verify-blob-attestation --trusted-root trusted_root.json \\
    --certificate-identity {identity} --certificate-oidc-issuer {issuer} \\
    --type https://example.com/greeting/v1 --bundle js.sigstore.json hello.txt",
    ),
];

const CLOSING: &str = "\
A token for somebody else (sigstore-js proves possession with sub, so set both):

  curl -s '{base}/email/jwt?email=me@example.com&sub=me@example.com'

";

/// A word for the shell.
pub(super) fn quoted(text: &str) -> String {
    let text = visible(text);
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_safe_for_the_shell() {
        assert_eq!(quoted("http://127.0.0.1:5556/email"), "http://127.0.0.1:5556/email");
        assert_eq!(quoted("dev!127.0.0.1"), "'dev!127.0.0.1'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn every_placeholder_is_filled() {
        let signer = Signer {
            authority: "http://127.0.0.1:1".to_owned(),
            rekor: "http://127.0.0.1:3".to_owned(),
            issuer_base: "http://127.0.0.1:2".to_owned(),
            identity: "dev!example.com".to_owned(),
            token_issuer: "http://127.0.0.1:2/username".to_owned(),
        };
        let text = instructions(Path::new("/a b"), &signer);
        assert!(!text.contains('{') && !text.contains('}'), "{text}");
        for expected in ["cd '/a b'", "--certificate-identity 'dev!example.com'", "--fulcio-url http://127.0.0.1:1 "] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
