//! What the issuer file's reader takes, warns of and leaves out of files as people and tools write them.

use super::refusals::{issuer, parse, refused};
use super::*;

const WIDE: &str = "meta-issuers:\n  https://*.example.com: {client-id: s, type: email}\n";

fn entries(lines: &str) -> Issuers {
    let text = format!("oidc-issuers:\n  https://good.example: {{client-id: s, type: email}}\n{lines}");
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn audiences<'i>(issuers: &'i Issuers, url: &str) -> Vec<&'i str> {
    issuers.find(url).iter().map(|issuer| issuer.audience.as_str()).collect()
}

#[test]
fn files_as_operators_and_tools_write_them_load_whole() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/issuer-files");
    let mut loaded = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let issuers = Issuers::load(&path, IssuerRules::default()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!issuers.is_empty() && issuers.refusals().is_empty(), "{}: {:?}", path.display(), issuers.refusals());
        loaded += 1;
    }
    assert_eq!(loaded, 9);
}

/// As Fulcio takes it: a deployment may bring its issuers later. A file that is cut off is no such file, and a reload takes nobody away.
#[test]
fn sections_without_an_entry_start_with_a_warning() {
    for text in
        ["oidc-issuers: {}\nmeta-issuers: {}\n", "meta-issuers: {}\n", r#"{"OIDCIssuers": {}, "MetaIssuers": null}"#]
    {
        let issuers = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(issuers.is_empty() && issuers.warnings()[0].contains("nobody gets a certificate"), "{text}");
        let strict = IssuerRules { strict: true, ..IssuerRules::default() };
        assert!(Issuers::parse_with("issuers.yaml", text, strict).is_err(), "{text}");
    }
    for text in ["", "\n", "{}", "ci-issuer-metadata: {}\n"] {
        assert!(parse(text).unwrap_err().to_string().contains("no issuer in the file"), "{text:?}");
    }
}

#[test]
fn keys_that_other_tools_write_are_passed_over_and_told() {
    let text = "owner: us\noidc-issuers:\n  https://a.example:\n    issuer: x\n    _comment: x\n    scopes: [a]\n    client-id: s\n    \
                type: ci-provider\n    ci-provider: c\nci-issuer-metadata:\n  c:\n    issuer-name: x\n    \
                subject-alternative-name-template: 'https://c.example/{{ .a }}'\n    extension-templates: {tag: b}\n";
    let issuers = parse(text).unwrap();
    let told = issuers.warnings();
    for place in [":1:1: owner", ":4:5", ":5:5", ":6:5", ":12:5", ":14:27"] {
        assert!(told.iter().any(|one| one.contains(place) && one.contains("unknown key")), "{place}: {told:?}");
    }
    assert_eq!(told.len(), 6, "{told:?}");
    let many = (0..1000).map(|n| format!("unknown-{n}: x\n")).collect::<Vec<_>>().concat();
    let told = parse(&format!("{many}{text}")).unwrap().warnings().len();
    assert_eq!(told, MAX_TOLD + 1);
}

#[test]
fn names_are_read_in_any_letter_case() {
    let text = r#"{"oidcIssuers": {"https://a.example": {"issuerURL": "https://a.example", "clientId": "s", "TYPE": "ci-provider",
        "ciProvider": "c"}}, "CIISSUERMETADATA": {"c": {"subjectalternativenametemplate": "https://c.example/{{ .a }}",
        "ExtensionTemplates": {"buildsigneruri": "a"}}}}"#;
    assert_eq!(issuer(text).audience, "s");
    assert!(parse(text).unwrap().warnings().is_empty());
}

#[test]
fn the_key_of_an_entry_may_be_any_alias_of_its_issuer_url() {
    let issuers = entries(
        "  dex: {issuer-url: https://a.example, client-id: s, type: email}\n  https://old.example: {issuer-url: https://b.example, client-id: s, type: email}\n",
    );
    assert_eq!(
        (audiences(&issuers, "https://a.example"), audiences(&issuers, "https://b.example")),
        (vec!["s"], vec!["s"])
    );
    assert!(issuers.find("dex").is_empty() && issuers.find("https://old.example").is_empty());
    refused("oidc-issuers:\n  dex: {client-id: s, type: email}\n", (2, 3), "not a URL", "issuer-url");
}

