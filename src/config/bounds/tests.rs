use super::*;
use crate::config::flags::augment;
use crate::config::settings::Settings;

fn settings(args: &[&str]) -> Result<Settings, String> {
    let args = ["serve", "--ca=ephemeralca", "--builtin-issuers"].iter().chain(args);
    let matches = augment(clap::Command::new("serve")).try_get_matches_from(args).unwrap();
    Settings::read(&matches, &|_| None).map_err(|error| error.to_string())
}

#[test]
fn the_flags_defaults_are_the_types_defaults() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.bounds.connections, ConnectionLimits::default());
    assert_eq!(settings.bounds.requests, LimitsOptions::default());
    assert_eq!(settings.single_use, SingleUseSettings { store: None, when_unknown: WhenUnknown::Refuse });
}

#[test]
fn every_bound_can_be_set() {
    let args = [
        "--max-connections=100",
        "--max-http-connections=50",
        "--max-connections-per-address=10",
        "--max-requests-in-flight=7",
        "--max-message-bytes=4194304",
        "--rate-limit-per-address=600/m",
        "--rate-limit-per-identity=10/s",
        "--trusted-proxies=10.0.0.0/8, ::1",
        "--client-address-header=Forwarded",
        "--single-use-store=redis://localhost",
        "--single-use-store-password-file=p",
        "--single-use-timeout=200ms",
        "--single-use-failure=open",
    ];
    let settings = settings(&args).unwrap();
    let (connections, requests) = (settings.bounds.connections, settings.bounds.requests);
    assert_eq!((connections.total.get(), connections.begun.get()), (100, 50));
    assert_eq!(connections.per_address, NonZeroUsize::new(10));
    assert_eq!((requests.in_flight.get(), requests.message_bytes), (7, MessageBytes::MAX));
    assert_eq!((requests.per_address, requests.per_identity), ("600/m".parse().ok(), "10/s".parse().ok()));
    assert_eq!(requests.proxies.header(), "forwarded");
    let store = settings.single_use.store.unwrap();
    assert_eq!((store.url.as_str(), store.timeout), ("redis://localhost", Duration::from_millis(200)));
    assert_eq!(store.password_file, Some("p".into()));
    assert_eq!(settings.single_use.when_unknown, WhenUnknown::Pass);
}

#[test]
fn every_mistake_names_its_flag_and_a_way_out() {
    for wrong in [
        "--max-connections=0",
        "--max-http-connections=0",
        "--max-connections-per-address=-1",
        "--max-requests-in-flight=many",
        "--max-message-bytes=0",
        "--max-message-bytes=4194305",
        "--max-message-bytes=256KiB",
        "--rate-limit-per-address=10",
        "--rate-limit-per-identity=0/s",
        "--trusted-proxies=localhost",
        "--client-address-header=x-real-ip",
        "--single-use-timeout=0s",
        "--single-use-timeout=1h",
        "--single-use-failure=maybe",
        "--single-use-store-ca-cert=x",
    ] {
        let message = settings(&[wrong]).unwrap_err();
        let (flag, _) = wrong.split_once('=').unwrap();
        assert!(message.starts_with(flag) && message.contains("hint: "), "{wrong}: {message}");
    }
}
