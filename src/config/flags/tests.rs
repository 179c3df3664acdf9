use super::*;
use crate::possession::PermittedAlgorithms;

fn values(args: &[&str], variables: &[(&str, &str)]) -> Values {
    let command = augment(Command::new("serve"));
    let matches = command.try_get_matches_from(std::iter::once(&"serve").chain(args)).unwrap();
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    Values::from_command_line(&matches, &lookup)
}

#[test]
fn the_default_algorithms_are_the_policys() {
    assert_eq!(CLIENT_SIGNING_ALGORITHMS, PermittedAlgorithms::default_names());
}

#[test]
fn the_command_line_comes_before_the_environment_and_that_before_the_default() {
    let variables = [
        ("FULCIO_SERVE_PORT", "1"),
        ("FULCIO_SERVE_FILECA_CERT", "a"),
        ("FULCIO_SERVE_FILECA-KEY", "b"),
        ("FULCIO_SERVE_CA", ""),
    ];
    let values = values(&["--port", "2"], &variables);
    assert_eq!((values.text("port"), values.origin("port").to_string().as_str()), ("2", "--port"));
    assert_eq!(
        (values.text("fileca-cert"), values.origin("fileca-cert").to_string().as_str()),
        ("a", "FULCIO_SERVE_FILECA_CERT")
    );
    assert_eq!(values.text("fileca-key"), "b");
    assert_eq!(values.text("host"), "0.0.0.0");
    assert!(!values.is_set("ca") && !values.is_set("host") && values.is_set("port"));
}

#[test]
fn links_to_kubernetes_services_are_no_settings() {
    let variables =
        [("FULCIO_SERVE_PORT", "tcp://10.0.0.1:80"), ("FULCIO_SERVE_HTTP_PORT", "9"), ("FULCIO_SERVE_HOST", "tcp://x")];
    let values = values(&[], &variables);
    assert_eq!((values.text("port"), values.text("host")), ("9", "tcp://x"));
}

#[test]
fn deprecated_settings_are_taken_and_not_read() {
    let values = values(&["--gcp_private_ca_version=v1", "--gcp_private_ca_version", "v1beta1"], &[]);
    assert_eq!(values.oddities(), ["--gcp_private_ca_version is deprecated and not read: remove it"]);
    assert_eq!(deprecated("GCP_PRIVATE_CA_VERSION"), Some("gcp_private_ca_version"));
    assert_eq!(deprecated("gcp_private_ca_parent"), None);
}

#[test]
fn spellings_of_fulcio_are_read() {
    let values = values(
        &["--http-port=9", "--fileca-watch=false", "--ct-log-url=", "--ct-log.tls-ca-cert=x", "word", "another"],
        &[],
    );
    assert_eq!(
        (values.text("port"), values.text("fileca-watch"), values.text("ct-log.tls-ca-cert")),
        ("9", "false", "x")
    );
    assert_eq!(self::values(&["--fileca-watch"], &[]).text("fileca-watch"), "true");
    assert_eq!(self::values(&["--port=1", "--port=2"], &[]).text("port"), "2");
    assert_eq!(self::values(&["-c=a", "--config", "b", "--log-type=prod"], &[]).text("log_type"), "prod");
    assert_eq!(find("HTTP_PORT").map(|flag| flag.name), Some("port"));
    assert_eq!(find("ct-log-tls-ca-cert").map(|flag| flag.name), Some("ct-log.tls-ca-cert"));
    assert!(find("nope").is_none());
}
