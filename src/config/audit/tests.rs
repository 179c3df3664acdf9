use super::*;
use crate::config::flags::augment;
use crate::config::settings::Settings;

fn settings(args: &[&str]) -> Result<Settings, String> {
    let args = ["serve", "--ca=ephemeralca", "--builtin-issuers"].iter().chain(args);
    let matches = augment(clap::Command::new("serve")).try_get_matches_from(args).unwrap();
    Settings::read(&matches, &|_| None).map_err(|error| error.to_string())
}

fn audit(args: &[&str]) -> AuditSettings {
    settings(args).unwrap().audit.unwrap()
}

#[test]
fn without_a_place_nothing_is_recorded() {
    assert!(settings(&[]).unwrap().audit.is_none());
}

#[test]
fn every_setting_can_be_set() {
    let set = audit(&[
        "--audit-path=a.jsonl",
        "--audit-sync=request",
        "--audit-failure=open",
        "--audit-max-size=512M",
        "--audit-claims=all",
        "--audit-redact=email",
        "--audit-redact-key=r",
        "--audit-key=k",
        "--audit-key-passwd-file=p",
        "--audit-anchor=heads,https://anchor.example/heads",
        "--audit-unverified-path=u",
        "--audit-unverified-max-size=1M",
        "--audit-unverified-rate=5",
    ]);
    assert_eq!(set.destination, Destination::File { path: "a.jsonl".into(), most_bytes: Some(512 << 20) });
    assert_eq!((set.sync, set.on_failure, set.claims), (SyncMode::Request, OnFailure::Sign, RecordedClaims::All));
    assert_eq!(set.samples, Some(SamplesOptions { path: "u".into(), most_bytes: 1 << 20, per_minute: 5 }));
    let anchor = AnchorLocation::Url("https://anchor.example/heads".parse().unwrap());
    assert_eq!(set.anchors, [AnchorLocation::File("heads".into()), anchor]);
    assert_eq!(set.secrets(), [Path::new("k"), Path::new("p"), Path::new("r")]);
}

#[test]
fn places_and_keys_are_told_apart() {
    let destination = |place: &str| audit(&[&format!("--audit-path={place}")]).destination;
    assert_eq!(destination("-"), Destination::Stdout);
    assert_eq!(destination("syslog:"), Destination::Syslog("/dev/log".into()));
    assert_eq!(destination("syslog:/run/s"), Destination::Syslog("/run/s".into()));
    assert_eq!(destination("a"), Destination::File { path: "a".into(), most_bytes: None });
    let key = |key: &str| audit(&["--audit-path=a", &format!("--audit-key={key}")]).key;
    assert!(matches!(key("awskms:///alias/audit"), Some(AuditKey::Named(name)) if name == "awskms:///alias/audit"));
    assert!(matches!(key("audit.key"), Some(AuditKey::File { password: None, .. })));
}

#[test]
fn every_mistake_names_its_flag_and_a_way_out() {
    for (args, named) in [
        (&["--audit-key=k"][..], "--audit-key"),
        (&["--audit-unverified-path=u"], "--audit-unverified-path"),
        (&["--audit-path=-", "--audit-sync=request"], "--audit-sync"),
        (&["--audit-path=syslog:", "--audit-sync=request"], "--audit-sync"),
        (&["--audit-path=a", "--audit-sync=always"], "--audit-sync"),
        (&["--audit-path=a", "--audit-failure=maybe"], "--audit-failure"),
        (&["--audit-path=a", "--audit-claims=some"], "--audit-claims"),
        (&["--audit-path=a", "--audit-max-size=1K"], "--audit-max-size"),
        (&["--audit-path=a", "--audit-max-size=big"], "--audit-max-size"),
        (&["--audit-path=-", "--audit-max-size=1G"], "--audit-max-size"),
        (&["--audit-path=a", "--audit-redact=email"], "--audit-redact"),
        (&["--audit-path=a", "--audit-redact=names", "--audit-redact-key=r"], "--audit-redact"),
        (&["--audit-path=a", "--audit-redact-key=r"], "--audit-redact-key"),
        (&["--audit-path=a", "--audit-anchor=heads"], "--audit-anchor"),
        (&["--audit-path=a", "--audit-key=k", "--audit-anchor=https://"], "--audit-anchor"),
        (&["--audit-path=a", "--audit-key-passwd-file=p"], "--audit-key-passwd-file"),
        (&["--audit-path=a", "--audit-key=pkcs11:x", "--audit-key-passwd-file=p"], "--audit-key-passwd-file"),
        (
            &["--audit-path=a", "--audit-unverified-path=u", "--audit-unverified-max-size=1"],
            "--audit-unverified-max-size",
        ),
        (&["--audit-path=a", "--audit-unverified-path=u", "--audit-unverified-rate=x"], "--audit-unverified-rate"),
    ] {
        let refused = settings(args).err().unwrap_or_else(|| panic!("{args:?} is taken"));
        assert!(refused.starts_with(&format!("{named}: ")) && refused.contains("hint: "), "{args:?}: {refused}");
    }
}
