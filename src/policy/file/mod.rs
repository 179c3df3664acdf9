//! Policy files: which are read, and what they have in common.
//!
//! Owns the form of a file but for its rules, which are [`entry`]'s. Everything that is wrong is said at once.

mod entry;
mod finding;
mod yaml;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

pub use finding::{Finding, PolicyFileError};

use super::catalogue::{ClaimType, DECLARABLE};
use super::{DefaultOutcome, Mode, Policy, Rule, Warning, lint};
use crate::files::{self, FileError, FileProblem, MAX_FILE_BYTES};
use crate::text::hint;
use yaml::{Key, Mark, Node, Value};

/// Policy files that one folder may have.
pub const MAX_FILES: usize = 200;
/// Rules of all files together.
const MAX_RULES: usize = 5000;
const KEYS: [&str; 4] = ["default", "mode", "extra-claims", "rules"];

pub(super) fn load(path: &Path) -> Result<(Policy, Vec<Warning>), PolicyFileError> {
    let texts = paths(path)?
        .into_iter()
        .map(|path| files::read_text(&path, MAX_FILE_BYTES).map(|text| (path, text)))
        .collect::<Result<Vec<_>, FileError>>()?;
    parse(&texts.iter().map(|(path, text)| (path.clone(), text.as_str())).collect::<Vec<_>>())
}

/// The file itself, or the policy files of a folder in the order of their names.
fn paths(path: &Path) -> Result<Vec<PathBuf>, PolicyFileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error| FileError { path: path.to_owned(), problem: FileProblem::Unreadable(error) };
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let found = entry.map_err(unreadable)?.path();
        // Kubernetes mounts a folder's files as links to hidden ones.
        let is_hidden = found.file_name().and_then(|name| name.to_str()).is_none_or(|name| name.starts_with('.'));
        if !is_hidden && found.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(found);
        }
        if paths.len() > MAX_FILES {
            return Err(PolicyFileError::TooManyFiles(path.to_owned()));
        }
    }
    if paths.is_empty() {
        return Err(PolicyFileError::NoFile(path.to_owned()));
    }
    paths.sort();
    Ok(paths)
}

pub(super) fn parse(files: &[(PathBuf, &str)]) -> Result<(Policy, Vec<Warning>), PolicyFileError> {
    let mut all = Collected::default();
    let mut hash = Sha256::new();
    for (path, text) in files {
        for part in [path.as_os_str().as_encoded_bytes(), text.as_bytes()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        FileReader { path: Arc::new(path.clone()), text, all: &mut all }.read();
    }
    all.finish(hash.finalize().into())
}

/// What was found in all files so far.
#[derive(Default)]
struct Collected {
    rules: Vec<Rule>,
    findings: Vec<Finding>,
    warnings: Vec<Warning>,
    /// Where each id stands.
    ids: HashMap<String, (Arc<PathBuf>, usize)>,
    /// What each file says of itself.
    heads: Vec<Head>,
}

/// What a file says besides its rules.
struct Head {
    mode: Mode,
    default: Option<DefaultOutcome>,
}

impl Collected {
    fn finish(mut self, fingerprint: [u8; 32]) -> Result<(Policy, Vec<Warning>), PolicyFileError> {
        if self.findings.is_empty() && self.rules.len() > MAX_RULES {
            if let Some(rule) = self.rules.first() {
                let message = format!("there are more than {MAX_RULES} rules");
                let path = Arc::clone(&rule.place.path);
                self.findings.push(Finding { path, line: rule.place.line, column: 1, message, hint: None });
            }
        }
        if !self.findings.is_empty() {
            return Err(PolicyFileError::Findings(self.findings));
        }
        let of = |heads: &mut dyn Iterator<Item = &Head>| {
            let mut default = DefaultOutcome::NotEnforced;
            for head in heads {
                default = match (default, head.default) {
                    (_, Some(said)) => return said,
                    (DefaultOutcome::NotEnforced, None) => DefaultOutcome::Deny,
                    (default, None) => default,
                };
            }
            default
        };
        let default = of(&mut self.heads.iter().filter(|head| head.mode == Mode::Enforce));
        let shadow_default = of(&mut self.heads.iter());
        let policy = Policy::new(self.rules, (default, shadow_default), fingerprint);
        self.warnings.extend(lint::whole(&policy, default));
        Ok((policy, self.warnings))
    }
}

/// Reads one file.
struct FileReader<'a> {
    path: Arc<PathBuf>,
    text: &'a str,
    all: &'a mut Collected,
}

