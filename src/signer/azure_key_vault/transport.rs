//! Owns how the Azure libraries reach the network: our own HTTP client, with its time limits and a cap on answers, and
//! nothing in clear text except to this machine and to the machine's own identity service.
//!
//! Refuses to know what is asked.

use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request};
use reqwest::{Client, Url};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use super::AzureOptions;
use crate::http::trust::{Protocols, Trust};
use crate::http::{self, BodyError, Clients, SetupError, is_near};

/// The largest answer, in bytes: keys, signatures and tokens are a few thousand.
const MAX_ANSWER: usize = 256 * 1024;

/// The client of one opened key, for the vault and for tokens alike.
#[derive(Debug)]
pub(super) struct VaultTransport(Clients);

impl VaultTransport {
    pub(super) fn new(options: &AzureOptions) -> Result<Self, SetupError> {
        let named = options.roots.iter().cloned().map(CertificateDer::from).collect();
        let trust = Trust::of_system().and(named).map_err(rustls::Error::General)?;
        let tls = trust.client_config(Protocols::Http)?;
        Ok(Self(Clients::new(|| builder(options, tls.clone()))?))
    }

    fn client(&self, url: &Url) -> azure_core::Result<&Client> {
        if url.scheme() == "https" || is_near(url) {
            return Ok(self.0.to(url));
        }
        let text = format!("{} is not asked without TLS", name(url));
        Err(azure_core::Error::with_message(ErrorKind::Other, text))
    }
}

fn builder(options: &AzureOptions, tls: ClientConfig) -> reqwest::ClientBuilder {
    let mut builder = http::builder(tls, options.connect_timeout).timeout(options.timeout);
    for (host, address) in &options.addresses {
        builder = builder.resolve(host, *address);
    }
    builder
}

#[async_trait::async_trait]
impl HttpClient for VaultTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let url = request.url();
        let mut builder = self.client(url)?.request(method(request.method())?, url.clone());
        for (name, value) in request.headers().iter() {
            builder = builder.header(name.as_str(), value.as_str());
        }
        let Body::Bytes(body) = request.body().clone() else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "a body without a length is not sent"));
        };
        let mut response = builder.body(body).send().await.map_err(|error| broken(url, error))?;
        let (status, mut headers) = (response.status(), Headers::new());
        for (name, value) in response.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let mut body = Vec::new();
        http::read_body(&mut response, MAX_ANSWER, &mut body).await.map_err(|error| match error {
            BodyError::Broken(error) => broken(url, error),
            BodyError::TooLong => {
                let text = format!("{} answered with more than {MAX_ANSWER} bytes", name(url));
                azure_core::Error::with_message(ErrorKind::DataConversion, text)
            }
        })?;
        // The libraries read an error as JSON before they look at its status, and would call a gateway's page nonsense.
        if (status.is_server_error() || status.as_u16() == 429) && !body.starts_with(b"{") {
            return Err(azure_core::Error::with_message(ErrorKind::Io, format!("{} answered {status}", name(url))));
        }
        Ok(AsyncRawResponse::from_bytes(status.as_u16().into(), headers, body))
    }
}

fn broken(url: &Url, error: reqwest::Error) -> azure_core::Error {
    let kind = if error.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
    azure_core::Error::with_message(kind, format!("{}: {}", name(url), http::reason(error)))
}

fn name(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// Keys and signatures take no other methods.
fn method(method: Method) -> azure_core::Result<reqwest::Method> {
    match method {
        Method::Get => Ok(reqwest::Method::GET),
        Method::Post => Ok(reqwest::Method::POST),
        other => Err(azure_core::Error::with_message(ErrorKind::Other, format!("{other} is not sent"))),
    }
}

#[cfg(test)]
mod tests {
    use azure_core::http::{HttpClient as _, Method, Request};

    use super::{AzureOptions, VaultTransport};

    #[tokio::test]
    async fn another_host_is_not_asked_in_clear_text() {
        let transport = VaultTransport::new(&AzureOptions::default()).unwrap();
        let request = Request::new(reqwest::Url::parse("http://192.0.2.1/keys").unwrap(), Method::Get);
        let error = transport.execute_request(&request).await.unwrap_err();
        assert_eq!(error.to_string(), "192.0.2.1 is not asked without TLS");
    }
}
