use super::*;
use crate::config::flags::augment;

fn effective(args: &[&str]) -> Effective {
    let matches =
        augment(clap::Command::new("serve")).try_get_matches_from(std::iter::once(&"serve").chain(args)).unwrap();
    read(&Values::from_command_line(&matches, &|_| None))
}

#[test]
fn values_are_shown_and_secrets_are_not() {
    let shown = effective(&[
        "--ca=fileca",
        "--fileca-key-passwd=hunter2",
        "--single-use-store=rediss://user:hunter2@redis:6379",
        "--ct-log-url=https://me:hunter2@log.example/2026,http://other",
        "--kms-resource=pkcs11:token=x;object=y?pin-value=hunter2",
        "--fileca-cert=/with a blank\n",
    ]);
    let shown: Vec<String> = shown.settings.iter().map(ToString::to_string).collect();
    for expected in [
        "ca=fileca",
        "port=8080",
        "fileca-key-passwd=(hidden)",
        "single-use-store=rediss://(hidden)@redis:6379",
        "ct-log-url=https://(hidden)@log.example/2026,http://other",
        "kms-resource=pkcs11:token=x;object=y?(hidden)",
        "fileca-cert=\"/with a blank\\n\"",
    ] {
        assert!(shown.iter().any(|setting| setting == expected), "{expected}\n{shown:?}");
    }
    assert!(!shown.join(" ").contains("hunter2"), "{shown:?}");
    assert!(!shown.iter().any(|setting| setting.starts_with("rate-limit")), "{shown:?}");
}

#[test]
fn a_cause_names_the_setting_of_its_file() {
    let settings =
        effective(&["--fileca-cert=ca/chain.pem", "--fileca-key=k", "--ct-log-public-key-path=a,b.pem", "--port=80"]);
    for (cause, expected) in [
        ("ca/chain.pem cannot be read: no", "--fileca-cert: ca/chain.pem cannot be read: no"),
        ("ca/chain.pem and k do not fit", "--fileca-cert, --fileca-key: ca/chain.pem and k do not fit"),
        ("--fileca-cert: ca/chain.pem", "--fileca-cert: ca/chain.pem"),
        ("b.pem: no key", "--ct-log-public-key-path: b.pem: no key"),
        ("cannot listen on 0.0.0.0:80: taken", "--host, --port: cannot listen on 0.0.0.0:80: taken"),
        ("cannot listen on 0.0.0.0:8081: taken", "--grpc-host, --grpc-port: cannot listen on 0.0.0.0:8081: taken"),
        ("/x/ca/chain.pem, ca/chain.pem.old, key", "/x/ca/chain.pem, ca/chain.pem.old, key"),
    ] {
        assert_eq!(settings.with_settings(cause), expected);
    }
}

#[test]
fn a_restriction_that_was_given_empty_is_said_once() {
    assert_eq!(effective(&[]).given_empty, <[String; 0]>::default());
    let said =
        effective(&["--tls-certificate=", "--tls-key=", "--rate-limit-per-address=", "--ct-log-public-key-path="]);
    assert_eq!(
        said.given_empty,
        [
            "--tls-certificate is empty: HTTP is served without TLS",
            "--rate-limit-per-address is empty: requests of one address are not limited",
        ]
    );
}

#[test]
fn each_setting_says_where_it_is_from() {
    let settings = effective(&["--port=80"]).settings;
    let origin = |name: &str| settings.iter().find(|one| one.name == name).unwrap().origin.clone();
    assert_eq!(origin("port"), Some("--port".to_owned()));
    assert_eq!(origin("grpc-port"), None);
    let matches = augment(clap::Command::new("serve")).try_get_matches_from(["serve"]).unwrap();
    let variable = |name: &str| (name == "FULCIO_SERVE_GRPC_PORT").then(|| "81".to_owned());
    let settings = read(&Values::from_command_line(&matches, &variable)).settings;
    let found = settings.iter().find(|one| one.name == "grpc-port").unwrap();
    assert_eq!((found.value.as_str(), found.origin.as_deref()), ("81", Some("FULCIO_SERVE_GRPC_PORT")));
}
