//! What the issuer file's reader refuses: each refusal with its place and hint, next to the nearest text that it accepts.

use std::fmt::Write as _;

use super::*;

use crate::identity::kind::{IdentityType, SubjectOrigin};
use crate::text;

const HEAD: &str = "oidc-issuers:\n  https://a.example.com:\n    client-id: sigstore\n";

pub(super) fn parse(text: &str) -> Result<Issuers, ConfigError> {
    Issuers::parse("config.yaml", text)
}

pub(super) fn issuer(text: &str) -> Issuer {
    let issuers = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(issuers.len(), 1);
    issuers.iter().next().unwrap().as_ref().clone()
}

/// The text is refused at this place, with this in the message and this in the hint.
#[track_caller]
pub(super) fn refused(text: &str, place: (usize, usize), message: &str, hint: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(mark(&error), place, "{error}\n{text}");
    assert!(error.message.contains(message) && error.hint.contains(hint) && !hint.is_empty(), "{error}\n{text}");
    assert_eq!(&*error.place.source, "config.yaml");
}

/// Line and column.
pub(super) fn mark(error: &ConfigError) -> (usize, usize) {
    error.place.mark.map_or((0, 0), |mark| (mark.line as usize, mark.column as usize))
}

/// As [`refused`], for the settings of one issuer at line 4, column 5.
#[track_caller]
fn refused_settings(settings: &str, place: (usize, usize), message: &str, hint: &str) {
    refused(&format!("{HEAD}{settings}"), place, message, hint);
}

#[test]
fn an_error_reads_as_place_path_message_and_hint() {
    assert_eq!(
        parse(&format!("{HEAD}    typ: email\n")).unwrap_err().to_string(),
        "config.yaml:4:5: oidc-issuers › https://a.example.com › typ: unknown key\n  hint: did you mean \"type\"?"
    );
}

#[test]
fn keys_are_known_and_stand_once() {
    refused("oidc-issuer: {}\n", (1, 1), "unknown key", "did you mean \"oidc-issuers\"");
    refused("{\"OIDCIssuer\": {}}", (1, 2), "unknown key", "did you mean \"OIDCIssuers\"");
    refused_settings("    type: email\n    type: email\n", (5, 5), "duplicate key", "remove one");
    refused_settings("    type: email\n    Type: email\n", (5, 5), "duplicate key", "same key");
    refused(&format!("{HEAD}    type: email\n  https://a.example.com: {{}}\n"), (5, 3), "duplicate key", "remove one");
    refused("oidc-issuers: {}\nOIDCIssuers: {}\n", (2, 1), "duplicate key", "remove one");
    let user = "oidc-issuers:\n  https://a.example.com: {client-id: s, type: ci-provider, ci-provider: x}\n";
    let metadata =
        |text: &str| format!("ci-issuer-metadata:\n  x:\n    subject-alternative-name-template: a\n{text}{user}");
    refused(&metadata("  x: {}\n"), (4, 3), "duplicate key", "remove one");
    refused(&metadata("    default-template-values: {a: b, a: c}\n"), (4, 37), "duplicate key", "remove one");
    refused(&metadata("    extension-templates: {issuer-v1: b}\n"), (4, 27), "unknown key", "\"issuer\"");
    refused(
        &metadata("    ExtensionTemplates: {BuildSignrURI: b}\n"),
        (4, 26),
        "unknown key",
        "did you mean \"BuildSignerURI\"",
    );
    refused("{\"oidc-issuers\": {}, \"OIDCISSUERS\": {}}", (1, 22), "duplicate key", "same key");
    refused_settings("    type: email\n    TYPE: email\n", (5, 5), "duplicate key", "same key");
    refused(
        &metadata("    extension-templates: {build-trigger: a, BuildTrigger: b}\n"),
        (4, 45),
        "duplicate key",
        "same key",
    );
}

