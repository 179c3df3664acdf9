//! Equal names come from equal claims, and what Fulcio's recorded answers certify still is.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// How a kind of identity or a shipped template puts its name together: literals, and claims in braces.
struct Shape {
    pieces: &'static [&'static str],
    is_path: bool,
    free: Option<&'static str>,
}

const SHAPES: &[Shape] = &[
    // github-workflow, chainguard-identity
    Shape { pieces: &["https://github.com/", "{job_workflow_ref}"], is_path: true, free: None },
    // codefresh-workflow
    Shape {
        pieces: &["{url}", "/", "{account}", "/", "{pipeline}", ":", "{account_id}", "/", "{pipeline_id}"],
        is_path: true,
        free: Some("pipeline"),
    },
    // uri
    Shape { pieces: &["{sub}"], is_path: false, free: None },
    // gitlab-pipeline
    Shape { pieces: &["https://", "{ci_config_ref_uri}"], is_path: false, free: None },
    // buildkite-job
    Shape { pieces: &["https://buildkite.com/", "{organization}", "/", "{pipeline}"], is_path: false, free: None },
    // kubernetes
    Shape {
        pieces: &["https://kubernetes.io/namespaces/", "{namespace}", "/serviceaccounts/", "{name}"],
        is_path: false,
        free: None,
    },
    // templates
    Shape { pieces: &["{url}", "/", "{job_workflow_ref}"], is_path: false, free: None },
    Shape { pieces: &["{url}", "/", "{organization}", "/", "{pipeline}"], is_path: false, free: None },
    Shape {
        pieces: &["{url}", "/", "{account}", "/", "{pipeline}", ":", "{account_id}", "/", "{pipeline_id}"],
        is_path: false,
        free: Some("pipeline"),
    },
    Shape {
        pieces: &["{url}", "/projects/", "{project}", "/pipeline-definitions/", "{definition}"],
        is_path: false,
        free: None,
    },
    Shape {
        pieces: &["{url}", "/", "{workspace}", "/", "{project}", "/pipelines/pipeline/", "{id}"],
        is_path: false,
        free: None,
    },
    // a literal with encodings of its own
    Shape { pieces: &["https://ci.example/a%20b/", "{group}", "/-/", "{project}"], is_path: false, free: None },
];

impl Shape {
    fn claims(&self) -> usize {
        self.pieces.iter().filter(|piece| piece.starts_with('{')).count()
    }

    fn name(&self, values: &[String]) -> Result<Uri, SanError> {
        let mut values = values.iter();
        let pieces: Vec<Piece<'_>> = self
            .pieces
            .iter()
            .map(|piece| match piece.strip_prefix('{') {
                Some(name) => Piece::claim(name.trim_end_matches('}'), values.next().unwrap().as_str()),
                None => Piece::literal(*piece),
            })
            .collect();
        check_separators(&pieces, self.free)?;
        match pieces.split_first() {
            Some((base, path)) if self.is_path => {
                let path = if matches!(path.first(), Some(Piece::Literal(_))) { &path[1..] } else { path };
                path_uri(&trimmed(base), path, &[])
            }
            _ => uri(&pieces),
        }
    }
}

fn trimmed<'a>(base: &Piece<'a>) -> Piece<'a> {
    match base {
        Piece::Literal(text) => Piece::literal(text.trim_end_matches('/').to_owned()),
        claim @ Piece::Claim { .. } => claim.clone(),
    }
}

