use super::*;

#[test]
fn names_and_paths_are_told_apart() {
    for name in ["awskms:///alias/x", "pkcs11:token=a;object=b", "hashivault://key", "openbao://key"] {
        assert_eq!(KeyPlace::parse(name).unwrap(), KeyPlace::Named(name.into()));
    }
    for path in ["root.key", "/a/b.key", "C:x", "./pkcs11/key", "./alias/x", "../arn:x", "keys/alias/x"] {
        assert_eq!(KeyPlace::parse(path).unwrap(), KeyPlace::File(path.into()));
    }
}

#[test]
fn a_pin_in_a_keys_name_is_not_repeated() {
    assert_eq!(without_pin("pkcs11:token=a;object=b?pin-value=1234"), "pkcs11:token=a;object=b");
    assert_eq!(without_pin("hashivault://key?version=1"), "hashivault://key?version=1");
    let error = KeyPlace::parse("PKCS11:token=a?pin-value=1234").unwrap_err();
    assert!(!format!("{error:?}").contains("1234"), "{error:?}");
}

#[test]
fn a_name_that_is_nearly_a_services_is_never_a_new_file() {
    for (name, meant) in [
        ("arn:aws:kms:eu-central-1:1:key/x", "awskms:///arn"),
        ("alias/sigmint", "awskms:///alias/NAME"),
        ("projects/p/locations/l/keyRings/r/cryptoKeys/k", "gcpkms://"),
        ("transit/keys/x", "hashivault://"),
        ("key/1234abcd-12ab-34cd-56ef-1234567890ab", "awskms:///KEY-ID"),
        ("mrk-1234abcd12ab34cd56ef1234567890ab", "awskms:///mrk-"),
        ("other://x", "awskms:"),
        ("awskm:///alias/x", "awskms:"),
        ("awskms:alias/x", "awskms:"),
        ("file:root.key", "awskms:"),
        ("k8s://a/b", "awskms:"),
    ] {
        let error = KeyPlace::parse(name).unwrap_err();
        let said = format!("{error:?}");
        assert!(said.contains(meant) && said.contains(&format!("./{name}")), "{name}: {said}");
    }
}
