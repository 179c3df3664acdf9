use std::path::Path;

use secrecy::ExposeSecret as _;

use super::super::options::{KeySelector, Login, Pkcs11Options, TokenSelector};

fn read(text: &str) -> Pkcs11Options {
    Pkcs11Options::from_uri(text).unwrap()
}

#[test]
fn every_attribute_finds_its_place() {
    let options = read(
        "pkcs11:token=My%20CA;serial=0f;manufacturer=M;model=SoftHSM%20v2;slot-id=7;object=a+b%3B;id=%01%ff;type=private\
         ?module-path=/usr/lib/x.so&pin-value=1%262",
    );
    assert_eq!(options.module, Path::new("/usr/lib/x.so"));
    let token = TokenSelector {
        label: Some("My CA".into()),
        serial: Some("0f".into()),
        manufacturer: Some("M".into()),
        model: Some("SoftHSM v2".into()),
        slot: Some(7),
    };
    assert_eq!(options.token, token);
    assert_eq!(options.key, KeySelector { label: Some("a+b;".into()), id: Some(vec![1, 0xff]) });
    assert!(matches!(&options.login, Login::User(pin) if pin.expose_secret() == "1&2"));
}

#[test]
fn the_pin_comes_from_a_file_or_there_is_no_login() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pin");
    std::fs::write(&path, "1234\n").unwrap();
    let options = read(&format!("PKCS11:id=%01?module-path=m&pin-source=file:{}", path.display()));
    assert!(matches!(&options.login, Login::User(pin) if pin.expose_secret() == "1234"));
    assert!(matches!(read("pkcs11:id=%01?module-path=m").login, Login::Without));
}

#[test]
fn the_name_in_messages_is_a_uri_again_and_has_no_pin() {
    let options = read("pkcs11:object=a%20b;token=t;slot-id=3;id=%00z?module-path=m&pin-value=s3cret");
    assert_eq!(options.to_string(), "pkcs11:token=t;slot-id=3;object=a%20b;id=%00z");
    assert!(!format!("{options:?}").contains("s3cret"));
}

#[test]
fn what_is_not_understood_is_refused_by_name_and_without_the_pin() {
    let refusals = [
        ("awskms:///x", "does not begin with pkcs11:"),
        ("pkcs11:object=k", "module-path is missing"),
        ("pkcs11:token=t?module-path=m", "names no key"),
        ("pkcs11:object=k;library-version=3?module-path=m", "library-version is not known here; there are: token,"),
        ("pkcs11:object=k?module-path=m&module-name=n", "module-name is not known here"),
        ("pkcs11:object=k?module-path=m&pin-value=s3cret&x=1", "x is not known here"),
        ("pkcs11:object=k;object=l?module-path=m", "object is given twice"),
        ("pkcs11:object?module-path=m", "an attribute has no `=`"),
        ("pkcs11:object=%4?module-path=m", "object has a broken percent encoding"),
        ("pkcs11:object=%zz?module-path=m", "object has a broken percent encoding"),
        ("pkcs11:object=%ff?module-path=m", "object is not a UTF-8"),
        ("pkcs11:object=k;slot-id=x?module-path=m", "slot-id must be a number"),
        ("pkcs11:object=k;type=cert?module-path=m", "type=cert is not a private key"),
        ("pkcs11:object=k?module-path=m&pin-value=s3cret&pin-source=/x", "exclude each other"),
        ("pkcs11:object=k?module-path=m&pin-source=%7Ccat", "commands (|..) are not run"),
        ("pkcs11:object=k?module-path=m&pin-value=s3cret%", "pin-value has a broken percent encoding"),
    ];
    for (uri, problem) in refusals {
        let error = Pkcs11Options::from_uri(uri).unwrap_err().to_string();
        assert!(error.contains(problem) && !error.contains("s3cret"), "{uri}: {error}");
    }
}
