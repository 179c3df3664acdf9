//! Where the trusted issuers are: the file that is read at the start and at each SIGHUP.
//!
//! Owns the choice, which is made once: a reload never reads anything else. What is in the file is `issuer_file`'s business.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::document::ConfigError;
use super::flags::{DEFAULT_CONFIG_PATH, Values};
use super::settings::truth;
use crate::files::{self, FileProblem};

/// Where the trusted issuers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuersLocation {
    /// A file that the operator named, or the one at the default path.
    File(PathBuf),
    /// The public Sigstore issuers: only when `--builtin-issuers` asks for them.
    Builtin,
}

/// What is at a path.
enum Found {
    File,
    Nothing,
    /// Something that cannot be an issuer file, or that cannot be reached.
    Unusable(String),
}

const BUILTIN_HINT: &str = "--builtin-issuers trusts the public Sigstore issuers instead";

pub(super) fn read(values: &Values) -> Result<IssuersLocation, ConfigError> {
    if truth(values, "builtin-issuers")? {
        if values.is_set("config-path") {
            let hint = "leave out one of the two: either the file or the built-in list says whom to trust";
            return Err(values.fault("builtin-issuers", "is set, and --config-path too", hint));
        }
        return Ok(IssuersLocation::Builtin);
    }
    let path = Path::new(values.text("config-path"));
    let refused =
        |message: String, hint: &str| Err(values.fault("config-path", message, format!("{hint}; {BUILTIN_HINT}")));
    if path.as_os_str().is_empty() {
        return refused("the path of the issuer file is empty".to_owned(), "name the file with the trusted issuers");
    }
    let candidates = if path == Path::new(DEFAULT_CONFIG_PATH) {
        vec![path.to_owned(), path.with_extension("json")]
    } else {
        vec![path.to_owned()]
    };
    for candidate in candidates {
        match find(&candidate) {
            Found::File => return Ok(IssuersLocation::File(candidate)),
            Found::Nothing => {}
            // What is there and cannot be used is never passed over for something else.
            Found::Unusable(problem) => {
                let message = format!("no issuer file: {}: {problem}", candidate.display());
                return refused(message, "mount or create the file, and let this process's user read it");
            }
        }
    }
    refused(format!("no issuer file: {}: no such file", path.display()), &missing_hint(path))
}

fn find(path: &Path) -> Found {
    match files::check(path) {
        Ok(()) => Found::File,
        Err(FileProblem::Unreadable(error)) if is_absent(&error) => match fs::read_link(path) {
            Ok(target) => Found::Unusable(format!("a link to {}, which does not exist", target.display())),
            Err(_) => Found::Nothing,
        },
        Err(problem) => Found::Unusable(problem.to_string()),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Names a file beside the missing one that was probably meant.
fn missing_hint(path: &Path) -> String {
    let beside = ["yml", "yaml", "json"].map(|extension| path.with_extension(extension));
    match beside.into_iter().find(|other| other != path && other.is_file()) {
        Some(other) => format!("there is {}: rename it, or name it with --config-path", other.display()),
        None => "create the file (config/issuers has examples)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::flags::augment;

    fn location(args: &[&str]) -> Result<IssuersLocation, String> {
        let matches =
            augment(clap::Command::new("serve")).try_get_matches_from(std::iter::once(&"serve").chain(args)).unwrap();
        read(&Values::from_command_line(&matches, &|_| None)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_public_issuers_are_trusted_only_when_they_are_asked_for() {
        assert_eq!(location(&["--builtin-issuers"]), Ok(IssuersLocation::Builtin));
        assert_eq!(location(&["--builtin-issuers=true"]), Ok(IssuersLocation::Builtin));
        for args in [&[][..], &["--builtin-issuers=false"], &["--config-path=/etc/fulcio-config/config.yaml"]] {
            let error = location(args).unwrap_err();
            assert!(error.contains("no issuer file") && error.contains("--builtin-issuers"), "{args:?}: {error}");
        }
        assert!(location(&["--builtin-issuers", "--config-path=x"]).unwrap_err().contains("one of the two"));
        assert!(location(&["--config-path="]).unwrap_err().contains("is empty"));
    }

    #[test]
    fn a_file_that_is_missing_or_cannot_be_read_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let refused = |name: &str| location(&["--config-path", path(name).to_str().unwrap()]).unwrap_err();
        fs::write(path("config.yml"), "x").unwrap();
        assert!(refused("config.yaml").contains("config.yml: rename it"), "{}", refused("config.yaml"));
        symlink("..data/other.yaml", path("dangling.yaml")).unwrap();
        fs::write(path("dangling.json"), "x").unwrap();
        assert!(refused("dangling.yaml").contains("a link to ..data/other.yaml"));
        fs::create_dir(path("folder.yaml")).unwrap();
        assert!(refused("folder.yaml").contains("is a folder"));
        assert!(refused("config.yml/inside.yaml").contains("no such file"));
        let found = location(&["--config-path", path("config.yml").to_str().unwrap()]);
        assert_eq!(found, Ok(IssuersLocation::File(path("config.yml"))));
    }
}
