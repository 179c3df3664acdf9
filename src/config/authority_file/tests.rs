use secrecy::ExposeSecret as _;

use super::*;

fn parse(text: &str) -> Result<AuthorityFile, String> {
    AuthorityFile::parse(Path::new("ca.yaml"), text.as_bytes(), None).map_err(|error| error.to_string())
}

#[test]
fn active_next_and_retired_are_read() {
    let file = parse(
        "active: {ca: kmsca, kms-resource: 'awskms:///alias/b', kms-cert-chain-path: b.pem, signer-timeout: 3s}\n\
             next: [{chain: c.pem}, {ca: fileca, fileca-cert: d.pem, fileca-key: d.key}]\n\
             retired:\n- chain: a.pem\n",
    )
    .unwrap();
    let SignerSettings::Kms { resource, chain, bounds } = &file.active else { panic!("{:?}", file.active) };
    assert_eq!((resource.as_str(), chain.to_str(), bounds.budget.as_secs()), ("awskms:///alias/b", Some("b.pem"), 3));
    assert!(matches!(&file.next[..], [Trusted::Chain(_), Trusted::Signer(SignerSettings::File { .. })]));
    assert_eq!(file.retired, [PathBuf::from("a.pem")]);
}

#[test]
fn each_mistake_names_its_place() {
    for (text, place) in [
        ("", "ca.yaml:1:1: active is missing"),
        ("next: []", "active"),
        ("active: {ca: fileca}", "ca.yaml:1:9: active › fileca-cert: must be set"),
        ("active: {ca: ephemeralca}", "another CA whenever"),
        ("active: {ca: googleca, CA: fileca}", "ca.yaml:1:24: active › CA: duplicate key"),
        ("active: {ca: googleca, port: 1}", "ca.yaml:1:24: active › port: no such setting of a CA"),
        ("active: {ca: googleca}\nactive: {ca: googleca}", "ca.yaml:2:1: active: duplicate key"),
        ("active: {ca: googleca}\nold: []", "ca.yaml:2:1: old: unknown key\n  hint: known are active, next, retired"),
        ("active: {ca: googleca}\nnxt: []", "ca.yaml:2:1: nxt: unknown key\n  hint: did you mean \"next\"?"),
        ("active: {ca: googleca, gcp_private_ca_parnet: x}", "did you mean \"gcp_private_ca_parent\"?"),
        (
            "active: {ca: filca}",
            "ca.yaml:1:14: active › ca: \"filca\" is not a kind of CA\n  hint: did you mean \"fileca\"?",
        ),
        ("active: {ca: googleca", "ca.yaml:1:"),
        ("active: {ca: googleca, gcp_private_ca_parent: x}\nnext: [{}]", "ca.yaml:2:8: next › ca: must be set"),
        (
            "active: {ca: googleca, gcp_private_ca_parent: x}\nretired: [{ca: googleca}]",
            "ca.yaml:2:11: retired: is not",
        ),
        ("active: {ca: googleca, gcp_private_ca_parent: x}\nretired: [{chain: }]", "ca.yaml:2:11: retired: is not"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(place) && error.contains("hint:"), "{text}: {error}");
    }
}

#[test]
fn each_key_has_its_own_password_or_the_servers() {
    let text = "active: {ca: fileca, fileca-cert: a.pem, fileca-key: a.key, fileca-key-passwd-file: a.pw}\n\
                    next: [{ca: fileca, fileca-cert: b.pem, fileca-key: b.key},\n\
                    {ca: fileca, fileca-cert: c.pem, fileca-key: c.key, fileca-key-passwd: own}]\n";
    let servers = KeyPassword::Text("servers".into());
    let file = AuthorityFile::parse(Path::new("ca.yaml"), text.as_bytes(), Some(&servers)).unwrap();
    let password = |settings: &SignerSettings| match settings {
        SignerSettings::File { password: Some(KeyPassword::Text(text)), .. } => text.expose_secret().to_owned(),
        SignerSettings::File { password: Some(KeyPassword::File(path)), .. } => path.display().to_string(),
        other => panic!("{other:?}"),
    };
    let next: Vec<String> = file
        .next
        .iter()
        .map(|next| match next {
            Trusted::Signer(settings) => password(settings),
            Trusted::Chain(path) => panic!("{}", path.display()),
        })
        .collect();
    assert_eq!((password(&file.active).as_str(), next), ("a.pw", vec!["servers".to_owned(), "own".to_owned()]));
    assert!(file.files().contains(&Path::new("a.pw")), "a new password is read when it is put there");
    assert_eq!(file.active.secrets(), [Path::new("a.key"), Path::new("a.pw")]);
    let both = "active: {ca: fileca, fileca-cert: a, fileca-key: b, fileca-key-passwd: c, fileca-key-passwd-file: d}";
    let error = parse(both).unwrap_err();
    assert!(error.contains("fileca-key-passwd-file") && error.contains("keep one"), "{error}");
}

#[test]
fn the_example_is_valid() {
    parse(include_str!("../../../config/ca.yaml")).unwrap();
}
