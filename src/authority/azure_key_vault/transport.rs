//! Owns how the Azure libraries reach the network: our own HTTP client, with its time limits and a cap on answers, and
//! nothing in clear text except to this machine and to the machine's own identity service.
//!
//! Refuses to know what is asked.

use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request};
use reqwest::{Certificate, Client, Url, redirect};
use url::Host;

use super::AzureOptions;
use crate::outside::{self, BodyError, USER_AGENT, is_loopback};

/// The largest answer, in octets: keys, signatures and tokens are a few thousand.
const MAX_ANSWER: usize = 256 * 1024;

/// The client of one opened key, for the vault and for tokens alike.
#[derive(Debug)]
pub(super) struct VaultTransport {
    ordinary: Client,
    /// For this machine and its identity service, which no proxy can reach for us.
    direct: Client,
}

impl VaultTransport {
    pub(super) fn new(options: &AzureOptions) -> Result<Self, reqwest::Error> {
        Ok(Self { ordinary: builder(options)?.build()?, direct: builder(options)?.no_proxy().build()? })
    }

    fn client(&self, url: &Url) -> azure_core::Result<&Client> {
        match (is_near(url), url.scheme()) {
            (true, _) => Ok(&self.direct),
            (false, "https") => Ok(&self.ordinary),
            (false, _) => Err(azure_core::Error::with_message(
                ErrorKind::Other,
                format!("{} is not asked without TLS", name(url)),
            )),
        }
    }
}

fn builder(options: &AzureOptions) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    let roots: Result<Vec<_>, _> = options.roots.iter().map(|der| Certificate::from_der(der)).collect();
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .redirect(redirect::Policy::none())
        .tls_certs_merge(roots?);
    for (host, address) in &options.addresses {
        builder = builder.resolve(host, *address);
    }
    Ok(builder)
}

/// Whether the URL's host is this machine, or the link-local address at which clouds have their identity service.
fn is_near(url: &Url) -> bool {
    let link_local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_unicast_link_local(),
        _ => false,
    };
    link_local || is_loopback(url)
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
        outside::read_body(&mut response, MAX_ANSWER, &mut body).await.map_err(|error| match error {
            BodyError::Broken(error) => broken(url, error),
            BodyError::TooLong => {
                let text = format!("{} answered with more than {MAX_ANSWER} octets", name(url));
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
    azure_core::Error::with_message(kind, format!("{}: {}", name(url), outside::reason(error)))
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
    use reqwest::Url;

    use super::{AzureOptions, VaultTransport, is_near};

    #[test]
    fn only_this_machine_and_its_identity_service_are_near() {
        for (url, near) in [
            ("http://169.254.169.254/metadata", true),
            ("http://127.0.0.1:41291/msi/token", true),
            ("http://localhost:12356/msi/token", true),
            ("http://[fe80::1]/", true),
            ("http://169.254.169.254.example.com/", false),
            ("http://10.0.0.1/", false),
            ("http://v1.vault.azure.net/", false),
        ] {
            assert_eq!(is_near(&Url::parse(url).unwrap()), near, "{url}");
        }
    }

    #[tokio::test]
    async fn another_host_is_not_asked_in_clear_text() {
        let transport = VaultTransport::new(&AzureOptions::default()).unwrap();
        let request = Request::new(Url::parse("http://192.0.2.1/keys").unwrap(), Method::Get);
        let error = transport.execute_request(&request).await.unwrap_err();
        assert_eq!(error.to_string(), "192.0.2.1 is not asked without TLS");
    }
}
