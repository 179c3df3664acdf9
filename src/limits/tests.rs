use super::*;

#[test]
fn a_place_is_free_again_when_its_request_ends() {
    let limits = Limits::new(LimitsOptions { in_flight: NonZeroUsize::MIN, ..LimitsOptions::default() });
    let place = limits.begin().unwrap();
    assert_eq!(limits.begin().unwrap_err().kind(), FailureKind::Overloaded);
    drop(place);
    assert!(limits.begin().is_ok());
}

#[test]
fn nothing_is_limited_by_address_or_identity_unless_set() {
    let limits = Limits::default();
    for _ in 0..10_000 {
        limits.admit_address(Some(IpAddr::from([127, 0, 0, 1]))).unwrap();
        limits.admit_identity("issuer", "subject").unwrap();
    }
}

#[test]
fn addresses_of_one_subscriber_and_identities_are_counted_each_for_itself() {
    let rate: Option<Rate> = Some("2/h".parse().unwrap());
    let limits = Limits::new(LimitsOptions { per_address: rate, per_identity: rate, ..LimitsOptions::default() });
    let ask =
        |text: &str| limits.admit_address(Some(text.parse().unwrap())).map(drop).map_err(|failure| failure.kind());
    assert_eq!((ask("2001:db8::1"), ask("2001:db8::2")), (Ok(()), Ok(())));
    assert_eq!(ask("2001:db8::3"), Err(FailureKind::AddressLimited));
    assert_eq!(ask("2001:db8:0:1::3"), Ok(()), "another /64");
    assert_eq!((ask("192.0.2.1"), ask("::ffff:192.0.2.1")), (Ok(()), Ok(())));
    assert_eq!(ask("192.0.2.1"), Err(FailureKind::AddressLimited), "the same address in two forms");
    assert!(limits.admit_address(None).is_ok());

    let ask = |issuer: &str, subject: &str| limits.admit_identity(issuer, subject).map_err(|failure| failure.kind());
    assert_eq!((ask("a", "bc"), ask("a", "bc")), (Ok(()), Ok(())));
    assert_eq!(ask("a", "bc"), Err(FailureKind::IdentityLimited));
    assert_eq!(ask("ab", "c"), Ok(()), "the border between issuer and subject counts");
}

#[test]
fn messages_have_a_cap_and_all_connections_one_budget() {
    let sizes = [0, 1, 4 << 20, (4 << 20) + 1].map(|bytes| MessageBytes::new(bytes).map(MessageBytes::get));
    assert_eq!(sizes, [None, Some(1), Some(4 << 20), None]);
    let limits = Limits::default();
    assert_eq!(limits.message_bytes(), 256 * 1024);
    assert!(Arc::ptr_eq(limits.memory(), limits.memory()));
    let peer = Some(IpAddr::from([192, 0, 2, 1]));
    assert_eq!(limits.client(peer, |_| std::iter::empty()), peer);
}
