//! Owns what an operator is told to fix in Cloud KMS: which role, which command, which algorithm.

use super::uri::KeyName;

/// After asking for the public key of a version.
pub(super) fn public_key(status: &str, key: &KeyName) -> Option<String> {
    Some(match status {
        "PERMISSION_DENIED" => grant(key, "roles/cloudkms.signerVerifier"),
        "NOT_FOUND" => format!("see which versions there are: gcloud kms keys versions list {}", key.flags()),
        "FAILED_PRECONDITION" => format!(
            "the version must be enabled (gcloud kms keys versions enable {} {}) and the key's purpose be \
             asymmetric-signing",
            key.number().unwrap_or("N"),
            key.flags()
        ),
        "INVALID_ARGUMENT" => PURPOSE.to_owned(),
        _ => return None,
    })
}

/// After asking which versions there are.
pub(super) fn versions(status: &str, key: &KeyName) -> Option<String> {
    Some(match status {
        "PERMISSION_DENIED" => format!(
            "name the version (../cryptoKeyVersions/N), or allow to list them: {}",
            grant(key, "roles/cloudkms.viewer")
        ),
        "NOT_FOUND" => format!("see which keys there are: gcloud kms keys list {}", key.ring_flags()),
        _ => return None,
    })
}

/// When none of the versions is enabled.
pub(super) fn no_version(key: &KeyName) -> String {
    format!(
        "enable one (gcloud kms keys versions enable N {0}) or make one (gcloud kms keys versions create {0})",
        key.flags()
    )
}

/// After asking to decrypt a keyset.
pub(super) fn decrypt(status: &str, key: &KeyName) -> Option<String> {
    Some(match status {
        "PERMISSION_DENIED" => grant(key, "roles/cloudkms.cryptoKeyDecrypter"),
        "NOT_FOUND" => format!("see which keys there are: gcloud kms keys list {}", key.ring_flags()),
        "INVALID_ARGUMENT" => "the keyset was encrypted with another key, or is damaged: encrypt it with this key, \
            without associated data"
            .to_owned(),
        "FAILED_PRECONDITION" => format!(
            "the version that encrypted must be enabled (gcloud kms keys versions list {}) and the key's purpose be \
             encryption",
            key.flags()
        ),
        _ => return None,
    })
}

const PURPOSE: &str = "make a key that signs: gcloud kms keys create NAME --purpose asymmetric-signing \
    --default-algorithm ec-sign-p384-sha384";

/// What to use instead of an algorithm that does not fit.
pub(super) fn algorithm(name: &str) -> String {
    let why = if name.starts_with("RSA_SIGN_PKCS1_") && name.ends_with("_SHA512") {
        "certificates are signed with SHA-256 here: make a version with rsa-sign-pkcs1-4096-sha256"
    } else if name.starts_with("RSA_SIGN_PSS_") {
        "certificates are signed with PKCS#1 v1.5 here: make a key with rsa-sign-pkcs1-4096-sha256"
    } else {
        PURPOSE
    };
    format!(
        "{why}. What fits: ec-sign-p256-sha256, ec-sign-p384-sha384, ec-sign-ed25519, rsa-sign-pkcs1-2048-sha256, \
         -3072-sha256, -4096-sha256"
    )
}

fn grant(key: &KeyName, role: &str) -> String {
    format!("gcloud kms keys add-iam-policy-binding {} --member serviceAccount:ACCOUNT --role {role}", key.flags())
}
