//! `sigmint audit query`: which records are about an identity, a certificate or a time.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::audit::Redaction;
use crate::audit::query::{Query, query};
use crate::cli::error::CommandError;
use crate::cli::files::{print, tell};
use crate::failure::with_sources;
use crate::files::{self, MAX_FILE_BYTES};

/// What is printed at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Search an audit log: prints the records that match, as they stand there
///
/// All conditions have to hold. With an intent its outcome is printed, and with an outcome its intent.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  What did this workflow get, and when?
    sigmint audit query --identity 'https://github.com/example/app/*' audit.jsonl*
  Who got this certificate?
    sigmint audit query --serial 5f:01:.. audit.jsonl*")]
pub(super) struct QueryArgs {
    /// The files of the log
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The subject alternative name; with a * at its end, how it begins
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// The key of --audit-redact-key, to look for an e-mail address by its hash
    #[arg(long, value_name = "FILE", requires = "identity")]
    redact_key: Option<PathBuf>,
    /// The token's issuer
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The certificate's serial number, hexadecimal
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
    /// From this time on, like 2026-11-28T10:00:00Z or 2026-11-28
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<SystemTime>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<SystemTime>,
    /// Why it was refused, like POLICY_DENIED
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
}

fn time(text: &str) -> Result<SystemTime, String> {
    let day = format!("{text}T00:00:00Z");
    humantime::parse_rfc3339_weak(text)
        .or_else(|_| humantime::parse_rfc3339(&day))
        .map_err(|_| "write a time like 2026-11-28T10:00:00Z, or a day".to_owned())
}

pub(super) fn run(args: QueryArgs) -> Result<ExitCode, CommandError> {
    let redaction = match &args.redact_key {
        Some(path) => {
            let key = files::read(path, MAX_FILE_BYTES).map_err(|error| CommandError::usage(with_sources(&error)))?;
            let short = || CommandError::usage("--redact-key: is shorter than 32 bytes");
            Some(Redaction::new(&key).ok_or_else(short)?)
        }
        None => None,
    };
    let asked = Query {
        identity: args.identity,
        redaction,
        issuer: args.issuer,
        serial: args.serial,
        since: args.since,
        until: args.until,
        reason: args.reason,
    };
    let mut text = String::new();
    let mut printed = Ok(ExitCode::SUCCESS);
    let unread = query(&args.files, &asked, |line| {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
        if text.len() >= CHUNK {
            if printed.is_ok() {
                printed = print(&text);
            }
            text.clear();
        }
    });
    let unread = unread.map_err(|error| CommandError::usage(error.to_string()))?;
    printed?;
    let code = print(&text)?;
    if unread > 0 {
        tell(&format!("sigmint: {unread} lines are not records; sigmint audit verify says more"));
    }
    Ok(code)
}
