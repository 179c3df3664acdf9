//! `clients.md`: the commands of each client, for a reader in the folder with the files.
//!
//! A client that cannot use this deployment is told so, with the reason: nothing is left out in silence.

use super::super::{Deployment, Purpose, RekorApi};
use super::{SIGNING_CONFIG, TRUSTED_ROOT};

const INTRODUCTION: &str = "\
# Clients of this deployment

Run the commands in this folder. `$IDENTITY` is whom a signature is to be by, `$ISSUER` the issuer of that identity's token.
";

/// What the commands are made of.
struct Services<'a> {
    authority: Option<&'a str>,
    issuer: Option<&'a str>,
    /// The Rekor of version 1 that signers write to.
    rekor_v1: Option<&'a str>,
    has_log: bool,
    timestamp: Option<&'a str>,
    has_ct_log: bool,
}

pub(super) fn markdown(deployment: &Deployment) -> String {
    let services = Services::of(deployment);
    let sections = [cosign3(&services), cosign2(&services), python(&services), npm(&services), gitsign(&services)];
    let mut text = INTRODUCTION.to_owned();
    text.extend(sections);
    text + KUBERNETES
}

impl<'a> Services<'a> {
    fn of(deployment: &'a Deployment) -> Self {
        let signs = |purpose| purpose == Purpose::SignAndVerify;
        let mut rekor_logs = deployment.rekor_logs.iter().filter(|log| signs(log.purpose));
        let mut timestamps = deployment.timestamp_authorities.iter().filter(|one| signs(one.purpose));
        Self {
            authority: deployment.authorities.iter().find(|one| signs(one.purpose)).map(|one| one.url.as_str()),
            issuer: deployment.token_issuers.first().map(|one| one.url.as_str()),
            has_log: rekor_logs.clone().next().is_some(),
            rekor_v1: rekor_logs.find(|log| log.api == RekorApi::V1).map(|log| log.url.as_str()),
            timestamp: timestamps.next().map(|one| one.url.as_str()),
            has_ct_log: !deployment.ct_logs.is_empty(),
        }
    }
}

fn cosign3(services: &Services<'_>) -> String {
    // Without a log there is nothing to look an entry up in.
    let no_log = if services.has_log { "" } else { " --insecure-ignore-tlog" };
    let timestamps = if services.timestamp.is_some() { " --use-signed-timestamps" } else { "" };
    section(
        "cosign 3",
        &format!(
            "cosign sign-blob --yes --signing-config {SIGNING_CONFIG} --trusted-root {TRUSTED_ROOT} --bundle FILE.sigstore.json FILE\n\
             cosign verify-blob --trusted-root {TRUSTED_ROOT}{no_log}{timestamps} \\\n    \
             --certificate-identity \"$IDENTITY\" --certificate-oidc-issuer \"$ISSUER\" --bundle FILE.sigstore.json FILE"
        ),
    )
}

fn cosign2(services: &Services<'_>) -> String {
    let (Some(authority), Some(rekor)) = (services.authority, services.rekor_v1) else {
        return unusable("cosign 2", "it writes to Rekor of version 1 only, and there is none here");
    };
    section(
        "cosign 2",
        &format!(
            "# The CA's own certificates are not in its signatures: it needs the whole chains. It reads a TUF repository as well.\n\
             gitsign initialize --mirror \"$TUF\" --root root.json\n\
             export SIGSTORE_ROOT_FILE=\"$PWD/chains.pem\" SIGSTORE_REKOR_PUBLIC_KEY=\"$PWD/rekor.pub\"{}\n\
             cosign sign-blob --yes --fulcio-url {} --rekor-url {} --bundle FILE.bundle FILE\n\
             cosign verify-blob --certificate-chain chains.pem --rekor-url {} \\\n    \
             --certificate-identity \"$IDENTITY\" --certificate-oidc-issuer \"$ISSUER\" --bundle FILE.bundle FILE",
            ct_log_key(services),
            quoted(authority),
            quoted(rekor),
            quoted(rekor)
        ),
    )
}

fn python(services: &Services<'_>) -> String {
    if !services.has_log {
        return unusable("sigstore-python", "it signs and verifies with a Rekor only, and there is none here");
    }
    section(
        "sigstore-python",
        "sigstore --trust-config client_trust_config.json sign FILE\n\
         sigstore --trust-config client_trust_config.json verify identity \\\n    \
         --cert-identity \"$IDENTITY\" --cert-oidc-issuer \"$ISSUER\" FILE",
    )
}

fn npm(services: &Services<'_>) -> String {
    let (Some(authority), Some(rekor)) = (services.authority, services.rekor_v1) else {
        return unusable("npm: @sigstore/cli", "it writes to Rekor of version 1 only, and there is none here");
    };
    let timestamps = services.timestamp.and_then(|url| url.strip_suffix("/api/v1/timestamp"));
    let timestamps = timestamps.map(|url| format!(" --tsa-server-url {}", quoted(url))).unwrap_or_default();
    section(
        "npm: @sigstore/cli",
        &format!(
            "npx @sigstore/cli attest --fulcio-url {} --rekor-url {}{timestamps} --output-file FILE.sigstore.json FILE\n\
             # To verify, it reads a TUF repository and no file: see `sigmint trust tuf`.\n\
             npx @sigstore/cli verify --tuf-mirror-url \"$TUF\" --tuf-root-path root.json FILE.sigstore.json",
            quoted(authority),
            quoted(rekor)
        ),
    )
}

fn gitsign(services: &Services<'_>) -> String {
    let (Some(authority), Some(rekor)) = (services.authority, services.rekor_v1) else {
        return unusable("gitsign", "it writes to Rekor of version 1 only, and there is none here");
    };
    let issuer =
        services.issuer.map(|issuer| format!("git config gitsign.issuer {}\n", quoted(issuer))).unwrap_or_default();
    section(
        "gitsign",
        &format!(
            "export SIGSTORE_ROOT_FILE=\"$PWD/roots.pem\" SIGSTORE_REKOR_PUBLIC_KEY=\"$PWD/rekor.pub\"{}\n\
             git config gpg.format x509\n\
             git config gpg.x509.program gitsign\n\
             git config gitsign.fulcio {}\n\
             git config gitsign.rekor {}\n{issuer}\
             gitsign verify --certificate-identity \"$IDENTITY\" --certificate-oidc-issuer \"$ISSUER\" HEAD",
            ct_log_key(services),
            quoted(authority),
            quoted(rekor)
        ),
    )
}

fn ct_log_key(services: &Services<'_>) -> &'static str {
    if services.has_ct_log { " SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=\"$PWD/ctlog.pub\"" } else { "" }
}

const KUBERNETES: &str = "
## Kubernetes

`policy-controller.json` is a TrustRoot, for a ClusterImagePolicy to name as its `trustRootRef`. In `kyverno.json` fill in whom images are to be
signed by. Both check signatures of cosign 2, with Rekor of version 1.

```sh
kubectl apply -f policy-controller.json
kubectl apply -f kyverno.json
```
";

fn section(client: &str, commands: &str) -> String {
    format!("\n## {client}\n\n```sh\n{commands}\n```\n")
}

fn unusable(client: &str, reason: &str) -> String {
    format!("\n## {client}\n\nNot with this deployment: {reason}.\n")
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
