//! Owns TLS with one server, as the variables of Vault's own tools set it: which certificates are trusted, the name by which the server is
//! known, and who we are.
//!
//! Refuses to know what is asked. Files are read when a key is opened.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use crate::http::trust::{self, ClientIdentity, Protocols, Trust};
use crate::signer::backend::BackendError;

const PEM_HINT: &str = "VAULT_CACERT names a PEM file of certificates, VAULT_CAPATH a folder of such files, and VAULT_CACERT_BYTES holds PEM itself";
const CLIENT_HINT: &str =
    "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY name PEM files of a certificate and its key, which is not encrypted";

// What is trusted is not a secret, but long.
#[derive(Default, derive_more::Debug)]
#[debug("TlsSettings {{ server_name: {server_name:?}, .. }}")]
pub(super) struct TlsSettings {
    /// `VAULT_CACERT`: certificates to trust, PEM.
    pub ca_file: Option<PathBuf>,
    /// `VAULT_CACERT_BYTES`: the same, not in a file.
    pub ca_pem: Option<String>,
    /// `VAULT_CAPATH`: a folder of such files.
    pub ca_folder: Option<PathBuf>,
    /// `VAULT_CLIENT_CERT` and `VAULT_CLIENT_KEY`.
    pub client: Option<(PathBuf, PathBuf)>,
    /// `VAULT_TLS_SERVER_NAME`: the name in the server's certificate, where it is not that of the address.
    pub server_name: Option<String>,
}

impl TlsSettings {
    /// `variable` is asked without the prefix; `ca_file` is set by other means.
    pub(super) fn read(
        ca_file: Option<PathBuf>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BackendError> {
        let path = |name: &str| variable(name).map(PathBuf::from);
        let client = match (path("CLIENT_CERT"), path("CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (certificate, _) => {
                let missing = if certificate.is_some() { "VAULT_CLIENT_KEY" } else { "VAULT_CLIENT_CERT" };
                return Err(BackendError::refused(
                    format!("{missing} is not set, and its counterpart is"),
                    CLIENT_HINT,
                ));
            }
        };
        let server_name = variable("TLS_SERVER_NAME");
        if server_name.as_deref().is_some_and(|name| url::Host::parse(name).is_err()) {
            return Err(BackendError::refused(
                "VAULT_TLS_SERVER_NAME is not a host name",
                "set it to a name that the server's certificate has",
            ));
        }
        Ok(Self {
            ca_file: ca_file.or_else(|| path("CACERT")),
            ca_pem: variable("CACERT_BYTES"),
            ca_folder: path("CAPATH"),
            client,
            server_name,
        })
    }

    /// The TLS of a client for this server.
    pub(super) fn client_config(&self) -> Result<ClientConfig, BackendError> {
        let trust = Trust::of_named(self.named()?).map_err(|problem| BackendError::refused(problem, PEM_HINT))?;
        let client = self.client.as_ref().map(|(certificate, key)| identity(certificate, key)).transpose()?;
        trust.client_config_as(client, Protocols::Http1).map_err(|error| {
            let problem = crate::text::tls_words::in_words(error.to_string());
            BackendError::refused(format!("the TLS client cannot be set up: {problem}"), CLIENT_HINT)
        })
    }

    fn named(&self) -> Result<Vec<CertificateDer<'static>>, BackendError> {
        let unusable = |name: String| move |problem| BackendError::refused(format!("{name}: {problem}"), PEM_HINT);
        let mut named = Vec::new();
        if let Some(file) = &self.ca_file {
            named.extend(trust::named_certificates_in(file).map_err(unusable(file.display().to_string()))?);
        }
        if let Some(pem) = &self.ca_pem {
            let read = trust::named_certificates(pem.as_bytes());
            named.extend(read.map_err(unusable("VAULT_CACERT_BYTES".to_owned()))?);
        }
        if let Some(folder) = &self.ca_folder {
            named.extend(trust::certificates_in(folder).map_err(unusable(folder.display().to_string()))?);
        }
        Ok(named)
    }
}

fn identity(certificate: &Path, key: &Path) -> Result<ClientIdentity, BackendError> {
    let read = |file: &Path| {
        trust::read_pem(file)
            .map_err(|problem| BackendError::refused(format!("{}: {problem}", file.display()), CLIENT_HINT))
    };
    ClientIdentity::from_pem(&read(certificate)?, &read(key)?).map_err(|problem| {
        let files = format!("{} and {}", certificate.display(), key.display());
        BackendError::refused(format!("{files}: {problem}"), CLIENT_HINT)
    })
}

/// The server's address under the name that it is known by: the TLS library asks for that name and finds it in the certificate.
pub(super) fn renamed(address: &Url, name: &str) -> Url {
    let mut renamed = address.clone();
    // A host that was parsed is a host of an http URL.
    let _ = renamed.set_host(Some(name));
    renamed
}

/// Leads every name to the host that the operator set: there is no other that is asked.
pub(super) struct OneHost(pub String);

impl Resolve for OneHost {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.0.trim_matches(['[', ']']).to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