/// Values made of the fragments in which names go wrong.
fn value() -> impl Strategy<Value = String> {
    let fragments = [
        "a",
        "b",
        "main",
        "é",
        " ",
        "#",
        "?",
        "/",
        "//",
        ".",
        "..",
        ":",
        "@",
        "%",
        "%20",
        "%2F",
        "%2f",
        "%C3%A9",
        "%c3%a9",
        "%23",
        "%3F",
        "%25",
        "%6d",
        "m",
        "%40",
        "%21",
        "!",
        "|",
        "%7C",
        "\\",
        "https://",
        "HTTPS://h",
        "https://h",
        "serviceaccounts",
        "/serviceaccounts/",
        "/pipeline-definitions/",
        "&",
        "=",
        "'",
        "\"",
        "{",
        "+",
        "~",
        "[",
        ";",
    ];
    proptest::collection::vec(select(fragments.to_vec()), 1..5).prop_map(|parts| parts.concat())
}

/// Claims of which most are ordinary: a name is accepted only if each one is.
fn claims(shape: &Shape) -> Vec<BoxedStrategy<String>> {
    let ordinary = || select(vec!["a", "b", "ab", "a-b", "x.y"]).prop_map(str::to_owned);
    let base =
        || select(vec!["https://h", "https://h:8443", "https://u@h", "https://h.example"]).prop_map(str::to_owned);
    let claims = shape.pieces.iter().filter(|piece| piece.starts_with('{'));
    let strategy = |piece: &&str| match *piece {
        "{url}" => prop_oneof![4 => base(), 1 => (base(), value()).prop_map(|(base, value)| base + &value)].boxed(),
        "{sub}" => prop_oneof![1 => value(), 4 => (base(), value()).prop_map(|(base, value)| base + &value)].boxed(),
        _ => prop_oneof![2 => ordinary(), 1 => value()].boxed(),
    };
    claims.map(strategy).collect()
}

/// Values that differ from the first in the ways that are easily lost.
fn variants(value: &str) -> Vec<String> {
    let mut all = vec![
        format!("{value}#"),
        format!("{value}?"),
        format!("{value}/"),
        format!("/{value}"),
        format!("./{value}"),
        format!("{value}/."),
        format!("x/../{value}"),
        value.replace('/', "//"),
        value.replace(' ', "%20"),
        value.replace("%20", " "),
        value.replace("%2F", "/"),
        value.replace('/', "%2F"),
        value.replace('#', "%23"),
        value.replace('é', "%C3%A9"),
        value.replace("%6d", "m"),
        value.to_ascii_uppercase(),
        value.to_ascii_lowercase(),
        value.replace('@', "%40"),
        value.replace('!', "%21"),
        value.replace("%2f", "%2F"),
        value.replace('|', "%7C"),
        format!(" {value}"),
    ];
    all.push(value.to_owned());
    all
}

/// The claims, each in turn changed in every way of [`variants`], and with a part that moves from one claim to the next.
fn relatives(claims: &[String], changed: &[usize]) -> Vec<Vec<String>> {
    let mut all = vec![claims.to_vec()];
    for &index in changed {
        let with = |value: &str, next: Option<String>| {
            let mut other = claims.to_vec();
            other[index] = value.to_owned();
            if let Some(next) = next {
                other[index + 1] = next;
            }
            other
        };
        all.extend(variants(&claims[index]).iter().map(|variant| with(variant, None)));
        if let (Some(next), Some(cut)) = (claims.get(index + 1), claims[index].find(['/', ':'])) {
            let (front, back) = claims[index].split_at(cut);
            all.push(with(front, Some(format!("{}{}{next}", &back[1..], &back[..1]))));
            all.push(with(&format!("{}/{next}", claims[index]), Some("x".to_owned())));
        }
    }
    all
}

#[test]
fn equal_names_come_from_equal_claims() {
    for shape in SHAPES {
        let seen: RefCell<HashMap<String, Vec<String>>> = RefCell::default();
        let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
        let indices: Vec<usize> = (0..shape.claims()).collect();
        let claims = (claims(shape), subsequence(indices, 0..=shape.claims()));
        let holds = |(claims, changed): (Vec<String>, Vec<usize>)| {
            for claims in relatives(&claims, &changed) {
                if let Ok(name) = shape.name(&claims) {
                    let first = seen.borrow_mut().entry(name.to_string()).or_insert_with(|| claims.clone()).clone();
                    prop_assert_eq!(first, claims, "{}", name);
                }
            }
            Ok(())
        };
        runner.run(&claims, holds).unwrap_or_else(|error| panic!("{:?}: {error}", shape.pieces));
        assert!(seen.borrow().len() > 100, "{:?}: hardly a name was accepted", shape.pieces);
    }
}

