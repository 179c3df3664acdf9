//! Owns the connection to AWS KMS: region, endpoint, credentials, trust, and bounds on time and on what is read.
//!
//! Refuses to know what is asked. Nothing is tried twice here.

use std::env;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_kms::config::{Builder, ConfigBag, Intercept, RuntimeComponents, SharedHttpClient};
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
    if let Some(region) = key.region.clone().or_else(|| options.region.clone()) {
        loader = loader.region(Region::new(region));
    }
    if let Some(credentials) = &options.credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    if let Some(bundle) = options.ca_bundle.clone().or_else(|| env::var_os("AWS_CA_BUNDLE").map(PathBuf::from)) {
        loader = loader.http_client(https_client(&bundle)?);
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(Failure::refused("no region is set".to_owned(), "set AWS_REGION, or name the key by its ARN"));
    }
    let mut config = Builder::from(&shared).interceptor(AnswerCap);
    if let Some(endpoint) = endpoint(key, options)? {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
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
