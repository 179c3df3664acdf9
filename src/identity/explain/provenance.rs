//! Which claims made a name or an extension, and how.
//!
//! Of `ci-provider` the templates say so, and the keys that rendering asked for. Of the other types the claims themselves are asked: each
//! is marked in turn, and what the type's own function then writes differently was made of it.

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::Value;

use super::{Certified, described};
use crate::identity::Claims;
use crate::identity::issuers::Issuer;
use crate::identity::kind::{CiProvider, IdentityType, ValueTemplate};
use crate::identity::kinds::ci_provider::{look_up, value};
use crate::identity::template::Lookup;
use crate::identity::verify::identify_as_if_signed;

/// How many claims are marked: no token that a type knows has as many.
const MAX_MARKED: usize = 200;
/// How deep a marked claim may lie.
const MAX_DEPTH: usize = 4;
/// What a claim is marked with: the first that is not there anyway.
const MARKS: &str = "qxzjkvwyufgbp0987";
/// Words that claims of built-in types are compared with: a mark would only be refused.
const WORDS: [&str; 2] = ["branch", "tag"];

/// A string in a certificate, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub value: String,
    /// As the issuer file has it; of a built-in type what its function does with the claims, if that can be told.
    pub template: Option<String>,
    pub sources: Vec<Source>,
}

/// What a string is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The claim's name; of members of objects, joined by dots.
    pub key: String,
    /// What it says.
    pub text: String,
    pub origin: Origin,
}

/// Where a source's value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Claim,
    /// `default-template-values`: the token has no such claim.
    Default,
    /// Neither: what asked for it takes that.
    Missing,
}

impl Made {
    pub(super) fn unexplained(value: &str) -> Self {
        Self { value: value.to_owned(), template: None, sources: Vec::new() }
    }
}

impl Certified {
    fn parts(&mut self) -> impl Iterator<Item = &mut Made> {
        std::iter::once(&mut self.name).chain(self.extensions.iter_mut().map(|(_, made)| made))
    }
}

/// Fills in what the parts of the certificate are made of.
pub(super) fn find(claims: &Claims, issuer: &Arc<Issuer>, certified: &mut Certified) {
    match &issuer.identity {
        IdentityType::CiProvider(provider) => from_templates(claims, provider, certified),
        _ => by_marking(claims, issuer, certified),
    }
}

fn from_templates(claims: &Claims, provider: &CiProvider, certified: &mut Certified) {
    explain(&mut certified.name, &provider.subject_alternative_name, claims, provider);
    for (id, made) in &mut certified.extensions {
        match provider.extensions.iter().find(|(other, _)| other == id) {
            Some((_, template)) => explain(made, template, claims, provider),
            // Issuer and subject: those of every token.
            None => from_claim(made, claims, &["iss", "sub"]),
        }
    }
}

fn explain(made: &mut Made, template: &ValueTemplate, claims: &Claims, provider: &CiProvider) {
    made.template = Some(match template {
        ValueTemplate::Key(key) => key.clone(),
        ValueTemplate::Template(template) => template.source().to_owned(),
    });
    let asked = RefCell::new(Vec::<String>::new());
    let lookup = |key: &str| {
        if !asked.borrow().iter().any(|known| known == key) {
            asked.borrow_mut().push(key.to_owned());
        }
        look_up(claims, provider, key).unwrap_or_else(|(found, _)| Lookup::NotText(found))
    };
    // It was rendered before; this time for the keys that it asks for.
    let _ = value(template, &lookup, "");
    made.sources = asked.into_inner().into_iter().map(|key| source(key, claims, provider)).collect();
}

fn source(key: String, claims: &Claims, provider: &CiProvider) -> Source {
    if claims.get(&key).is_some() {
        let text = match look_up(claims, provider, &key) {
            Ok(Lookup::Text(text)) => text.into_owned(),
            Ok(Lookup::List(items)) => items.join(", "),
            _ => String::new(),
        };
        return Source { key, text, origin: Origin::Claim };
    }
    match provider.defaults.get(&key) {
        Some(text) => Source { key, text: text.clone(), origin: Origin::Default },
        None => Source { key, text: String::new(), origin: Origin::Missing },
    }
}