/// The one claim of a branch's name, as Fulcio's template for GitHub puts it.
fn branch(name: &str) -> Result<String, SanError> {
    let claim = format!("o/r/.github/workflows/b.yml@refs/heads/{name}");
    let pieces = [Piece::literal("https://github.com"), Piece::literal("/"), Piece::claim("job_workflow_ref", claim)];
    check_separators(&pieces, None)?;
    uri(&pieces).map(|uri| uri.as_str().rsplit_once("heads/").unwrap().1.to_owned())
}

fn collides(problem: Problem) -> Result<String, SanError> {
    Err(SanError::Collides { claim: "job_workflow_ref".to_owned(), problem })
}

#[test]
fn branches_that_would_be_written_as_another_branch_are_refused() {
    for (name, problem) in [
        ("main#", Problem::EmptyPart),
        ("main?", Problem::EmptyPart),
        ("main?#", Problem::EmptyPart),
        ("main?#x", Problem::EmptyPart),
        ("caf%C3%A9", Problem::Encoded),
        ("caf%c3%a9", Problem::Encoded),
        ("release%7C1", Problem::Encoded),
        ("a%20b", Problem::Encoded),
        ("a%0Ab", Problem::Encoded),
        ("main#a%23b", Problem::Encoded),
        ("main?a%20b", Problem::Encoded),
        ("x%", Problem::Malformed),
        ("x%2", Problem::Malformed),
        ("x%zz", Problem::Malformed),
        ("x#%zz", Problem::Malformed),
        ("a%2Fb c", Problem::Mixed),
        ("é%6dain", Problem::Mixed),
    ] {
        assert_eq!(branch(name), collides(problem), "{name}");
    }
}

#[test]
fn ordinary_and_odd_branches_are_written_as_fulcio_writes_them() {
    for (name, written) in [
        ("main", "main"),
        ("feature/x#123", "feature/x#123"),
        ("a%2Fb", "a%2Fb"),
        ("a%252Fb", "a%252Fb"),
        ("a b", "a%20b"),
        ("café", "caf%C3%A9"),
        ("release|1", "release%7C1"),
        ("a!b", "a!b"),
        ("a! b", "a%21%20b"),
        ("%6dain", "%6dain"),
        ("main#a%2Fb", "main#a%2Fb"),
        ("a b#c%2Fd", "a%20b#c%2Fd"),
        ("main?a=b", "main?a=b"),
        ("main?%zz", "main?%zz"),
    ] {
        assert_eq!(branch(name).as_deref(), Ok(written), "{name}");
    }
}

#[test]
fn paths_have_no_segment_that_falls_away_and_no_encoding_of_their_own_marks() {
    let name = |text: &str| path_uri(&Piece::literal("https://h"), &[Piece::claim("sub", text)], &[]);
    for (text, problem) in [
        ("/a", Problem::Segment),
        ("a//b", Problem::Segment),
        ("a//", Problem::Segment),
        ("./a", Problem::Segment),
        ("a/..", Problem::Segment),
        ("a/../b", Problem::Segment),
        ("a%23b", Problem::Encoded),
        ("a%3Fb", Problem::Encoded),
        ("a%20b", Problem::Encoded),
        ("a b%2Fc", Problem::Mixed),
    ] {
        assert_eq!(name(text), Err(SanError::Collides { claim: "sub".to_owned(), problem }), "{text}");
    }
    for (text, written) in
        [("a/b/", "a/b/"), ("a#b", "a%23b"), ("a?b c", "a%3Fb%20c"), ("a%2Fb", "a%2Fb"), ("...", "...")]
    {
        assert_eq!(name(text).unwrap().as_str(), format!("https://h/{written}"));
    }
}

