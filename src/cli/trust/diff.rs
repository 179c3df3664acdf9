//! `sigmint trust diff`: whether what is published still matches what signs.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, value_parser};
use serde_json::Value;

use crate::cli::display::visible;
use crate::cli::error::{CommandError, FAILED};
use crate::cli::files::{print, shown};
use crate::failure::with_sources;
use crate::files::{self, MAX_FILE_BYTES};
use crate::trust::Deployment;

pub(super) fn published() -> Arg {
    Arg::new("published")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The trusted_root.json that clients get; `-` is standard input")
}

pub(super) fn run(matches: &ArgMatches, deployment: &Deployment) -> Result<ExitCode, CommandError> {
    let Some(path) = matches.get_one::<PathBuf>("published") else { return Ok(ExitCode::FAILURE) };
    let refused = |problem: String| CommandError::usage(format!("{}: {problem}", shown(path)));
    let document: Value =
        serde_json::from_slice(&read(path)?).map_err(|error| refused(format!("it is not JSON: {error}")))?;
    let differences = deployment.differences(&document).map_err(|error| refused(error.to_string()))?;
    if differences.is_empty() {
        return print("What is published is what the settings say.\n");
    }
    let lines: Vec<String> = differences.iter().map(|one| visible(&one.to_string()) + "\n").collect();
    print(&lines.concat())?;
    Ok(ExitCode::from(FAILED))
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    if path.as_os_str() != "-" {
        let read = files::read(path, MAX_FILE_BYTES).map(|content| content.to_vec());
        return read.map_err(|error| CommandError::usage(with_sources(&error)));
    }
    let mut content = Vec::new();
    let most = MAX_FILE_BYTES as u64 + 1;
    let read = std::io::stdin().lock().take(most).read_to_end(&mut content);
    read.map_err(|error| CommandError::usage(format!("standard input cannot be read: {error}")))?;
    if content.len() > MAX_FILE_BYTES {
        return Err(CommandError::usage("standard input is too long for a trusted root"));
    }
    Ok(content)
}
