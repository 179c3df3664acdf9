//! The issuer file (`--config-path`): from text to typed, validated issuers, or to an error with its place and a hint.
//!
//! Owns the way through: raw text (`guard`), tree (`tree`), settings (`entry`, `metadata`). Both spellings of a key may
//! stand in both kinds of file. Knows nothing of tokens, of the network, or of when a file is read again.

#[cfg(test)]
mod accepted;
mod access;
mod address;
#[cfg(test)]
mod broken;
mod defaults;
mod entry;
mod entry_identity;
mod fault;
mod guard;
pub(super) mod hint;
mod holders;
mod locate;
mod loose;
mod metadata;
mod record;
#[cfg(test)]
mod refusals;
mod restrict;
mod shape;
mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use self::entry::Context;
pub(crate) use self::fault::IssuerFileError;
use self::fault::{Fault, Place};
use self::metadata::Providers;
use self::record::{Field, Foreign, Record};
use self::tree::{Node, Unreadable};
use crate::files::{self, FileProblem, KIB};
use crate::identity::issuers::{Issuer, IssuerAddress, Issuers};

/// The size of a file that is read at all: some 50,000 issuers.
const MAX_BYTES: usize = 16 * 1024 * KIB;
/// How many findings and unusable entries are told with their line: each line is found by a walk through the file.
const MAX_PLACED: usize = 50;
/// How many findings are told at all.
const MAX_TOLD: usize = 200;

/// What the operator demands of every entry, by the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuerRules {
    /// `--require-https`: no issuer is reached without TLS.
    pub require_https: bool,
    /// `--strict-config`: an entry that cannot be used makes the file unusable. A reload is always strict.
    pub strict: bool,
}

/// What is trusted when there is no file.
const BUILTIN: &str = "\
oidc-issuers:
  https://oauth2.sigstore.dev/auth: {client-id: sigstore, type: email, issuer-claim: $.federated_claims.connector_id}
  https://accounts.google.com: {client-id: sigstore, type: email}
  https://token.actions.githubusercontent.com: {client-id: sigstore, type: github-workflow}
";

impl Issuers {
    /// Reads a file of at most 16 MiB.
    pub fn load(path: &Path, rules: IssuerRules) -> Result<Self, IssuerFileError> {
        let file_name = path.display().to_string();
        let unreadable = |message: String, hint: &str| IssuerFileError {
            file: file_name.clone(),
            line: 0,
            column: 0,
            path: String::new(),
            message,
            hint: hint.to_owned(),
        };
        let bytes = files::read(path, MAX_BYTES).map_err(|error| {
            let hint = match error.problem {
                FileProblem::TooLarge(_) => "an issuer file is text of a few hundred lines",
                _ => "check the path and its permissions",
            };
            unreadable(error.problem.to_string(), hint)
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let sound = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let (line, column) = end_of(&sound);
            IssuerFileError { line, column, ..unreadable("not UTF-8".to_owned(), "save the file as UTF-8") }
        })?;
        Self::parse_with(&file_name, text, rules)
    }

    /// As [`Self::parse_with`], without any rule.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, IssuerFileError> {
        Self::parse_with(file_name, text, IssuerRules::default())
    }

    /// Reads the text of a file; its name is for errors. An entry that cannot be used is left out and issues nothing, see
    /// [`Self::refusals`].
    ///
    /// Errors: The first thing in the text that an operator must fix, when no entry can be used, or it cannot be told whose tokens an
    /// unusable one is about.
    pub fn parse_with(file_name: &str, text: &str, rules: IssuerRules) -> Result<Self, IssuerFileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        guard::check(text).map_err(|objection| IssuerFileError {
            file: file_name.to_owned(),
            line: objection.line,
            column: objection.column,
            path: String::new(),
            message: objection.message,
            hint: objection.hint.to_owned(),
        })?;
        let text = without_empty_end(text);
        let root = tree::read(text, shape::FILE).map_err(|unreadable| syntax_error(file_name, text, &unreadable))?;
        let warnings = RefCell::new(Vec::new());
        let (issuers, refused) = issuers(&root, &warnings, rules).map_err(|fault| fault.into_error(file_name, text))?;
        if let Some((_, fault)) = refused.first().filter(|_| rules.strict) {
            return Err(fault.clone().into_error(file_name, text));
        }
        let mut found = warnings.into_inner();
        let more = found.len().saturating_sub(MAX_TOLD);
        found.truncate(MAX_TOLD);
        let mut warnings = placed(found, file_name, text);
        if more > 0 {
            warnings.push(format!("{file_name}: {more} further findings"));
        }
        let (claimed, faults): (Vec<_>, Vec<_>) = refused.into_iter().unzip();
        let refusals = placed(faults, file_name, text);
        Ok(issuers.without(claimed.into_iter().flatten(), refusals).with_warnings(warnings))
    }

    /// What is trusted when there is no file: Fulcio's three.
    pub fn builtin() -> Self {
        // Nobody would be trusted if this text were broken; a test reads it.
        Self::parse("built-in issuers", BUILTIN).unwrap_or_default()
    }
}

