//! Owns what an operator is told to fix when a key cannot be opened. Knows no protocol.

use reqwest::StatusCode;

use super::client::Failure;
use crate::signer::backend::BackendError;

/// Which key of which engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub mount: &'a str,
    pub key: &'a str,
}

/// The public key could not be read.
pub(super) fn reading(failure: Failure, place: Place<'_>) -> BackendError {
    let Place { mount, key } = place;
    let hint = match &failure {
        Failure::Status(StatusCode::FORBIDDEN, _) => {
            format!("{TOKEN_OR_POLICY} path \"{mount}/keys/{key}\" {{ capabilities = [\"read\"] }}")
        }
        Failure::Status(StatusCode::NOT_FOUND, _) => format!(
            "there is no key {key}, or no transit engine at {mount}/ in this namespace: `vault secrets list` shows the engines \
             (TRANSIT_SECRET_ENGINE_PATH, VAULT_NAMESPACE), and `vault write -f {mount}/keys/{key} type=ecdsa-p384` makes a key"
        ),
        other => of_server(other),
    };
    BackendError { problem: failure.into(), hint }
}

/// The trial signature did not come; `path` is below the mount.
pub(super) fn signing(failure: Failure, place: Place<'_>, path: &[&str]) -> BackendError {
    let hint = match &failure {
        Failure::Status(StatusCode::FORBIDDEN, _) => {
            let path = path.join("/");
            format!("{TOKEN_OR_POLICY} path \"{}/{path}\" {{ capabilities = [\"update\"] }}", place.mount)
        }
        other => of_server(other),
    };
    BackendError { problem: failure.into(), hint }
}

const TOKEN_OR_POLICY: &str =
    "if `vault token lookup` says that the token is good, its policy lacks this, which `vault policy write` adds:";

/// What has nothing to do with the key.
fn of_server(failure: &Failure) -> String {
    let hint = match failure {
        Failure::Status(StatusCode::SERVICE_UNAVAILABLE, _) => {
            "the server is sealed, or a standby without an active one: `vault status` says which, `vault operator unseal` ends a seal"
        }
        Failure::Status(StatusCode::TOO_MANY_REQUESTS, _) => {
            "a rate limit quota is used up: `vault list sys/quotas/rate-limit` shows them"
        }
        Failure::Status(status, _) if status.is_redirection() => {
            "the server sends its clients elsewhere, and a token is carried nowhere else: set VAULT_ADDR to the active server \
             or to its load balancer"
        }
        Failure::NoAnswer(_) => {
            "see that VAULT_ADDR is right and can be reached from here, and that VAULT_CACERT has its CA certificate if a private \
             CA made the server's"
        }
        Failure::TokenReplaced => "the token's file was replaced at this moment: start again",
        Failure::Status(..) => "the server's log says more",
        Failure::Unusable(_) => {
            "see that VAULT_ADDR is a Vault or OpenBao server, and TRANSIT_SECRET_ENGINE_PATH an engine of type transit"
        }
    };
    hint.to_owned()
}
