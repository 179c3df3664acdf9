//! `sigmint audit`: what the audit log is good for.
//!
//! Owns the subcommands' names. Each has its own file.

mod reconcile;

use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use super::CliError;

/// The command and its subcommands.
pub(super) fn command() -> Command {
    Command::new("audit")
        .about("Check the audit log")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(reconcile::ReconcileArgs::augment_args(Command::new("reconcile")))
}

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("reconcile", matches)) => Ok(reconcile::run(reconcile::ReconcileArgs::from_arg_matches(matches)?).await?),
        _ => Ok(ExitCode::FAILURE),
    }
}
