//! `sigmint policy check`: reads policy files as a start does, and says what is wrong with them or worth a look.
//!
//! Owns the verdict and the exit code.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::display::visible_lines;
use crate::cli::error::{CommandError, FAILED};
use crate::cli::inspect::print;
use crate::failure::with_sources;
use crate::policy::Policy;

/// Check policy files without starting a server
///
/// Reads each file, or the *.yaml and *.yml of each folder, as `sigmint serve --policy-path` does: form, conditions against the claims that
/// tokens of each identity kind have, and what is allowed and probably not meant. Each finding has its file, line and column, and what to do.
///
/// Ends with 0 if all can be used, with 1 if one cannot, or with --strict if there is a warning.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  Before a new policy is rolled out:
    sigmint policy check --strict config/policy")]
pub(super) struct CheckArgs {
    /// Policy files, or folders of them; each is a policy by itself
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Fail on warnings, too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, CommandError> {
    let (mut text, mut is_good) = (String::new(), true);
    // A string takes whatever is written to it.
    for path in &args.paths {
        match Policy::load(path) {
            Ok((policy, warnings)) => {
                for warning in &warnings {
                    let _ = writeln!(text, "warning: {warning}");
                }
                let (rules, count) = (policy.rules().len(), warnings.len());
                let _ = writeln!(text, "{} can be used: {rules} rules, {count} warnings.", path.display());
                is_good &= !args.strict || warnings.is_empty();
            }
            Err(error) => {
                is_good = false;
                for finding in error.findings() {
                    let _ = writeln!(text, "error: {finding}");
                }
                if error.findings().is_empty() {
                    let _ = writeln!(text, "error: {}", with_sources(&error));
                }
                let _ = writeln!(text, "{} cannot be used.", path.display());
            }
        }
    }
    print(&visible_lines(&text))?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