impl FileReader<'_> {
    fn read(&mut self) {
        let start = Mark { line: 1, column: 1, index: 0 };
        // A byte order mark is no part of the document.
        let document = match yaml::parse(self.text) {
            Ok(Some(document)) => document,
            Ok(None) => {
                return self.refuse(start, "the file is empty", Some("write rules: with a rule in it".to_owned()));
            }
            Err(problem) => return self.refuse(problem.at, problem.message, problem.hint.map(str::to_owned)),
        };
        let Value::Map(entries) = document.value else {
            let message = format!("the file is {}, not a mapping", document.value.name());
            return self.refuse(document.at, message, Some("begin with rules:".to_owned()));
        };
        for (key, _) in entries.iter().filter(|(key, _)| !KEYS.contains(&key.text.as_str())) {
            self.refuse(
                key.at,
                format!("unknown key {:?}", key.text),
                Some(hint::for_unknown(&key.text, KEYS.into_iter())),
            );
        }
        let find = |name: &str| entries.iter().find(|(key, _)| key.text == name);
        let mode = find("mode").map_or(Some(Mode::Enforce), |(_, node)| self.mode(node)).unwrap_or(Mode::Enforce);
        let default = find("default").and_then(|(_, node)| self.default(node, mode));
        let extra = find("extra-claims").map(|(_, node)| self.extra_claims(node)).unwrap_or_default();
        self.all.heads.push(Head { mode, default });
        match find("rules") {
            Some((_, Node { value: Value::List(rules), .. })) if !rules.is_empty() => {
                for rule in rules {
                    self.rule(rule, mode, &extra);
                }
            }
            Some((key, Node { value: Value::List(_), .. })) => self.no_rules(key),
            Some((key, Node { value: Value::Text { text, .. }, .. })) if text.is_empty() || text == "~" => {
                self.no_rules(key)
            }
            Some((_, node)) => {
                self.refuse(
                    node.at,
                    format!("rules is {}, not a list", node.value.name()),
                    Some("begin each rule with - id:".to_owned()),
                );
            }
            None => self.refuse(start, "the file has no rules", Some("write rules: with a rule in it".to_owned())),
        }
    }

    fn no_rules(&mut self, key: &Key) {
        self.refuse(key.at, "the file has no rules", Some("begin each rule with - id:".to_owned()));
    }

    fn refuse(&mut self, at: Mark, message: impl Into<String>, hint: Option<String>) {
        let finding = self.finding((at.line, at.column), message, hint);
        self.all.findings.push(finding);
    }

    fn finding(&self, (line, column): (usize, usize), message: impl Into<String>, hint: Option<String>) -> Finding {
        Finding { path: Arc::clone(&self.path), line, column, message: message.into(), hint }
    }

    /// One of the words; nothing if it is another one, which is then said.
    fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&'static str, T)]) -> Option<T> {
        let names = words.iter().map(|(name, _)| *name);
        let Value::Text { text, .. } = &node.value else {
            let listed = names.collect::<Vec<_>>().join(" or ");
            self.refuse(node.at, format!("{what} is {}", node.value.name()), Some(format!("write {listed}")));
            return None;
        };
        let found = words.iter().find(|(name, _)| name == text).map(|(_, value)| *value);
        if found.is_none() {
            self.refuse(node.at, format!("{what} is {text:?}"), Some(hint::for_unknown(text, names)));
        }
        found
    }

    fn mode(&mut self, node: &Node) -> Option<Mode> {
        self.word(node, "mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)])
    }

    /// Files that count must not contradict each other.
    fn default(&mut self, node: &Node, mode: Mode) -> Option<DefaultOutcome> {
        let said = self.word(node, "default", &[("deny", DefaultOutcome::Deny), ("allow", DefaultOutcome::Allow)])?;
        let others = self.all.heads.iter().filter(|head| head.mode == mode).filter_map(|head| head.default);
        if others.into_iter().any(|other| other != said) {
            self.refuse(node.at, "default is another one than in a file before", Some("say it in one file".to_owned()));
        }
        Some(said)
    }

    fn extra_claims(&mut self, node: &Node) -> BTreeMap<String, ClaimType> {
        let mut claims = BTreeMap::new();
        let Value::Map(entries) = &node.value else {
            let hint = "write extra-claims: {team: string}".to_owned();
            self.refuse(node.at, format!("extra-claims is {}, not a mapping", node.value.name()), Some(hint));
            return claims;
        };
        for (key, value) in entries {
            if let Some(kind) = self.word(value, "the type of the claim", &DECLARABLE) {
                claims.insert(key.text.clone(), kind);
            }
        }
        claims
    }
}

#[cfg(test)]
mod tests;
