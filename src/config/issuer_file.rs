//! The issuer file (`--config-path`): from text to typed, validated issuers, or to an error with its place and a hint.
//!
//! Owns the way through: raw text (`guard`), tree (`tree`), settings (`entry`, `metadata`). Both spellings of a key may
//! stand in both kinds of file. Knows nothing of tokens, of the network, or of when a file is read again.

mod access;
mod address;
mod entry;
mod fault;
mod guard;
pub(super) mod hint;
mod holders;
mod locate;
mod metadata;
#[cfg(test)]
mod readings;
mod record;
#[cfg(test)]
mod refusals;
mod restrict;
mod shape;
mod tree;

use std::cell::RefCell;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use self::entry::Context;
pub use self::fault::IssuerFileError;
use self::fault::{Fault, Place};
use self::metadata::Providers;
use self::record::{Field, Record};
use self::tree::{Node, Unreadable};
use super::issuers::{Issuer, Issuers};

/// The size of a file that is read at all: ten times the largest one known.
const MAX_BYTES: u64 = 1 << 20;

/// What is trusted when there is no file.
const BUILTIN: &str = "\
oidc-issuers:
  https://oauth2.sigstore.dev/auth: {client-id: sigstore, type: email, issuer-claim: $.federated_claims.connector_id}
  https://accounts.google.com: {client-id: sigstore, type: email}
  https://token.actions.githubusercontent.com: {client-id: sigstore, type: github-workflow}
";

impl Issuers {
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    /// The file cannot be read, or [`Self::parse`] refuses its text.
    pub fn load(path: &Path) -> Result<Self, IssuerFileError> {
        let file_name = path.display().to_string();
        let unreadable = |message: String, hint: &str| IssuerFileError {
            file: file_name.clone(),
            line: 0,
            column: 0,
            path: String::new(),
            message,
            hint: hint.to_owned(),
        };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| unreadable(format!("cannot be read: {error}"), "check the path and its permissions"))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(unreadable("larger than 1 MiB".to_owned(), "an issuer file is text of a few hundred lines"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let sound =
                String::from_utf8_lossy(error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default());
            let (line, column) = end_of(&sound);
            IssuerFileError { line, column, ..unreadable("not UTF-8".to_owned(), "save the file as UTF-8") }
        })?;
        Self::parse(&file_name, &text)
    }

    /// Reads the text of a file; its name is for errors.
    ///
    /// # Errors
    /// The first thing in the text that an operator must mend.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, IssuerFileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        guard::check(text).map_err(|objection| IssuerFileError {
            file: file_name.to_owned(),
            line: objection.line,
            column: objection.column,
            path: String::new(),
            message: objection.message,
            hint: objection.hint.to_owned(),
        })?;
        let root = tree::read(text, shape::FILE).map_err(|unreadable| syntax_error(file_name, text, &unreadable))?;
        let warnings = RefCell::new(Vec::new());
        let issuers = issuers(&root, &warnings).map_err(|fault| fault.into_error(file_name, text))?;
        let warnings = warnings.into_inner().into_iter().map(|fault| fault.into_error(file_name, text).on_one_line());
        Ok(issuers.with_warnings(warnings.collect()))
    }

    /// What is trusted when there is no file: the incumbent's three.
    #[must_use]
    pub fn builtin() -> Self {
        // Nobody would be trusted if this text were broken; a test reads it.
        Self::parse("built-in issuers", BUILTIN).unwrap_or_default()
    }
}

fn issuers(root: &Node, warnings: &RefCell<Vec<Fault>>) -> Result<Issuers, Fault> {
    let file = Record::read(&Field { place: Place::root(), node: root }, shape::FILE)?;
    let providers = file
        .get("ci-issuer-metadata")
        .map_or_else(|| Ok(Providers::new()), |field| metadata::providers(field, warnings))?;
    let context = Context { providers: &providers, warnings };
    let section = |key: &str, read: fn(&str, &Field<'_>, &Context<'_>) -> Result<Vec<Issuer>, Fault>| {
        let entries = file.get(key).map_or_else(|| Ok(Vec::new()), Field::entries)?;
        let read_each = entries.into_iter().map(|(name, field)| read(name, &field, &context));
        read_each.collect::<Result<Vec<_>, _>>().map(|groups| groups.into_iter().flatten())
    };
    let issuers: Issuers =
        section("oidc-issuers", entry::exact)?.chain(section("meta-issuers", entry::meta)?).collect();
    if issuers.is_empty() {
        let hint = "add an entry to oidc-issuers or meta-issuers (JSON: OIDCIssuers, MetaIssuers)";
        return Err(Place::root().fault("no issuer in the file", hint));
    }
    Ok(issuers)
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
        ("expected a text", "write one value here; put it in quotes if it contains special characters"),
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