#[test]
fn settings_have_the_right_kind_of_value() {
    refused_settings("    type: [email]\n", (4, 11), "expected a string", "one value");
    refused_settings("    type: email\n    description: {a: b}\n", (5, 18), "expected a string", "one value");
    refused("oidc-issuers: here\n", (1, 15), "expected a mapping", "key: value");
    refused("oidc-issuers: [https://a.example.com]\n", (1, 15), "expected a mapping", "key: value");
    refused("hello", (1, 1), "expected a mapping", "key: value");
    refused_settings("    <<: email\n", (4, 9), "expected a mapping", "key: value");
    refused_settings("    type: email\n    skip-email-verification: maybe\n", (5, 30), "neither", "true or false");
    for uses in ["0", "-1", "1001", "one"] {
        let settings = format!("    type: email\n    max-certificates-per-token: {uses}\n");
        refused_settings(&settings, (5, 33), "not a number from 1 to 1000", "single use");
    }
    for window in ["-1h", "31d", "soon", "24"] {
        let settings = format!("    type: email\n    key-outage-window: {window}\n");
        refused_settings(&settings, (5, 24), "not a time from 0 to 30d", "24h");
    }
    for (setting, seconds) in
        [("key-outage-window: 90m", 5400), ("KeyOutageWindow: 30d", 2_592_000), ("key-outage-window: 0", 0)]
    {
        let window = issuer(&format!("{HEAD}    type: email\n    {setting}\n")).key_outage_window;
        assert_eq!(window.map(|window| window.as_secs()), Some(seconds), "{setting}");
    }
    let counted = issuer(&format!("{HEAD}    type: email\n    MaxCertificatesPerToken: 1000\n"));
    assert_eq!(counted.max_certificates_per_token.map(std::num::NonZeroU32::get), Some(1000));
    let error = parse(&format!("{HEAD}    type: [email]\n")).unwrap_err();
    assert_eq!(error.place.path.join(" › "), "oidc-issuers › https://a.example.com › type");
    assert_eq!(error.message, "found a list, expected a string");
}

#[test]
fn broken_text_has_a_place() {
    refused("oidc-issuers:\n  a: b: c\n", (2, 7), "mapping values are not allowed", "indentation");
    refused("oidc-issuers:\n  https://a.example.com: *nobody\n", (2, 26), "unknown anchor", "&name");
    refused("oidc-issuers: {}\n---\noidc-issuers: {}\n", (2, 1), "more than one document", "remove the ---");
    refused("oidc-issuers: {}\nmeta-issuers: \0\n", (2, 15), "control character", "remove");
    refused("oidc-issuers: &a {<<: *a}\n", (1, 23), "an alias stands inside", "alias");
}

#[test]
fn a_file_names_an_issuer() {
    for text in ["", "\n", "# nothing\n", "{}", "oidc-issuers:\n", "define: []\n"] {
        refused(text, (1, 1), "no issuer", "oidc-issuers");
    }
}

#[test]
fn urls_are_checked_where_they_stand() {
    let entry =
        |section: &str, url: &str| format!("{section}:\n  {url:?}: {{client-id: sigstore, type: kubernetes}}\n");
    for (url, message, hint) in [
        ("", "not a URL", "https://"),
        ("accounts.example.com", "not a URL", "https://"),
        ("ftp://a.example.com", "not an http", "https://"),
        ("https://a.example.com?x=1", "query", "remove"),
        ("https://a.example.com#x", "fragment", "remove"),
        ("https://u:p@a.example.com", "user information", "before the @"),
        (" https://a.example.com", "white space", "https://"),
        ("https://*.example.com", "cannot contain *", "meta-issuers"),
    ] {
        refused(&entry("oidc-issuers", url), (2, 3), message, hint);
    }
    refused(&entry("meta-issuers", "http*://a.example.com"), (2, 3), "scheme", "https://");
    refused(&entry("meta-issuers", "*"), (2, 3), "scheme", "https://");
    refused(&entry("meta-issuers", "https://*.example.com/*#*"), (2, 3), "fragment", "remove");
    assert_eq!(parse(&entry("meta-issuers", "https://a.example.com")).unwrap().len(), 1);
}

