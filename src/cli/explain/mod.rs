//! `sigmint explain`: what would come of an identity token, and why.
//!
//! Owns reading the input and the exit code. What is decided, the pipeline's own functions say ([`crate::app::explain`]); how it is told,
//! `report`.

mod policy;
mod report;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgAction, ArgMatches, Command};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::{CommandError, FAILED};
use super::inspect::{print, to_json};
use super::{files, serve};
use crate::app::explain::{Asked, Network, explain};
use crate::config::flags;
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::identity::token::MAX_TOKEN_BYTES;
use crate::possession::PublicKey;
use report::Report;

const LONG_ABOUT: &str = "Explain what would come of an identity token, step by step

The first line says whether a certificate would be issued, or the cause of the refusal; the second \
what to change. Below is each step with what was compared with what: the issuer, the checks, the \
identity, the certificate's name and extensions with what they are made of, the block lists, the \
policy rule by rule, and the limits that apply.

Takes a token, or the claims of one as JSON, and the settings of `sigmint serve`, in the same four \
ways. A certificate authority need not be among them. Nobody is asked unless --online says so. The \
token is never printed.

Ends with 0 if a certificate would be issued, with 1 if the token would be refused, with 2 if that \
could not be found out.";

const EXAMPLES: &str = "Examples:
  Why is this token refused?
    sigmint explain --config-path issuers.yaml token.jwt

  The same with the server's settings, and the issuer's keys:
    sigmint explain -c settings.yaml --online token.jwt

  What will certificates say, before there is a token?
    sigmint explain --config-path issuers.yaml claims.json

  A token from an incident, as it was then:
    sigmint explain -c settings.yaml --at 2026-11-28T03:00:00Z token.jwt";

pub(super) fn command() -> Command {
    let input = Arg::new("input")
        .value_name("FILE")
        .help("The token, or its claims as JSON; without a file, or as `-`, standard input")
        .value_parser(clap::value_parser!(PathBuf));
    let online = Arg::new("online")
        .long("online")
        .action(ArgAction::SetTrue)
        .help("Fetch the issuer's keys, and check the signature");
    let at = Arg::new("at")
        .long("at")
        .value_name("TIME")
        .value_parser(time)
        .help("Evaluate as of then: 2026-11-28T03:00:00Z, or seconds since 1970");
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON, for programs");
    let key = Arg::new("key")
        .long("key")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("The client's public key, PEM or DER: what block list and policy say of it is told, too");
    let command = Command::new("explain")
        .about("Explain what would come of an identity token, step by step")
        .long_about(LONG_ABOUT)
        .after_help(EXAMPLES)
        .args([input, online, at, key, json]);
    flags::augment(command)
}

/// The end of the year 9999, in seconds since 1970: later times have no RFC 3339 form.
const LAST_SECOND: u64 = 253_402_300_799;

fn time(text: &str) -> Result<SystemTime, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        let seconds = Some(seconds).filter(|seconds| *seconds <= LAST_SECOND).ok_or("no such time")?;
        return Ok(UNIX_EPOCH + Duration::from_secs(seconds));
    }
    humantime::parse_rfc3339_weak(text)
        .map_err(|_| "write it in UTC like 2026-11-28T03:00:00Z, or as seconds since 1970".to_owned())
}

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    if matches.contains_id("words") {
        // It is not repeated: it may be a token.
        return Err(CommandError::usage("more than one input, or a flag that is not known").hint("give one file"));
    }
    let settings = settings(matches)?;
    let text = read(matches.get_one::<PathBuf>("input").map(PathBuf::as_path))?;
    let at = matches.get_one::<SystemTime>("at").copied().unwrap_or_else(SystemTime::now);
    let network = if matches.get_flag("online") { Network::Online } else { Network::Offline };
    let key = matches.get_one::<PathBuf>("key").map(|path| public_key(path)).transpose()?;
    let asked = Asked { text: text.expose_secret(), key: key.as_ref(), at, network };
    let explained = explain(&settings, &asked)
        .await
        .map_err(|error| CommandError::usage(settings.effective.with_settings(&with_sources(&error))))?;
    let report = Report::of(&explained);
    let text = if matches.get_flag("json") { to_json(&report)? } else { report.to_string() };
    let printed = print(&text)?;
    Ok(if explained.refusal.is_none() { printed } else { ExitCode::from(FAILED) })
}

/// The settings, without what only a server needs; what is odd about them is told.
fn settings(matches: &ArgMatches) -> Result<Settings, CommandError> {
    let read = Settings::read_to_check(matches, &|name| std::env::var(name).ok());
    let (settings, _) = read.map_err(|error| CommandError::usage(error.to_string()))?;
    for problem in serve::unread(matches)?.iter().chain(&settings.oddities) {
        files::tell(&format!("sigmint: {problem}"));
    }
    Ok(settings)
}

fn read(path: Option<&Path>) -> Result<SecretString, CommandError> {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        if io::stdin().is_terminal() {
            let hint = "name the file of a token or of claims, or pipe one in";
            return Err(CommandError::usage("nothing to explain").hint(hint));
        }
        return bounded(io::stdin().lock())
            .map_err(|problem| CommandError::usage(format!("standard input: {problem}")));
    };
    if is_content(path) {
        // It is not repeated: it may be a token, and others can see what stands on a command line.
        let hint =
            "put it into a file, or pipe it in: what stands on a command line is seen by everybody on this machine";
        return Err(
            CommandError::usage("this looks like a token or claims, and not like the name of a file").hint(hint)
        );
    }
    File::open(path)
        .and_then(bounded)
        .map_err(|problem| CommandError::usage(format!("{}: {problem}", files::shown(path))))
}

fn public_key(path: &Path) -> Result<PublicKey, CommandError> {
    let unusable = |problem: String| CommandError::usage(format!("{}: {problem}", files::shown(path)));
    let content =
        crate::files::read(path, crate::files::MAX_FILE_BYTES).map_err(|error| unusable(error.problem.to_string()))?;
    PublicKey::parse(&content).map_err(|error| unusable(with_sources(&error)))
}

/// Whether what was given for a file's name is a token or claims.
fn is_content(path: &Path) -> bool {
    let text = path.as_os_str().to_string_lossy();
    let text = text.trim();
    text.starts_with('{') || (text.starts_with("eyJ") && text.matches('.').count() >= 2)
}

fn bounded(source: impl Read) -> io::Result<SecretString> {
    let most = u64::try_from(MAX_TOKEN_BYTES).unwrap_or(u64::MAX);
    let mut text = String::new();
    source.take(most.saturating_add(1)).read_to_string(&mut text)?;
    // One byte more is enough for the verdict that it is too long.
    Ok(text.into())
}
