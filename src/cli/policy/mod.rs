//! `sigmint policy`: what is done with policy files beside the server.
//!
//! Owns the subcommands' names. Each has a file.

mod check;

use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use super::CliError;

pub(super) fn command() -> Command {
    Command::new("policy")
        .about("Check an issuance policy")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(check::CheckArgs::augment_args(Command::new("check")))
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("check", matches)) => Ok(check::run(&check::CheckArgs::from_arg_matches(matches)?)?),
        _ => Ok(ExitCode::FAILURE),
    }
}