#[test]
fn audience_and_type_are_given() {
    refused("oidc-issuers:\n  https://a.example.com:\n    type: email\n", (2, 3), "client-id is missing", "sigstore");
    refused("oidc-issuers:\n  https://a.example.com: {client-id: '', type: email}\n", (2, 38), "client-id", "sigstore");
    refused("OIDCIssuers:\n  https://a.example.com: {Type: email}\n", (2, 3), "ClientID is missing", "sigstore");
    refused("meta-issuers:\n  https://a.example.com:\n", (2, 3), "client-id is missing", "sigstore");
    refused_settings("", (2, 3), "type is missing", "email, uri, username");
    refused_settings("    type: emails\n", (4, 11), "unknown type", "did you mean \"email\"?; types are email, uri");
    refused_settings("    type: openid\n", (4, 11), "unknown type", "email, uri, username");
}

#[test]
fn issuer_claim_is_a_path_of_an_email_issuer() {
    refused_settings(
        "    type: uri\n    subject-domain: https://example.com\n    issuer-claim: $.a\n",
        (6, 19),
        "email only",
        "remove",
    );
    refused_settings("    type: email\n    issuer-claim: $.[\n", (5, 19), "JSONPath", "$.federated_claims");
    refused(
        "meta-issuers:\n  https://*.a.example: {client-id: a, type: kubernetes, issuer-claim: $.a}\n",
        (2, 71),
        "email only",
        "remove",
    );
    let dex = issuer(&format!("{HEAD}    type: email\n    issuer-claim: $.federated_claims.connector_id\n"));
    let IdentityType::Email(rules) = dex.identity else { panic!("{dex:?}") };
    assert_eq!(rules.issuer_claim.unwrap().source, "$.federated_claims.connector_id");
}

#[test]
fn uri_and_username_have_a_domain_of_the_issuer() {
    let uri = "    type: uri\n    subject-domain: ";
    refused_settings("    type: uri\n", (2, 3), "needs a subject-domain", "https://a.example.com");
    refused_settings(&format!("{uri}example.com\n"), (5, 21), "needs a scheme", "https://a.example.com");
    refused_settings(&format!("{uri}http://example.com\n"), (5, 21), "scheme http", "https://a.example.com");
    refused_settings(&format!("{uri}https://example.org\n"), (5, 21), "not of the issuer's domain", "last two labels");
    refused_settings(&format!("{uri}https://\n"), (5, 21), "not a scheme and a host", "https://");
    let username = "    type: username\n    subject-domain: ";
    refused_settings("    type: username\n", (2, 3), "needs a subject-domain", "a.example.com");
    refused_settings(&format!("{username}https://example.com\n"), (5, 21), "has no scheme", "host alone");
    refused_settings(&format!("{username}example.com:443\n"), (5, 21), "not a host", "host alone");
    refused_settings(&format!("{username}x!example.com\n"), (5, 21), "not a host", "host alone");
    refused_settings(&format!("{username}example.org\n"), (5, 21), "not of the issuer's domain", "last two labels");
    refused(
        "meta-issuers:\n  https://*.a.example: {client-id: a, type: uri}\n",
        (2, 3),
        "needs a subject-domain",
        "https://",
    );
    refused(
        "meta-issuers:\n  https://*.a.example: {client-id: a, type: username}\n",
        (2, 3),
        "needs a subject-domain",
        "host",
    );

    let IdentityType::Uri(origin) = issuer(&format!("{HEAD}{uri}https://Users.Example.com:8443/x\n")).identity else {
        panic!("not uri");
    };
    assert_eq!(origin, SubjectOrigin { scheme: "https".into(), host: "users.example.com".into() });
    let name = issuer(&format!("{HEAD}{username}example.com\n"));
    assert!(matches!(&name.identity, IdentityType::Username(host) if host == "example.com"));
    assert_eq!(name.subject_domain.as_deref(), Some("example.com"));
}

