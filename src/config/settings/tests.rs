use super::*;
use crate::config::flags::augment;

fn read(args: &[&str]) -> Result<Settings, ConfigError> {
    // Not where a file is named.
    let named = args.iter().any(|arg| arg.starts_with("--config-path"));
    let command = ["serve", "--builtin-issuers=true"].into_iter().take(if named { 1 } else { 2 });
    let matches =
        augment(clap::Command::new("serve")).try_get_matches_from(command.chain(args.iter().copied())).unwrap();
    Settings::read(&matches, &|_| None)
}

fn refused(args: &[&str]) -> String {
    read(args).unwrap_err().to_string()
}

#[test]
fn defaults_are_fulcios() {
    let settings = read(&["--ca", "ephemeralca"]).unwrap();
    assert_eq!((settings.header_timeout, settings.idle_timeout), (Duration::from_secs(10), Duration::from_secs(30)));
    assert_eq!(settings.validity, ValidityPolicy::default());
    assert_eq!(settings.algorithms, PermittedAlgorithms::default());
    assert_eq!(settings.log, LogFormat::Dev);
    assert_eq!(
        settings.logs.unwrap().logs,
        [LogLocation { url: "http://localhost:6962/test".into(), public_key: None }]
    );
}

#[test]
fn no_log_one_log_and_several() {
    assert_eq!(read(&["--ca=ephemeralca", "--ct-log-url="]).unwrap().logs, None);
    let several = [
        "--ca=ephemeralca",
        "--ct-log-url=http://a/x, http://b",
        "--ct-log-public-key-path=a.pem,b.pem",
        "--ct-log-quorum=2",
    ];
    let logs = read(&several).unwrap().logs.unwrap();
    assert_eq!(logs.logs[1], LogLocation { url: "http://b".into(), public_key: Some("b.pem".into()) });
    assert_eq!((logs.quorum.get(), logs.timeout, logs.origin, logs.tls_ca), (2, Duration::from_secs(4), None, None));
}

#[test]
fn every_mistake_names_its_origin_and_a_way_out() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "--ca"),
        (&["--ca=vault"], "--ca"),
        (&["--ca=kmsca"], "--kms-resource"),
        (&["--ca=kmsca", "--kms-resource=awskms:///x"], "--kms-cert-chain-path"),
        (&["--ca=pkcs11ca"], "--hsm-caroot-id"),
        (&["--ca=tinkca", "--tink-kms-resource=x", "--tink-keyset-path=x"], "--tink-cert-chain-path"),
        (&["--ca=googleca"], "--gcp_private_ca_parent"),
        (&["--ca=googleca", "--gcp_private_ca_parent=x", "--signer-concurrency=0"], "--signer-concurrency"),
        (&["--ca=googleca", "--gcp_private_ca_parent=x", "--gcp-kms-retries=-1"], "--gcp-kms-retries"),
        (&["--ca=googleca", "--gcp_private_ca_parent=x", "--signer-timeout=soon"], "--signer-timeout"),
        (&["--ca=ephemeralca", "--ca-config=x"], "--ca-config"),
        (&["--ca=fileca"], "--fileca-cert"),
        (&["--ca=fileca", "--fileca-cert=x"], "--fileca-key"),
        (&["--ca=ephemeralca", "--port=x"], "--port"),
        (&["--ca=ephemeralca", "--metrics-port=65536"], "--metrics-port"),
        (&["--ca=ephemeralca", "--certificate-lifetime=9m"], "--certificate-lifetime"),
        (&["--ca=ephemeralca", "--certificate-lifetime=21m"], "--certificate-lifetime"),
        (&["--ca=ephemeralca", "--certificate-backdating=6m"], "backdated"),
        (&["--ca=ephemeralca", "--idle-connection-timeout=soon"], "--idle-connection-timeout"),
        (&["--ca=ephemeralca", "--client-signing-algorithms=rsa"], "--client-signing-algorithms"),
        (&["--ca=ephemeralca", "--ct-log-url=log.example"], "--ct-log-url"),
        (
            &["--ca=ephemeralca", "--ct-log-url=http://a,http://b", "--ct-log-public-key-path=a"],
            "--ct-log-public-key-path",
        ),
        (&["--ca=ephemeralca", "--ct-log-url=http://a", "--ct-log-quorum=2"], "--ct-log-quorum"),
        (&["--ca=ephemeralca", "--ct-log-url=http://a", "--ct-log-quorum=0"], "--ct-log-quorum"),
        (&["--ca=ephemeralca", "--ct-log-url=http://a", "--ct-log-clock-skew=0s"], "--ct-log-clock-skew"),
        (&["--ca=ephemeralca", "--ct-log-url=http://a", "--ct-log-clock-skew=60"], "--ct-log-clock-skew"),
        (&["--ca=ephemeralca", "--config-path=/nonexistent"], "--config-path"),
        (&["--ca=ephemeralca", "--fileca-watch=maybe"], "--fileca-watch"),
        (&["--ca=ephemeralca", "-c", "/nonexistent"], "/nonexistent"),
    ];
    for (args, expected) in cases {
        let message = refused(args);
        assert!(message.contains(expected) && message.contains("hint:"), "{args:?}: {message}");
    }
}

