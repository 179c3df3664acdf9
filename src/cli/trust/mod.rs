//! `sigmint trust`: what clients have to know of a deployment, shown or written.
//!
//! Owns the subcommands' names and options. What is trusted, [`crate::app::trust`] says; the documents are [`crate::trust`]'s.

mod diff;
mod files;
mod show;
mod tuf;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, FromArgMatches as _};

use super::CliError;
use super::error::CommandError;
use crate::app::trust;
use crate::config::flags;
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::trust::Deployment;

const SETTINGS: &str =
    "Takes the settings of `sigmint serve`, in the same four ways, and reads those of the CA and of the logs \
of certificates: the CA file has the next and the retired CAs. The trust file has the rest: where \
clients reach the CA, and the services that others run, Rekor, timestamp authorities, OpenID Connect \
issuers. config/trust.yaml is an example, docs/trust.md says which client reads what.

The CA's key is opened, and signs once: documents name the CA that really signs.";

const FILES_EXAMPLES: &str = "Examples:
  The files for clients, and the commands that read them:
    sigmint trust files -c serve.yaml --trust-config trust.yaml --out clients

  What would be written, and what would change?
    sigmint trust files -c serve.yaml --trust-config trust.yaml --out clients --dry-run

Files of the same names are replaced, each as a whole. Nothing in them is secret.";

const SHOW_EXAMPLES: &str = "Examples:
  Who is trusted, since when and until when?
    sigmint trust show -c serve.yaml --trust-config trust.yaml

  One document, to standard output:
    sigmint trust show -c serve.yaml --trust-config trust.yaml --document trusted-root";

const DIFF_EXAMPLES: &str = "Examples:
  Do clients get what the settings say?
    curl -s https://ca.example.com/trust/trusted_root.json | sigmint trust diff -c serve.yaml --trust-config trust.yaml -

Ends with 0 if they do, with 1 if something differs, with 2 if that could not be found out.";

pub(super) fn command() -> Command {
    let show = documents("show", "Show whom clients are told to trust, or one of the documents", SHOW_EXAMPLES);
    let files = documents("files", "Write the files for clients into a folder", FILES_EXAMPLES);
    let diff = documents("diff", "Say whether what is published still matches what signs", DIFF_EXAMPLES);
    Command::new("trust")
        .about("Make the documents that clients trust a deployment by")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(flags::augment(show.arg(show::document())))
        .subcommand(flags::augment(files.args([files::out(), dry_run()])))
        .subcommand(flags::augment(diff.arg(diff::published())))
        .subcommand(tuf::TufArgs::augment_args(Command::new("tuf")))
}

/// A subcommand that takes the settings of `serve`.
fn documents(name: &'static str, about: &'static str, examples: &'static str) -> Command {
    Command::new(name).about(about).long_about(format!("{about}\n\n{SETTINGS}")).after_help(examples)
}

fn dry_run() -> Arg {
    Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue).help("Say what would be written, and write nothing")
}

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("show", matches)) => Ok(show::run(matches, &deployment(matches).await?)?),
        Some(("files", matches)) => Ok(files::run(matches, &deployment(matches).await?)?),
        Some(("diff", matches)) => Ok(diff::run(matches, &deployment(matches).await?)?),
        Some(("tuf", matches)) => Ok(tuf::run(tuf::TufArgs::from_arg_matches(matches)?).await?),
        _ => Ok(ExitCode::FAILURE),
    }
}

/// The deployment of these settings.
async fn deployment(matches: &ArgMatches) -> Result<Deployment, CommandError> {
    let read = Settings::read_trust(matches, &super::ca::variable);
    let (authority, logs, path) = read.map_err(|error| CommandError::usage(error.to_string()))?;
    let refused = |error: trust::TrustError| CommandError::usage(with_sources(&error));
    let file = trust::read_file(&path).map_err(refused)?;
    trust::open(authority, logs, file).await.map_err(refused)
}
