//! The catalogue agrees with itself and with docs/policy.md.

use super::*;

fn vocabulary<'a>(kinds: &'a [IdentityKind], extra: &'a BTreeMap<String, ClaimType>) -> Vocabulary<'a> {
    Vocabulary::new(kinds, extra)
}

#[test]
fn names_are_unique_and_lasting_claims_are_claims_of_the_same_kind() {
    for kind in IdentityKind::ALL.iter().copied() {
        let rows = of_kind(kind);
        for (place, claim) in rows.iter().enumerate() {
            assert!(rows[..place].iter().all(|other| other.name != claim.name), "{kind:?} {}", claim.name);
            assert!(!claim.about.is_empty());
            if let Some(lasting) = claim.lasting {
                assert!(rows.iter().chain(standard()).any(|row| row.name == lasting), "{kind:?} {lasting}");
            }
        }
    }
}

#[test]
fn what_is_known_of_a_claim_depends_on_the_kinds() {
    let extra = BTreeMap::from([("team".to_owned(), ClaimType::String)]);
    let github = [IdentityKind::GithubWorkflow];
    let find = |kinds: &[IdentityKind], name: &str| {
        vocabulary(kinds, &extra).find(name).map(|known| (known.kind, known.presence))
    };
    assert_eq!(find(&github, "repository"), Some((ClaimType::String, Presence::Always)));
    assert_eq!(find(&github, "environment"), Some((ClaimType::String, Presence::Sometimes)));
    assert_eq!(find(&github, "project_id"), None, "it is GitLab's");
    assert_eq!(find(&[], "repository"), Some((ClaimType::String, Presence::Sometimes)), "not of every kind");
    assert_eq!(find(&[], "iss"), Some((ClaimType::String, Presence::Always)));
    assert_eq!(find(&github, "team"), Some((ClaimType::String, Presence::Unknown)), "declared");
    assert_eq!(find(&[IdentityKind::CiProvider], "anything"), Some((ClaimType::Any, Presence::Unknown)));
    assert_eq!(find(&[], "anything"), None);
    let lasting = |kinds: &[IdentityKind], name: &str| vocabulary(kinds, &extra).find(name).unwrap().lasting;
    assert_eq!(lasting(&github, "sub"), Some("repository_id"));
    assert_eq!(lasting(&[IdentityKind::Kubernetes], "sub"), None);
}

/// The tables of docs/policy.md.
fn tables() -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut table = |title: &str, rows: &[Claim]| {
        let _ = write!(text, "\n### {title}\n| claim | type | | |\n|---|---|---|---|\n");
        for row in rows {
            write_row(&mut text, "", row);
        }
    };
    table("every kind", standard());
    for kind in IdentityKind::ALL.iter().copied().filter(|kind| !of_kind(*kind).is_empty()) {
        table(kind.name(), of_kind(kind));
    }
    text
}

fn write_row(text: &mut String, path: &str, row: &Claim) {
    use std::fmt::Write as _;
    let presence = match row.presence {
        Presence::Always => "",
        Presence::Sometimes | Presence::Unknown => "sometimes",
    };
    let lasting = row.lasting.map(|lasting| format!("; a name: `{lasting}` stays")).unwrap_or_default();
    let _ = writeln!(text, "| `{path}{}` | {} | {presence} | {}{lasting} |", row.name, row.kind.name(), row.about);
    if let ClaimType::Object(members) = row.kind {
        let path = format!("{path}{}.", row.name);
        for member in members {
            write_row(text, &path, member);
        }
    }
}

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.md");
const BEGIN: &str = "-- --ignored` -->\n";
const END: &str = "<!-- end -->";

#[test]
fn the_document_has_the_catalogue() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (_, rest) = text.split_once(BEGIN).unwrap();
    let (found, _) = rest.split_once(END).unwrap();
    assert_eq!(found, tables(), "docs/policy.md is behind: cargo test --lib write_the_catalogue -- --ignored");
}

#[test]
#[ignore = "writes docs/policy.md"]
fn write_the_catalogue() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    std::fs::write(DOCUMENT, format!("{before}{BEGIN}{}{END}{after}", tables())).unwrap();
}