#[test]
fn several_aliases_of_one_issuer_have_their_audiences() {
    let two = |second: &str| {
        entries(&format!(
            "  one: {{issuer-url: https://a.example, client-id: s, type: email}}\n  two: {{issuer-url: https://a.example, {second}}}\n"
        ))
    };
    assert_eq!(audiences(&two("client-id: t, type: kubernetes"), "https://a.example"), ["s", "t"]);
    let same = two("client-id: s, type: email, description: again");
    assert_eq!(audiences(&same, "https://a.example"), ["s"]);
    assert!(same.warnings()[0].contains("says the same"), "{:?}", same.warnings());
    for other in ["client-id: t, type: email, jwks-url: 'https://k.example'", "client-id: t, type: email, order: 1"] {
        let issuers = two(other);
        assert!(
            issuers.is_misconfigured("https://a.example") && issuers.find("https://a.example").is_empty(),
            "{other}"
        );
        assert!(issuers.refusals()[0].contains(":4:3: oidc-issuers › two"), "{:?}", issuers.refusals());
    }
}

#[test]
fn an_unusable_entry_is_left_out_and_nobody_else_takes_its_tokens() {
    for broken in [
        "https://a.example.com: {client-id: s, type: emial}",
        "https://a.example.com: {type: email}",
        "https://a.example.com: {client-id: s, typ: email}",
        "https://a.example.com: {client-id: s, type: ci-provider, ci-provider: absent}",
        "https://a.example.com: [{client-id: s, type: email}, {client-id: t}]",
        "https://a.example.com: {client-id: s, type: email, ca-cert: rubbish}",
        "alias: {issuer-url: https://a.example.com, client-id: s, type: emial}",
        "https://a.example.com: {client-id: s, type: email, restrict: {token-type: JWT}}",
        "https://a.example.com: {client-id: s, type: email, client_id: t}",
        "https://a.example.com: {client-id: [s], type: email}",
        "https://a.example.com: [{client-id: s, type: email}, {client-id: {a: b}, type: email}]",
        "https://a.example.com: rubbish",
        "https://a.example.com: {client-id: s, type: email, restrict: [JWT]}",
        "https://a.example.com: {client-id: s, type: email, restrict: yes}",
        "https://a.example.com: {client-id: s, type: email, restrict: {max-token-age: [10m]}}",
        "https://a.example.com: {client-id: s, type: email, name-policy: example.com}",
        "alias: {client-id: [s], issuer-url: https://a.example.com, type: email, order: 1}",
    ] {
        let issuers = entries(&format!("  {broken}\n{WIDE}"));
        assert!(issuers.find("https://a.example.com").is_empty(), "{broken}");
        assert!(issuers.is_misconfigured("https://a.example.com"), "{broken}");
        assert_eq!((issuers.len(), issuers.refusals().len()), (2, 1), "{broken}");
        assert!(issuers.refusals()[0].starts_with("config.yaml:3:"), "{:?}", issuers.refusals());
        assert_eq!(audiences(&issuers, "https://b.example.com"), ["s"], "others of the pattern are not concerned");
        assert!(
            !issuers.is_misconfigured("https://stranger.example") && !issuers.is_misconfigured("https://good.example")
        );
    }
}

#[test]
fn an_unusable_entry_stands_for_its_issuer_url_and_spoils_the_file_if_that_cannot_be_read() {
    let issuers =
        entries(&format!("  https://old.example: {{issuerUrl: 'https://a.example.com', type: email}}\n{WIDE}"));
    assert!(issuers.is_misconfigured("https://a.example.com"));
    // Whose tokens these are about is not known, and the pattern might take them.
    for url in
        ["issuer-url: a.example.com", "IssuerURL: 'https://a.example.com?x'", "issuer_urll: 'https://a.example.com'"]
    {
        let broken = format!("  https://old.example: {{{url}, client-id: s, type: email}}\n{WIDE}");
        let text = format!("oidc-issuers:\n  https://good.example: {{client-id: s, type: email}}\n{broken}");
        assert_eq!(parse(&text).expect_err(url).place.mark.map(|mark| mark.line), Some(3), "{url}");
    }
}

