use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::{AccessTokens, CredentialsSource, PATIENCE, RemoteError, default_file, is_about_time};
use crate::signer::cloud_env::cleaned;

fn account(private_key: &str) -> Value {
    json!({"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": private_key,
            "client_email": "a@p.iam.gserviceaccount.com"})
}

#[tokio::test(start_paused = true)]
async fn credentials_that_failed_for_good_are_read_again_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    std::fs::write(&file, account("no key").to_string()).unwrap();
    let tokens = AccessTokens::new(CredentialsSource::File(file.clone())).unwrap();
    assert!(matches!(tokens.headers().await, Err(RemoteError::Refused(_))));

    let key = include_str!("../../../../tests/fixtures/keys/rsa2048.pkcs8.pem");
    std::fs::write(&file, account(key).to_string()).unwrap();
    assert!(tokens.headers().await.is_err(), "nobody hammers the token server");
    tokio::time::advance(PATIENCE).await;
    assert!(tokens.headers().await.unwrap().contains_key("authorization"));
    tokio::time::advance(Duration::from_mins(30)).await;
    assert!(tokens.headers().await.is_ok(), "what answers is kept");
}

#[test]
fn the_file_is_found_as_google_s_own_programs_find_it_and_an_empty_variable_is_none() {
    let home = tempfile::tempdir().unwrap();
    let found = |named: Option<&str>| {
        let (named, home) = (named.map(str::to_owned), home.path().display().to_string());
        default_file(&move |name| match name {
            "GOOGLE_APPLICATION_CREDENTIALS" => cleaned(named.clone()),
            "HOME" => Some(home.clone()),
            _ => None,
        })
    };
    assert_eq!(found(Some("/run/key.json\n")), Some("/run/key.json".into()));
    assert_eq!((found(None), found(Some(" \n"))), (None, None), "then the metadata server is asked");
    let of_gcloud = home.path().join(".config/gcloud/application_default_credentials.json");
    std::fs::create_dir_all(of_gcloud.parent().unwrap()).unwrap();
    std::fs::write(&of_gcloud, "{}").unwrap();
    assert_eq!((found(None), found(Some(""))), (Some(of_gcloud.clone()), Some(of_gcloud)));
}

#[test]
fn a_refusal_for_an_assertion_s_times_names_the_clock() {
    assert!(is_about_time(
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
    ));
    assert!(!is_about_time("invalid_grant: account not found"));
}

#[tokio::test(start_paused = true)]
async fn a_token_server_that_is_silent_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, token) = (folder.path().join("federation.json"), folder.path().join("token"));
    std::fs::write(&token, "token").unwrap();
    let federation = json!({"type": "external_account", "audience": "a", "subject_token_type": "t",
            "token_url": format!("http://{}/token", silent.local_addr().unwrap()), "credential_source": {"file": token}});
    std::fs::write(&file, federation.to_string()).unwrap();
    let tokens = AccessTokens::new(CredentialsSource::File(file)).unwrap();
    let error = tokens.headers().await.unwrap_err();
    assert_eq!(error, RemoteError::Unreachable("no access token: it took too long".into()));
}