/// The first of these claims that says just this.
fn from_claim(made: &mut Made, claims: &Claims, names: &[&str]) {
    let says = |name: &&&str| claims.get(name).and_then(Value::as_str) == Some(made.value.as_str());
    if let Some(name) = names.iter().find(says) {
        made.template = Some(format!("{{{{ .{name} }}}}"));
        made.sources = vec![Source { key: (*name).to_owned(), text: made.value.clone(), origin: Origin::Claim }];
    }
}

/// A string somewhere in the claims.
struct Leaf {
    path: Vec<String>,
    text: String,
}

/// The end of a claim's value within a part.
struct Occurrence {
    end: usize,
    leaf: usize,
}

fn by_marking(claims: &Claims, issuer: &Arc<Issuer>, certified: &mut Certified) {
    let root = claims.to_value();
    let mut leaves = Vec::new();
    collect(&root, &mut Vec::new(), &mut leaves);
    let before = certified.clone();
    let written = |mark: char| {
        let mut parts = before.extensions.iter().map(|(_, made)| made).chain([&before.name]);
        parts.any(|made| made.value.contains(mark))
    };
    let mark = MARKS.chars().find(|mark| !written(*mark));
    let mut occurrences: Vec<Vec<Occurrence>> = certified.parts().map(|_| Vec::new()).collect();
    for (index, leaf) in leaves.iter().enumerate() {
        let changed = |text: String| with_leaf(&root, &leaf.path, text).and_then(|claims| again(&claims, issuer));
        let marked = mark.and_then(|mark| changed(format!("{}{mark}", leaf.text)));
        let after = marked
            .or_else(|| WORDS.into_iter().filter(|word| *word != leaf.text).find_map(|word| changed(word.to_owned())));
        let Some(mut after) = after else { continue };
        if after.extensions.len() != before.extensions.len() {
            continue;
        }
        for ((made, now), found) in certified.parts().zip(after.parts()).zip(&mut occurrences) {
            if made.value == now.value {
                continue;
            }
            made.sources.push(Source { key: leaf.path.join("."), text: leaf.text.clone(), origin: Origin::Claim });
            let marks = mark.into_iter().flat_map(|mark| now.value.match_indices(mark).collect::<Vec<_>>());
            found.extend(marks.enumerate().map(|(before, (at, _))| Occurrence { end: at - before, leaf: index }));
        }
    }
    for (made, found) in certified.parts().zip(occurrences) {
        made.template = template(&made.value, found, &leaves);
    }
}

/// What the type makes of other claims; nothing if it refuses them.
fn again(claims: &Claims, issuer: &Arc<Issuer>) -> Option<Certified> {
    // The rules about names have had their say: a mark must not be refused for them.
    let mut issuer = Issuer::clone(issuer);
    issuer.restrictions = crate::identity::restrictions::Restrictions::default();
    identify_as_if_signed(claims, &Arc::new(issuer), &[], |_, principal| described(principal)).ok()
}

fn collect(value: &Value, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    match value {
        Value::String(text) if !text.is_empty() && leaves.len() < MAX_MARKED => {
            leaves.push(Leaf { path: path.clone(), text: text.clone() });
        }
        Value::Object(members) if path.len() < MAX_DEPTH => {
            for (name, value) in members {
                path.push(name.clone());
                collect(value, path, leaves);
                path.pop();
            }
        }
        _ => {}
    }
}

fn with_leaf(root: &Value, path: &[String], text: String) -> Option<Claims> {
    let mut changed = root.clone();
    let mut place = &mut changed;
    for name in path {
        place = place.get_mut(name)?;
    }
    *place = Value::String(text);
    Claims::parse(changed.to_string().as_bytes()).ok()
}

/// The value with claims in place of what they say, where the marks tell which part of it they are.
fn template(value: &str, mut found: Vec<Occurrence>, leaves: &[Leaf]) -> Option<String> {
    found.sort_by_key(|one| one.end);
    let (mut written, mut done) = (String::new(), 0);
    for Occurrence { end, leaf } in &found {
        let leaf = leaves.get(*leaf)?;
        let begin = end.checked_sub(leaf.text.len()).filter(|begin| *begin >= done)?;
        if value.get(begin..*end)? != leaf.text {
            return None;
        }
        written.push_str(value.get(done..begin)?);
        written.extend(["{{ .", &leaf.path.join("."), " }}"]);
        done = *end;
    }
    if found.is_empty() {
        return None;
    }
    written.push_str(value.get(done..)?);
    Some(written)
}
