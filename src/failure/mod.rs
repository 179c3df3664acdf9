//! Every way in which a request can fail, in one table: HTTP status, gRPC code, text, reason and whose fault it is.
//!
//! Owns what a client is told. Knows no transport: adapters read the row and write it in their own form.

use std::borrow::Cow;
use std::time::Duration;

use crate::text::peer_text::bounded;
use crate::text::tls_words::in_words;

/// When a failure does not say: an issuer or signer that came back is found by then.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The longest cause that is logged, in bytes: room for a URL, what its peer said, and our words.
const MAX_CAUSE: usize = 1000;

/// gRPC status codes that sigmint answers with (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GrpcCode {
    /// The request is at fault.
    InvalidArgument = 3,
    NotFound = 5,
    /// The caller is known and may not have what it asks for.
    PermissionDenied = 7,
    ResourceExhausted = 8,
    /// The path knows no such method.
    Unimplemented = 12,
    Internal = 13,
    /// Something that sigmint depends on is at fault: try again.
    Unavailable = 14,
}

/// Whose fault a failure is. Decides the log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: nothing to do for the operator.
    Caller,
    /// That of an issuer, a signer or a log.
    Dependency,
    /// That of something that said so in the log itself, once, when it failed: a line for each request would bury it.
    Announced,
    /// Nobody's: more is asked at once than is served.
    Load,
    /// The operator's: a setting cannot be used.
    Operator,
    Own,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub http: u16,
    pub grpc: GrpcCode,
    /// What the client reads. Texts of Fulcio are kept: clients and runbooks know them.
    pub text: &'static str,
    /// Stable, upper-case: `google.rpc.ErrorInfo.reason`, and in lower case the metric label.
    pub reason: &'static str,
    pub fault: Fault,
}

macro_rules! failures {
    ($($(#[$doc:meta])* $kind:ident => $http:literal $grpc:ident $fault:ident $reason:literal $text:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureKind { $($(#[$doc])* $kind,)* }

        impl FailureKind {
            /// Every kind, for metrics and tests.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The kind's line of the table.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$kind => Row {
                        http: $http, grpc: GrpcCode::$grpc, text: $text, reason: $reason, fault: Fault::$fault,
                    },)*
                }
            }
        }
    };
}

const TOKEN: &str = "There was an error processing the identity token";
const KEY: &str = "The public key supplied in the request could not be parsed";
const WEAK: &str = "The public key supplied in the request is insecure";
const CSR: &str = "The certificate signing request could not be parsed";
const PROOF: &str = "The signature supplied in the request could not be verified";
const BACKEND: &str = "error communicating with CA backend";

