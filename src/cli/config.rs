//! `sigmint config check`: reads what `sigmint serve` would read before it opens a key, and says what a start would say of it.
//!
//! Owns the verdict and the exit code. What is read, and what is said of it, is the start's own code.

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::error::{CommandError, FAILED};
use super::{CliError, files, serve};
use crate::app::{self, Checked};
use crate::config::flags;
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::telemetry::{self, LogFormat};

const LONG_ABOUT: &str = "Check the settings and the issuer file without starting a server

Takes the settings of `sigmint serve`, in the same four ways. Warnings and errors are those of a start. No key is
opened, nobody is asked, and nothing is changed. Without a CA among the settings the issuer file alone is judged.

Ends with 0 if all of it can be used, with 1 if an entry of the issuer file or the whole file cannot, with 2 if the
settings make no sense.";

const EXAMPLES: &str = "Examples:
  Before a new issuer file is rolled out:
    sigmint config check --config-path issuers.yaml
  With the settings of the server:
    sigmint config check -c settings.yaml";

pub(super) fn command() -> Command {
    let check = Command::new("check").about("Check the settings and the issuer file").long_about(LONG_ABOUT);
    Command::new("config")
        .about("Check a configuration")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(flags::augment(check.after_help(EXAMPLES)))
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let Some(("check", matches)) = matches.subcommand() else { return Ok(ExitCode::FAILURE) };
    let (settings, is_whole) = Settings::read_to_check(matches, &|name| std::env::var(name).ok())
        .map_err(|error| CommandError::usage(error.to_string()))?;
    let unread = serve::unread(matches)?;
    let log = telemetry::start_log(LogFormat::Dev);
    for problem in unread.iter().chain(&settings.oddities) {
        tracing::warn!("{problem}");
    }
    let checked = app::check(&settings, is_whole);
    // What was found comes before what is said of it.
    drop(log);
    let checked = checked.map_err(|error| CommandError::failed(with_sources(&error)))?;
    files::print(&format!("{}\n", verdict(&checked)))?;
    Ok(if checked.refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn verdict(checked: &Checked) -> String {
    let Checked { issuers, findings, refused } = checked;
    match refused {
        0 => format!("The configuration can be used: {issuers} issuers and patterns, {findings} findings."),
        _ => format!("{refused} entries of the issuer file cannot be used; {issuers} can, {findings} findings."),
    }
}
