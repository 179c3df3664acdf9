//! `sigmint audit verify`: is the log as it was written?

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::audit::verify::{Report, VerifyOptions, verify};
use crate::cli::error::{CommandError, FAILED};
use crate::cli::files::{print, shown};
use crate::crypto::pem;
use crate::crypto::signature_check::SignatureCheck;
use crate::failure::with_sources;
use crate::files::{self, MAX_FILE_BYTES};

/// Verify an audit log: edits, removed or moved records, cuts before the last signed head
///
/// All files of one log go together, in any order: those that were moved away when they were full, too. A last line
/// that is not whole is accepted if the next start names the record before it. Ends with 0 if nothing is wrong, with 1
/// if something is, with 2 if a file or key cannot be read.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  Against the key that signs heads, and the heads that went elsewhere:
    openssl pkey -in audit.key -pubout > audit.pub
    sigmint audit verify --key audit.pub --anchor heads.jsonl audit.jsonl audit.jsonl.*")]
pub(super) struct VerifyArgs {
    /// The files of the log
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The public key that heads are signed by, PEM; several if it was replaced
    #[arg(long, value_name = "FILE", required_unless_present = "unsigned")]
    key: Vec<PathBuf>,
    /// Verify the chain only: whoever can write the log could have written all of it again
    #[arg(long, conflicts_with = "key")]
    unsigned: bool,
    /// A file of --audit-anchor: each of its heads must be in the log
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// The oldest files were removed, and that is as it should be
    #[arg(long)]
    begin_missing: bool,
}

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode, CommandError> {
    let keys = args.key.iter().map(|path| read_key(path)).collect::<Result<_, _>>()?;
    let options = VerifyOptions { keys, anchors: args.anchor.clone(), is_begin_missing: args.begin_missing };
    let report = verify(&args.files, &options).map_err(|error| CommandError::usage(error.to_string()))?;
    print(&text(&report, !args.unsigned))?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn read_key(path: &Path) -> Result<SignatureCheck, CommandError> {
    let refused = |problem: String| {
        let hint = "give the public key, PEM: openssl pkey -in audit.key -pubout";
        CommandError::usage(format!("--key: {}: {problem}", shown(path))).hint(hint)
    };
    let content = files::read(path, MAX_FILE_BYTES).map_err(|error| CommandError::usage(with_sources(&error)))?;
    let blocks = pem::parse(&content);
    let block = blocks.iter().find(|block| block.label == "PUBLIC KEY");
    let block = block.ok_or_else(|| refused("has no PUBLIC KEY block".to_owned()))?;
    let der = block.data().map_err(|error| refused(error.to_string()))?;
    SignatureCheck::from_spki_der(der).map_err(|error| refused(error.to_string()))
}

fn text(report: &Report, is_signed: bool) -> String {
    let mut text = String::new();
    // A string takes whatever is written to it.
    for problem in &report.problems {
        let _ = writeln!(text, "{problem}");
    }
    let more = report.problem_count - report.problems.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    let Report { records, chains, begins, heads, anchors, torn, uncovered, .. } = report;
    let signatures = if is_signed { "signed heads" } else { "heads, whose signatures were not looked at" };
    let _ = writeln!(text, "{records} records of {chains} starts, {heads} {signatures}, {anchors} of anchors.");
    if *begins > 1 {
        let _ = writeln!(
            text,
            "{begins} logs that do not go on from each other: one a process that has its own is as it should be."
        );
    }
    if *torn > 0 {
        let _ = writeln!(text, "{torn} incomplete lines, each accounted for by the start after it.");
    }
    for covered in &report.covered {
        let _ = writeln!(text, "Covered by a head up to record {} of chain {}.", covered.count, covered.chain);
    }
    if *uncovered > 0 {
        let _ =
            writeln!(text, "{uncovered} records after that: whoever can write the log could have changed or cut them.");
    }
    let verdict = match report.problem_count {
        0 => "The log is as it was written.".to_owned(),
        count => format!("The log is NOT as it was written: {count} problems."),
    };
    let _ = writeln!(text, "{verdict}");
    text
}
