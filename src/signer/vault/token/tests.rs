use super::*;

async fn of_file(content: &str) -> (tempfile::NamedTempFile, Result<Token, BackendError>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let token = Token::open(&TokenSource::File(file.path().to_owned())).await;
    (file, token)
}

#[tokio::test]
async fn a_file_is_read_again_when_its_token_was_refused() {
    let (file, token) = of_file("first\n").await;
    let token = token.unwrap();
    let first = token.current().await;
    assert_eq!(*first, "first");
    assert!(!token.replaces(&first).await, "it is the same");
    std::fs::write(file.path(), "second").unwrap();
    assert!(token.replaces(&first).await);
    assert_eq!(*token.current().await, "second");
}

#[tokio::test]
async fn a_file_is_looked_at_while_calls_succeed_and_the_old_token_is_kept_when_it_is_broken() {
    let (file, token) = of_file("first").await;
    let token = Token { opened: Instant::now().checked_sub(LOOK_EVERY).unwrap(), ..token.unwrap() };
    std::fs::write(file.path(), "second").unwrap();
    assert_eq!(*token.current().await, "second");
    for broken in ["", "two words", "clé"] {
        std::fs::write(file.path(), broken).unwrap();
        assert!(!token.replaces(&HeaderValue::from_static("second")).await, "{broken}");
    }
    std::fs::remove_file(file.path()).unwrap();
    assert!(!token.replaces(&HeaderValue::from_static("second")).await);
}

#[tokio::test]
async fn what_is_no_token_is_refused_and_never_repeated() {
    for content in ["", " \n", "first second", "first\nsecond", "clé", &"x".repeat(70_000)] {
        let fault = of_file(content).await.1.unwrap_err();
        assert!(fault.hint.contains("one token"), "{fault:?}");
        assert!(!format!("{fault:?}").contains("second"), "{fault:?}");
    }
    let missing = Token::open(&TokenSource::File("/nowhere/token".into())).await.unwrap_err();
    assert!(format!("{missing:?}").contains("/nowhere/token"));
}

#[tokio::test]
async fn no_debug_text_has_the_token() {
    let fixed = TokenSource::Fixed("hvs.secret".into());
    let token = Token::open(&fixed).await.unwrap();
    assert!(token.is_fixed());
    assert!(!format!("{fixed:?}{token:?}").contains("hvs.secret"));
}
