//! Names that two identities could share: what a name template leaves open, found when it is read.
//!
//! Owns the list of name templates whose claims are known. Each token's values are checked in `identity::san`.

use super::tree::{Escape, Expression, Node};

/// A name template whose claims are known.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownName {
    /// Literals, and keys in braces.
    outline: &'static str,
    /// The claim that may contain separators; the last one when there is none.
    pub free: Option<&'static str>,
}

const fn known(outline: &'static str) -> KnownName {
    KnownName { outline, free: None }
}

/// The name templates of Fulcio's and our examples. Their claims are refused when they contain what separates them.
const KNOWN: &[KnownName] = &[
    known("{url}/{job_workflow_ref}"),
    known("https://{ci_config_ref_uri}"),
    known("{url}/{organization_slug}/{pipeline_slug}"),
    KnownName {
        outline: "{platform_url}/{account_name}/{pipeline_name}:{account_id}/{pipeline_id}",
        free: Some("pipeline_name"),
    },
    known("{api_url}/projects/{oidc.circleci.com/project-id}"),
    known(
        "{api_url}/projects/{oidc.circleci.com/project-id}/pipeline-definitions/{oidc.circleci.com/pipeline-definition-id}",
    ),
    known("{base_url}/{workspace_domain}/{project_name}/pipelines/pipeline/{pipeline_id}"),
];

pub(super) fn known_name(nodes: &[Node]) -> Option<&'static KnownName> {
    let outline = outline(nodes)?;
    KNOWN.iter().find(|known| known.outline == outline)
}

pub(super) fn find(nodes: &[Node], has_default: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    lossy(nodes, &mut found);
    separators(nodes, has_default, &mut found);
    found
}

/// The template with its keys in braces, if it has nothing but literals and keys.
fn outline(nodes: &[Node]) -> Option<String> {
    let mut outline = String::new();
    for node in nodes {
        match node {
            Node::Text(text) => outline.push_str(text),
            Node::Value(Expression::Key(key) | Expression::Index(key)) => outline.extend(["{", key, "}"]),
            Node::Value(_) | Node::If { .. } | Node::Range { .. } | Node::Set { .. } => return None,
        }
    }
    Some(outline)
}

/// Functions that map different values to one text.
fn lossy(nodes: &[Node], found: &mut Vec<String>) {
    for node in nodes {
        let function = match node {
            Node::If { branches, otherwise } => {
                for branch in branches {
                    lossy(&branch.nodes, found);
                }
                lossy(otherwise, found);
                if branches.iter().any(|branch| branch.is_with) { "`with`" } else { "`if`" }
            }
            Node::Range { nodes, otherwise, .. } => {
                lossy(nodes, found);
                lossy(otherwise, found);
                "`range`"
            }
            Node::Value(value) => match lossy_function(value) {
                Some(function) => function,
                None => continue,
            },
            // What is set shows where it is written.
            Node::Text(_) | Node::Set { .. } => continue,
        };
        let sentence = format!("{function} gives the same text for different claims");
        if !found.contains(&sentence) {
            found.push(sentence);
        }
    }
}

/// What may write one text for different values; a key and a literal do not. Exhaustive, so that a new function is judged here.
fn lossy_function(value: &Expression) -> Option<&'static str> {
    match value {
        // Of a `.` the enclosing `with` or `range` is found already.
        Expression::Text(_)
        | Expression::Boolean(_)
        | Expression::Integer(_)
        | Expression::Key(_)
        | Expression::Index(_)
        | Expression::Dot => None,
        Expression::Variable(_) => Some("a variable"),
        Expression::Not(_) => Some("`not`"),
        Expression::Equal { .. } | Expression::Compare { .. } => Some("a comparison"),
        Expression::FirstWith { .. } => Some("`and` or `or`"),
        Expression::Length(_) => Some("`len`"),
        Expression::Slice { .. } => Some("`slice`"),
        Expression::Print { .. } => Some("`print`"),
        Expression::Format(_) => Some("`printf` with more than %s"),
        Expression::Escape { how: Escape::UrlQuery, .. } => Some("`urlquery`"),
        Expression::Escape { how: Escape::Html, .. } => Some("`html`"),
    }
}

/// Claims side by side whose values may contain what stands between them.
fn separators(nodes: &[Node], has_default: &dyn Fn(&str) -> bool, found: &mut Vec<String>) {
    let mut before: Option<(&str, String)> = None;
    for node in nodes {
        match node {
            Node::Text(text) => {
                if let Some((_, between)) = &mut before {
                    between.push_str(text);
                }
            }
            Node::Value(Expression::Key(key) | Expression::Index(key)) => {
                match before.take() {
                    Some((earlier, between)) if between.is_empty() => {
                        found.push(format!("nothing separates {earlier:?} from {key:?}"));
                    }
                    Some((earlier, between)) => {
                        found.push(format!("{earlier:?} may contain the {between:?} that separates it from {key:?}"));
                    }
                    None => {}
                }
                // The issuer is verified before, so it is as good as the operator's.
                before = (!has_default(key) && &**key != "iss").then(|| (key.as_ref(), String::new()));
            }
            Node::Set { .. } => {}
            Node::Value(_) | Node::If { .. } | Node::Range { .. } => before = None,
        }
    }
}

#[cfg(test)]
mod tests;