#[test]
fn spiffe_has_a_trust_domain_and_no_pattern() {
    refused_settings("    type: spiffe\n", (2, 3), "spiffe-trust-domain is missing", "example.org");
    refused_settings(
        "    type: spiffe\n    spiffe-trust-domain: a b\n",
        (5, 26),
        "not a SPIFFE trust domain",
        "example.org",
    );
    refused(
        "meta-issuers:\n  https://*.a.example: {client-id: a, type: spiffe, spiffe-trust-domain: a.b}\n",
        (2, 45),
        "meta issuer",
        "oidc-issuers",
    );
    let spiffe = issuer(&format!("{HEAD}    type: spiffe\n    spiffe-trust-domain: example.org\n"));
    assert!(matches!(&spiffe.identity, IdentityType::Spiffe(domain) if domain.to_string().ends_with("example.org")));
    assert_eq!(spiffe.spiffe_trust_domain.as_deref(), Some("example.org"));
}

#[test]
fn a_ci_provider_has_metadata_and_metadata_has_a_name_template() {
    refused_settings("    type: ci-provider\n", (2, 3), "ci-provider is missing", "ci-issuer-metadata");
    refused_settings("    type: ci-provider\n    ci-provider: x\n", (5, 18), "named \"x\"", "add ci-issuer-metadata");
    let with = |name: &str, metadata: &str| {
        format!(
            "define: [&n circle]\n{HEAD}    type: ci-provider\n    ci-provider: {name}\nci-issuer-metadata:\n{metadata}"
        )
    };
    let sound = "  *n :\n    subject-alternative-name-template: a\n";
    refused(&with("cirle", sound), (6, 18), "named \"cirle\"", "did you mean \"circle\"");
    // At the alias, not at what it stands for.
    refused(
        &with("*n", "  other:\n    subject-alternative-name-template: a\n"),
        (6, 18),
        "\"circle\"",
        "known are other",
    );
    refused(&with("*n", "  *n :\n"), (8, 3), "template is missing", "give the template");
    refused(
        &with("*n", "  *n :\n    subject-alternative-name-template: ' '\n"),
        (9, 40),
        "is missing",
        "give the template",
    );
    refused(
        &with("*n", "  *n :\n    subject-alternative-name-template: '{{ .a'\n"),
        (9, 40),
        "broken template",
        "column",
    );
    refused(
        &with("*n", &format!("{sound}    extension-templates:\n      build-trigger: '{{{{ .a'\n")),
        (11, 22),
        "broken template",
        "column",
    );
    assert_eq!(parse(&with("*n", sound)).unwrap().len(), 1);
}

