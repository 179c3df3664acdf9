//! Owns what AWS KMS's refusals and failures mean: which may pass, and what an operator has to fix.
//!
//! Refuses to know what was signed. Texts are cut to one short line: AWS repeats request headers in some, tokens among them.

use std::error::Error;
use std::time::SystemTime;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::http::clock::with_difference;
use crate::signer::backend::BackendError;
use crate::signer::remote::RemoteError;
use crate::signer::unfit::Unfit;
use crate::text::peer_text::PeerText;

/// The longest text of AWS that goes into ours, in characters.
const LONGEST_TEXT: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    GetPublicKey,
    Sign,
    Decrypt,
}

/// What a failure was, as far as the hint depends on it.
enum Cause<'a> {
    Code(&'a str),
    Credentials,
    Network,
    Nonsense,
}

/// Tells apart what one call may have failed with.
pub(super) fn of<E>(call: Call, error: &SdkError<E, HttpResponse>) -> BackendError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let text = format!("{call:?}: {}", one_line(&DisplayErrorContext(error).to_string()));
    let (problem, cause) = match error {
        SdkError::ServiceError(answer) => {
            let (code, status) = (answer.err().code().unwrap_or_default(), answer.raw().status().as_u16());
            let message = one_line(answer.err().message().unwrap_or_default());
            let meant = if is_about_time(&message) { "RequestTimeTooSkewed" } else { code };
            let cause = if status < 400 { Cause::Nonsense } else { Cause::Code(meant) };
            let text = format!("{call:?}: {code} (status {status}): {message}");
            let text = with_difference(text, answer.raw().headers().get("date"), SystemTime::now());
            (kind_of(code, status)(text.into()), cause)
        }
        SdkError::ResponseError(_) if found::<hyper::Error>(error).is_some() => {
            (RemoteError::Unreachable(text.into()), Cause::Network)
        }
        SdkError::TimeoutError(_) => (RemoteError::Unreachable(text.into()), Cause::Network),
        SdkError::DispatchFailure(_) => match found::<CredentialsError>(error) {
            Some(CredentialsError::ProviderError(_) | CredentialsError::ProviderTimedOut(_)) => {
                (RemoteError::Unreachable(text.into()), Cause::Credentials)
            }
            Some(_) => (RemoteError::Refused(text.into()), Cause::Credentials),
            None => (RemoteError::Unreachable(text.into()), Cause::Network),
        },
        _ => (RemoteError::Unusable(text.into()), Cause::Nonsense),
    };
    BackendError { problem, hint: hint(call, &cause) }
}

pub(super) fn unreachable(problem: String) -> BackendError {
    BackendError::unreachable(problem, hint(Call::GetPublicKey, &Cause::Network))
}

pub(super) fn unusable(problem: &str) -> BackendError {
    BackendError::unusable(problem, hint(Call::GetPublicKey, &Cause::Nonsense))
}

/// The key cannot sign for a certificate authority.
pub(super) fn unfit_key(problem: String) -> BackendError {
    BackendError::refused(problem, SIGNING_KEY)
}

/// What was to be signed cannot be signed.
pub(super) fn unfit(unfit: Unfit) -> BackendError {
    BackendError { problem: RemoteError::Unfit(unfit), hint: "use a key of another type".to_owned() }
}

/// AWS refuses a signature for its time and for its key by the same code.
fn is_about_time(message: &str) -> bool {
    ["Signature expired", "Signature not yet current"].iter().any(|begin| message.starts_with(begin))
}

/// Which kind an error of this code is. What KMS itself calls retryable comes with a 5xx.
fn kind_of(code: &str, status: u16) -> fn(PeerText) -> RemoteError {
    match (code, status) {
        (
            "ThrottlingException"
            | "Throttling"
            | "LimitExceededException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown",
            _,
        )
        | (_, 429) => RemoteError::Throttled,
        (_, 500..) => RemoteError::Unreachable,
        (_, ..400) => RemoteError::Unusable,
        _ => RemoteError::Refused,
    }
}

fn hint(call: Call, cause: &Cause<'_>) -> String {
    let permissions = match call {
        Call::GetPublicKey | Call::Sign => "kms:GetPublicKey and kms:Sign",
        Call::Decrypt => "kms:Decrypt",
    };
    let code = match cause {
        Cause::Code(code) => *code,
        Cause::Credentials => return CREDENTIALS.to_owned(),
        Cause::Network => return NETWORK.to_owned(),
        Cause::Nonsense => return NONSENSE.to_owned(),
    };
    match code {
        "AccessDeniedException" | "AccessDenied" => {
            return format!("allow {permissions} on this key, in the policy of the caller or of the key");
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" => SECRET,
        "UnrecognizedClientException" | "InvalidClientTokenId" | "MissingAuthenticationTokenException" => ACCESS_KEY,
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => EXPIRED,
        "RequestTimeTooSkewed" => CLOCK,
        "NotFoundException" | "InvalidArnException" | "ValidationException" => MISSING,
        "DisabledException" => "enable the key: aws kms enable-key --key-id ID",
        "KMSInvalidStateException" => STATE,
        "InvalidKeyUsageException" | "UnsupportedOperationException" if call != Call::Decrypt => SIGNING_KEY,
        "InvalidCiphertextException" | "IncorrectKeyException" | "InvalidKeyUsageException" => CIPHERTEXT,
        "ThrottlingException" | "LimitExceededException" => THROTTLED,
        _ => NETWORK,
    }
    .to_owned()
}

const CREDENTIALS: &str = "give credentials in one of AWS's standard ways: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
    a profile (AWS_PROFILE), a web identity (AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE), or a role of the task or instance";
const SECRET: &str = "the secret access key does not belong to the access key: check AWS_SECRET_ACCESS_KEY, \
    AWS_SESSION_TOKEN and the region";
const ACCESS_KEY: &str =
    "AWS does not know this access key: check AWS_ACCESS_KEY_ID, and AWS_SESSION_TOKEN if it is a temporary one";
const EXPIRED: &str =
    "the credentials have expired or this machine's clock is wrong: use a role that renews them, and check the clock";
const CLOCK: &str = "this machine's clock is wrong: set it, or have it set (NTP)";
const MISSING: &str = "check the name, the account and the region: aws kms describe-key --key-id ID --region REGION";
const STATE: &str = "see the key's state: aws kms describe-key --key-id ID; a key to be deleted is kept by \
    aws kms cancel-key-deletion, and then aws kms enable-key";
const SIGNING_KEY: &str = "make a key that signs: aws kms create-key --key-usage SIGN_VERIFY --key-spec ECC_NIST_P384 \
    (or ECC_NIST_P256, ECC_NIST_P521, RSA_2048, RSA_3072, RSA_4096, ECC_NIST_EDWARDS25519)";
const CIPHERTEXT: &str = "use the key that encrypted it: a symmetric one, without an encryption context";
const THROTTLED: &str =
    "the account makes more requests than its quota for KMS allows: start again, or have the quota raised";
const NETWORK: &str =
    "is KMS reachable from here? Check the region, the network, AWS_ENDPOINT_URL_KMS and AWS_CA_BUNDLE";
const NONSENSE: &str = "is this KMS? Check AWS_ENDPOINT_URL_KMS and the host in the key's name";

/// What lies below an error, if it is of this type.
fn found<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests;
