//! How the AWS libraries reach the network: our own HTTP client, which trusts whom all others here trust and goes through the
//! environment's proxies.
//!
//! Refuses to know what is asked. Time limits and the cap on answers are the caller's.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Request};

use crate::http::trust::{Protocols, Trust};
use crate::http::{self, Clients, SetupError};

/// The client of one opened key, for KMS and for the source of credentials.
#[derive(Clone, Debug)]
pub(super) struct KmsTransport(Clients);

impl KmsTransport {
    pub(super) fn new(trust: &Trust, connect_timeout: Duration) -> Result<Self, SetupError> {
        let tls = trust.client_config(Protocols::Http1)?;
        Ok(Self(Clients::new(|| {
            http::builder(tls.clone(), connect_timeout)
                // A call that is given up closes its connection. With HTTP/2 all calls would share one, and a dead one for long.
                .http1_only()
                .tcp_nodelay(true)
        })?))
    }
}

impl HttpClient for KmsTransport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let longest = settings.connect_timeout().zip(settings.read_timeout()).map(|(connect, read)| connect + read);
        SharedHttpConnector::new(Connector { transport: self.clone(), longest })
    }
}

#[derive(Debug)]
struct Connector {
    transport: KmsTransport,
    /// For one call altogether, if who calls says so.
    longest: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (transport, longest) = (self.transport.clone(), self.longest);
        HttpConnectorFuture::new(async move {
            let mut request = translated(request)?;
            *request.timeout_mut() = longest;
            let answer = transport.0.to(request.url()).execute(request).await.map_err(failed)?;
            let answer = hyper::Response::<Body>::from(answer).map(SdkBody::from_body_1_x);
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn translated(request: HttpRequest) -> Result<Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().map(<[u8]>::to_vec).ok_or_else(|| ConnectorError::user("a stream is not sent".into()))?;
    Request::try_from(hyper::Request::from_parts(parts, body)).map_err(|error| ConnectorError::user(error.into()))
}

fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}
