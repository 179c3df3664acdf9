//! What every client of other servers has in common.
//!
//! Owns our name towards them, the question whether they are on this machine, who vouches for them, the cap on what they answer and the
//! words for how they fail, a clock that is off among them. Knows neither issuers nor logs.

pub(crate) mod backoff;
pub(crate) mod clock;
pub(crate) mod encoding;
pub mod trust;

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, Url, redirect};
use rustls::ClientConfig;
use url::Host;

use crate::text::peer_text::PeerText;

const USER_AGENT: &str = concat!("sigmint/", env!("CARGO_PKG_VERSION"));

/// `fd00:ec2::254`.
const AWS_IDENTITY_SERVICE: [u16; 8] = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];

/// Whether the URL's host is this machine: no proxy can reach it for us.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the URL's host is this machine, or an address at which clouds have a machine's identity service: no proxy can reach either.
pub fn is_near(url: &Url) -> bool {
    let identity_service = match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_unicast_link_local() || address.segments() == AWS_IDENTITY_SERVICE,
        _ => false,
    };
    identity_service || is_loopback(url)
}

/// Whether a URL has nothing but a scheme, a host, a port and a path: what else could stand in it would go unnoticed, or is a password.
pub(crate) fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

/// What all clients of other servers have in common: our name, whom they trust, how long a connection may take to come about, and that a
/// redirect is the caller's to judge. Time for a call and the cap on its answer ([`read_body`]) are the caller's, too.
pub(crate) fn builder(tls: ClientConfig, connect_timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect_timeout)
        .redirect(redirect::Policy::none())
}

/// A client that goes through the environment's proxies, and the same for hosts that no proxy can reach for us.
#[derive(Clone, Debug)]
pub struct Clients {
    ordinary: Client,
    direct: Client,
}

impl Clients {
    pub fn new(builder: impl Fn() -> ClientBuilder) -> Result<Self, reqwest::Error> {
        Ok(Self { ordinary: builder().build()?, direct: builder().no_proxy().build()? })
    }

    /// The one for this URL.
    pub fn to(&self, url: &Url) -> &Client {
        if is_near(url) { &self.direct } else { &self.ordinary }
    }
}

/// Why there is no client for other servers.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("HTTP cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    Broken(reqwest::Error),
    TooLong,
}

/// Reads an answer's body behind what is in `body` already, which gets no longer than `most` bytes.
///
/// Errors: [`BodyError`]; `body` then holds a part.
pub async fn read_body(response: &mut Response, most: usize, body: &mut Vec<u8>) -> Result<(), BodyError> {
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > most {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

/// The library's error down to its cause, because the outermost says only that a request failed; without the URL, which may hold secrets.
/// Bounded: the cause may list every name of a peer's certificate.
pub fn reason(error: reqwest::Error) -> PeerText {
    PeerText::of_error(&error.without_url())
}

#[cfg(test)]
mod tests;
