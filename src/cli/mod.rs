//! The command line: one file a subcommand.
//!
//! Owns names, help and exit codes. What a command does is done elsewhere.

pub mod ca;
pub mod dev;
pub mod error;
mod files;
mod hardening;
pub mod inspect;
pub mod request;
mod serve;
pub mod words;

use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use clap_complete::Shell;

use crate::failure::with_sources;

const ABOUT: &str = "A certificate authority for code signing with OIDC identities, for private Sigstore deployments";

/// How long the end of the process waits for calls into PKCS#11 modules.
const MODULES_LEFT: std::time::Duration = std::time::Duration::from_secs(3);

/// A command that failed; the message says what to do.
pub type CliError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that was given.
pub async fn main() -> ExitCode {
    let matches = command().get_matches();
    let outcome = run(&matches).await;
    // Many modules crash when the process ends while one of its threads is inside them.
    crate::authority::pkcs11::leave_modules(MODULES_LEFT);
    match outcome {
        Ok(code) => code,
        Err(error) => {
            files::tell(&format!("sigmint: {}", with_sources(error.as_ref())));
            error.downcast_ref::<error::CommandError>().map_or(ExitCode::FAILURE, error::CommandError::exit_code)
        }
    }
}

async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("serve", matches)) => serve::run(matches).await,
        Some(("dev", matches)) => Ok(dev::run(dev::DevArgs::from_arg_matches(matches)?).await?),
        Some(("request", matches)) => Ok(request::run(request::RequestArgs::from_arg_matches(matches)?).await?),
        Some(("inspect", matches)) => Ok(inspect::run(&inspect::InspectArgs::from_arg_matches(matches)?)?),
        Some(("ca", matches)) => ca::run(matches).await,
        Some(("createca", matches)) => {
            Ok(ca::createca::run(ca::createca::CreateCaArgs::from_arg_matches(matches)?).await?)
        }
        Some(("completions", matches)) => Ok(completions(matches)?),
        _ => Ok(ExitCode::FAILURE),
    }
}

/// The whole command line, as completions and tests need it.
#[must_use]
pub fn command() -> Command {
    let shell =
        clap::Arg::new("shell").required(true).value_parser(clap::value_parser!(Shell)).help("The shell to write for");
    Command::new("sigmint")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(dev::DevArgs::augment_args(Command::new("dev")))
        .subcommand(request::RequestArgs::augment_args(Command::new("request")))
        .subcommand(inspect::InspectArgs::augment_args(Command::new("inspect")))
        .subcommand(serve::command())
        .subcommand(ca::command())
        .subcommand(ca::createca::CreateCaArgs::augment_args(Command::new("createca")))
        .subcommand(Command::new("completions").about("Write shell completions to standard output").arg(shell))
}

fn completions(matches: &ArgMatches) -> Result<ExitCode, error::CommandError> {
    let mut script = Vec::new();
    if let Some(shell) = matches.get_one::<Shell>("shell") {
        // The generator panics when it cannot write: it gets what always can be written to.
        clap_complete::generate(*shell, &mut command(), "sigmint", &mut script);
    }
    files::print(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