failures! {
    TokenMissing => 400 InvalidArgument Caller "TOKEN_MISSING" TOKEN;
    /// The token has not the form of a signed token.
    TokenMalformed => 400 InvalidArgument Caller "TOKEN_MALFORMED" TOKEN;
    /// The token is of a type that is for another use, or that its issuer's entry does not list.
    TokenType => 400 InvalidArgument Caller "TOKEN_TYPE_NOT_ACCEPTED" TOKEN;
    /// The token was made for a party that its issuer's entry does not list.
    TokenParty => 400 InvalidArgument Caller "TOKEN_PARTY_NOT_ACCEPTED" TOKEN;
    /// The token was issued longer ago than its issuer's entry allows.
    TokenTooOld => 400 InvalidArgument Caller "TOKEN_TOO_OLD" TOKEN;
    /// The signature algorithm is unknown, symmetric, `none`, or not one that the issuer lists.
    TokenAlgorithm => 400 InvalidArgument Caller "TOKEN_ALGORITHM_NOT_ACCEPTED" TOKEN;
    TokenIssuerUnknown => 400 InvalidArgument Caller "TOKEN_ISSUER_UNKNOWN" TOKEN;
    /// The token is for somebody else.
    TokenAudience => 400 InvalidArgument Caller "TOKEN_AUDIENCE_MISMATCH" TOKEN;
    TokenExpired => 400 InvalidArgument Caller "TOKEN_EXPIRED" TOKEN;
    TokenNotYetValid => 400 InvalidArgument Caller "TOKEN_NOT_YET_VALID" TOKEN;
    /// No key of the issuer made the signature.
    TokenSignature => 400 InvalidArgument Caller "TOKEN_SIGNATURE_INVALID" TOKEN;
    /// The issuer has no key of the id that the token names, or has it and it is not used.
    TokenKeyUnknown => 400 InvalidArgument Caller "TOKEN_KEY_UNKNOWN" TOKEN;
    /// A claim that every token needs is missing or unusable.
    TokenClaim => 400 InvalidArgument Caller "TOKEN_CLAIM_INVALID" TOKEN;
    /// The claims do not make an identity of the issuer's type.
    IdentityRefused => 400 InvalidArgument Caller "IDENTITY_REFUSED" TOKEN;
    /// A template asks for what the token does not have.
    IdentityTemplate => 400 InvalidArgument Caller "IDENTITY_CLAIM_MISSING" "The identity token lacks what this issuer's certificates need";
    /// The token fits several identities of its issuer, and the operator gave them no order.
    IdentityAmbiguous => 400 InvalidArgument Caller "IDENTITY_AMBIGUOUS" TOKEN;
    NameNotAllowed => 403 PermissionDenied Caller "NAME_NOT_ALLOWED" "The issuer's name policy does not allow this identity";
    PolicyDenied => 403 PermissionDenied Caller "POLICY_DENIED" "The issuance policy does not allow this certificate";
    IssuerMisconfigured => 500 Internal Operator "ISSUER_MISCONFIGURED" "The identity token's issuer is not configured correctly on this server";
    IssuerUnavailable => 503 Unavailable Dependency "ISSUER_UNAVAILABLE" "The identity token's issuer could not be reached for its keys";
    RequestMalformed => 400 InvalidArgument Caller "REQUEST_MALFORMED" "The request body is not valid JSON for this request";
    RequestAmbiguous => 400 InvalidArgument Caller "REQUEST_AMBIGUOUS" "The request carries both a public key and a certificate signing request";
    RequestTooLarge => 413 ResourceExhausted Caller "REQUEST_TOO_LARGE" "http: request body too large";
    TooManyHeaders => 431 ResourceExhausted Caller "HEADERS_TOO_MANY" "The request has more header fields than are accepted";
    RequestIncomplete => 408 InvalidArgument Caller "REQUEST_INCOMPLETE" "The request body did not arrive completely";
    /// No key, or none that can be read.
    KeyMalformed => 400 InvalidArgument Caller "PUBLIC_KEY_MALFORMED" KEY;
    /// A key of a kind, size or make that is not accepted.
    KeyInsecure => 400 InvalidArgument Caller "PUBLIC_KEY_INSECURE" WEAK;
    Blocked => 403 PermissionDenied Caller "BLOCKED" "The server's operator has blocked this identity or public key";
    KeyBlocked => 400 InvalidArgument Caller "PUBLIC_KEY_BLOCKED" "The public key supplied in the request is blocked";
    CsrMalformed => 400 InvalidArgument Caller "CSR_MALFORMED" CSR;
    /// The proof of possession, or the request's own signature, does not verify.
    ProofInvalid => 400 InvalidArgument Caller "PROOF_INVALID" PROOF;
    /// Key and hash are not in the list of client signing algorithms.
    AlgorithmNotPermitted => 400 InvalidArgument Caller "SIGNING_ALGORITHM_NOT_PERMITTED" "The signing algorithm is not permitted";
    KeyNotCertifiable => 400 InvalidArgument Caller "PUBLIC_KEY_NOT_CERTIFIABLE" "The public key supplied in the request is of a kind that this certificate authority cannot certify";
    CertificateTooLarge => 400 InvalidArgument Caller "CERTIFICATE_TOO_LARGE" "The identity token's claims make a certificate that is larger than this certificate authority can sign";
    /// The CA's backend does not make this certificate, and makes others.
    CertificateRefused => 400 InvalidArgument Caller "CERTIFICATE_NOT_POSSIBLE" "This certificate authority cannot make the certificate that was asked for";
    /// The signer did not answer, or answered wrongly.
    SignerUnavailable => 503 Unavailable Dependency "SIGNER_UNAVAILABLE" BACKEND;
    CaExpiring => 503 Unavailable Dependency "CA_CERTIFICATE_EXPIRING" BACKEND;
    /// Too few logs answered with a timestamp.
    LogUnavailable => 503 Unavailable Dependency "CT_LOG_UNAVAILABLE" "Error entering certificate in CTL";
    /// A log's timestamp is too far from our clock.
    LogClock => 503 Unavailable Dependency "CT_LOG_CLOCK" "Error entering certificate in CTL";
    Overloaded => 503 ResourceExhausted Load "OVERLOADED" "The server has as many requests in hand as it takes; try again";
    AddressLimited => 429 ResourceExhausted Load "ADDRESS_RATE_LIMITED" "Too many requests from this address; try again later";
    IdentityLimited => 429 ResourceExhausted Load "IDENTITY_RATE_LIMITED" "Too many requests for this identity; try again later";
    /// The token has made as many certificates as its issuer allows.
    TokenSpent => 400 InvalidArgument Caller "TOKEN_ALREADY_USED" "The identity token was used already";
    /// The token's uses would have to be remembered for longer than is done.
    TokenLife => 400 InvalidArgument Caller "TOKEN_LIFETIME_TOO_LONG" TOKEN;
    TokenUsesUnknown => 503 Unavailable Dependency "TOKEN_USES_UNKNOWN" "Whether the identity token was used already could not be found out";
    /// The audit log cannot be written, and nothing is signed without it.
    AuditUnavailable => 503 Unavailable Announced "AUDIT_UNAVAILABLE" "The request could not be recorded in the audit log";
    NotFound => 404 NotFound Caller "NOT_FOUND" "Not Found";
    /// The path does not know the method.
    MethodNotAllowed => 405 Unimplemented Caller "METHOD_NOT_ALLOWED" "Method Not Allowed";
    Internal => 500 Internal Own "INTERNAL" "internal error";
}

