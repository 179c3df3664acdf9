use std::path::Path;

use secrecy::ExposeSecret as _;

use super::super::options::{KeySelector, Login, OptionsError, Pkcs11Options, TokenSelector};

fn read(content: &str) -> Result<Pkcs11Options, OptionsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crypto11.conf");
    std::fs::write(&path, content).unwrap();
    Pkcs11Options::from_config_file(&path, "PKCS11CA")
}

fn pin(options: &Pkcs11Options) -> &str {
    match &options.login {
        Login::User(pin) | Login::CryptoUser(pin) => pin.expose_secret(),
        Login::Without => panic!("no log-in"),
    }
}

#[test]
fn fulcios_example_is_read() {
    let options =
        read(r#"{ "Path" : "/usr/lib/softhsm/libsofthsm2.so", "TokenLabel": "fulcio", "Pin": "2324" }"#).unwrap();
    assert_eq!(options.module, Path::new("/usr/lib/softhsm/libsofthsm2.so"));
    assert_eq!(options.token, TokenSelector { label: Some("fulcio".into()), ..TokenSelector::default() });
    assert_eq!(options.key, KeySelector { label: Some("PKCS11CA".into()), id: None });
    assert!(matches!(options.login, Login::User(_)));
    assert_eq!((pin(&options), options.sessions.get()), ("2324", 8));
    assert!(!format!("{options:?}").contains("2324"));
}

#[test]
fn names_are_matched_as_go_matches_them_and_unknown_ones_are_tolerated() {
    let options = read(
        r#"{"path":"m","TOKENSERIAL":"0f","pin":"1","_comment":"ours","MaxSessions":3,"PoolWaitTimeout":10000000000,
            "UserType":1,"TokenLabel":"","SlotNumber":null,"UseGCMIVFromHSM":true,"GCMIVFromHSMControl":{}}"#,
    );
    let options = options.unwrap();
    assert_eq!(options.token, TokenSelector { serial: Some("0f".into()), ..TokenSelector::default() });
    assert_eq!(options.sessions.get(), 3);
}

#[test]
fn each_way_to_a_token_and_a_user_is_read() {
    let options = read(r#"{"Path":"m","SlotNumber":0,"LoginNotSupported":true}"#).unwrap();
    assert_eq!(options.token, TokenSelector { slot: Some(0), ..TokenSelector::default() });
    assert!(matches!(options.login, Login::Without));
    let options = read(r#"{"Path":"m","SlotNumber":1,"Pin":"","UserType":2147483649,"MaxSessions":1024}"#).unwrap();
    assert!(matches!(options.login, Login::CryptoUser(_)));
    assert_eq!((pin(&options), options.sessions.get()), ("", 64));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pin"), "77\n").unwrap();
    let source = folder.path().join("pin");
    let options = read(&format!(r#"{{"Path":"m","TokenLabel":"t","PinSource":"{}"}}"#, source.display())).unwrap();
    assert_eq!(pin(&options), "77");
}

#[test]
fn what_would_choose_another_token_or_user_is_refused_without_showing_the_pin() {
    let refusals = [
        ("", "is not a JSON object"),
        ("[1]", "is not a JSON object"),
        (r#"{"TokenLabel":"t","Pin":"s3cret"}"#, "Path is missing"),
        (r#"{"Path":"m","Pin":"s3cret"}"#, "set one of TokenLabel, TokenSerial and SlotNumber; none of them is set"),
        (r#"{"Path":"m","TokenLabel":"t","SlotNumber":0,"Pin":"s3cret"}"#, "more than one is set"),
        (r#"{"Path":"m","SlotNumber":-1,"Pin":"s3cret"}"#, "SlotNumber must be a whole number"),
        (r#"{"Path":"m","TokenLabel":"t"}"#, "set Pin, PinSource (a file, or env:NAME), or LoginNotSupported"),
        (r#"{"Path":"m","TokenLabel":"t","Pin":12345}"#, "Pin must be a string"),
        (r#"{"Path":"m","TokenLabel":"t","Pin":"s3cret","PinSource":"/x"}"#, "set Pin or PinSource, not both"),
        (r#"{"Path":"m","TokenLabel":"t","PinSource":"/nowhere"}"#, "/nowhere cannot be read"),
        (r#"{"Path":"m","TokenLabel":"t","Pin":"s3cret","UserType":5}"#, "UserType 5 is not known"),
        (r#"{"Path":"m","TokenLabel":"t","Pin":"s3cret","LoginNotSupported":"no"}"#, "must be true or false"),
    ];
    for (content, problem) in refusals {
        let error = read(content).unwrap_err().to_string();
        assert!(error.contains(problem) && !error.contains("s3cret") && !error.contains("12345"), "{content}: {error}");
    }
    let error = Pkcs11Options::from_config_file(Path::new("/nowhere/crypto11.conf"), "k").unwrap_err().to_string();
    assert_eq!(
        error,
        "the PKCS#11 config /nowhere/crypto11.conf cannot be read: No such file or directory (os error 2)"
    );
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.conf");
    let json = serde_json::json!({"Path": "/m.so", "TokenLabel": "t", "Pin": "1", "_comment": "x".repeat(70_000)});
    std::fs::write(&large, json.to_string()).unwrap();
    let error = Pkcs11Options::from_config_file(&large, "k").unwrap_err().to_string();
    assert!(error.ends_with("is larger than 64 KiB"), "{error}");
}
