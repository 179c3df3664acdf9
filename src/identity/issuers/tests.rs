use super::*;

/// The definition, by trying everything.
fn by_definition(pattern: &[u8], url: &[u8]) -> bool {
    match pattern.split_first() {
        None => url.is_empty(),
        Some((b'*', after)) => {
            (1..=url.len()).any(|n| url[..n].iter().all(|b| fits_star(*b)) && by_definition(after, &url[n..]))
        }
        Some((byte, after)) => url.first() == Some(byte) && by_definition(after, &url[1..]),
    }
}

fn words(alphabet: &[char], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut newest = all.clone();
    for _ in 0..longest {
        newest = newest.iter().flat_map(|word| alphabet.iter().map(move |c| format!("{word}{c}"))).collect();
        all.extend(newest.clone());
    }
    all
}

#[test]
fn matching_without_going_back_agrees_with_the_definition() {
    let urls = words(&['a', 'b', '.'], 6);
    let mut fits = 0;
    for pattern in words(&['a', '.', '*'], 5) {
        let meta = MetaPattern::new(&pattern);
        for url in &urls {
            let expected = by_definition(pattern.as_bytes(), url.as_bytes());
            assert_eq!(meta.matches(url), expected, "{pattern} {url}");
            fits += usize::from(expected);
        }
    }
    assert!(fits > 1000, "{fits}");
}

#[test]
fn a_star_stands_for_one_label_and_the_pattern_is_anchored() {
    let eks = MetaPattern::new("https://oidc.eks.*.amazonaws.com/id/*");
    for (url, expected) in [
        ("https://oidc.eks.us-west-2.amazonaws.com/id/B02C93B6A2D30341AD01E1B6D48164CB", true),
        ("https://oidc.eks..amazonaws.com/id/B02C", false),
        ("https://oidc.eks.us-west-2.amazonaws.com/id/", false),
        ("https://oidc.eks.us-west-2.amazonaws.com/id/B0/2C", false),
        ("https://oidc.eks.evil.com/x.amazonaws.com/id/B0", false),
        ("http://localhost:3000?https://oidc.eks.us-west-2.amazonaws.com/id/B0", false),
        ("https://oidc.eks.us-west-2.amazonaws.com/id/B0\n", false),
        ("https://oidc.eks.\u{e9}.amazonaws.com/id/B0", false),
    ] {
        assert_eq!(eks.matches(url), expected, "{url}");
    }
    assert!(MetaPattern::new("https://a.example").matches("https://a.example"));
    assert!(!MetaPattern::new("https://a.example").matches("https://a.example/"));
}

#[test]
fn a_hostile_url_does_not_take_for_ever() {
    let pattern = MetaPattern::new(&format!("https://{}.example", "*a".repeat(40)));
    assert!(!pattern.matches(&format!("https://{}", "a".repeat(64 * 1024))));
}

fn issuer(address: IssuerAddress) -> Issuer {
    Issuer {
        address,
        audience: "sigstore".into(),
        identity: IdentityType::Kubernetes,
        challenge_claim: "sub".into(),
        spiffe_trust_domain: None,
        subject_domain: None,
        skip_email_verification: false,
        order: None,
        keys: Arc::default(),
        restrictions: Restrictions::default(),
        key_outage_window: None,
        max_certificates_per_token: None,
        description: None,
        contact: None,
    }
}

#[test]
fn exact_comes_before_meta_and_the_most_literal_meta_first() {
    let exact = ["https://b.example/x", "https://a.example/x"].map(|url| IssuerAddress::Url(url.into()));
    let meta = ["https://*.example/*", "https://b.example/*", "https://a.example/*", "https://*.example/x"]
        .map(|text| IssuerAddress::Pattern(MetaPattern::new(text)));
    let issuers: Issuers = meta.into_iter().chain(exact).map(issuer).collect();
    let order: Vec<&str> = issuers.iter().map(|issuer| issuer.address.as_str()).collect();
    assert_eq!(
        order,
        [
            "https://a.example/x",
            "https://b.example/x",
            "https://*.example/x",
            "https://a.example/*",
            "https://b.example/*",
            "https://*.example/*",
        ]
    );
    let found = |url| issuers.find(url).first().map(|issuer| issuer.address.as_str());
    assert_eq!(found("https://a.example/x"), Some("https://a.example/x"));
    assert_eq!(found("https://a.example/y"), Some("https://a.example/*"));
    assert_eq!(found("https://c.example/x"), Some("https://*.example/x"));
    assert_eq!(found("https://c.example/y"), Some("https://*.example/*"));
    assert_eq!(found("https://c.example"), None);
}

