//! Failures as gRPC statuses.
//!
//! Owns `google.rpc.Status` with one `google.rpc.ErrorInfo` in `grpc-status-details-bin`: the same row of the table that REST answers
//! with.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::api::answer::{DOMAIN, record_failure};
use crate::api::request_id::RequestId;
use crate::failure::{Failure, FailureKind, GrpcCode};
use crate::limits::overloaded;
use crate::telemetry::metrics::Metrics;

/// The metadata that says, in seconds, when the same call may succeed.
const RETRY_AFTER: &str = "retryAfterSeconds";

/// Writes a failure for the client, and logs and counts it once.
pub(super) fn of_failure(failure: &Failure, method: &str, request_id: Option<&RequestId>, metrics: &Metrics) -> Status {
    record_failure(failure, method, request_id, metrics);
    let row = failure.kind().row();
    let wait = failure.retry_after_seconds().map(|seconds| (RETRY_AFTER.to_owned(), seconds.to_string()));
    let metadata = failure.metadata().iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let details = ErrorDetails::with_error_info(row.reason, DOMAIN, metadata.chain(wait).collect::<HashMap<_, _>>());
    Status::with_error_details(code(row.grpc), failure.message(), details)
}

const fn code(code: GrpcCode) -> Code {
    match code {
        GrpcCode::InvalidArgument => Code::InvalidArgument,
        GrpcCode::NotFound => Code::NotFound,
        GrpcCode::PermissionDenied => Code::PermissionDenied,
        GrpcCode::ResourceExhausted => Code::ResourceExhausted,
        GrpcCode::Unimplemented => Code::Unimplemented,
        GrpcCode::Internal => Code::Internal,
        GrpcCode::Unavailable => Code::Unavailable,
    }
}

/// What the library refused before the service saw it, in our own words and codes; the service's own statuses have details.
///
/// The library says out of range for a message over the limit, and internal for one that is not protobuf. Clients of other servers know the
/// first as exhausted; and the second is the caller's fault, not a bug.
pub(super) fn of_refused_message(status: &Status, largest: usize) -> Option<Failure> {
    if !status.details().is_empty() {
        return None;
    }
    let (kind, text) = match status.code() {
        Code::OutOfRange => {
            let failure = Failure::new(FailureKind::RequestTooLarge, status.message().to_owned());
            return Some(failure.with("limitBytes", largest.to_string()));
        }
        Code::ResourceExhausted => return Some(overloaded("too much is being received at the same time")),
        Code::Internal => {
            (FailureKind::RequestMalformed, "The message is not a valid protobuf message for this request")
        }
        _ => return None,
    };
    Some(Failure::new(kind, status.message().to_owned()).with_message(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tonic_types::pb;

    use super::*;

    #[test]
    fn code_text_reason_and_metadata_are_the_rows() {
        let metrics = Metrics::new(&crate::telemetry::metrics::BuildInfo::default());
        for kind in FailureKind::ALL {
            let failure = Failure::new(*kind, "secret detail").with("claim", "sub");
            let status = of_failure(&failure, "method", None, &metrics);
            let row = kind.row();
            assert_eq!((i32::from(status.code()), status.message()), (i32::from(row.grpc as u8), row.text));
            let details = pb::Status::decode(status.details()).unwrap();
            assert_eq!((details.code, details.message.as_str()), (i32::from(row.grpc as u8), row.text));
            assert_eq!(details.details[0].type_url, "type.googleapis.com/google.rpc.ErrorInfo");
            let info = pb::ErrorInfo::decode(details.details[0].value.as_slice()).unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (row.reason, "sigmint.dev"));
            assert_eq!(info.metadata.get("claim").map(String::as_str), Some("sub"));
            let wait = failure.retry_after_seconds().map(|seconds| seconds.to_string());
            assert_eq!(info.metadata.get(RETRY_AFTER), wait.as_ref(), "{kind:?}");
            assert!(of_refused_message(&status, 1).is_none(), "our own statuses stay as they are");
        }
    }
}