#[test]
fn an_unusable_entry_leaves_alone_the_one_that_it_repeats() {
    let issuers = entries(
        "  https://a.example: &base {issuer-url: https://a.example, client-id: s, type: email}\n  https://b.example: {<<: *base, \
         issuer-url: https://b.example, type: emial}\n",
    );
    assert!(issuers.is_misconfigured("https://b.example"));
    assert_eq!(audiences(&issuers, "https://a.example"), ["s"], "its URL was overridden");
}

#[test]
fn an_unusable_pattern_keeps_its_issuers_from_wider_ones_and_not_from_narrower_ones() {
    let text = format!(
        "{WIDE}  https://a-*.example.com: {{client-id: s, type: emial}}\n  https://a-b-*.example.com: {{client-id: n, type: email}}\n"
    );
    let issuers = parse(&text).unwrap();
    assert!(issuers.is_misconfigured("https://a-x.example.com"));
    assert_eq!(audiences(&issuers, "https://a-b-c.example.com"), ["n"]);
    assert_eq!(audiences(&issuers, "https://b.example.com"), ["s"]);
}

#[test]
fn what_claims_nobody_and_what_leaves_nobody_is_refused_whole() {
    let good = "  https://good.example: {client-id: s, type: email}\n";
    let nobodys = format!("oidc-issuers:\n{good}  dex: {{client-id: s, type: emial}}\n");
    refused(&format!("{nobodys}{WIDE}"), (3, 3), "not a URL", "issuer-url");
    refused(&nobodys, (3, 3), "not a URL", "issuer-url");
    refused("oidc-issuers:\n  https://a.example: {client-id: s, type: emial}\n", (2, 43), "unknown type", "email");
    let strict = IssuerRules { strict: true, ..IssuerRules::default() };
    let text = format!("oidc-issuers:\n{good}  https://a.example: {{client-id: s, type: emial}}\n");
    assert!(Issuers::parse_with("x", &text, strict).unwrap_err().message.contains("unknown type"));
    assert_eq!(parse(&text).unwrap().refusals().len(), 1);
}

#[test]
fn broken_metadata_breaks_the_issuers_that_name_it_and_no_others() {
    let text = "oidc-issuers:\n  https://a.example: {client-id: s, type: ci-provider, ci-provider: sound}\n  \
                https://b.example: {client-id: s, type: ci-provider, ci-provider: broken}\nci-issuer-metadata:\n  sound: \
                {subject-alternative-name-template: 'https://c.example/{{ .a }}'}\n  broken: \
                {subject-alternative-name-template: 'https://c.example/{{ .a '}\n";
    let issuers = parse(text).unwrap();
    assert!(!issuers.is_misconfigured("https://a.example") && issuers.is_misconfigured("https://b.example"));
    assert!(issuers.refusals()[0].contains("ci-issuer-metadata › broken"), "{:?}", issuers.refusals());
    let unused = parse(&text.replace("ci-provider: broken", "ci-provider: sound")).unwrap();
    assert!(unused.refusals().is_empty() && unused.warnings().iter().any(|one| one.contains("broken template")));
}

#[test]
fn restrictions_stand_beside_the_settings_or_under_restrict() {
    let with = |more: &str| format!("oidc-issuers:\n  https://a.example:\n    client-id: s\n    type: email\n{more}");
    let five = "max-certificates-per-token: 1\n, token-types: [JWT]\n, authorized-parties: cli\n, max-token-age: 10m\n, name-policy: {denied-email-domains: x.example}";
    let beside = issuer(&with(&five.split("\n, ").map(|line| format!("    {line}\n")).collect::<Vec<_>>().concat()));
    let under = issuer(&with(&format!("    restrict: {{{}}}\n", five.replace('\n', ""))));
    assert!(under.is_same_identity(&beside) && under.max_certificates_per_token.is_some());
    for (more, message) in [
        ("    restrict: {token-type: JWT}\n", "unknown key"),
        ("    restrict: {audience: x}\n", "unknown key"),
        ("    restrict: {max-token-age: soon}\n", "not a duration"),
        ("    restrict: {max-certificates-per-token: }\n", "not a number"),
        ("    restrict: {token-types: []}\n", "an empty list"),
        ("    restrict: {}\n", "restricts nothing"),
        ("    restrict:\n", "restricts nothing"),
        ("    max-token-age: 5m\n    restrict: {max-token-age: 10m}\n", "outside of restrict"),
    ] {
        let error = parse(&with(more)).expect_err(more);
        assert!(error.message.contains(message), "{more}: {error}");
    }
}

