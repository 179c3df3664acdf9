use super::*;

fn values_of(name: &str, text: &str) -> Result<Values, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let mut values = Values::default();
    add(&mut values, &path).map(|()| values).map_err(|error| error.to_string())
}

#[test]
fn values_of_every_form_become_texts() {
    let text = "ca: fileca\nport: 5555\nfileca-watch: false\nct-log-url:\nct-log-origin: ''\nct-log:\n  tls-ca-cert: x\nclient-signing-algorithms: [ed25519, a]\n";
    let expected = [
        ("ca", "fileca"),
        ("port", "5555"),
        ("fileca-watch", "false"),
        ("ct-log-origin", ""),
        ("ct-log.tls-ca-cert", "x"),
        ("client-signing-algorithms", "ed25519,a"),
    ];
    assert_eq!(read(text, Form::Yaml).unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(read("{\"ca\": \"ephemeralca\", \"port\": 1}", Form::Yaml).unwrap().len(), 2);
    assert_eq!(read(" \n", Form::Yaml).unwrap(), []);
}

#[test]
fn every_form_that_fulcio_reads_is_read() {
    for (name, text) in [
        ("a.yaml", "CA: fileca\nHTTP-PORT: 5555\nct-log: {tls-ca-cert: x}\nclient-signing-algorithms: [a, b]\n"),
        ("a.YML", "\u{feff}ca: fileca\r\nPort: 5555\r\nct-log.tls-ca-cert: x\r\nclient-signing-algorithms: 'a,b'\r\n"),
        ("a.json", r#"{"ca":"fileca","port":"5555","ct-log.tls-ca-cert":"x","Client-Signing-Algorithms":["a","b"]}"#),
        ("a.toml", "ca = 'fileca'\nport = 5555\nclient-signing-algorithms = ['a', 'b']\n[ct-log]\ntls-ca-cert = 'x'\n"),
        (
            "a.env",
            "# a comment\nca=fileca\nexport PORT=\"5555\" \nct-log.tls-ca-cert=x # why\nclient-signing-algorithms='a,b'\n",
        ),
        ("noextension", "ca: fileca\nport: 5555\nct-log-tls-ca-cert: x\nclient_signing_algorithms: a,b\n"),
    ] {
        let values = values_of(name, text).unwrap();
        let texts = ["ca", "port", "ct-log.tls-ca-cert", "client-signing-algorithms"].map(|name| values.text(name));
        assert_eq!((texts, values.oddities()), (["fileca", "5555", "x", "a,b"], &[][..]), "{name}");
    }
    assert!(values_of("a.toml", "ca: fileca").is_err() && values_of("a.env", "ca").unwrap_err().contains("line 1"));
}

#[test]
fn what_is_not_ours_is_noted_and_a_slip_is_refused() {
    let values = values_of(
        "a.yaml",
        "gcp_private_ca_version: v1\nid: 7\nx-note: {by: me, when: now}\nOIDCIssuers: {a: {b: c}}\n",
    );
    let odd = values.unwrap().oddities().join("\n");
    assert_eq!(odd.lines().count(), 4, "{odd}");
    for expected in
        ["gcp_private_ca_version is deprecated", "› id is not read", "› x-note is not read", "--config-path names"]
    {
        assert!(odd.contains(expected), "{expected}: {odd}");
    }
    for (slip, meant) in [
        ("prot: 1", "\"port\""),
        ("ct-log-ulr: x", "\"ct-log-url\""),
        ("ct-log: {tls-ca-crt: x}", "\"ct-log.tls-ca-cert\""),
        ("rate_limit_per_adress: 1/s", "\"rate-limit-per-address\""),
    ] {
        let error = values_of("a.yaml", slip).unwrap_err();
        assert!(error.contains(&format!("did you mean {meant}?")), "{slip}: {error}");
    }
}

#[test]
fn one_setting_twice_is_refused_when_the_values_differ() {
    for text in ["port: 1\nPort: 2", "port: 1\nhttp-port: 2", "{\"port\": 1, \"port\": 2}"] {
        assert!(values_of("a.yaml", text).unwrap_err().contains("duplicate key"), "{text}");
    }
    assert_eq!(values_of("a.yaml", "port: 1\nhttp-port: 1\n").unwrap().text("port"), "1");
}

#[test]
fn other_documents_are_refused_with_their_place() {
    assert!(read("a: 1\nb: [{}]\n", Form::Yaml).unwrap_err().contains("line 2"));
    assert!(read("- a\n", Form::Yaml).is_err());
}