#[test]
fn kubernetes_issuers_are_the_clusters_own_once_an_entry_covers_its_issuer() {
    let (named, other) = ("https://oidc.private.example", "https://kubernetes.other.svc");
    let ties = |addresses: &[IssuerAddress], url: &str| {
        let issuers: Issuers = addresses.iter().cloned().map(issuer).collect();
        let found = issuers.find(url);
        found.first().map(|found| (found.cluster_ties(url), found.reach(url)))
    };
    let url = |url: &str| IssuerAddress::Url(url.to_owned());
    let pattern = |text: &str| IssuerAddress::Pattern(MetaPattern::new(text));
    let (anywhere, public) = (Reach::Anywhere, Reach::PublicInternet);
    for (addresses, asked, expected) in [
        (vec![url(named)], named, (ClusterTies::Kubernetes, anywhere)),
        (vec![url(named), url(CLUSTER_ISSUER)], named, (ClusterTies::Own, anywhere)),
        (vec![url(named), pattern("https://kubernetes.*.svc")], named, (ClusterTies::Own, anywhere)),
        (vec![url(named), pattern("https://*.example.svc")], named, (ClusterTies::Kubernetes, anywhere)),
        (vec![pattern("https://kubernetes.*.svc")], CLUSTER_ISSUER, (ClusterTies::Own, anywhere)),
        (vec![pattern("https://kubernetes.*.svc")], other, (ClusterTies::None, public)),
        (vec![pattern("https://kubernetes.*.svc"), url(CLUSTER_ISSUER)], other, (ClusterTies::None, public)),
        (
            vec![url("https://kubernetes.default.svc.a.b")],
            "https://kubernetes.default.svc.a.b",
            (ClusterTies::Own, anywhere),
        ),
    ] {
        assert_eq!(ties(&addresses, asked), Some(expected), "{addresses:?}");
    }
    let email = Issuer { identity: IdentityType::GithubWorkflow, ..issuer(pattern("https://kubernetes.*.svc")) };
    let issuers: Issuers = [email].into_iter().collect();
    let found = &issuers.find(CLUSTER_ISSUER)[0];
    assert_eq!((found.cluster_ties(CLUSTER_ISSUER), found.reach(CLUSTER_ISSUER)), (ClusterTies::None, public));
}

#[test]
fn a_pattern_spells_an_address_or_leaves_the_host_to_others() {
    for (pattern, expected) in [
        ("http://127.0.0.1:8080/*", true),
        ("http://127.0.0.1:*/x/*", true),
        ("http://127.0.0.1/*", true),
        ("http://[::1]:80/*", true),
        ("http://[::1]/*", true),
        ("https://10.1.2.3/*", true),
        ("http://localhost:3000/*", true),
        ("https://127.0.0.*/x", false),
        ("https://127.0.0.1*/x", false),
        ("https://*/x", false),
        ("https://[*]/x", false),
        ("https://*.example.com/x", false),
        ("https://internal.example.com/*", false),
        ("https://localhost.example.com/*", false),
    ] {
        assert_eq!(MetaPattern::new(pattern).spells_address(), expected, "{pattern}");
    }
}

#[test]
fn identities_of_one_issuer_share_its_keys_and_stand_in_their_order() {
    let of = |audience: &str, order| Issuer {
        audience: audience.to_owned(),
        order,
        ..issuer(IssuerAddress::Url("https://a.example".into()))
    };
    let issuers: Issuers = [of("third", Some(3)), of("first", Some(1)), of("second", Some(2))].into_iter().collect();
    let found = issuers.find("https://a.example");
    let audiences: Vec<&str> = found.iter().map(|issuer| issuer.audience.as_str()).collect();
    assert_eq!(audiences, ["first", "second", "third"]);
    assert!(Arc::ptr_eq(&found[0].keys, &found[2].keys));
    assert_eq!((issuers.len(), issuers.iter().count()), (1, 3));
    assert!(issuers.find("https://b.example").is_empty());
}
