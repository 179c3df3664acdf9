//! Owns where the server is and how it is spoken to: what an operator sets, and the environment variables of Vault's own tools.
//!
//! Refuses to know keys. `BAO_` variables are read where `VAULT_` ones are not set.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Proxy, Url};
use secrecy::SecretString;

use super::tls::TlsSettings;
use super::token::TokenSource;
use crate::signer::backend::BackendError;

/// Where transit is mounted unless something else is said.
const DEFAULT_MOUNT: &str = "transit";
/// The longest that a call may take, connecting included, unless something else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// What an operator may set. What is `None` is taken from the environment, as Vault's own tools take it.
#[derive(Clone, Debug, Default)]
pub struct VaultOptions {
    /// `https://HOST:PORT`, else `VAULT_ADDR`.
    pub address: Option<String>,
    /// Else the file of `VAULT_TOKEN_FILE`, else `VAULT_TOKEN`, else the file `~/.vault-token`.
    pub token: Option<SecretString>,
    /// A file that holds a token and may be replaced at any time. Goes before `token`.
    pub token_file: Option<PathBuf>,
    /// Else `VAULT_NAMESPACE`, else the root namespace.
    pub namespace: Option<String>,
    /// Where the transit engine is mounted, else `TRANSIT_SECRET_ENGINE_PATH`, else `transit`.
    pub mount: Option<String>,
    /// PEM certificates to trust besides the system's, else `VAULT_CACERT`.
    pub ca_file: Option<PathBuf>,
    /// The longest that a call may take, connecting included; 2 seconds if not set.
    pub timeout: Option<Duration>,
}

/// The options with the environment read: where to go, checked.
#[derive(Debug)]
pub(super) struct Settings {
    pub address: Url,
    pub token: TokenSource,
    pub namespace: Option<String>,
    pub mount: String,
    pub tls: TlsSettings,
    /// `VAULT_PROXY_ADDR` or `VAULT_HTTP_PROXY`: through which the server is asked, whatever the proxies of others are.
    pub proxy: Option<Proxy>,
    /// `VAULT_HEADERS`: what goes along with each call.
    pub headers: HeaderMap,
    pub timeout: Duration,
}

/// What the client itself writes.
const NOT_AS_HEADERS: [&str; 5] = ["x-vault-token", "x-vault-namespace", "host", "content-length", "transfer-encoding"];
/// Variables of Vault's tools that change nothing here, and the reason.
const NOT_READ: [(&str, &str); 4] = [
    ("MAX_RETRIES", "a signature is tried again within the time that a request has"),
    ("RATE_LIMIT", "--max-requests-in-flight and the server's own quotas bound the calls"),
    ("MFA", "a token that needs a second factor cannot sign without people"),
    ("WRAP_TTL", "answers are used at once"),
];

