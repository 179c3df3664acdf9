//! Who may call the fake: it gives out access tokens as Google's servers do, and verifies what comes.
//!
//! A service account signs its own tokens (RFC 7523, AIP-4111); workload identity federation exchanges a token (RFC 8693); a refresh
//! token is exchanged, too (RFC 6749); and the metadata server gives one to anyone who is on the machine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Answer, Request};
use crate::support::keys::{Key, Kind};

const ACCOUNT: &str = "signer@test-project.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// What the file of the foreign identity holds.
const SUBJECT_TOKEN: &str = "a token of somebody whom Google trusts";

/// Keys and tokens, and the files in which clients find them.
pub struct Tokens {
    key: Key,
    folder: tempfile::TempDir,
    given: Mutex<Vec<String>>,
    refused: Mutex<bool>,
    exchanges: AtomicUsize,
}

impl Tokens {
    pub fn new() -> Self {
        Self {
            key: Key::new(Kind::Rsa2048),
            folder: tempfile::tempdir().unwrap(),
            given: Mutex::default(),
            refused: Mutex::default(),
            exchanges: AtomicUsize::new(0),
        }
    }

    /// The JSON file of a service account that the fake knows.
    pub fn service_account_file(&self) -> PathBuf {
        self.file("account.json", &service_account(&self.key))
    }

    /// The JSON file of a service account with a key that the fake does not know.
    pub fn stranger_file(&self) -> PathBuf {
        self.file("stranger.json", &service_account(&Key::new(Kind::Rsa3072)))
    }

    /// The JSON file of workload identity federation, with the token of the foreign identity in a file.
    pub fn federation_file(&self, url: &str) -> PathBuf {
        let token = self.folder.path().join("subject-token");
        std::fs::write(&token, SUBJECT_TOKEN).unwrap();
        self.file(
            "federation.json",
            &json!({
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/x",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": format!("{url}/sts/token"),
                "credential_source": {"file": token},
            }),
        )
    }

    /// The JSON file that `gcloud auth application-default login` leaves.
    pub fn user_file(&self, url: &str) -> PathBuf {
        self.file(
            "user.json",
            &json!({
                "type": "authorized_user", "client_id": "client", "client_secret": "secret", "refresh_token": "refresh",
                "token_uri": format!("{url}/oauth/token"),
            }),
        )
    }

    /// Any file.
    pub fn file(&self, name: &str, content: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path
    }

    /// From now on no token is given, or again.
    pub fn refuse(&self, refused: bool) {
        *self.refused.lock().unwrap() = refused;
    }

    /// How often a token was asked for.
    pub fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::SeqCst)
    }

    /// Answers as a token server, if that is what the path is of.
    pub fn serve(&self, head: &HashMap<String, String>, request: &Request) -> Option<Answer> {
        let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let good = match request.path.as_str() {
            "/sts/token" => {
                field("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
                    && field("subject_token") == SUBJECT_TOKEN
                    && field("audience").ends_with("/providers/x")
                    && field("scope") == SCOPE
            }
            "/oauth/token" => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let field = |name: &str| body[name].as_str().unwrap_or_else(|| field(name)).to_owned();
                field("grant_type") == "refresh_token" && field("refresh_token") == "refresh"
            }
            "/computeMetadata/v1/instance/service-accounts/default/token" => {
                head.get("metadata-flavor").is_some_and(|flavor| flavor == "Google")
            }
            path if path.starts_with("/computeMetadata/") => return Some((404, json!({}))),
            _ => return None,
        };
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        if !good || *self.refused.lock().unwrap() {
            return Some((
                400,
                json!({"error": "invalid_grant", "error_description": "the token is not to our liking"}),
            ));
        }
        let mut given = self.given.lock().unwrap();
        let token = format!("token-{}", given.len());
        given.push(token);
        Some((
            200,
            json!({
                "access_token": given.last().unwrap(), "token_type": "Bearer", "expires_in": 3600,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            }),
        ))
    }

    /// Whether an `Authorization` header is one that Google would take.
    pub fn accepts(&self, header: &str) -> bool {
        let Some(token) = header.strip_prefix("Bearer ") else { return false };
        self.given.lock().unwrap().iter().any(|given| given == token) || self.is_self_signed(token).is_some()
    }

    /// A JWT of the service account's for itself, valid now, with the scope of all of Google Cloud.
    fn is_self_signed(&self, token: &str) -> Option<()> {
        let (signed, signature) = token.rsplit_once('.')?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.spki_der()).unwrap();
        key.verify_sig(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let in_time = claims["iat"].as_u64()? <= now && now < claims["exp"].as_u64()?;
        (claims["iss"] == ACCOUNT && claims["sub"] == ACCOUNT && claims["scope"] == SCOPE && in_time).then_some(())
    }
}

fn service_account(key: &Key) -> Value {
    json!({
        "type": "service_account", "project_id": "test-project", "private_key_id": "1", "client_id": "1",
        "private_key": pem::encode(&pem::Pem::new("PRIVATE KEY", key.pkcs8())), "client_email": ACCOUNT,
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}
