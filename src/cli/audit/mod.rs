//! `sigmint audit`: reads an audit log.
//!
//! Owns the subcommands' names. What a log proves is [`crate::audit`]'s, what it is compared with [`crate::reconcile`]'s.

mod query;
mod reconcile;
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
        .subcommand(reconcile::ReconcileArgs::augment_args(Command::new("reconcile")))
}

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("verify", matches)) => Ok(verify::run(&verify::VerifyArgs::from_arg_matches(matches)?)?),
        Some(("query", matches)) => Ok(query::run(query::QueryArgs::from_arg_matches(matches)?)?),
        Some(("reconcile", matches)) => Ok(reconcile::run(reconcile::ReconcileArgs::from_arg_matches(matches)?).await?),
        _ => Ok(ExitCode::FAILURE),
    }
}
