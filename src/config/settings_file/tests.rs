use super::*;

fn values_of(name: &str, text: &str) -> Result<Values, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let mut values = Values::default();
    add(&mut values, &path).map(|()| values).map_err(|error| error.to_string())
}

fn texts(text: &str) -> Result<Vec<(String, String)>, String> {
    let document = Document::yaml("a.yaml", text).map_err(|error| error.to_string())?;
    let entries = entries(&document.root()).map_err(|error| error.to_string())?;
    Ok(entries.into_iter().map(|entry| (entry.name, entry.text)).collect())
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
    assert_eq!(texts(text).unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(texts("{\"ca\": \"ephemeralca\", \"port\": 1}").unwrap().len(), 2);
    assert_eq!(texts(" \n").unwrap(), []);
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
    assert!(
        values_of("a.toml", "ca: fileca").is_err() && values_of("a.env", "ca").unwrap_err().contains("a.env:1:1: ")
    );
}

#[test]
fn what_is_not_ours_is_noted_and_a_slip_is_refused() {
    let values = values_of(
        "a.yaml",
        "gcp_private_ca_version: v1\nid: 7\nx-note: {by: me, when: now}\nOIDCIssuers: {a: {b: c}}\n",
    );
    let odd = values.unwrap().oddities().join("\n");
    assert_eq!(odd.lines().count(), 4, "{odd}");
    for expected in [
        "gcp_private_ca_version is deprecated",
        "a.yaml:2:1: id is not read",
        "a.yaml:3:1: x-note is not read",
        "--config-path names",
    ] {
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
    assert!(texts("a: 1\nb: [{}]\n").unwrap_err().starts_with("a.yaml:2:5: b: found a mapping"));
    assert!(texts("- a\n").unwrap_err().starts_with("a.yaml:1:1: found a list"));
}

#[test]
fn every_mistake_has_its_line_and_column_in_every_form() {
    for (name, text, place) in [
        ("a.yaml", "ca: fileca\nprot: 1\n", "a.yaml:2:1: prot: no such setting\n  hint: did you mean \"port\"?"),
        ("a.yaml", "port: 1\nct-log:\n  ulr: x\n", "a.yaml:3:3: ct-log › ulr: no such setting"),
        ("a.json", "{\"port\": 1,\n \"prt\": 2}", "a.json:2:2: prt: no such setting"),
        ("a.json", "{\"port\": 1,\n \"http-port\": 2}", "a.json:2:2: http-port: duplicate key"),
        ("a.toml", "port = 1\n[ct-log]\nulr = 'x'\n", "a.toml:3:1: ct-log › ulr: no such setting"),
        ("a.toml", "port = 1\nport = 2\n", "a.toml:2:1: "),
        ("a.env", "port=1\nexport PROT=2\n", "a.env:2:8: PROT: no such setting"),
        ("a.yaml", "port: \"1\n", "a.yaml:1:7: "),
    ] {
        let error = values_of(name, text).unwrap_err();
        assert!(error.contains(place) && error.contains("\n  hint: "), "{text}: {error}");
    }
    let values = values_of("a.yaml", "ca: fileca\nport: many\n").unwrap();
    let error = crate::config::settings::parsed::<u16>(&values, "port", "a number").unwrap_err();
    assert!(error.to_string().contains("a.yaml:2:7: port: "), "{error}");
}
