use super::KeyName;
use crate::signer::backend::KeyUri as _;

const UUID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

fn parsed(name: &str) -> (Option<String>, String, Option<String>) {
    let name = KeyName::parse(name).unwrap();
    (name.endpoint.map(Into::into), name.id, name.region)
}

#[test]
fn every_form_that_sigstore_and_tink_take() {
    let arn = format!("arn:aws:kms:us-east-2:111122223333:key/{UUID}");
    let alias_arn = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/sigstore/ca".to_owned();
    let region = |name: &str| Some(name.to_owned());
    assert_eq!(parsed(&format!("awskms:///{UUID}")), (None, UUID.to_owned(), None));
    assert_eq!(parsed("awskms:///alias/ca_2-x"), (None, "alias/ca_2-x".to_owned(), None));
    assert_eq!(parsed(&format!("awskms:///{arn}")), (None, arn.clone(), region("us-east-2")));
    assert_eq!(parsed(&format!("awskms:///{alias_arn}")), (None, alias_arn, region("us-gov-west-1")));
    let several = "mrk-1234abcd12ab34cd56ef1234567890ab";
    assert_eq!(parsed(&format!("awskms:///{several}")), (None, several.to_owned(), None));
    let at = |endpoint: &str| Some(endpoint.to_owned());
    assert_eq!(
        parsed(&format!("awskms://localhost:4566/{UUID}")),
        (at("https://localhost:4566/"), UUID.to_owned(), None)
    );
    assert_eq!(
        parsed(&format!("awskms://kms.internal/{arn}")),
        (at("https://kms.internal/"), arn.clone(), region("us-east-2"))
    );
    assert_eq!(parsed(&format!("aws-kms://{arn}")), (None, arn, region("us-east-2")));
}

#[test]
fn every_other_name_is_refused() {
    for name in [
        "",
        "awskms://",
        "awskms:///",
        "awskms:///alias/",
        "awskms:///alias/a b",
        "awskms:///my-key",
        "awskms:///1234abcd",
        "awskms:///arn:aws:kms:us-east-2:111122223333:key/",
        "awskms:///arn:aws:s3:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "awskms:///arn:aws:kms::111122223333:alias/ca",
        "awskms:///arn:aws:kms:us-east-2:1111:alias/ca",
        "awskms://user@kms.internal/alias/ca",
        "awskms://kms.internal?x=/alias/ca",
        "awskms://kms.internal#/alias/ca",
        "awskms://:4566/alias/ca",
        "aws-kms://kms.internal/alias/ca",
        "gcpkms://projects/p",
    ] {
        assert!(KeyName::read(name).expect_err(name).hint.starts_with("write awskms:///arn:"), "{name}");
    }
}
