use super::*;

fn setup(url: &str, change: impl FnOnce(&mut RedisOptions)) -> Result<RedisStore, RedisSetupError> {
    let timeout = Duration::from_secs(1);
    let mut options = RedisOptions { url: url.to_owned(), password_file: None, ca_certificate: None, timeout };
    change(&mut options);
    RedisStore::new(&options)
}

#[tokio::test]
async fn what_cannot_be_used_is_said_at_the_start() {
    for url in ["", "redis", "http://localhost", "redis://", "redis://localhost:port"] {
        assert!(matches!(setup(url, |_| ()), Err(RedisSetupError::Url(_))), "{url:?}");
    }
    let missing = || Some(PathBuf::from("/nonexistent"));
    let error = setup("redis://localhost", |options| options.password_file = missing()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent"));
    let error = setup("redis://localhost", |options| options.ca_certificate = missing()).unwrap_err();
    assert!(matches!(error, RedisSetupError::NoTls));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no PEM").unwrap();
    let error = setup("rediss://localhost", |options| options.ca_certificate = Some(file.path().to_owned()));
    assert!(matches!(error, Err(RedisSetupError::Certificates { .. })), "{error:?}");
}

#[tokio::test]
async fn neither_url_nor_password_is_shown() {
    let mut shown = String::new();
    let store = setup("redis://user:hunter2@localhost", |options| shown = format!("{options:?}")).unwrap();
    shown = format!("{shown}{store:?}");
    assert!(shown.matches("timeout: 1s").count() == 2 && !shown.contains("hunter2"), "{shown}");
}
