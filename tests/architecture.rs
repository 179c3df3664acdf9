//! The floor plan of `src/`: which folder may import which, and which libraries are known where.
//!
//! Reads the source itself, comments and strings left out, and follows every path that starts with `crate` or `super`, those of inline
//! tests and macros included. docs/architecture.md draws the same plan.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails must stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A layer: its name, and its folders with those of the same layer that each may import.
type Layer = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// The lowest layer first. A folder may import all layers below its own; of its own layer, only what is listed, which stands before it.
const PLAN: &[Layer] = &[
    (
        "leaves",
        &[
            ("text", &[]),
            ("panics", &[]),
            ("networks", &[]),
            ("files", &[]),
            ("failure", &["text"]),
            ("crypto", &["text"]),
            ("http", &["text", "files", "crypto"]),
        ],
    ),
    (
        "domains",
        &[
            ("possession", &[]),
            ("identity", &[]),
            ("blocklist", &["possession", "identity"]),
            ("policy", &["identity", "possession"]),
            ("certificate", &["identity", "possession", "policy"]),
            ("signer", &[]),
            ("authority", &["certificate", "signer"]),
            ("ct", &[]),
            ("audit", &["possession", "identity", "certificate", "signer"]),
            ("reconcile", &["certificate", "ct", "audit"]),
            ("trust", &["signer"]),
            ("limits", &["identity", "certificate"]),
            ("telemetry", &["identity", "audit"]),
        ],
    ),
    ("spine", &[("issuance", &[])]),
    (
        "top",
        &[
            ("api", &[]),
            ("server", &["api"]),
            ("dev", &[]),
            ("config", &["server"]),
            ("app", &["server", "config"]),
            ("cli", &["server", "dev", "config", "app"]),
        ],
    ),
];

/// Libraries that only these folders know; a name that ends in `_` stands for all that begin so.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("actix_", &["api", "server", "telemetry", "dev"]),
    ("tonic", &["api", "server"]),
    ("clap", &["cli", "config", "dev"]),
    ("aws_sdk_kms", &["signer::aws_kms"]),
    ("azure_security_keyvault_keys", &["signer::azure_key_vault"]),
    ("google_cloud_auth", &["signer::google"]),
    ("cryptoki", &["signer::pkcs11"]),
    ("notify", &["files"]),
    ("cel", &["policy::expression"]),
    ("saphyr_parser", &["policy::file"]),
    ("prometheus_client", &["telemetry"]),
    ("granit_parser", &["config::document"]),
    ("toml", &["config::document"]),
];

/// A path that one module names.
#[derive(Debug)]
struct Import {
    file: PathBuf,
    line: usize,
    from: Vec<String>,
    /// From the crate's root; for a library, its name alone.
    to: Vec<String>,
    is_library: bool,
}

/// Reads one file's tokens.
struct Reader<'a> {
    file: &'a Path,
    imports: Vec<Import>,
}

impl Reader<'_> {
    fn read(file: &Path, module: &[String], source: &str) -> Vec<Import> {
        let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut reader = Reader { file, imports: Vec::new() };
        reader.walk(&tokens.into_iter().collect::<Vec<_>>(), module);
        reader.imports
    }

    fn walk(&mut self, tokens: &[TokenTree], module: &[String]) {
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            match token {
                TokenTree::Ident(word) if word == "mod" => {
                    if let [TokenTree::Ident(name), TokenTree::Group(body), ..] = after {
                        let inner = [module, &[name.to_string()]].concat();
                        self.walk(&body.stream().into_iter().collect::<Vec<_>>(), &inner);
                        rest = &after[2..];
                    }
                }
                TokenTree::Ident(word) if is_separator(after) => rest = self.path(word, after, module),
                TokenTree::Group(group) => self.walk(&group.stream().into_iter().collect::<Vec<_>>(), module),
                _ => {}
            }
        }
    }

    /// A path whose first word has been read. Returns what comes after it.
    fn path<'t>(&mut self, first: &proc_macro2::Ident, rest: &'t [TokenTree], module: &[String]) -> &'t [TokenTree] {
        let line = first.span().start().line;
        match first.to_string().as_str() {
            "crate" => self.rest_of_path(Vec::new(), rest, line, module),
            "super" => self.rest_of_path(module[..module.len() - 1].to_vec(), rest, line, module),
            "self" => self.rest_of_path(module.to_vec(), rest, line, module),
            library => {
                let to = vec![library.to_owned()];
                let import = Import { file: self.file.into(), line, from: module.to_vec(), to, is_library: true };
                self.imports.push(import);
                // The words that follow belong to the library.
                let mut rest = rest;
                while is_separator(rest) && matches!(rest.get(2), Some(TokenTree::Ident(_))) {
                    rest = &rest[3..];
                }
                rest
            }
        }
    }

    fn rest_of_path<'t>(
        &mut self,
        mut to: Vec<String>,
        mut rest: &'t [TokenTree],
        line: usize,
        module: &[String],
    ) -> &'t [TokenTree] {
        while is_separator(rest) {
            match rest.get(2) {
                Some(TokenTree::Ident(word)) if word == "super" => drop(to.pop()),
                Some(TokenTree::Ident(word)) => to.push(word.to_string()),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    let tokens: Vec<_> = group.stream().into_iter().collect();
                    for branch in
                        tokens.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ','))
                    {
                        let Some((TokenTree::Ident(word), more)) = branch.split_first() else { continue };
                        let line = word.span().start().line;
                        self.rest_of_path([to.clone(), vec![word.to_string()]].concat(), more, line, module);
                    }
                    return &rest[3..];
                }
                _ => return &rest[2..],
            }
            rest = &rest[3..];
        }
        self.imports.push(Import { file: self.file.into(), line, from: module.to_vec(), to, is_library: false });
        rest
    }
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(one), TokenTree::Punct(two), ..] if one.as_char() == ':' && two.as_char() == ':')
}

