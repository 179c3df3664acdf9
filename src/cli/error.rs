//! What a subcommand says when it fails: plain words, what to do next, and the exit code.
//!
//! Owns exit codes. Knows no subcommand.

use std::process::ExitCode;

use crate::authority::ca_profile::MakingError;
use crate::failure::with_sources;
use crate::signer::remote::OpenError;

/// Exit code of a command that could not do what it was asked.
pub(crate) const FAILED: u8 = 1;
/// Exit code of a command line, a file or a variable that makes no sense; the same as clap's.
pub(crate) const USAGE: u8 = 2;

/// A failure, for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!("\nWhat to do: {hint}")).unwrap_or_default())]
pub(crate) struct CommandError {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl CommandError {
    /// The command was understood, but failed or was refused.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: FAILED, message: message.into(), hint: None }
    }

    /// The command line, or something that it names, makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into(), hint: None }
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// Whether the caller has to change the command rather than its surroundings.
    #[cfg(test)]
    pub(crate) const fn is_usage(&self) -> bool {
        self.code == USAGE
    }
}

impl From<MakingError> for CommandError {
    fn from(error: MakingError) -> Self {
        Self::failed(with_sources(&error))
    }
}

impl From<OpenError> for CommandError {
    fn from(error: OpenError) -> Self {
        Self::failed(format!("{}: {}", error.key, error.problem)).hint(error.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_do_and_ends_with_its_code() {
        let error = CommandError::usage("no token").hint("use --token");
        assert_eq!(error.to_string(), "no token\nWhat to do: use --token");
        assert_eq!(error.exit_code(), ExitCode::from(2));
        assert_eq!(CommandError::failed("refused").exit_code(), ExitCode::from(1));
        assert!(error.is_usage() && !CommandError::failed("refused").is_usage());
    }
}