impl FailureKind {
    /// Whether the same request may succeed later: the answer then carries `Retry-After`.
    pub const fn is_transient(self) -> bool {
        matches!(self.row().fault, Fault::Dependency | Fault::Announced | Fault::Load)
    }

    /// The reason in lower case, as a metric label.
    pub fn label(self) -> String {
        self.row().reason.to_ascii_lowercase()
    }
}

/// A failure on its way to the client: the kind, what helps the client, and for the log the cause.
#[derive(derive_more::Debug)]
#[debug("Failure {{ kind: {kind:?}, cause: {:?}, .. }}", self.cause())]
pub struct Failure {
    kind: FailureKind,
    message: Option<String>,
    metadata: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Failure {
    /// A failure with its cause, which is for the log only.
    pub fn new(kind: FailureKind, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind, message: None, metadata: Vec::new(), retry_after: None, cause: cause.into() }
    }

    /// Adds something that helps the client and leaks nothing: `google.rpc.ErrorInfo.metadata`.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((name, value.into()));
        self
    }

    /// Says when the same request is worth another try; in whole seconds, one at least.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Seconds after which the same request may succeed, for failures that pass; never zero.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.retry_after.unwrap_or(RETRY_AFTER);
        self.kind.is_transient().then(|| wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// Replaces the table's text by one that says more. It must be made of our words and configured names only.
    pub fn with_message(mut self, message: String) -> Self {
        self.message = Some(message);
        self
    }

    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    pub fn message(&self) -> Cow<'_, str> {
        self.message.as_deref().map_or(Cow::Borrowed(self.kind.row().text), Cow::Borrowed)
    }

    pub fn metadata(&self) -> &[(&'static str, String)] {
        &self.metadata
    }

    /// The cause with its sources, for the log: on one line, and no longer than [`MAX_CAUSE`] bytes.
    pub fn cause(&self) -> String {
        bounded(with_sources(self.cause.as_ref()), MAX_CAUSE)
    }
}

/// An error and what caused it, on one line; what a message repeats of its source is said once.
pub fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    in_words(text)
}

#[cfg(test)]
mod tests;
