//! Owns where the password of a private key's file comes from.
//!
//! Refuses to know how keys are encrypted.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::files::{self, FileError, FileProblem, MAX_FILE_BYTES};

/// A file's text without its last line break, which an editor or `echo` put there.
pub(crate) fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// A password, or the file that holds it, which is read again whenever the key is.
#[derive(Clone, Debug)]
pub enum KeyPassword {
    /// As it is, a line break at its end included.
    Text(SecretString),
    File(PathBuf),
}

impl KeyPassword {
    /// What to try, in this order; none when the file is empty. A file's last line break is an editor's or `echo`'s and does not
    /// count; but cosign, given a password through a pipe, takes it for a part, so the whole content comes second.
    pub fn candidates(&self) -> Result<Vec<SecretString>, FileError> {
        let path = match self {
            Self::Text(text) => return Ok(vec![text.clone()]),
            Self::File(path) => path,
        };
        let content = files::read(path, MAX_FILE_BYTES)?;
        let whole = std::str::from_utf8(&content)
            .map_err(|_| FileError { path: path.clone(), problem: FileProblem::NotText })?;
        let line = without_line_break(whole.strip_prefix('\u{feff}').unwrap_or(whole));
        let mut candidates = vec![line, whole];
        candidates.dedup();
        Ok(candidates.into_iter().filter(|text| !text.is_empty()).map(SecretString::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_files_last_line_break_does_not_count_unless_it_was_part_of_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (content, expected) in [
            (&b"pw"[..], &["pw"][..]),
            (b"pw\n", &["pw", "pw\n"]),
            (b"pw\r\n", &["pw", "pw\r\n"]),
            (b"pw\n\n", &["pw\n", "pw\n\n"]),
            (b" pw ", &[" pw "]),
            (b"\xef\xbb\xbfpw\n", &["pw", "\u{feff}pw\n"]),
            (b"gr\xc3\xbc\xc3\x9f", &["gr\u{fc}\u{df}"]),
            (b"", &[]),
            (b"\n", &["\n"]),
        ] {
            std::fs::write(&path, content).unwrap();
            let candidates = KeyPassword::File(path.clone()).candidates().unwrap();
            let candidates: Vec<&str> = candidates.iter().map(ExposeSecret::expose_secret).collect();
            assert_eq!(candidates, expected, "{content:?}");
        }
        std::fs::write(&path, b"gr\xfc\xdf").unwrap();
        let error = KeyPassword::File(path).candidates().unwrap_err().to_string();
        assert!(error.contains("password") && error.contains("UTF-8"), "{error}");
    }
}
