use std::time::Duration;

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::*;

/// What the profile's file leaves of the endpoint.
async fn endpoint_of(profile: &str) -> Option<String> {
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, profile).build();
    let transport = KmsTransport::new(&Trust::nobody(), Duration::from_secs(1)).unwrap();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(transport).profile_files(files);
    cleaned(of_profile(&loader.region("eu-central-1").load().await))
}

#[tokio::test]
async fn the_profile_s_endpoint_counts_and_an_empty_one_is_none() {
    let default = "[default]\nendpoint_url =";
    let services = "[default]\nservices = mine\n[services mine]\nkms =\n  endpoint_url =";
    for profile in [default, services] {
        assert_eq!(endpoint_of(&format!("{profile}\n")).await, None, "{profile}");
        let set = endpoint_of(&format!("{profile} http://localhost:4566\n")).await;
        assert_eq!(set.as_deref(), Some("http://localhost:4566"), "{profile}");
    }
    assert_eq!(endpoint_of("[default]\nregion = eu-central-1\n").await, None);
    let switched_off = format!("{default} http://localhost:4566\nignore_configured_endpoint_urls = true\n");
    assert_eq!(endpoint_of(&switched_off).await, None);
}

#[test]
fn the_environment_is_read_without_what_stands_around_its_values() {
    let read = |values: &[(&str, &str)]| {
        let values: Vec<(String, String)> =
            values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Environment::read(&move |name| {
            let found = values.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
            crate::signer::cloud_env::cleaned(found)
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