#[test]
fn a_base_address_from_a_claim_is_a_host_and_nothing_more() {
    let name = |base: &str, account: &str| {
        let pieces = [Piece::claim("platform_url", base), Piece::literal("/"), Piece::claim("account_name", account)];
        check_separators(&pieces, None)?;
        path_uri(&pieces[0], &pieces[2..], &[])
    };
    assert_eq!(name("https://cf.example:8443", "a/b").unwrap().as_str(), "https://cf.example:8443/a/b");
    for base in [
        "https://cf.example/",
        "https://cf.example/x",
        "https://cf.example?x",
        "cf.example",
        "https://h#x",
        "https:%2F%2Fh",
        "https://%68",
    ] {
        let expected = SanError::Collides { claim: "platform_url".to_owned(), problem: Problem::Base };
        assert_eq!(name(base, "a"), Err(expected), "{base}");
    }
    assert!(matches!(name("HTTPS://h", "a"), Err(SanError::Collides { problem: Problem::SchemeCase, .. })));
    assert_eq!(name("urn:a", "b").unwrap().as_str(), "urn:a/b");
    for base in ["x:", "x:/a", "https:", "https://"] {
        assert!(matches!(name(base, "a"), Err(SanError::Collides { problem: Problem::Base, .. })), "{base}");
    }
}

#[test]
fn what_a_template_says_itself_is_nobodys_collision() {
    let name = |project: &str| {
        uri(&[
            Piece::literal("HTTPS://ci.example/a%20b/"),
            Piece::claim("project", project),
            Piece::literal("?x=%20y#"),
        ])
    };
    assert_eq!(name("p").unwrap().as_str(), "https://ci.example/a%20b/p?x=%20y");
    assert_eq!(name("p q").unwrap().as_str(), "https://ci.example/a%20b/p%20q?x=%20y");
    assert!(matches!(name("p%20q"), Err(SanError::Collides { problem: Problem::Encoded, .. })));
}

#[test]
fn user_information_is_written_as_it_was_or_with_its_at_signs_encoded() {
    let name = |text: &str| uri(&[Piece::claim("sub", text)]).map(|uri| uri.as_str().to_owned());
    assert_eq!(name("http://u%20x:@h/x").as_deref(), Ok("http://u%20x:@h/x"));
    assert_eq!(name("http://a@b@h/x").as_deref(), Ok("http://a%40b@h/x"));
    for (text, problem) in [("http://a%40b@h/x", Problem::Encoded), ("http://%61@b@h/x", Problem::Mixed)] {
        assert_eq!(name(text), Err(SanError::Collides { claim: "sub".to_owned(), problem }), "{text}");
    }
}

#[test]
fn behind_the_free_claim_separators_are_counted_from_the_right() {
    let name = |pipeline: &str, account: &str, id: &str| {
        let pieces = [
            Piece::literal("https://g.codefresh.io/acme/"),
            Piece::claim("pipeline_name", pipeline),
            Piece::literal(":"),
            Piece::claim("account_id", account),
            Piece::literal("/"),
            Piece::claim("pipeline_id", id),
        ];
        check_separators(&pieces, Some("pipeline_name"))?;
        path_uri(&Piece::literal("https://g.codefresh.io/acme"), &pieces[1..], &["pipeline_name"])
    };
    assert_eq!(name("a/./b:c", "1", "2").unwrap().as_str(), "https://g.codefresh.io/acme/a/b:c:1/2");
    for (account, id) in [("1:1", "2"), ("1", "2/2"), ("1/..", "2"), ("1", ".."), ("1", "./2")] {
        assert!(matches!(name("a", account, id), Err(SanError::Collides { .. })), "{account} {id}");
    }
}
