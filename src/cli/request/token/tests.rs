use super::*;
use proptest::prelude::*;

fn token(payload: &str) -> SecretString {
    format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(payload)).into()
}

#[test]
fn the_argument_says_where_the_token_is_and_never_shows_it() {
    let argument = |text: &str| text.parse::<TokenArgument>();
    assert!(matches!(argument("-"), Ok(TokenArgument::StandardInput)));
    assert!(matches!(argument("@/tmp/t"), Ok(TokenArgument::File(path)) if path.as_os_str() == "/tmp/t"));
    assert!(argument("@").is_err() && argument("").is_err());
    assert_eq!(format!("{:?}", argument("e30.e30.secret").unwrap()), "Text(..)");
}

#[test]
fn variables_are_used_in_their_order_when_there_is_no_argument() {
    let both = |name: &str| Some(format!(" {name} \n"));
    assert_eq!(read(None, both).unwrap().expose_secret(), "SIGMINT_TOKEN");
    let second = |name: &str| (name == "SIGSTORE_ID_TOKEN").then(|| "t".to_owned());
    assert_eq!(read(None, second).unwrap().expose_secret(), "t");
    assert!(read(None, |_| None).unwrap_err().to_string().contains("--dev-issuer"));
    let given = TokenArgument::Text("a".into());
    assert_eq!(read(Some(&given), both).unwrap().expose_secret(), "a");
}

#[test]
fn a_token_file_is_read_without_its_line_break_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "a.b.c\n").unwrap();
    assert_eq!(read(Some(&TokenArgument::File(path.clone())), |_| None).unwrap().expose_secret(), "a.b.c");
    fs::write(&path, "x".repeat(65 * 1024)).unwrap();
    assert!(read(Some(&TokenArgument::File(path.clone())), |_| None).is_err());
    fs::write(&path, " \n").unwrap();
    assert!(read(Some(&TokenArgument::File(path)), |_| None).is_err());
}

#[test]
fn the_challenge_is_the_address_or_else_the_subject() {
    assert_eq!(challenge(&token(r#"{"email":"a@b.c","sub":"s"}"#)).unwrap(), "a@b.c");
    assert_eq!(challenge(&token(r#"{"sub":"s"}"#)).unwrap(), "s");
    assert_eq!(challenge(&token(r#"{"email":"","sub":"s"}"#)).unwrap(), "s");
    for odd in [token("{}"), token("[]"), "a.b".into(), "a.b.c.d".into(), "".into()] {
        assert!(challenge(&odd).unwrap_err().is_usage());
    }
}

#[test]
fn claims_are_names_with_values() {
    let claim: ClaimArgument = "email=a=b".parse().unwrap();
    assert_eq!(claim, ClaimArgument { name: "email".into(), value: "a=b".into() });
    assert!("email".parse::<ClaimArgument>().is_err() && "=x".parse::<ClaimArgument>().is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".*", payload in ".*") {
        let _ = challenge(&text.as_str().into());
        let _ = challenge(&token(&payload));
    }
}
