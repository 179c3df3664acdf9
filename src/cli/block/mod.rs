//! `sigmint block`: adds to the block list, shows it, and takes from it.
//!
//! Owns the subcommands and what they say. The file's form is `config::block_file`'s business, replacing it `files::replace`'s.

mod conditions;
mod list;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use self::conditions::ConditionArgs;
use super::display::{visible, visible_lines};
use super::error::{CommandError, FAILED};
use super::files::{Readers, create, print, shown, tell};
use crate::blocklist::BlockEntry;
use crate::config::block_file::{self, EditProblem, Edited, EntryProblem, MAX_BYTES, conditions_shown, moment};
use crate::failure::with_sources;
use crate::files::replace::{ReplaceError, replace};

const LONG_ABOUT: &str = "Say who gets no certificate

Changes the block list that `sigmint serve --block-path FILE` reads. Every server that sees the file refuses by it within
a second, without a restart. The file is replaced as a whole and never half-written; comments, its mode and its owner stay,
a link stays a link, two commands at the same time wait for each other, and a change that makes a file that cannot be
loaded is refused.";

const ADD_EXAMPLES: &str = "All conditions of an entry must be met; two entries are two chances to be met.

Examples:
  A repository, by the id that stays when it is renamed:
    sigmint block add --block-path block.yaml --issuer https://token.actions.githubusercontent.com \\
      --claim repository_id=123456 --reason 'incident 42'

  A person, for a week:
    sigmint block add --block-path block.yaml --san mallory@example.com --reason 'left the company' --for 7d

  A leaked key, of a certificate or a public key:
    sigmint block add --block-path block.yaml --key leaked.pem --reason 'found in a public repository'

Exit code: 0 if it is blocked now, also if it was before; 1 if the file cannot be changed; 2 if the command makes no sense.";

const REMOVE_EXAMPLES: &str = "Removes the entries that have exactly these conditions.

Exit code: 0 if one was removed, 1 if none has these conditions or the file cannot be changed.";

#[derive(clap::Args, Debug)]
struct FileArgs {
    /// The block list
    #[arg(long, value_name = "FILE", env = "FULCIO_SERVE_BLOCK_PATH")]
    block_path: PathBuf,
}

#[derive(clap::Args, Debug)]
struct AddArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Make the file if it is not there
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    conditions: ConditionArgs,
    /// Why, for the server's log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Until when, RFC 3339, like 2026-12-24T18:00:00Z; for good without it
    #[arg(long, value_name = "TIME", conflicts_with = "duration")]
    until: Option<String>,
    /// For how long, like 7d or 12h
    #[arg(long = "for", id = "duration", value_name = "DURATION")]
    duration: Option<String>,
}