/// Layer and place of a folder, and which of its own layer it may import.
fn place(folder: &str) -> Option<(usize, usize, &'static [&'static str])> {
    PLAN.iter().enumerate().find_map(|(layer, (_, folders))| {
        let index = folders.iter().position(|(name, _)| *name == folder)?;
        Some((layer, index, folders[index].1))
    })
}

/// What an import breaks, if anything.
fn broken_rule(import: &Import) -> Option<String> {
    let from = import.from.first()?;
    let Some((own_layer, _, siblings)) = place(from) else {
        return Some(format!("{from} has no place in the plan"));
    };
    let to = import.to.first()?;
    if import.is_library {
        let (library, homes) = LIBRARIES
            .iter()
            .find(|(library, _)| *library == to || (library.ends_with('_') && to.starts_with(library)))?;
        let module = import.from.join("::");
        let is_home = homes.iter().any(|home| module == *home || module.starts_with(&format!("{home}::")));
        return (!is_home).then(|| format!("{library} is for {} only", homes.join(", ")));
    }
    if to == from {
        return None;
    }
    let (layer, _, _) = place(to)?;
    let names = (PLAN[own_layer].0, PLAN[layer].0);
    match layer.cmp(&own_layer) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Greater => Some(format!("upward: {from} ({}) imports {to} ({})", names.0, names.1)),
        std::cmp::Ordering::Equal if siblings.contains(&to.as_str()) => None,
        std::cmp::Ordering::Equal => Some(format!("sideways: {from} imports {to}, both of the {}", names.0)),
    }
}

fn broken_rules(imports: &[Import]) -> Vec<String> {
    let broken = imports.iter().filter_map(|import| Some((import, broken_rule(import)?)));
    broken.map(|(import, rule)| format!("{}:{}: {rule}", import.file.display(), import.line)).collect()
}

/// Every import of every file, with the modules that there are.
fn all_imports() -> Vec<Import> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut imports = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(root).unwrap();
                imports.extend(Reader::read(file, &module_of(file), &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    imports
}

/// `src/identity/keys/mod.rs` is `identity::keys`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").unwrap().with_extension("");
    let words = inside.iter().map(|word| word.to_str().unwrap().to_owned());
    words.filter(|word| !["mod", "lib", "main"].contains(&word.as_str())).collect()
}

/// The folders right below one folder that import each other in a circle, each with the next.
fn circle(imports: &[Import], parent: &[String]) -> Option<Vec<String>> {
    let mut edges = BTreeMap::<&str, BTreeSet<&str>>::new();
    for import in imports.iter().filter(|import| !import.is_library) {
        let depth = parent.len();
        let (from, to) = (&import.from, &import.to);
        // Only files inside of a folder, so neither the parent's own nor single files beside it.
        if from.len() > depth + 1
            && to.len() > depth + 1
            && from.starts_with(parent)
            && to.starts_with(parent)
            && from[depth] != to[depth]
        {
            edges.entry(&from[depth]).or_default().insert(&to[depth]);
        }
    }
    edges.keys().find_map(|start| {
        let mut way = Vec::new();
        leads_to_circle(start, &edges, &mut way).then(|| way.into_iter().map(str::to_owned).collect())
    })
}