#[test]
fn a_settings_file_stands_between_environment_and_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("serve.yaml");
    std::fs::write(&path, "ca: ephemeralca\nport: 5555\nhost: 127.0.0.1\n").unwrap();
    let settings = read(&["-c", path.to_str().unwrap(), "--port=6"]).unwrap();
    let Listeners::Separate { http, .. } = settings.listeners else { panic!("two listeners") };
    assert_eq!((http.address.host.as_str(), http.address.port), ("127.0.0.1", 6));
    std::fs::write(&path, "ca: ephemeralca\nprot: 5555\n").unwrap();
    let refusal = refused(&["-c", path.to_str().unwrap()]);
    assert!(refusal.contains("prot: no such setting") && refusal.contains("did you mean \"port\"?"), "{refusal}");
    std::fs::write(&path, "ca: ephemeralca\ncolour: blue\n").unwrap();
    assert!(read(&["-c", path.to_str().unwrap()]).unwrap().oddities[0].contains("colour is not read"));
}

/// The settings with these variables.
fn with_variables(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let matches = augment(clap::Command::new("serve"))
        .try_get_matches_from(["serve", "--builtin-issuers", "--ca=ephemeralca"])
        .unwrap();
    Settings::read(&matches, &|name| {
        let found = variables.iter().find(|(known, _)| name == format!("FULCIO_SERVE_{known}"));
        found.map(|(_, text)| (*text).to_owned())
    })
}

#[test]
fn every_kind_of_log_is_taken_and_an_unknown_one_is_said() {
    for (word, format, is_odd) in [
        ("dev", LogFormat::Dev, false),
        ("development", LogFormat::Dev, false),
        ("prod", LogFormat::Prod, false),
        ("production", LogFormat::Prod, false),
        ("Production ", LogFormat::Prod, false),
        ("json", LogFormat::Prod, false),
        ("zap", LogFormat::Zap, false),
        ("xml", LogFormat::Dev, true),
        ("", LogFormat::Dev, true),
    ] {
        let settings = read(&["--ca=ephemeralca", &format!("--log_type={word}")]).unwrap();
        assert_eq!((settings.log, settings.oddities.len()), (format, usize::from(is_odd)), "{word}");
    }
}

#[test]
fn values_in_go_s_forms_are_read() {
    for (text, expected) in
        [("1.5h", 5400), ("1h0m0s", 3600), ("1m30s", 90), ("2m", 120), (" 7s ", 7), ("0", 0), ("+3s", 3)]
    {
        let settings = with_variables(&[("IDLE_CONNECTION_TIMEOUT", text)]).unwrap();
        assert_eq!((settings.idle_timeout, settings.oddities), (Duration::from_secs(expected), vec![]), "{text}");
    }
    let settings = with_variables(&[("IDLE_CONNECTION_TIMEOUT", "60")]).unwrap();
    assert_eq!(settings.idle_timeout, Duration::from_mins(1));
    assert_eq!(settings.oddities, ["FULCIO_SERVE_IDLE_CONNECTION_TIMEOUT: 60 has no unit, and counts as 60s"]);
    for text in ["-1s", "soon", "1.5", "s", "1.2.3s", "5 fortnights"] {
        assert!(with_variables(&[("IDLE_CONNECTION_TIMEOUT", text)]).is_err(), "{text}");
    }
    for (text, expected) in [("1", true), ("T", true), ("TRUE", true), ("yes", true), ("F", false), ("off", false)] {
        assert_eq!(with_variables(&[("FILECA_WATCH", text)]).unwrap().watch, expected, "{text}");
    }
    let two = with_variables(&[("CLIENT_SIGNING_ALGORITHMS", "ed25519 ecdsa-sha2-256-nistp256")]).unwrap();
    assert_eq!(two.algorithms, "ed25519,ecdsa-sha2-256-nistp256".parse().unwrap());
}

#[test]
fn a_password_is_never_shown() {
    let settings = read(&["--ca=fileca", "--fileca-cert=a", "--fileca-key=b", "--fileca-key-passwd=hunter2"]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn the_example_is_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/serve.yaml");
    let error = refused(&["-c", path]);
    assert!(error.contains("config-path"), "only the issuer file is missing here: {error}");
    assert!(
        read(&["-c", path, "--config-path", concat!(env!("CARGO_MANIFEST_DIR"), "/config/issuers/issuers.yaml")])
            .is_ok()
    );
}