#[derive(clap::Args, Debug)]
struct RemoveArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    conditions: ConditionArgs,
    /// Remove the entries whose time is over
    #[arg(long, conflicts_with_all = ["issuer", "san", "claims", "key_sha256", "key"])]
    expired: bool,
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn command() -> Command {
    let add = Command::new("add").about("Block a name, claim, issuer or key").after_help(ADD_EXAMPLES);
    let list = Command::new("list").about("Show who is blocked; exit code 1 if the file cannot be used");
    let remove = Command::new("remove").about("Block somebody no more").after_help(REMOVE_EXAMPLES);
    Command::new("block")
        .about("Say who gets no certificate")
        .long_about(LONG_ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(AddArgs::augment_args(add))
        .subcommand(ListArgs::augment_args(list))
        .subcommand(RemoveArgs::augment_args(remove))
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, super::CliError> {
    let now = SystemTime::now();
    match matches.subcommand() {
        Some(("add", matches)) => Ok(add(&AddArgs::from_arg_matches(matches)?, now)?),
        Some(("list", matches)) => {
            let args = ListArgs::from_arg_matches(matches)?;
            Ok(list::run(&args.file.block_path, args.json, now)?)
        }
        Some(("remove", matches)) => Ok(remove(&RemoveArgs::from_arg_matches(matches)?, now)?),
        _ => Ok(ExitCode::FAILURE),
    }
}

fn add(args: &AddArgs, now: SystemTime) -> Result<ExitCode, CommandError> {
    let entry =
        BlockEntry { conditions: args.conditions.read()?, reason: args.reason.clone(), until: until(args, now)? };
    block_file::check(&entry).map_err(|EntryProblem { message, hint }| CommandError::usage(message).hint(hint))?;
    let path = &args.file.block_path;
    if args.create && path.symlink_metadata().is_err() {
        create(path, block_file::new_file().as_bytes(), Readers::All)?;
    }
    match edit(path, |file, text| block_file::add(file, text, &entry))? {
        Some(edited) => say("Blocked", path, &edited),
        None => print(&format!("Was blocked already in {}: {}\n", shown(path), described(&entry))),
    }
}

fn until(args: &AddArgs, now: SystemTime) -> Result<Option<SystemTime>, CommandError> {
    let until = match (&args.until, &args.duration) {
        (Some(text), _) => block_file::time(text)
            .map_err(|EntryProblem { message, hint }| CommandError::usage(format!("--until: {message}")).hint(hint))?,
        (None, Some(text)) => {
            let wrong = |error: String| CommandError::usage(format!("--for: {error}")).hint("write it like 7d or 12h");
            let duration = humantime::parse_duration(text).map_err(|error| wrong(error.to_string()))?;
            if duration < Duration::from_secs(1) {
                return Err(wrong("is too short".to_owned()));
            }
            let end = now.checked_add(duration).filter(|_| duration < Duration::from_hours(24 * 365 * 1000));
            whole_second(end.ok_or_else(|| wrong("is too long".to_owned()))?)
        }
        (None, None) => return Ok(None),
    };
    if until <= now {
        return Err(CommandError::usage(format!("{} is over: nobody would be blocked", moment(until)))
            .hint("name a time that comes, or leave --until out"));
    }
    Ok(Some(until))
}

/// The end of the second that a time is in.
fn whole_second(time: SystemTime) -> SystemTime {
    let fraction = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let rest = if fraction == 0 { 0 } else { 1_000_000_000 - fraction };
    time + Duration::from_nanos(u64::from(rest))
}

fn remove(args: &RemoveArgs, now: SystemTime) -> Result<ExitCode, CommandError> {
    let path = &args.file.block_path;
    let edited = if args.expired {
        edit(path, |file, text| block_file::remove(file, text, |entry| !entry.is_in_effect(now)))?
    } else {
        let conditions = args.conditions.read()?;
        edit(path, |file, text| block_file::remove(file, text, |entry| entry.conditions == conditions))?
    };
    match edited {
        Some(edited) => say("Removed", path, &edited),
        None if args.expired => print(&format!("No entry of {} is over.\n", shown(path))),
        None => {
            tell(&format!("sigmint: no entry of {} has exactly these conditions", shown(path)));
            tell("What to do: `sigmint block list` shows them");
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// Changes the file safely.
fn edit(
    path: &Path,
    change: impl Fn(&str, &str) -> Result<Option<Edited>, EditProblem>,
) -> Result<Option<Edited>, CommandError> {
    let file = path.display().to_string();
    let edited = replace(path, MAX_BYTES, |content| {
        let content = std::str::from_utf8(content).map_err(|_| EditProblem::Unsafe("it is not UTF-8"))?;
        Ok(change(&file, content)?.map(|edited| (edited.text.clone(), edited)))
    });
    edited.map_err(|error: ReplaceError<EditProblem>| {
        let hint = match &error {
            ReplaceError::File(_) => "check the path and its permissions; `block add --create` makes a new file",
            ReplaceError::Locked(_) | ReplaceError::Restless(_) => "try again",
            ReplaceError::Owner { .. } => "run this as the user that the file belongs to",
            ReplaceError::Write { .. } => {
                "the folder must be writable; a volume that Kubernetes mounts is not: change the ConfigMap or Secret"
            }
            ReplaceError::Change(_) => "fix the file by hand: nothing was changed",
        };
        CommandError::failed(visible_lines(&with_sources(&error))).hint(hint)
    })
}

fn say(done: &str, path: &Path, edited: &Edited) -> Result<ExitCode, CommandError> {
    let mut text = String::new();
    for entry in &edited.changed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{done}: {}", described(entry));
    }
    let count = edited.entries;
    let entries = if count == 1 { "entry" } else { "entries" };
    let _ = writeln!(text, "{} has {count} {entries} now; servers that see it go by it within a second.", shown(path));
    if edited.is_rewritten {
        tell("sigmint: the file had an unusual form and was written again: comments between entries are gone");
    }
    print(&text)
}

fn described(entry: &BlockEntry) -> String {
    let until = entry.until.map_or_else(String::new, |until| format!("; until {}", moment(until)));
    visible(&format!("{}; reason: {}{until}", conditions_shown(&entry.conditions), entry.reason))
}
