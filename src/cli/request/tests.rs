use super::*;
use clap::Parser as _;

#[derive(clap::Parser, Debug)]
struct Line {
    #[command(flatten)]
    args: RequestArgs,
}

fn parse(words: &[&str]) -> Result<RequestArgs, clap::Error> {
    Line::try_parse_from([&["request"], words].concat()).map(|line| line.args)
}

#[test]
fn the_command_line_is_checked_and_hides_the_token() {
    let args = parse(&["--token", "e30.e30.secret", "--key-kind", "ed25519"]).unwrap();
    assert_eq!((args.url.as_str(), args.key_kind), ("http://127.0.0.1:8080/", KeyKind::Ed25519));
    assert!(!format!("{args:?}").contains("secret"));
    assert!(matches!(parse(&["--token", "-"]).unwrap().token, Some(TokenArgument::StandardInput)));
    for words in [
        &["--claim", "a=b"][..],
        &["--identity", "uri"],
        &["--dev-issuer", "http://127.0.0.1:1", "--token", "a"],
        &["--dev-issuer", "http://127.0.0.1:1", "--claim", "a"],
        &["--key-kind", "rsa"],
        &["--url", "no url"],
    ] {
        assert!(parse(words).is_err(), "{words:?}");
    }
}

#[test]
fn files_are_private_and_never_overwritten() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (inside, path) = (folder.path().join("a/b"), folder.path().join("a/b/key.pem"));
    Files::reserve(&inside).unwrap();
    create(&path, b"key", Readers::Owner).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(create(&path, b"other", Readers::Owner).is_err());
    let error = Files::reserve(&inside).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("key.pem is there already"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"key");
}
