//! Objects for admission controllers, in JSON, which `kubectl apply -f` takes as it takes YAML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::{Chain, Deployment, PublicKey, RekorApi};

/// policy-controller's `TrustRoot`. It knows Rekor of version 1 only.
pub(super) fn trust_root(deployment: &Deployment) -> Value {
    let authorities = deployment.authorities.iter().map(|one| authority(&one.url, &one.chain));
    let timestamps = deployment.timestamp_authorities.iter().map(|one| authority(&one.url, &one.chain));
    let rekor_logs = deployment.rekor_logs.iter().filter(|log| log.api == RekorApi::V1);
    json!({
        "apiVersion": "policy.sigstore.dev/v1alpha1",
        "kind": "TrustRoot",
        "metadata": {"name": "sigmint"},
        "spec": {"sigstoreKeys": {
            "certificateAuthorities": authorities.collect::<Vec<_>>(),
            "ctLogs": deployment.ct_logs.iter().map(|one| log(&one.url, &one.key)).collect::<Vec<_>>(),
            "tLogs": rekor_logs.map(|one| log(&one.url, &one.key)).collect::<Vec<_>>(),
            "timestampAuthorities": timestamps.collect::<Vec<_>>(),
        }},
    })
}

fn authority(url: &str, chain: &Chain) -> Value {
    json!({
        "subject": {"organization": chain.organization(), "commonName": chain.common_name()},
        "uri": url,
        "certChain": STANDARD.encode(chain.to_pem()),
    })
}

fn log(url: &str, key: &PublicKey) -> Value {
    json!({"baseURL": url, "hashAlgorithm": "sha-256", "publicKey": STANDARD.encode(key.to_pem())})
}

/// A Kyverno policy that admits what one identity has signed, to be filled in: it admits nothing as it is.
pub(super) fn kyverno_policy(deployment: &Deployment) -> Value {
    let issuer = deployment.token_issuers.first().map_or("REPLACE: the issuer of the signer's token", |one| &one.url);
    let mut ct_logs = json!({"pubkey": deployment.ct_logs.iter().map(|log| log.key.to_pem()).collect::<String>()});
    let timestamps: String = deployment.timestamp_authorities.iter().map(|one| one.chain.to_pem()).collect();
    if let Some(ct_logs) = ct_logs.as_object_mut().filter(|_| !timestamps.is_empty()) {
        ct_logs.insert("tsaCertChain".to_owned(), Value::String(timestamps));
    }
    let rekor = match deployment.rekor_logs.iter().find(|log| log.api == RekorApi::V1) {
        Some(log) => json!({"url": log.url, "pubkey": log.key.to_pem()}),
        // It knows version 1 only; without a log the time is that of the timestamp.
        None => json!({"ignoreTlog": true}),
    };
    let keyless = json!({
        "issuer": issuer,
        "subject": "REPLACE: the signer's identity",
        "roots": deployment.chains_pem(),
        "ctlog": ct_logs,
        "rekor": rekor,
    });
    json!({
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": "signed-images"},
        "spec": {
            "webhookConfiguration": {"failurePolicy": "Fail"},
            "rules": [{
                "name": "signed",
                "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
                "verifyImages": [{
                    "imageReferences": ["*"],
                    "failureAction": "Enforce",
                    "attestors": [{"entries": [{"keyless": keyless}]}],
                }],
            }],
        },
    })
}
