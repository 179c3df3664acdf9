//! Owns what the errors of Microsoft's library mean: whether asking again helps, and what the operator has to fix.
//!
//! Refuses to know how the vault is asked.

use std::time::SystemTime;

use azure_core::error::ErrorKind;
use azure_core::http::headers::HeaderName;
use serde_json::Value;

use super::AzureOptions;
use super::public_key::Hint;
use super::uri::KeyName;
use crate::http::clock::with_difference;
use crate::signer::remote::RemoteError;

pub(super) struct Problem {
    pub(super) error: RemoteError,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Token,
    Vault(Option<u16>),
}

impl Problem {
    /// Sorts by the innermost of the library's errors: the outer ones say in which of its layers it arrived.
    pub(super) fn of(error: &azure_core::Error) -> Self {
        let (mut innermost, mut token) = (error, *error.kind() == ErrorKind::Credential);
        while let Some(inner) = innermost.downcast_ref::<azure_core::Error>() {
            innermost = inner;
            token |= *inner.kind() == ErrorKind::Credential;
        }
        let text = brief(&told_by_service(innermost).unwrap_or_else(|| innermost.to_string()));
        let text = with_difference(text, date(innermost), SystemTime::now());
        let text = if token { format!("no token from Microsoft Entra ID: {text}") } else { text };
        let status = innermost.http_status().map(u16::from);
        let error = match (innermost.kind(), status) {
            (_, Some(429)) => RemoteError::Throttled(text.into()),
            (_, Some(408 | 500..=599)) | (ErrorKind::Connection | ErrorKind::Io, _) => {
                RemoteError::Unreachable(text.into())
            }
            (_, Some(status)) => RemoteError::Refused(format!("{text} (HTTP {status})").into()),
            (ErrorKind::DataConversion, None) => RemoteError::Unusable(text.into()),
            _ => RemoteError::Refused(text.into()),
        };
        Self { error, at: if token { At::Token } else { At::Vault(status) } }
    }

    pub(super) fn hint(&self, name: &KeyName, options: &AzureOptions) -> String {
        let (vault, key) = (name.vault_name(), &name.key);
        match (self.at, &self.error) {
            (At::Token, RemoteError::Unreachable(_)) => {
                format!("check that {} can be reached from here; {}", options.authority_host, options.credential.hint())
            }
            (At::Token, _) => options.credential.hint(),
            (_, RemoteError::Unreachable(_) | RemoteError::Throttled(_)) => format!(
                "check the vault's name, and that {} can be reached from here (DNS, proxy, firewall, private endpoint)",
                name.vault
            ),
            (At::Vault(Some(404)), _) => format!(
                "check the name and the version: az keyvault key list-versions --vault-name {vault} --name {key}"
            ),
            (At::Vault(Some(401)), _) => {
                "check that the vault belongs to the tenant in AZURE_TENANT_ID, and the clock of this machine"
                    .to_owned()
            }
            (At::Vault(Some(403)), _) => format!(
                "let the identity read and sign: az role assignment create --role \"Key Vault Crypto User\" --assignee CLIENT_ID --scope $(az keyvault show --name {vault} --query id -o tsv), \
                 or for a vault with access policies: az keyvault set-policy --name {vault} --spn CLIENT_ID --key-permissions get sign; and check the vault's firewall"
            ),
            _ => hint_for_key(Hint::Report, name),
        }
    }
}

pub(super) fn hint_for_key(hint: Hint, name: &KeyName) -> String {
    let (vault, key) = (name.vault_name(), &name.key);
    match hint {
        Hint::Enable => {
            format!("az keyvault key set-attributes --vault-name {vault} --name {key} --enabled true")
        }
        Hint::AllowSigning => {
            format!("az keyvault key set-attributes --vault-name {vault} --name {key} --ops sign verify")
        }
        Hint::MakeAnother => format!(
            "make a key for signing: az keyvault key create --vault-name {vault} --name {key} --kty EC-HSM --curve P-384 --ops sign verify"
        ),
        Hint::Report => format!("check that {} is an Azure Key Vault", name.vault),
    }
}

/// When its answer is from.
fn date(error: &azure_core::Error) -> Option<&str> {
    let ErrorKind::HttpResponse { raw_response: Some(response), .. } = error.kind() else { return None };
    response.headers().get_optional_str(&HeaderName::from_static("date"))
}

/// What the service itself said. Read here, because the library gives up on a string with an escaped character in it, which
/// Azure's own have.
fn told_by_service(error: &azure_core::Error) -> Option<String> {
    let ErrorKind::HttpResponse { raw_response: Some(response), .. } = error.kind() else { return None };
    let body: Value = serde_json::from_slice(response.body()).ok()?;
    // A vault's answer is an object `error`, a token service's two members side by side.
    let texts = ["/error/innererror/code", "/error/message", "/error_description"].map(|path| body.pointer(path));
    let texts = texts.into_iter().flatten().filter_map(Value::as_str).filter(|text| !text.is_empty());
    let texts: Vec<&str> = texts.collect();
    Some(texts.join(": ")).filter(|text| !text.is_empty())
}

/// One line of a service's text, of bounded length.
fn brief(text: &str) -> String {
    const LONGEST: usize = 400;
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests;