/// Whether a circle is reached from here, which is then the way.
fn leads_to_circle<'a>(at: &'a str, edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, way: &mut Vec<&'a str>) -> bool {
    if let Some(begin) = way.iter().position(|seen| *seen == at) {
        way.drain(..begin);
        return true;
    }
    way.push(at);
    let found = edges.get(at).is_some_and(|next| next.iter().any(|next| leads_to_circle(next, edges, way)));
    if !found {
        way.pop();
    }
    found
}

#[test]
fn every_import_keeps_to_the_plan() {
    let broken = broken_rules(&all_imports());
    assert!(broken.is_empty(), "imports that break the floor plan (tests/architecture.rs):\n{}", broken.join("\n"));
}

#[test]
fn no_folders_import_each_other_in_a_circle() {
    let imports = all_imports();
    let mut parents: Vec<Vec<String>> =
        imports.iter().map(|import| import.from[..import.from.len().min(1)].to_vec()).collect();
    parents.extend(imports.iter().filter(|import| import.from.len() > 1).map(|import| import.from[..2].to_vec()));
    parents.push(Vec::new());
    parents.sort();
    parents.dedup();
    for parent in parents {
        if let Some(circle) = circle(&imports, &parent) {
            panic!("in src/{}: a circle of {}", parent.join("/"), circle.join(" -> "));
        }
    }
}

#[test]
fn the_plan_has_no_circle_and_names_what_exists() {
    for (layer, folders) in PLAN {
        for (index, (folder, siblings)) in folders.iter().enumerate() {
            let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            assert!(src.join(folder).is_dir() || src.join(format!("{folder}.rs")).is_file(), "{folder} is not there");
            for sibling in *siblings {
                let before = folders[..index].iter().any(|(name, _)| name == sibling);
                assert!(before, "{folder} of the {layer} may import {sibling}, which does not stand before it");
            }
        }
    }
}

#[test]
fn what_the_plan_allows_within_a_layer_is_imported() {
    let imports = all_imports();
    for (folder, siblings) in PLAN.iter().flat_map(|(_, folders)| folders.iter()) {
        for sibling in *siblings {
            let is_used = |import: &Import| {
                !import.is_library
                    && import.from.first().is_some_and(|from| from == folder)
                    && import.to.first().is_some_and(|to| to == sibling)
            };
            assert!(imports.iter().any(is_used), "{folder} may import {sibling}, and does not");
        }
    }
}

/// What is said of a file with this text.
fn said_of(file: &str, source: &str) -> Vec<String> {
    let file = Path::new(file);
    broken_rules(&Reader::read(file, &module_of(file), source))
}

#[test]
fn planted_imports_are_found_with_file_line_and_rule() {
    let upward = "src/identity/token.rs:2: upward: identity (domains) imports api (top)";
    for source in [
        "use std::fmt;\nuse crate::api::answer::Answer;",
        "use std::fmt;\nuse crate::{api::answer, text};",
        "use crate::{\n    api, text};",
        "fn f() {\n crate::api::answer::f() }",
        "fn f() {\n tracing::warn!(x = %crate::api::f()) }",
        "\nuse super::super::api::answer;",
        "#[cfg(test)] mod tests {\n use super::super::super::api; }",
    ] {
        assert_eq!(said_of("src/identity/token.rs", source), [upward], "{source}");
    }
    assert_eq!(
        said_of("src/ct/log/mod.rs", "use crate::authority::Authority;"),
        ["src/ct/log/mod.rs:1: sideways: ct imports authority, both of the domains"]
    );
    assert_eq!(
        said_of("src/identity/verify.rs", "use actix_web::web;"),
        ["src/identity/verify.rs:1: actix_ is for api, server, telemetry, dev only"]
    );
    assert_eq!(said_of("src/new/mod.rs", "use crate::text;"), ["src/new/mod.rs:1: new has no place in the plan"]);
    for source in [
        "// use crate::api;",
        "/// [`crate::api`]\nfn f() {}",
        "const X: &str = \"crate::api::x\";",
        "use super::verify;",
    ] {
        assert_eq!(said_of("src/identity/token.rs", source), [""; 0], "{source}");
    }
}

#[test]
fn a_planted_circle_is_found() {
    let read = |file: &str, source: &str| Reader::read(Path::new(file), &module_of(Path::new(file)), source);
    let mut imports = read("src/identity/keys/set.rs", "use crate::identity::fetch::access;");
    assert_eq!(circle(&imports, &["identity".to_owned()]), None);
    imports.extend(read("src/identity/fetch/access.rs", "use super::super::keys::set::KeySet;"));
    let found = circle(&imports, &["identity".to_owned()]);
    assert_eq!(found, Some(vec!["fetch".to_owned(), "keys".to_owned()]));
}
