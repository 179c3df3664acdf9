//! fakecloud's KMS, and what it lacks: digests with P-521, and Ed25519 keys.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use fakecloud_core::auth::IamAction;
use fakecloud_core::service::{AwsRequest, AwsResponse, AwsService, AwsServiceError};
use fakecloud_kms::{KmsKey, KmsService, SharedKmsState};
use fakecloud_persistence::DiskSnapshotStore;
use http::StatusCode;
use p521::ecdsa::signature::hazmat::PrehashSigner as _;
use serde_json::{Value, json};

use crate::ACCOUNT;
use crate::faults::Faults;

const ED25519: &str = "ECC_NIST_EDWARDS25519";

pub struct Kms {
    fakecloud: KmsService,
    state: SharedKmsState,
    faults: Arc<Faults>,
}

impl Kms {
    pub fn new(state: SharedKmsState, store: Arc<DiskSnapshotStore>, faults: Arc<Faults>) -> Self {
        Self { fakecloud: KmsService::new(state.clone()).with_snapshot_store(store), state, faults }
    }

    fn key(&self, request: &AwsRequest) -> Option<KmsKey> {
        let accounts = self.state.read();
        let state = accounts.get(ACCOUNT)?;
        let id = state.resolve_key_id(&request.region, request.json_body()["KeyId"].as_str()?)?;
        state.keys.get(&id).cloned()
    }

    /// A P-256 key that is made an Ed25519 key.
    async fn create_ed25519(&self, mut request: AwsRequest) -> Result<AwsResponse, AwsServiceError> {
        let mut body = request.json_body();
        body["KeySpec"] = json!("ECC_NIST_P256");
        request.body = body.to_string().into();
        let answer = self.fakecloud.handle(request).await?;
        let parsed: Value = serde_json::from_slice(answer.body.expect_bytes()).expect("an answer in JSON");
        let id = parsed["KeyMetadata"]["KeyId"].as_str().expect("a key's id").to_owned();
        let private = ed25519_dalek::SigningKey::from_bytes(&rand::random());
        if let Some(key) = self.state.write().get_or_create(ACCOUNT).keys.get_mut(&id) {
            key.key_spec = ED25519.to_owned();
            key.signing_algorithms = Some(vec!["ED25519_SHA_512".into(), "ED25519_PH_SHA_512".into()]);
            key.asymmetric_private_key_der = Some(private.to_pkcs8_der().expect("DER").as_bytes().to_vec());
            let public = private.verifying_key().to_public_key_der().expect("DER");
            key.asymmetric_public_key_der = Some(public.as_bytes().to_vec());
        }
        if let Some(save) = self.fakecloud.snapshot_hook() {
            save().await;
        }
        Ok(answer)
    }

    /// What fakecloud cannot sign: by the documentation of KMS's Sign.
    fn sign(key: &KmsKey, body: &Value) -> Option<Result<Vec<u8>, AwsServiceError>> {
        let private = key.asymmetric_private_key_der.as_deref()?;
        let message = STANDARD.decode(body["Message"].as_str()?).ok()?;
        let (kind, algorithm) = (body["MessageType"].as_str()?, body["SigningAlgorithm"].as_str()?);
        match (key.key_spec.as_str(), kind, algorithm) {
            ("ECC_NIST_P521", "DIGEST", "ECDSA_SHA_512") if message.len() == 64 => {
                let secret = p521::SecretKey::from_pkcs8_der(private).expect("a P-521 key");
                let signing = p521::ecdsa::SigningKey::from_slice(&secret.to_bytes()).expect("a P-521 key");
                let signature: p521::ecdsa::Signature = signing.sign_prehash(&message).expect("a signature");
                Some(Ok(signature.to_der().as_bytes().to_vec()))
            }
            (ED25519, "RAW", "ED25519_SHA_512") if message.len() <= 4096 => {
                let signing = ed25519_dalek::SigningKey::from_pkcs8_der(private).expect("an Ed25519 key");
                Some(Ok(signing.sign(&message).to_vec()))
            }
            (ED25519, ..) => Some(Err(error("ValidationException", "that is not for Ed25519 keys"))),
            _ => None,
        }
    }
}

#[async_trait]
impl AwsService for Kms {
    fn service_name(&self) -> &str {
        self.fakecloud.service_name()
    }

    async fn handle(&self, mut request: AwsRequest) -> Result<AwsResponse, AwsServiceError> {
        let mut body = request.json_body();
        match request.action.as_str() {
            "CreateKey" if body["KeySpec"] == ED25519 => return self.create_ed25519(request).await,
            "Sign" => {}
            _ => return self.fakecloud.handle(request).await,
        }
        if self.faults.lies() {
            let length =
                STANDARD.decode(body["Message"].as_str().unwrap_or_default()).map_or(0, |message| message.len());
            body["Message"] = json!(STANDARD.encode(vec![0x42; length]));
            request.body = body.to_string().into();
        }
        let Some(key) = self.key(&request).filter(|key| key.key_state == "Enabled") else {
            return self.fakecloud.handle(request).await;
        };
        match Self::sign(&key, &body) {
            None => self.fakecloud.handle(request).await,
            Some(Err(error)) => Err(error),
            Some(Ok(signature)) => {
                let answer = json!({
                    "KeyId": key.arn,
                    "Signature": STANDARD.encode(signature),
                    "SigningAlgorithm": body["SigningAlgorithm"],
                });
                Ok(AwsResponse::json(StatusCode::OK, answer.to_string()))
            }
        }
    }

    fn supported_actions(&self) -> &[&str] {
        self.fakecloud.supported_actions()
    }

    fn iam_enforceable(&self) -> bool {
        true
    }

    fn iam_action_for(&self, request: &AwsRequest) -> Option<IamAction> {
        self.fakecloud.iam_action_for(request)
    }
}

fn error(code: &str, message: &str) -> AwsServiceError {
    AwsServiceError::aws_error(StatusCode::BAD_REQUEST, code, message)
}
