//! `sigmint policy`: what is done with policy files beside the server.
//!
//! Owns the subcommands' names. Each has a file.

mod cases;
mod check;
mod replay;

use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use super::CliError;
use super::display::visible_lines;
use super::error::CommandError;
use super::files::tell;
use crate::policy::{Policy, PolicyFileError};

pub(super) fn command() -> Command {
    Command::new("policy")
        .about("Check and try an issuance policy")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(check::CheckArgs::augment_args(Command::new("check")))
        .subcommand(cases::TestArgs::augment_args(Command::new("test")))
        .subcommand(replay::ReplayArgs::augment_args(Command::new("replay")))
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("check", matches)) => Ok(check::run(&check::CheckArgs::from_arg_matches(matches)?)?),
        Some(("test", matches)) => Ok(cases::run(&cases::TestArgs::from_arg_matches(matches)?)?),
        Some(("replay", matches)) => Ok(replay::run(&replay::ReplayArgs::from_arg_matches(matches)?)?),
        _ => Ok(ExitCode::FAILURE),
    }
}

/// Loads a policy, and says what is worth a look.
fn load(path: &Path) -> Result<Policy, CommandError> {
    let (policy, warnings) =
        Policy::load(path).map_err(|error: PolicyFileError| CommandError::usage(visible_lines(&error.to_string())))?;
    for warning in warnings {
        tell(&format!("warning: {}", visible_lines(&warning.to_string())));
    }
    Ok(policy)
}
