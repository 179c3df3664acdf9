//! Owns who we are towards Azure: which of the usual environment variables mean which identity, and how its tokens are
//! kept when the token service is slow or away.
//!
//! Refuses to know vaults and keys. Tokens are asked for by the official library.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::ClientOptions;
use azure_core::time::OffsetDateTime;
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::signer::cloud_env::{unclean, unclean_problem};
use crate::text::peer_text::PeerText;

#[derive(Clone, Debug)]
pub enum AzureCredential {
    /// An application with a secret: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`.
    ClientSecret { tenant: String, client: String, secret: SecretString },
    /// An application that trusts the cluster's tokens: `AZURE_FEDERATED_TOKEN_FILE` with the same two ids.
    WorkloadIdentity {
        tenant: String,
        client: String,
        /// The file that holds the cluster's token.
        token_file: PathBuf,
    },
    /// The identity of the machine or the app service, and if there is none, of who is logged in with `az login`.
    Machine {
        /// The id of an identity that a user assigned, from `AZURE_CLIENT_ID`; without it the machine's own.
        client: Option<String>,
    },
    /// Settings that contradict each other: the text says what is wrong.
    Unusable(&'static str),
}

/// How long the token service may take before a token that still holds is used on.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the token service may take when there is no token at all.
const LONGEST: Duration = Duration::from_secs(5);
/// How long a token that still holds is used before the service is asked again.
const PAUSE: Duration = Duration::from_secs(10);
/// With less than this left, the library's client asks for the next one.
const REFRESH: Duration = Duration::from_mins(5);
/// A token with less than this left may expire on its way.
const LEFT: Duration = Duration::from_secs(30);

/// What the library itself reads of a machine's identity; one that is set to nothing would choose the wrong service.
const OF_MACHINE: [&str; 6] = [
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
];

impl AzureCredential {
    /// What the environment says, in the order of the official libraries: secret, workload identity, machine.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
        let (secret, token_file) = (variable("AZURE_CLIENT_SECRET"), variable("AZURE_FEDERATED_TOKEN_FILE"));
        match (tenant, client, secret, token_file) {
            (Some(tenant), Some(client), Some(secret), _) => {
                Self::ClientSecret { tenant, client, secret: SecretString::from(secret) }
            }
            (_, _, Some(_), _) => {
                Self::Unusable("AZURE_CLIENT_SECRET needs AZURE_TENANT_ID and AZURE_CLIENT_ID beside it")
            }
            _ if variable("AZURE_CLIENT_CERTIFICATE_PATH").is_some() => Self::Unusable(
                "AZURE_CLIENT_CERTIFICATE_PATH is not supported: use a workload identity, a managed identity or AZURE_CLIENT_SECRET",
            ),
            (Some(tenant), Some(client), None, Some(token_file)) => {
                Self::WorkloadIdentity { tenant, client, token_file: PathBuf::from(token_file) }
            }
            (_, _, None, Some(_)) => {
                Self::Unusable("AZURE_FEDERATED_TOKEN_FILE needs AZURE_TENANT_ID and AZURE_CLIENT_ID beside it")
            }
            (_, client, None, None) => Self::Machine { client },
        }
    }

    /// What to do when there is no token for this credential.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::ClientSecret { client, .. } => format!(
                "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; a new secret: az ad app credential reset --id {client}"
            ),
            Self::WorkloadIdentity { client, .. } => format!(
                "check that application {client} has a federated credential for this service account: az ad app federated-credential list --id {client}"
            ),
            Self::Machine { .. } => {
                "give this machine a managed identity (and AZURE_CLIENT_ID if there are several), set \
                 AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run az login"
                    .to_owned()
            }
            Self::Unusable(_) => "unset one or set all of them".to_owned(),
        }
    }

    /// The library's credential, kept by [`Kept`].
    pub(super) fn tokens(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let state = State { source: self.source(options.clone())?, token: None, not_before: None };
        Ok(Arc::new(Kept { credential: self.clone(), options, state: Mutex::new(state) }))
    }

    fn source(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        if let (Self::Machine { .. }, Some(name)) = (self, unclean(&OF_MACHINE)) {
            return Err(azure_core::Error::with_message(ErrorKind::Credential, unclean_problem(name)));
        }
        Ok(match self {
            Self::ClientSecret { tenant, client, secret } => {
                let secret = Secret::new(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options: options };
                ClientSecretCredential::new(tenant, client.clone(), secret, Some(options))?
            }
            Self::WorkloadIdentity { tenant, client, token_file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options: options },
                    client_id: Some(client.clone()),
                    tenant_id: Some(tenant.clone()),
                    token_file_path: Some(token_file.clone()),
                }))?
            }
            Self::Machine { client } => Arc::new(FirstThatAnswers {
                machine: ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client.clone().map(UserAssignedId::ClientId),
                    client_options: options,
                }))?,
                machine_has_one: AtomicBool::new(false),
                person: AzureCliCredential::new(None)?,
            }),
            Self::Unusable(problem) => {
                return Err(azure_core::Error::with_message(ErrorKind::Credential, *problem));
            }
        })
    }
}