#[test]
fn a_ca_certificate_is_pem_of_certificates() {
    let pem = certificate();
    let with = |text: &str| {
        format!(
            "{HEAD}    type: email\n    ca-cert: |\n{}\n",
            text.trim().replace('\n', "\n      ").replacen("", "      ", 1)
        )
    };
    refused(&with("hello"), (6, 7), "no PEM block", "BEGIN CERTIFICATE");
    refused(&with(&pem.replace("CERTIFICATE", "PUBLIC KEY")), (6, 7), "no certificate", "BEGIN CERTIFICATE");
    refused(&with(&pem.replacen("MII", "MIJ", 1)), (6, 7), "certificate 1 is malformed", "BEGIN CERTIFICATE");
    refused(&with(&format!("{pem}{}", &pem[..80])), (6, 7), "no matching END line", "BEGIN CERTIFICATE");
    assert!(
        issuer(&with(&format!("{pem}{pem}")))
            .keys
            .ca_certificate
            .as_ref()
            .is_some_and(|text| text.contains(pem.trim()))
    );
    let key = text::pem("PRIVATE KEY", &[1]);
    let combined = issuer(&with(&format!("\u{feff}# Zürich\n{key}{}", pem.replace("CERTIFICATE", "X509 CERTIFICATE"))));
    assert_eq!(combined.keys.ca_certificate.as_deref(), Some(pem.replace("\r\n", "\n").as_str()));
    assert!(issuer(&format!("{HEAD}    type: email\n    ca-cert: ''\n")).keys.ca_certificate.as_ref().is_none());
    for only in ["ca-cert-only: true", "CACertOnly: true", "ca-cert-only: yes"] {
        assert!(issuer(&format!("{}    {only}\n", with(&pem))).keys.ca_certificate_only, "{only}");
        let (_, value) = only.split_once(' ').unwrap();
        let column = 7 + only.len() - value.len() - 1;
        refused(
            &format!("{HEAD}    type: email\n    {only}\n"),
            (5, column - 1),
            "no server could be trusted",
            "give the certificates",
        );
    }
    assert!(!issuer(&format!("{}    ca-cert-only: false\n", with(&pem))).keys.ca_certificate_only);
    let wrong = format!("{HEAD}    type: email\n    ca-cert-only: maybe\n");
    refused(&wrong, (5, 19), "neither true nor false", "write true or false");
}

fn certificate() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::new(vec!["idp.example".to_owned()]).unwrap().self_signed(&key).unwrap().pem()
}

#[test]
fn aliases_and_nesting_cannot_blow_up() {
    let mut bomb = String::from("define:\n  - &a0 {client-id: x}\n");
    for n in 1..30 {
        let eight = vec![format!("*a{}", n - 1); 8].join(", ");
        writeln!(bomb, "  - &a{n} {{<<: [{eight}]}}").unwrap();
    }
    bomb += "oidc-issuers: {https://a.example: {<<: *a29, type: email}}\n";
    let error = parse(&bomb).unwrap_err();
    assert!(error.message.contains("1000000"), "{error}");
    assert!(error.hint.contains("write it out"), "{error}");

    refused(&"[".repeat(100_000), (1, 65), "more than 64 brackets", "close");
    assert!(parse(&format!("define: {}", "- ".repeat(400_000))).is_err());
    assert!(parse(&"- ".repeat(400_000)).is_err());
    assert!(parse(&format!("define:\n {}", "? ".repeat(400_000))).is_err());
    let wide: String = (0..=1_000_000).flat_map(|n| [n.to_string(), ":\n".to_owned()]).collect();
    assert!(parse(&wide).unwrap_err().message.contains("1000000"));
}

#[test]
fn a_file_is_text_of_at_most_sixteen_mebibytes() {
    let folder = std::env::temp_dir().join(format!("issuer-file-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let load = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        Issuers::load(&path, IssuerRules::default())
    };
    let sound = format!("{HEAD}    type: email\n#");
    let padded = |length: usize| sound.bytes().chain(std::iter::repeat(b'x')).take(length).collect::<Vec<u8>>();
    assert_eq!(load("full.yaml", &padded(16 << 20)).unwrap().len(), 1);
    assert!(load("large.yaml", &padded((16 << 20) + 1)).unwrap_err().message.contains("larger than 16 MiB"));
    let latin = load("latin.yaml", b"oidc-issuers:\n  # \xc3\xa9\xe9\n").unwrap_err();
    assert_eq!((mark(&latin), latin.message.as_str()), ((2, 6), "not UTF-8"));
    let absent = Issuers::load(&folder.join("absent.yaml"), IssuerRules::default()).unwrap_err();
    assert!(absent.place.mark.is_none() && absent.to_string().contains("absent.yaml: cannot be read: "), "{absent}");
    std::fs::remove_dir_all(&folder).unwrap();
}