impl VaultOptions {
    pub(super) fn settings(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Settings, BackendError> {
        let plain = |name: &str| environment(name).filter(|value| !value.is_empty());
        let either = |name: &str| plain(&format!("VAULT_{name}")).or_else(|| plain(&format!("BAO_{name}")));
        if either("SKIP_VERIFY").is_some_and(|value| is_true(&value)) {
            return Err(BackendError::refused(
                "VAULT_SKIP_VERIFY is set, and a network attacker would have the token",
                "unset it, and give the server's CA certificate as VAULT_CACERT",
            ));
        }
        if either("SRV_LOOKUP").is_some_and(|value| is_true(&value)) {
            return Err(BackendError::refused(
                "VAULT_SRV_LOOKUP is set, and SRV records are not looked up here",
                "unset it, and give host and port in VAULT_ADDR",
            ));
        }
        for (name, reason) in NOT_READ.iter().filter(|(name, _)| either(name).is_some()) {
            tracing::warn!("VAULT_{name} is not read: {reason}");
        }
        let tls = TlsSettings::read(self.ca_file.clone(), &either)?;
        let proxy = either("PROXY_ADDR").or_else(|| either("HTTP_PROXY")).map(|text| proxy(&text)).transpose()?;
        if tls.server_name.is_some() && proxy.is_some() {
            return Err(BackendError::refused(
                "VAULT_TLS_SERVER_NAME and a proxy for Vault are set, and a proxy would look for the server by that name",
                "unset one of them",
            ));
        }
        Ok(Settings {
            address: address(self.address.clone().or_else(|| either("AGENT_ADDR")).or_else(|| either("ADDR")))?,
            token: self.token_source(&plain, &either)?,
            namespace: self.namespace.clone().or_else(|| either("NAMESPACE")).filter(|name| !name.is_empty()),
            mount: mount(self.mount.clone().or_else(|| plain("TRANSIT_SECRET_ENGINE_PATH")))?,
            tls,
            proxy,
            headers: either("HEADERS").map(|text| headers(&text)).transpose()?.unwrap_or_default(),
            timeout: match self.timeout {
                Some(timeout) => timeout,
                None => either("CLIENT_TIMEOUT").map_or(Ok(DEFAULT_TIMEOUT), |text| client_timeout(&text))?,
            },
        })
    }

    /// A file goes before a fixed token: who names one wants it to be followed.
    fn token_source(
        &self,
        plain: &impl Fn(&str) -> Option<String>,
        either: &impl Fn(&str) -> Option<String>,
    ) -> Result<TokenSource, BackendError> {
        if let Some(file) = &self.token_file {
            return Ok(TokenSource::File(file.clone()));
        }
        if let Some(token) = &self.token {
            return Ok(TokenSource::Fixed(token.clone()));
        }
        if let Some(file) = either("TOKEN_FILE") {
            return Ok(TokenSource::File(file.into()));
        }
        if let Some(token) = either("TOKEN") {
            return Ok(TokenSource::Fixed(token.into()));
        }
        let home = plain("HOME").map(|home| PathBuf::from(home).join(".vault-token"));
        home.filter(|file| file.exists()).map(TokenSource::File).ok_or_else(|| {
            BackendError::refused(
                "no token: neither VAULT_TOKEN_FILE nor VAULT_TOKEN is set, and there is no ~/.vault-token",
                "set VAULT_TOKEN_FILE to the file that a Vault agent keeps up to date, or VAULT_TOKEN to a token",
            )
        })
    }
}

fn address(text: Option<String>) -> Result<Url, BackendError> {
    let hint = "set VAULT_ADDR to the server's address, like https://vault.example.com:8200";
    let text = text.ok_or_else(|| BackendError::refused("VAULT_ADDR is not set", hint))?;
    // The text is not repeated: what stands before an `@` may be a password.
    let url = Url::parse(&text).map_err(|_| BackendError::refused("VAULT_ADDR is not a URL", hint))?;
    if !matches!(url.scheme(), "http" | "https") || !crate::http::is_plain(&url) {
        return Err(BackendError::refused("VAULT_ADDR is not an http or https address and nothing more", hint));
    }
    if url.scheme() == "http" && !crate::http::is_loopback(&url) {
        tracing::warn!("VAULT_ADDR is http: a network attacker can read the Vault token");
    }
    Ok(url)
}

/// Whatever does not say no.
fn is_true(value: &str) -> bool {
    !matches!(value.to_lowercase().as_str(), "0" | "f" | "false")
}

fn proxy(text: &str) -> Result<Proxy, BackendError> {
    // The text is not repeated: it may hold a password.
    Proxy::all(text).map_err(|_| {
        BackendError::refused(
            "VAULT_PROXY_ADDR (or VAULT_HTTP_PROXY) is not a URL",
            "set it to one like http://proxy.example:3128",
        )
    })
}

/// A JSON object of names and values, as Vault's tools read it.
fn headers(text: &str) -> Result<HeaderMap, BackendError> {
    let hint = "write VAULT_HEADERS as JSON, like {\"X-Team\": \"a\"}; a token or namespace has a variable of its own";
    let refused = |problem: &str| BackendError::refused(format!("VAULT_HEADERS: {problem}"), hint);
    let found: BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|_| refused("not a JSON object of names and values"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in found {
        let name = HeaderName::try_from(&name).map_err(|_| refused("a name is not one of a header"))?;
        if NOT_AS_HEADERS.contains(&name.as_str()) {
            return Err(refused(&format!("{name} cannot be set here")));
        }
        let mut value = HeaderValue::try_from(value).map_err(|_| refused(&format!("the value of {name}")))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Whole seconds, or a duration.
fn client_timeout(text: &str) -> Result<Duration, BackendError> {
    let found = text.parse().map(Duration::from_secs).ok().or_else(|| humantime::parse_duration(text).ok());
    found.filter(|timeout| !timeout.is_zero()).ok_or_else(|| {
        BackendError::refused(
            "VAULT_CLIENT_TIMEOUT is not a time",
            "set it to seconds or a duration, like 5 or 5s; the default is 2s",
        )
    })
}

fn mount(text: Option<String>) -> Result<String, BackendError> {
    let text = text.unwrap_or_else(|| DEFAULT_MOUNT.to_owned());
    let mount = text.trim_matches('/');
    if mount.split('/').any(|part| matches!(part, "" | "." | "..")) || mount.chars().any(char::is_control) {
        return Err(BackendError::refused(
            "TRANSIT_SECRET_ENGINE_PATH is not a path",
            "set it to what `vault secrets list` shows for the engine of type transit, like transit or team/transit",
        ));
    }
    Ok(mount.to_owned())
}

#[cfg(test)]
mod tests;
