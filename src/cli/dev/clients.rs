//! Files and commands for Sigstore's own clients. Nothing is printed here that `tests/clients/run.sh` does not run.
//!
//! Owns the files' names and the commands' words. Knows no server.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::super::inspect::Report;
use super::super::words::visible;
use crate::dev::{Deployment, Folder, FolderError, Readers, issuers_file};

/// How long the token in the folder is valid.
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// Whom signatures are by, as verifiers have to be told.
pub(super) struct Signer {
    authority: String,
    issuer_base: String,
    identity: String,
    token_issuer: String,
}

impl Signer {
    /// The one that a certificate was issued to.
    pub(super) fn new(authority: &str, issuer_base: &str, report: &Report) -> Self {
        let identity = report.identity.first().map(|name| name.value.clone()).unwrap_or_default();
        let token_issuer = report.token_issuer.clone().unwrap_or_default();
        Self { authority: authority.to_owned(), issuer_base: issuer_base.to_owned(), identity, token_issuer }
    }
}

/// Writes everything that clients need.
pub(super) fn write(
    folder: &Folder,
    deployment: &Deployment,
    issuer_base: &str,
    token: &SecretString,
) -> Result<(), FolderError> {
    let block = |tag: &str, der: &[u8]| {
        pem::encode_config(
            &pem::Pem::new(tag, der),
            pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
        )
    };
    let certificates: Vec<String> = deployment.chain.iter().map(|der| block("CERTIFICATE", der)).collect();
    folder.put("trusted_root.json", pretty(&deployment.trusted_root()).as_bytes(), Readers::All)?;
    folder.put("signing_config.json", pretty(&deployment.signing_config()).as_bytes(), Readers::All)?;
    folder.put("chain.pem", certificates.concat().as_bytes(), Readers::All)?;
    folder.put("root.pem", certificates.last().map(String::as_bytes).unwrap_or_default(), Readers::All)?;
    folder.put("ctlog.pub", block("PUBLIC KEY", &deployment.log.spki).as_bytes(), Readers::All)?;
    folder.put("hello.txt", b"hello\n", Readers::All)?;
    write_for_issuer(folder, issuer_base, token)
}

/// Writes what a `sigmint serve` of one's own needs to trust the issuers.
pub(super) fn write_for_issuer(folder: &Folder, issuer_base: &str, token: &SecretString) -> Result<(), FolderError> {
    folder.put("issuers.yaml", issuers_file(issuer_base).as_bytes(), Readers::All)?;
    folder.put("identity-token", token.expose_secret().as_bytes(), Readers::Owner)
}

fn pretty(value: &impl Serialize) -> String {
    // Values made of text always have a JSON form.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// The commands, each below a line that says whose it is.
pub(super) fn instructions(folder: &Path, signer: &Signer) -> String {
    let (authority, issuer, identity) = (&signer.authority, quoted(&signer.token_issuer), quoted(&signer.identity));
    let who = format!("--certificate-identity {identity} --certificate-oidc-issuer {issuer}");
    let folder = quoted(&folder.display().to_string());
    format!(
        "Files for other clients are in {folder}: trusted_root.json, signing_config.json, chain.pem,\n\
        root.pem, ctlog.pub, and a token for {identity} that is valid for a day. A new token:\n\n  \
          curl -s '{base}/email/token?email=me@example.com'\n\n\
        To sign and verify a file, go there first. Nothing here keeps a log of signatures (Rekor), so they verify\n\
        for as long as the certificate is valid: 10 minutes.\n\n  \
          cd {folder}\n\n  \
          # cosign 3: sign\n  \
          cosign sign-blob --yes --signing-config signing_config.json --identity-token identity-token --bundle cosign3.sigstore.json hello.txt\n  \
          # cosign 3: verify\n  \
          cosign verify-blob --trusted-root trusted_root.json --insecure-ignore-tlog {who} --bundle cosign3.sigstore.json hello.txt\n\n  \
          # cosign 2: sign\n  \
          SIGSTORE_ROOT_FILE=root.pem SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=ctlog.pub cosign sign-blob --yes --fulcio-url {authority} --tlog-upload=false --identity-token identity-token --output-certificate cosign2.pem --output-signature cosign2.sig hello.txt\n  \
          # cosign 2: verify\n  \
          SIGSTORE_ROOT_FILE=root.pem SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=ctlog.pub cosign verify-blob --insecure-ignore-tlog {who} --certificate-chain chain.pem --certificate cosign2.pem --signature cosign2.sig hello.txt\n",
        base = signer.issuer_base,
    )
}

/// A word for the shell.
fn quoted(text: &str) -> String {
    let text = visible(text);
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
