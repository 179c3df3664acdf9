use super::*;
use std::collections::HashSet;

#[test]
fn reasons_are_stable_upper_case_words_and_unique() {
    let reasons: HashSet<&str> = FailureKind::ALL.iter().map(|kind| kind.row().reason).collect();
    assert_eq!(reasons.len(), FailureKind::ALL.len());
    assert!(reasons.iter().all(|reason| reason.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')));
}

#[test]
fn status_code_and_fault_agree() {
    for kind in FailureKind::ALL {
        let row = kind.row();
        let expected = match row.fault {
            Fault::Caller => 400..500,
            Fault::Load if row.http == 429 => 429..430,
            Fault::Dependency | Fault::Announced | Fault::Load => 503..504,
            Fault::Operator | Fault::Own => 500..501,
        };
        assert!(expected.contains(&row.http), "{kind:?}");
        let passes = matches!(row.fault, Fault::Dependency | Fault::Announced);
        assert_eq!(row.grpc == GrpcCode::Unavailable, passes, "{kind:?}");
        assert!(row.fault != Fault::Load || row.grpc == GrpcCode::ResourceExhausted, "{kind:?}");
        assert_eq!(row.grpc == GrpcCode::Internal, matches!(row.fault, Fault::Operator | Fault::Own), "{kind:?}");
    }
}

#[test]
fn only_what_passes_says_when_to_try_again() {
    let seconds = |kind, wait| Failure::new(kind, "x").retry_after(wait).retry_after_seconds();
    assert_eq!(seconds(FailureKind::AddressLimited, Duration::from_millis(1)), Some(1));
    assert_eq!(seconds(FailureKind::AddressLimited, Duration::from_millis(60_001)), Some(61));
    assert_eq!(seconds(FailureKind::TokenExpired, Duration::from_secs(1)), None);
    assert_eq!(Failure::new(FailureKind::SignerUnavailable, "x").retry_after_seconds(), Some(5));
}

#[test]
fn the_cause_is_told_with_its_sources_and_never_shown_as_the_message() {
    let failure = Failure::new(FailureKind::TokenExpired, "secret detail").with("issuer", "x");
    assert_eq!(failure.message(), TOKEN);
    assert_eq!(failure.cause(), "secret detail");
    assert_eq!(failure.metadata(), [("issuer", "x".to_owned())]);
}
