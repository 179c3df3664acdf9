//! Owns reading a PIN from where the operator keeps it.
//!
//! Refuses to know what the PIN opens, and to run commands (`|command` of RFC 7512).

use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::options::OptionsError;
use crate::files::{self, KIB, warn_if_shared};
use crate::signer::key_password::without_line_break;

/// The largest file read for a PIN, in bytes.
const MAX_BYTES: usize = 4 * KIB;

/// Reads the PIN from `file:/path`, `file:///path`, a bare path, or `env:NAME`. One newline at the end is not part of it.
pub(super) fn read(source: &str) -> Result<SecretString, OptionsError> {
    if source.starts_with('|') {
        return Err(refused("commands (|..) are not run; name a file or env:NAME"));
    }
    let text = match source.strip_prefix("env:") {
        Some(name) => {
            let value = std::env::var(name);
            Zeroizing::new(value.map_err(|_| refused(&format!("the environment variable {name} is not set")))?)
        }
        None => read_file(path_of(source)?)?,
    };
    let pin = without_line_break(&text);
    if pin.is_empty() {
        return Err(refused(&format!("{source} is empty")));
    }
    Ok(SecretString::from(pin))
}

fn path_of(source: &str) -> Result<&Path, OptionsError> {
    let Some(rest) = source.strip_prefix("file:") else { return Ok(Path::new(source)) };
    let Some(authority_and_path) = rest.strip_prefix("//") else { return Ok(Path::new(rest)) };
    let path = authority_and_path.strip_prefix("localhost").unwrap_or(authority_and_path);
    if path.starts_with('/') {
        return Ok(Path::new(path));
    }
    Err(refused(&format!("{source} names another host; write file:/path")))
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, OptionsError> {
    let content = files::read_text(path, MAX_BYTES).map_err(|error| refused(&error.to_string()))?;
    warn_if_shared(path);
    Ok(content)
}

fn refused(problem: &str) -> OptionsError {
    OptionsError::Pin(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::read;

    #[test]
    fn a_pin_is_read_from_a_file_by_path_or_uri_without_its_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        let name = path.to_str().unwrap();
        for (content, pin) in [("12 34\n", "12 34"), ("12\r\n", "12"), ("12\n\n", "12\n"), (" 12", " 12")] {
            std::fs::write(&path, content).unwrap();
            for source in [name.to_owned(), format!("file:{name}"), format!("file://{name}")] {
                assert_eq!(read(&source).unwrap().expose_secret(), pin, "{source}");
            }
        }
    }

    #[test]
    fn what_gives_no_pin_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, large) = (folder.path().join("empty"), folder.path().join("large"));
        std::fs::write(&empty, "\n").unwrap();
        std::fs::write(&large, "1".repeat(5000)).unwrap();
        let refusals = [
            (empty.to_str().unwrap(), "is empty"),
            (large.to_str().unwrap(), "is larger than 4 KiB"),
            ("/nowhere/pin", "/nowhere/pin cannot be read: No such file"),
            ("|/usr/bin/pin", "commands (|..) are not run"),
            ("file://host/pin", "names another host"),
            ("env:SIGMINT_NO_SUCH_VARIABLE", "the environment variable SIGMINT_NO_SUCH_VARIABLE is not set"),
        ];
        for (source, problem) in refusals {
            let error = read(source).unwrap_err().to_string();
            assert!(error.contains(problem), "{source}: {error}");
        }
    }
}