#[test]
fn findings_in_a_file_of_many_issuers_are_told_with_bounds() {
    let issuer = |n: usize| format!("  https://i{n}.example: {{client-id: s, type: email, scopes: x}}\n");
    let text: String = std::iter::once("oidc-issuers:\n".to_owned()).chain((0..2000).map(issuer)).collect();
    let issuers = parse(&text).unwrap();
    assert_eq!((issuers.len(), issuers.warnings().len()), (2000, MAX_TOLD + 1));
}

/// The bound is wide, since tests share a machine: work that grows with the square of the entries takes longer by far.
#[test]
fn ten_thousand_issuers_are_read_at_once() {
    let issuer = |n: usize| format!("  https://i{n}.example: {{client-id: s, type: email}}\n");
    let text: String = std::iter::once("oidc-issuers:\n".to_owned()).chain((0..10_000).map(issuer)).collect();
    let started = std::time::Instant::now();
    assert_eq!(parse(&text).unwrap().len(), 10_000);
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_wrong_kind_of_value_is_told_with_its_place_and_spoils_its_entry_alone() {
    let text = format!(
        "oidc-issuers:\n  https://good.example: {{client-id: s, type: email}}\n  https://a.example.com:\n  - client-id: s\n    \
         type: email\n  - client-id: t\n    type: [email]\n  https://b.example.com: {{type: {{}}}}\n{WIDE}"
    );
    let issuers = parse(&text).unwrap();
    let [first, second] = issuers.refusals() else { panic!("{:?}", issuers.refusals()) };
    assert!(first.contains(":7:11: oidc-issuers › https://a.example.com › type: found a list"), "{first}");
    assert!(second.contains(":8:33: oidc-issuers › https://b.example.com › type"), "{second}");
    let json = text_of_json("[\"s\"]");
    assert!(parse(&json).unwrap().is_misconfigured("https://a.example"));
    assert!(parse(&text_of_json("\"s\"")).unwrap().refusals().is_empty());
    let entry = |n| format!("  https://i{n}.example: {{client-id: [s], type: email}}\n");
    let many = (0..30).map(entry).collect::<Vec<_>>().concat();
    let issuers =
        parse(&format!("oidc-issuers:\n  https://good.example: {{client-id: s, type: email}}\n{many}")).unwrap();
    assert_eq!((issuers.len(), issuers.refusals().len()), (1, 30));
    assert!(issuers.refusals()[29].contains(":32:36: "), "{:?}", issuers.refusals());
}

/// JSON that is not YAML, since a line break comes before a colon.
fn text_of_json(audience: &str) -> String {
    format!(
        r#"{{"OIDCIssuers"
: {{"https://good.example": {{"ClientID": "s", "Type": "email"}}, "https://a.example": {{"ClientID": {audience}, "Type": "email"}}}}}}"#
    )
}

#[test]
fn metadata_with_a_wrong_kind_of_value_breaks_the_issuers_that_name_it_and_no_others() {
    let text = "oidc-issuers:\n  https://a.example: {client-id: s, type: email}\n  https://b.example: {client-id: s, type: \
                ci-provider, ci-provider: c}\nci-issuer-metadata:\n  c: {subject-alternative-name-template: [x], \
                extension-templates: {}}\n";
    let issuers = parse(text).unwrap();
    assert!(!issuers.is_misconfigured("https://a.example") && issuers.is_misconfigured("https://b.example"));
    assert!(issuers.refusals()[0].contains("ci-issuer-metadata › c › subject"), "{:?}", issuers.refusals());
}

#[test]
fn an_empty_document_at_the_end_is_no_second_one() {
    let text = "---\noidc-issuers:\n  https://a.example: {client-id: s, type: email}\n";
    for end in ["---\n", "---", "--- \n# end\n\n", "...\n"] {
        assert_eq!(parse(&format!("{text}{end}")).unwrap().len(), 1, "{end}");
    }
    refused(&format!("{text}---\nmeta-issuers: {{}}\n"), (4, 1), "more than one document", "one document");
    refused("---\n# nothing\n", (1, 1), "no issuer", "add an entry");
}
