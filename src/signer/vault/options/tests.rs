use super::*;

fn settings(options: &VaultOptions, environment: &[(&str, &str)]) -> Result<Settings, BackendError> {
    let look = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    options.settings(look)
}

fn fixed(settings: &Settings) -> String {
    use secrecy::ExposeSecret as _;
    match &settings.token {
        TokenSource::Fixed(token) => token.expose_secret().to_owned(),
        TokenSource::File(file) => panic!("{}", file.display()),
    }
}

#[test]
fn the_environment_is_read_as_vaults_own_tools_read_it() {
    let all = [
        ("VAULT_ADDR", "https://vault.test:8200/prefix"),
        ("VAULT_TOKEN", "t1"),
        ("VAULT_NAMESPACE", "team"),
        ("TRANSIT_SECRET_ENGINE_PATH", "/keys/transit/"),
        ("VAULT_CACERT", "/ca.pem"),
        ("VAULT_SKIP_VERIFY", "false"),
        ("BAO_ADDR", "https://bao.test"),
    ];
    let found = settings(&VaultOptions::default(), &all).unwrap();
    assert_eq!(found.address.as_str(), "https://vault.test:8200/prefix");
    assert_eq!((found.namespace.as_deref(), found.mount.as_str()), (Some("team"), "keys/transit"));
    assert_eq!(
        (found.tls.ca_file, fixed(&settings(&VaultOptions::default(), &all).unwrap())),
        (Some("/ca.pem".into()), "t1".into())
    );

    let bao = [("BAO_ADDR", "http://127.0.0.1:8200"), ("BAO_TOKEN", "t2"), ("VAULT_TOKEN", "")];
    let found = settings(&VaultOptions::default(), &bao).unwrap();
    assert_eq!((found.mount.as_str(), found.namespace.as_deref(), found.timeout), ("transit", None, DEFAULT_TIMEOUT));
    assert_eq!(fixed(&found), "t2");
}

#[test]
fn what_the_operator_sets_goes_before_the_environment_and_a_token_file_before_a_token() {
    let environment = [("VAULT_ADDR", "https://a.test"), ("VAULT_TOKEN", "t"), ("VAULT_TOKEN_FILE", "/run/token")];
    let found = settings(&VaultOptions::default(), &environment).unwrap();
    assert!(matches!(&found.token, TokenSource::File(file) if file.ends_with("token")));
    let options = VaultOptions {
        address: Some("https://b.test".into()),
        token: Some("mine".into()),
        mount: Some("other".into()),
        ..VaultOptions::default()
    };
    let found = settings(&options, &environment).unwrap();
    assert_eq!(
        (found.address.as_str(), found.mount.as_str(), fixed(&found).as_str()),
        ("https://b.test/", "other", "mine")
    );
}

#[test]
fn without_a_token_the_one_of_a_login_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let environment = [("VAULT_ADDR", "https://a.test"), ("HOME", home.path().to_str().unwrap())];
    let fault = settings(&VaultOptions::default(), &environment).unwrap_err();
    assert!(fault.hint.contains("VAULT_TOKEN_FILE"), "{fault:?}");
    std::fs::write(home.path().join(".vault-token"), "t").unwrap();
    let found = settings(&VaultOptions::default(), &environment).unwrap();
    assert!(matches!(&found.token, TokenSource::File(file) if file.ends_with(".vault-token")));
}

#[test]
fn settings_that_cannot_be_meant_are_refused_with_a_hint() {
    for (change, hint) in [
        (("VAULT_ADDR", ""), "set VAULT_ADDR"),
        (("VAULT_ADDR", "vault.test:8200"), "set VAULT_ADDR"),
        (("VAULT_ADDR", "https://user:secret@vault.test"), "set VAULT_ADDR"),
        (("VAULT_ADDR", "https://vault.test/?a=b"), "set VAULT_ADDR"),
        (("VAULT_SKIP_VERIFY", "true"), "VAULT_CACERT"),
        (("TRANSIT_SECRET_ENGINE_PATH", "a/../sys"), "vault secrets list"),
        (("TRANSIT_SECRET_ENGINE_PATH", "a//b"), "vault secrets list"),
        (("TRANSIT_SECRET_ENGINE_PATH", "/"), "vault secrets list"),
    ] {
        let environment = [change, ("VAULT_ADDR", "https://vault.test"), ("VAULT_TOKEN", "t")];
        let fault = settings(&VaultOptions::default(), &environment).unwrap_err();
        assert!(fault.hint.contains(hint) && !format!("{fault:?}").contains("secret@"), "{change:?}: {fault:?}");
    }
}
