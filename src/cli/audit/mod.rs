//! `sigmint audit`: reads an audit log.
//!
//! Owns the subcommands' names. What a log proves is [`crate::audit`]'s.

mod query;
mod verify;

use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use super::CliError;

pub(super) fn command() -> Command {
    Command::new("audit")
        .about("Verify or search an audit log")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(verify::VerifyArgs::augment_args(Command::new("verify")))
        .subcommand(query::QueryArgs::augment_args(Command::new("query")))
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("verify", matches)) => Ok(verify::run(&verify::VerifyArgs::from_arg_matches(matches)?)?),
        Some(("query", matches)) => Ok(query::run(query::QueryArgs::from_arg_matches(matches)?)?),
        _ => Ok(ExitCode::FAILURE),
    }
}
