//! What is wrong with a policy file, or worth a look: where, what, and what to do.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::files::FileError;

/// One problem with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: Arc<PathBuf>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, message, hint } = self;
        write!(formatter, "{}:{line}:{column}: {message}", path.display())?;
        hint.as_ref().map_or(Ok(()), |hint| write!(formatter, "\n  hint: {hint}"))
    }
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} has no policy file in it: none ends in .yaml or .yml", .0.display())]
    NoFile(PathBuf),
    #[error("{} has more than {} policy files in it", .0.display(), super::MAX_FILES)]
    TooManyFiles(PathBuf),
    /// Everything that is wrong, in the order of the files and lines.
    #[error("{}", lines(.0))]
    Findings(Vec<Finding>),
}

impl PolicyFileError {
    /// What is wrong within files.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Findings(findings) => findings,
            Self::File(_) | Self::NoFile(_) | Self::TooManyFiles(_) => &[],
        }
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