/// On one line each, the first ones with their line and column.
fn placed(faults: Vec<Fault>, file: &str, text: &str) -> Vec<String> {
    let placed = |(before, fault): (usize, Fault)| match before {
        0..MAX_PLACED => fault.into_error(file, text),
        _ => fault.without_line(file),
    };
    faults.into_iter().enumerate().map(|fault| placed(fault).on_one_line()).collect()
}

/// An entry that cannot be used: whose tokens it is about, and what is wrong.
type Refused = (Vec<IssuerAddress>, Fault);

fn issuers(root: &Node, warnings: &RefCell<Vec<Fault>>, rules: IssuerRules) -> Result<(Issuers, Vec<Refused>), Fault> {
    let file = Record::read(&Field { place: Place::root(), node: root }, shape::FILE, Foreign::Told(warnings))?;
    let providers = file
        .get("ci-issuer-metadata")
        .map_or_else(|| Ok(Providers::new()), |field| metadata::providers(field, warnings))?;
    let context = Context { providers: &providers, warnings, rules };
    let mut by_url = ByUrl::default();
    let (mut patterns, mut refused): (Vec<Issuer>, Vec<Refused>) = Default::default();
    let entries = |key: &str| file.get(key).map_or_else(|| Ok(Vec::new()), Field::entries);
    for (name, field) in entries("oidc-issuers")? {
        match entry::exact(name, &field, &context).and_then(|issuers| by_url.add(issuers, &field.place, warnings)) {
            Ok(()) => {}
            Err(fault) => refused.push((entry::claimed_by_exact(name, &field), fault)),
        }
    }
    for (name, field) in entries("meta-issuers")? {
        match entry::meta(name, &field, &context) {
            Ok(issuers) => patterns.extend(issuers),
            Err(fault) => refused.push((entry::claimed_by_meta(name), fault)),
        }
    }
    // An entry that is about nobody's tokens in particular: another one might take those that it was meant for.
    if let Some((_, fault)) = refused.iter().find(|(claimed, _)| claimed.is_empty()) {
        return Err(fault.clone());
    }
    // Told by itself as well: it may be that no entry names it.
    let broken = providers.values().filter_map(|provider| provider.as_ref().err());
    warnings.borrow_mut().extend(broken.cloned());
    let issuers: Issuers = by_url.into_issuers().chain(patterns).collect();
    if let Some((_, first)) = refused.first()
        && issuers.is_empty()
    {
        return Err(first.clone());
    }
    if issuers.is_empty() {
        let hint = "add an entry to oidc-issuers or meta-issuers (JSON: OIDCIssuers, MetaIssuers)";
        let fault = Place::root().fault("no issuer in the file", hint);
        // Sections that are there and empty are meant, as Fulcio takes them; a file that is cut off has none, and a reload takes no issuer
        // away by mistake.
        let is_meant = ["oidc-issuers", "meta-issuers"].into_iter().any(|section| file.get(section).is_some());
        if !is_meant || rules.strict {
            return Err(fault);
        }
        warnings.borrow_mut().push(Place::root().fault("no issuer in the file: nobody gets a certificate", hint));
    }
    Ok((issuers, refused))
}

/// The identities of each issuer that has a URL: those of one entry, or of several entries (aliases) with that `issuer-url`.
#[derive(Default)]
struct ByUrl(BTreeMap<String, Vec<Issuer>>);

