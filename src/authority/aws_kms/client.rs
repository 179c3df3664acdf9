//! Owns the connection to AWS KMS: region, endpoint, credentials, trust, and bounds on time and on what is read.
//!
//! Refuses to know what is asked. Nothing is tried twice here.

use std::env;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_kms::config::{
    Builder, ConfigBag, Credentials, Intercept, RuntimeComponents, SharedCredentialsProvider, SharedHttpClient,
};
use aws_sdk_kms::error::BoxError;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::AwsKmsOptions;
use super::failure::Failure;
use super::name::KeyName;
use crate::authority::cloud_env::variable;
use crate::outside;
use crate::{pem, text};

/// The most that is read of an answer, in octets. Real ones have a few hundred; a decrypted keyset has at most 4096.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Prepares calls for one key. Nothing is sent to KMS; an instance may be asked for its region.
pub(super) async fn connect(key: &KeyName, options: &AwsKmsOptions) -> Result<Client, Failure> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.timeout / 2)
        .operation_attempt_timeout(options.timeout)
        .operation_timeout(options.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    let environment = Environment::read(&variable);
    if let Some(region) = key.region.clone().or_else(|| options.region.clone()).or(environment.region) {
        loader = loader.region(Region::new(region));
    }
    if let Some(credentials) = options.credentials.clone().or(environment.credentials) {
        loader = loader.credentials_provider(credentials);
    }
    if let Some(bundle) = options.ca_bundle.clone().or_else(|| variable("AWS_CA_BUNDLE").map(PathBuf::from)) {
        loader = loader.http_client(https_client(&bundle)?);
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(Failure::refused("no region is set".to_owned(), "set AWS_REGION, or name the key by its ARN"));
    }
    let mut config = Builder::from(&shared).interceptor(AnswerCap);
    // The SDK has read the variable too, and panics at one with nothing in it.
    if ENDPOINTS.into_iter().any(|name| env::var_os(name).is_some()) {
        config.set_endpoint_url(environment.endpoint.map(|url| usable(&url).map(|()| url)).transpose()?);
    }
    if let Some(endpoint) = endpoint(key, options)? {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

/// The variables that say where KMS is, the first one that is set counts.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"];

/// What the SDK would read of the environment, without what stands around it: it takes a line end for a part of a key, and panics.
struct Environment {
    region: Option<String>,
    credentials: Option<SharedCredentialsProvider>,
    endpoint: Option<String>,
}

impl Environment {
    fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let keys = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        let credentials = keys.map(|(id, secret)| {
            let session = variable("AWS_SESSION_TOKEN");
            SharedCredentialsProvider::new(Credentials::new(id, secret, session, None, "environment"))
        });
        Self {
            region: variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")),
            credentials,
            endpoint: if ignores_endpoints(variable) { None } else { ENDPOINTS.into_iter().find_map(variable) },
        }
    }
}

/// The SDK's own switch against endpoints that something else in the environment set.
fn ignores_endpoints(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn usable(endpoint: &str) -> Result<(), Failure> {
    match Url::parse(endpoint) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Ok(()),
        _ => Err(Failure::refused(
            "AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_KMS is not an http or https URL".to_owned(),
            "write it with its scheme, like http://localhost:4566, or leave it out",
        )),
    }
}

fn endpoint<'a>(key: &'a KeyName, options: &'a AwsKmsOptions) -> Result<Option<&'a str>, Failure> {
    let Some(endpoint) = key.endpoint.as_ref().or(options.endpoint.as_ref()) else { return Ok(None) };
    if endpoint.scheme() != "https" && !outside::is_loopback(endpoint) {
        return Err(Failure::refused(format!("the endpoint {endpoint} is not https"), "use https to other machines"));
    }
    Ok(Some(Url::as_str(endpoint)))
}

/// Trusts what the file holds and nothing else, as other AWS programs do with `AWS_CA_BUNDLE`.
fn https_client(bundle: &Path) -> Result<SharedHttpClient, Failure> {
    let wrong = |error: String| {
        let problem = format!("the certificates to trust in {} cannot be used: {error}", bundle.display());
        Failure::refused(problem, "AWS_CA_BUNDLE names a PEM file with the certificates of authorities")
    };
    let file = std::fs::read(bundle).map_err(|error| wrong(error.to_string()))?;
    // Parsed here first: the client would panic on a file that it cannot read.
    let certificates = pem::certificates(&file).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    let mut trust = TrustStore::empty();
    for der in certificates.ders {
        trust.add_pem_certificate(text::pem("CERTIFICATE", &der));
        roots.add(CertificateDer::from(der)).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|error| wrong(error.to_string()))?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    Ok(builder.tls_context(context).build_https())
}

/// Ends the reading of an answer that is too large.
#[derive(Debug)]
struct AnswerCap;

impl Intercept for AnswerCap {
    fn name(&self) -> &'static str {
        "AnswerCap"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let body = response.take_body();
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, LARGEST_ANSWER));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_without_what_stands_around_its_values() {
        let read = |values: &[(&str, &str)]| {
            let values: Vec<(String, String)> =
                values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            Environment::read(&move |name| {
                let found = values.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
                crate::authority::cloud_env::cleaned(found)
            })
        };
        let whole = read(&[
            ("AWS_REGION", ""),
            ("AWS_DEFAULT_REGION", "eu-central-1\n"),
            ("AWS_ACCESS_KEY_ID", "AKID\n"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("AWS_ENDPOINT_URL_KMS", ""),
            ("AWS_ENDPOINT_URL", " http://localhost:4566 "),
        ]);
        assert_eq!(whole.region.as_deref(), Some("eu-central-1"));
        assert_eq!(whole.endpoint.as_deref(), Some("http://localhost:4566"));
        assert!(whole.credentials.is_some());
        let switch = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
        assert_eq!(read(&[("AWS_ENDPOINT_URL", "http://localhost:4566"), switch]).endpoint, None);
        assert!(read(&[("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", " ")]).credentials.is_none());
        assert!(usable("http://localhost:4566").is_ok());
        assert!(usable("localhost:4566").is_err() && usable("x").is_err());
    }
}