/// The machine's identity, and where there never was one, the person's.
#[derive(Debug)]
struct FirstThatAnswers {
    machine: Arc<ManagedIdentityCredential>,
    machine_has_one: AtomicBool,
    person: Arc<AzureCliCredential>,
}

#[async_trait::async_trait]
impl TokenCredential for FirstThatAnswers {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        // The library asks an absent identity service for more than a minute.
        let of_machine = match tokio::time::timeout(LONGEST / 2, self.machine.get_token(scopes, None)).await {
            Ok(Ok(token)) => {
                self.machine_has_one.store(true, Ordering::Relaxed);
                return Ok(token);
            }
            Ok(Err(error)) => error,
            Err(_) => late("the machine's identity service took too long"),
        };
        if self.machine_has_one.load(Ordering::Relaxed) {
            return Err(of_machine);
        }
        self.person.get_token(scopes, None).await.map_err(|of_person| {
            azure_core::Error::with_message(ErrorKind::Credential, format!("{of_machine}; {of_person}"))
        })
    }
}

/// No token because of no answer.
fn late(text: &'static str) -> azure_core::Error {
    let cause = azure_core::Error::with_message(ErrorKind::Io, text);
    azure_core::Error::with_error(ErrorKind::Credential, cause, text)
}

/// A source of tokens that is asked again before the last one ends, and may be late or fail until it does end.
///
/// The library's client alone asks for a new token with every signature in a token's last five minutes, one at a time:
/// a token service that hangs would stop all signing while there still is a good token. And its credentials give the same
/// token again until those minutes, even when the vault has refused it: such a one is replaced by a new credential.
#[derive(derive_more::Debug)]
#[debug("Kept {{ credential: {credential:?}, .. }}")]
struct Kept {
    credential: AzureCredential,
    options: ClientOptions,
    state: Mutex<State>,
}

struct State {
    source: Arc<dyn TokenCredential>,
    token: Option<AccessToken>,
    not_before: Option<Instant>,
}

/// What to do for a caller who wants a token.
enum Turn {
    /// Use the one that holds.
    Use(AccessToken),
    /// Ask, and if that fails use the one that holds.
    Ask(Arc<dyn TokenCredential>, Option<AccessToken>),
}

impl Kept {
    fn turn(&self) -> azure_core::Result<Turn> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let time = OffsetDateTime::now_utc();
        let Some(held) = state.token.clone().filter(|token| token.expires_on > time + LEFT) else {
            return Ok(Turn::Ask(Arc::clone(&state.source), None));
        };
        let now = Instant::now();
        if state.not_before.is_some_and(|not_before| now < not_before) {
            return Ok(Turn::Use(held));
        }
        state.not_before = Some(now + PAUSE);
        if held.expires_on > time + REFRESH {
            // The client would have used it without asking, had the vault not refused it.
            state.source = self.credential.source(self.options.clone())?;
        }
        Ok(Turn::Ask(Arc::clone(&state.source), Some(held)))
    }

    fn hold(&self, token: &AccessToken) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).token = Some(token.clone());
    }
}

#[async_trait::async_trait]
impl TokenCredential for Kept {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let (source, held) = match self.turn()? {
            Turn::Use(token) => return Ok(token),
            Turn::Ask(source, held) => (source, held),
        };
        let limit = if held.is_some() { PATIENCE } else { LONGEST };
        let problem = match tokio::time::timeout(limit, source.get_token(scopes, None)).await {
            Ok(Ok(token)) => {
                self.hold(&token);
                return Ok(token);
            }
            Ok(Err(error)) => error,
            Err(_) => late("the token service took too long"),
        };
        match held {
            Some(token) => {
                let problem = PeerText::of_error(&problem);
                tracing::warn!(problem = problem.as_str(), "no new token for the key vault; the last one still holds");
                Ok(token)
            }
            None => Err(problem),
        }
    }
}

#[cfg(test)]
mod tests;