impl ByUrl {
    /// Adds an entry's. Entries of one URL have one access to its keys between them, and no order.
    fn add(&mut self, issuers: Vec<Issuer>, place: &Place, warnings: &RefCell<Vec<Fault>>) -> Result<(), Fault> {
        let Some(added) = issuers.first() else { return Ok(()) };
        let others = self.0.entry(added.address.as_str().to_owned()).or_default();
        if let Some(first) = others.first() {
            if first.keys != added.keys || first.key_outage_window != added.key_outage_window {
                let hint = "repeat the settings about certificates, keys, tokens and addresses";
                return Err(place.key().fault("other access to the keys than in another entry of this issuer", hint));
            }
            if first.order.is_some() || added.order.is_some() {
                let hint = "put the identities into one entry, as a list";
                return Err(place.key().fault("an order among several entries of one issuer", hint));
            }
        }
        for issuer in issuers {
            if others.iter().any(|other| other.is_same_identity(&issuer)) {
                let hint = "remove one of the two";
                warnings.borrow_mut().push(place.key().fault("another entry says the same of this issuer", hint));
            } else {
                others.push(issuer);
            }
        }
        Ok(())
    }

    fn into_issuers(self) -> impl Iterator<Item = Issuer> {
        self.0.into_values().flatten()
    }
}

/// A text that the YAML reader refuses, or that has the wrong kind of value somewhere.
fn syntax_error(file_name: &str, text: &str, unreadable: &Unreadable) -> IssuerFileError {
    let cause = &unreadable.cause;
    // Only a mapping that merges itself goes deeper than this.
    let path = unreadable.names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(" › ");
    let (line, column) = match unreadable.place {
        Some(place) => place,
        None if cause.contains("more than one document") => (second_document(text), 1),
        None => (1, 1),
    };
    IssuerFileError {
        file: file_name.to_owned(),
        line,
        column,
        message: without_place(cause),
        hint: hint_for_syntax(cause).to_owned(),
        path,
    }
}

/// The reader's message without its own account of path and place.
fn without_place(cause: &str) -> String {
    let told = cause.find("invalid type: ").and_then(|at| cause.get(at..)).unwrap_or(cause);
    told.split(" at line ").next().unwrap_or(told).to_owned()
}

fn hint_for_syntax(cause: &str) -> &'static str {
    let hints = [
        ("expected a string", "write one value here; put it in quotes if it contains special characters"),
        ("expected a mapping", "write key: value lines here, indented below their key"),
        ("unknown anchor", "define the anchor (&name) above the place that uses it (*name)"),
        ("more than one document", "keep one document: remove the --- line"),
        ("repetition limit", "aliases repeat too much of the file: write it out"),
        ("recursion limit", "an alias stands inside of what it repeats, or mappings are nested too deep"),
        (tree::TOO_MANY, "aliases repeat too much of the file: write it out"),
    ];
    let known = hints.iter().find(|(part, _)| cause.contains(part)).map(|(_, hint)| *hint);
    known.unwrap_or("look at the indentation, the colons and the quotes on this line and the one above")
}

/// The text without a `---` at its end behind which only comments stand: tools that join documents leave it.
fn without_empty_end(text: &str) -> &str {
    let says_nothing = |line: &str| line.trim().is_empty() || line.starts_with('#');
    let mut end = text.len();
    for line in text.split_inclusive('\n').rev() {
        end -= line.len();
        if line.trim_end() == "---" {
            let before = text.get(..end).unwrap_or(text);
            return if before.lines().all(says_nothing) { text } else { before };
        }
        if !says_nothing(line) {
            break;
        }
    }
    text
}

/// The line of the second document's `---`.
fn second_document(text: &str) -> usize {
    let mut begun = false;
    for (row, line) in text.lines().enumerate() {
        if line.starts_with("---") && begun {
            return row + 1;
        }
        begun |= !line.trim().is_empty() && !line.starts_with('#');
    }
    1
}

fn end_of(text: &str) -> (usize, usize) {
    let last = text.rsplit('\n').next().unwrap_or_default();
    (text.matches('\n').count() + 1, last.chars().count() + 1)
}
