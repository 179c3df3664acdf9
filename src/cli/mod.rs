//! The command line: one file a subcommand.
//!
//! Owns names, help and exit codes. What a command does is done elsewhere.

mod audit;
mod block;
pub(crate) mod ca;
mod config;
pub(crate) mod dev;
pub(crate) mod display;
pub(crate) mod error;
mod explain;
mod files;
mod hardening;
pub(crate) mod inspect;
mod key_kind;
mod policy;
pub(crate) mod request;
mod serve;
mod trust;
mod version;

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use clap_complete::Shell;

use crate::failure::with_sources;
use crate::telemetry;

const ABOUT: &str = "A certificate authority for code signing with OIDC identities, for private Sigstore deployments";

/// How long the end of the process waits for calls into PKCS#11 modules.
const MODULES_LEFT: std::time::Duration = std::time::Duration::from_secs(3);

/// A command that failed; the message says what to do.
pub type CliError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that was given.
pub async fn main() -> ExitCode {
    hardening::survive_file_size_limit();
    let matches = match command().try_get_matches_from(without_program_name(std::env::args_os())) {
        Ok(matches) => matches,
        Err(answer) => return show(&answer),
    };
    let outcome = run(&matches).await;
    // Many modules crash when the process ends while one of its threads is inside them.
    crate::signer::pkcs11::leave_modules(MODULES_LEFT);
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let command = error.downcast_ref::<error::CommandError>();
            let text = with_sources(error.as_ref());
            // A server that does not start: anyone who looks at one line looks at the last one.
            let text = if command.is_some() { text } else { telemetry::one_line(&text) };
            files::tell(&format!("sigmint: {text}"));
            command.map_or(ExitCode::FAILURE, error::CommandError::exit_code)
        }
    }
}

/// What the program was called by other names, or was told one of its names first: Fulcio's compose file says
/// `fulcio-server serve ..` to whatever the image starts.
const PROGRAM_NAMES: [&str; 3] = ["fulcio", "fulcio-server", "sigmint"];

/// The command line without a program's name, or the path of one, in front of the subcommand.
fn without_program_name(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    let is_name = |word: &OsString| {
        let name = Path::new(word).file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| PROGRAM_NAMES.contains(&name))
    };
    while words.get(1).is_some_and(is_name) {
        words.remove(1);
    }
    words
}

/// The name that this program was started by, as far as it is one of its own.
fn program_name() -> &'static str {
    let called = std::env::args_os().next();
    let called = called.as_deref().map(Path::new).and_then(Path::file_name).and_then(OsStr::to_str);
    PROGRAM_NAMES.into_iter().find(|name| called == Some(*name)).unwrap_or("sigmint")
}

/// Shows help, a version or what is wrong with the command line. Help that cannot be written is a failure, as any output is.
fn show(answer: &clap::Error) -> ExitCode {
    if answer.use_stderr() {
        // It says the same whether somebody reads it or not.
        let _ = answer.print();
        return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(error::USAGE));
    }
    let text = answer.render();
    let text = if io::stdout().is_terminal() { text.ansi().to_string() } else { text.to_string() };
    files::print(&text).unwrap_or_else(|error| {
        files::tell(&format!("sigmint: {error}"));
        error.exit_code()
    })
}

async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("serve", matches)) => serve::run(matches).await,
        Some(("dev", matches)) => Ok(dev::run(dev::DevArgs::from_arg_matches(matches)?).await?),
        Some(("request", matches)) => Ok(request::run(request::RequestArgs::from_arg_matches(matches)?).await?),
        Some(("inspect", matches)) => Ok(inspect::run(&inspect::InspectArgs::from_arg_matches(matches)?)?),
        Some(("ca", matches)) => ca::run(matches).await,
        Some(("block", matches)) => block::run(matches),
        Some(("config", matches)) => config::run(matches).await,
        Some(("explain", matches)) => Ok(explain::run(matches).await?),
        Some(("policy", matches)) => policy::run(matches),
        Some(("trust", matches)) => trust::run(matches).await,
        Some(("audit", matches)) => audit::run(matches).await,
        Some(("createca", matches)) => {
            Ok(ca::createca::run(ca::createca::CreateCaArgs::from_arg_matches(matches)?).await?)
        }
        Some(("completions", matches)) => Ok(completions(matches)?),
        Some(("version", matches)) => Ok(version::run(matches)?),
        _ => Ok(ExitCode::FAILURE),
    }
}

/// The whole command line, as completions and tests need it.
pub fn command() -> Command {
    let shell =
        clap::Arg::new("shell").required(true).value_parser(clap::value_parser!(Shell)).help("The shell to write for");
    // Fulcio's command is `completion`, and has this flag.
    let plain = clap::Arg::new("no-descriptions").long("no-descriptions").action(clap::ArgAction::SetTrue).hide(true);
    let completions = Command::new("completions")
        .visible_alias("completion")
        .about("Write shell completions to standard output")
        .args([shell, plain]);
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
        .subcommand(block::command())
        .subcommand(config::command())
        .subcommand(explain::command())
        .subcommand(policy::command())
        .subcommand(audit::command())
        .subcommand(trust::command())
        .subcommand(ca::createca::CreateCaArgs::augment_args(Command::new("createca")).args_override_self(true))
        .subcommand(completions)
        .subcommand(version::command())
}

fn completions(matches: &ArgMatches) -> Result<ExitCode, error::CommandError> {
    let mut script = Vec::new();
    if let Some(shell) = matches.get_one::<Shell>("shell") {
        // The generator panics when it cannot write: it gets what always can be written to.
        clap_complete::generate(*shell, &mut command(), program_name(), &mut script);
    }
    files::print(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }

    #[test]
    fn a_program_s_name_in_front_of_the_subcommand_is_left_out() {
        let left = |line: &str| {
            let words = line.split(' ').map(Into::into);
            let words = super::without_program_name(words);
            words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        for (line, expected) in [
            ("sigmint serve --port 1", "sigmint serve --port 1"),
            ("sigmint fulcio-server serve --port 1", "sigmint serve --port 1"),
            ("/usr/bin/sigmint fulcio createca", "/usr/bin/sigmint createca"),
            ("sigmint /usr/local/bin/fulcio-server serve", "sigmint serve"),
            ("fulcio-server", "fulcio-server"),
            ("sigmint fulcio", "sigmint"),
            ("sigmint serve fulcio", "sigmint serve fulcio"),
        ] {
            assert_eq!(left(line), expected);
        }
    }
}
