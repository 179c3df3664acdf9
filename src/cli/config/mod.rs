//! `sigmint config check`: whether `sigmint serve` would start with these settings, and issue.
//!
//! Owns the verdict and the exit code. What is looked at is [`crate::app::check`]'s, which uses the start's own code; the form is
//! `report`'s.

mod report;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::{CommandError, FAILED, USAGE};
use super::inspect::{print, to_json};
use super::{CliError, serve};
use crate::app::check::{CheckOptions, Finding, Ports, check, unreadable};
use crate::app::explain::Network;
use crate::config::flags;
use crate::config::settings::Settings;
use crate::telemetry::collected::collect_log;
use report::{Report, Verdict};

const LONG_ABOUT: &str = "Check a deployment without starting a server

Takes the settings of `sigmint serve`, in the same four ways. Warnings and errors are those of a \
start, which opens every file with the same code: the issuer file, the CA and its key (with a trial \
signature), the logs' keys, block lists, the policy, TLS, and the ports, which are bound for a moment. \
Of the audit log only the key is opened: no file is made, and no record written. \
Without a CA among the settings only the files about issuers and identities are judged.

Nobody is asked unless --online says so: then issuers for their keys and clocks, the logs for the \
roots that they take, the store of tokens' uses, a CA or audit key that is in a service or a token, and \
anchors that are URLs, which get no head.

Ends with 0 if nothing is wrong, with 1 if there are warnings and --strict, with 2 if there are errors.";

const EXAMPLES: &str = "Examples:
  Before a new issuer file is rolled out:
    sigmint config check --config-path issuers.yaml

  With the settings of the server, in CI:
    sigmint config check -c settings.yaml --strict

  On the machine where it is to run, with everything that it depends on:
    sigmint config check -c settings.yaml --online

  Which settings are in effect, and where are they from?
    sigmint config check -c settings.yaml --print";

pub(super) fn command() -> Command {
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let check = Command::new("check")
        .about("Check a deployment: settings, issuers, CA, logs, TLS, ports")
        .long_about(LONG_ABOUT)
        .after_help(EXAMPLES)
        .args([
            switch(
                "online",
                "Ask issuers, logs, the store, anchors, and the service that has the CA's key or the audit key",
            ),
            switch("strict", "End with 1 if there are warnings"),
            switch("while-running", "The server runs here: do not try its ports"),
            switch("print", "Print the settings in effect, and where each is from"),
            switch("json", "Print JSON, for programs"),
        ]);
    Command::new("config")
        .about("Check a configuration")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(flags::augment(check))
}

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let Some(("check", matches)) = matches.subcommand() else { return Ok(ExitCode::FAILURE) };
    let read = Settings::read_to_check(matches, &|name| std::env::var(name).ok());
    let (mut settings, has_authority) = match read {
        Ok(read) => read,
        Err(error) if matches.get_flag("json") => return Ok(tell(matches, &[unreadable(&error.to_string())], None)?),
        Err(error) => return Err(CommandError::usage(error.to_string()).into()),
    };
    // A server would say it before everything else.
    settings.oddities.splice(0..0, serve::unread(matches)?);
    let options = CheckOptions {
        network: if matches.get_flag("online") { Network::Online } else { Network::Offline },
        ports: if matches.get_flag("while-running") { Ports::InUse } else { Ports::Try },
        has_authority,
    };
    let log = collect_log();
    let findings = check(&settings, options, &log).await;
    Ok(tell(matches, &findings, Some(&settings).filter(|_| matches.get_flag("print")))?)
}

/// Prints the report, and ends with its verdict.
fn tell(matches: &ArgMatches, findings: &[Finding], shown: Option<&Settings>) -> Result<ExitCode, CommandError> {
    let report = Report::of(findings, shown.map(|settings| settings.effective.settings.as_slice()));
    let text = if matches.get_flag("json") { to_json(&report)? } else { report.to_string() };
    let printed = print(&text)?;
    Ok(match report.verdict() {
        Verdict::Errors => ExitCode::from(USAGE),
        Verdict::Warnings if matches.get_flag("strict") => ExitCode::from(FAILED),
        Verdict::Warnings | Verdict::Fine => printed,
    })
}
