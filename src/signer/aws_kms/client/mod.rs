//! Owns the connection to AWS KMS: region, endpoint, credentials, trust, and bounds on time and on what is read.
//!
//! Refuses to know what is asked. Nothing is tried twice here.

use std::path::PathBuf;

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_kms::config::{Builder, ConfigBag, Credentials, Intercept, RuntimeComponents, SharedCredentialsProvider};
use aws_sdk_kms::error::BoxError;
use aws_smithy_types::body::SdkBody;
use aws_types::service_config::ServiceConfigKey;
use http_body_util::Limited;
use url::Url;

use super::AwsKmsOptions;
use super::transport::KmsTransport;
use super::uri::KeyName;
use crate::http;
use crate::http::trust::{self, Trust};
use crate::signer::backend::BackendError;
use crate::signer::cloud_env::{cleaned, padded, unclean, unclean_problem, variable};

/// The most that is read of an answer, in bytes. Real ones have a few hundred; a decrypted keyset has at most 4096.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Prepares calls for one key. Nothing is sent to KMS; an instance may be asked for its region.
pub(super) async fn connect(key: &KeyName, options: &AwsKmsOptions) -> Result<Client, BackendError> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.timeout / 2)
        .operation_attempt_timeout(options.timeout)
        .operation_timeout(options.timeout)
        .build();
    let transport = KmsTransport::new(&trust(options)?, options.timeout / 2)
        .map_err(|error| BackendError::refused(error.to_string(), "this should not happen: please report it"))?;
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(transport.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    let (environment, profile) = (Environment::read(&variable), variable("AWS_PROFILE"));
    if let Some(region) = key.region.clone().or_else(|| options.region.clone()).or(environment.region) {
        loader = loader.region(Region::new(region));
    } else if unclean(&OF_REGION).is_some() {
        loader = loader.region(without_variables(transport, profile.as_deref()));
    }
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    match options.credentials.clone().or(environment.credentials) {
        Some(credentials) => loader = loader.credentials_provider(credentials),
        None => refuse_unclean()?,
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(BackendError::refused("no region is set".to_owned(), "set AWS_REGION, or name the key by its ARN"));
    }
    let mut config = Builder::from(&shared).interceptor(AnswerCap);
    // The SDK has read variables and profile too, and panics at one with nothing in it.
    let configured = environment.endpoint.or_else(|| cleaned(of_profile(&shared)));
    config.set_endpoint_url(configured.map(|url| usable(&url).map(|()| url)).transpose()?);
    if let Some(endpoint) = endpoint(key, options)? {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

/// The profile's region, or the instance's: the SDK takes an empty variable for the region, and looks no further.
fn without_variables(transport: KmsTransport, profile: Option<&str>) -> RegionProviderChain {
    let config = ProviderConfig::without_region().with_http_client(transport);
    let mut of_profile = ProfileFileRegionProvider::builder().configure(&config);
    if let Some(name) = profile {
        of_profile = of_profile.profile_name(name);
    }
    let of_instance = ImdsRegionProvider::builder().configure(&config);
    RegionProviderChain::first_try(of_profile.build()).or_else(of_instance.build())
}

/// What the SDK itself reads to find credentials. It takes nothing for a value of these, and a line end for a part of the others.
const OF_CREDENTIALS: [&str; 5] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];
const OF_FILES_AND_ROLES: [&str; 4] =
    ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"];

fn refuse_unclean() -> Result<(), BackendError> {
    match unclean(&OF_CREDENTIALS).or_else(|| padded(&OF_FILES_AND_ROLES)) {
        Some(name) => {
            Err(BackendError::refused(unclean_problem(name), "a Secret made with `echo` has a line end: use `printf`"))
        }
        None => Ok(()),
    }
}

/// The variables that say which region is asked.
const OF_REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
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
            region: OF_REGION.into_iter().find_map(variable),
            credentials,
            endpoint: if ignores_endpoints(variable) { None } else { ENDPOINTS.into_iter().find_map(variable) },
        }
    }
}

/// The SDK's own switch against endpoints that something else in the environment set.
fn ignores_endpoints(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// What `endpoint_url` says in the profile, or in its section of services.
fn of_profile(shared: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id("kms").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    let of_service = shared.service_config().and_then(|config| config.load_config(key));
    of_service.or_else(|| shared.endpoint_url().map(ToOwned::to_owned))
}

fn usable(endpoint: &str) -> Result<(), BackendError> {
    match Url::parse(endpoint) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Ok(()),
        _ => Err(BackendError::refused(
            "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_KMS or endpoint_url of the AWS profile is not an http or https URL"
                .to_owned(),
            "write it with its scheme, like http://localhost:4566, or leave it out",
        )),
    }
}

fn endpoint<'a>(key: &'a KeyName, options: &'a AwsKmsOptions) -> Result<Option<&'a str>, BackendError> {
    let Some(endpoint) = key.endpoint.as_ref().or(options.endpoint.as_ref()) else { return Ok(None) };
    if endpoint.scheme() != "https" && !http::is_loopback(endpoint) {
        return Err(BackendError::refused(
            format!("the endpoint {endpoint} is not https"),
            "use https to other machines",
        ));
    }
    Ok(Some(Url::as_str(endpoint)))
}

/// Whom the key's client trusts: what `AWS_CA_BUNDLE` names, as with other AWS programs.
fn trust(options: &AwsKmsOptions) -> Result<Trust, BackendError> {
    let named = options.ca_bundle.clone().or_else(|| variable("AWS_CA_BUNDLE").map(PathBuf::from));
    let Some(bundle) = named else { return Ok(Trust::of_system()) };
    trust::named_certificates_in(&bundle).and_then(Trust::of_named).map_err(|error| {
        let problem = format!("the certificates to trust in {} cannot be used: {error}", bundle.display());
        BackendError::refused(problem, "AWS_CA_BUNDLE names a PEM file with the certificates of authorities")
    })
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
mod tests;
