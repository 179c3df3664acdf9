//! `sigmint ca`: makes a certificate authority, or says how one is.
//!
//! Owns the subcommands' names. Each has its own file; certificates are made by [`crate::authority::ca_profile`].

mod check;
pub(crate) mod createca;
mod init;
pub(super) mod keys;
mod request;
mod sign;

use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

pub(super) use check::variable;

use super::CliError;
use crate::config::flags;

pub(super) fn command() -> Command {
    let check = Command::new("check")
        .about("Say whether a CA's chain and signer fit, and when they expire")
        .after_help(check::EXAMPLES);
    Command::new("ca")
        .about("Make a certificate authority, or say how one is")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(init::InitArgs::augment_args(Command::new("init")))
        .subcommand(request::RequestArgs::augment_args(Command::new("csr")))
        .subcommand(sign::SignArgs::augment_args(Command::new("sign")))
        .subcommand(flags::augment(check))
}

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("init", matches)) => Ok(init::run(init::InitArgs::from_arg_matches(matches)?).await?),
        Some(("csr", matches)) => Ok(request::run(request::RequestArgs::from_arg_matches(matches)?).await?),
        Some(("sign", matches)) => Ok(sign::run(sign::SignArgs::from_arg_matches(matches)?).await?),
        Some(("check", matches)) => check::run(matches).await,
        _ => Ok(ExitCode::FAILURE),
    }
}
