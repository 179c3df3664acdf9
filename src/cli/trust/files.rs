//! `sigmint trust files`: the files for clients, each replaced as a whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, value_parser};

use crate::cli::error::CommandError;
use crate::cli::files::{Readers, print, shown};
use crate::files::atomic::write_atomically;
use crate::files::{self, MAX_FILE_BYTES};
use crate::trust::{ClientFile, Deployment};

pub(super) fn out() -> Arg {
    Arg::new("out")
        .long("out")
        .value_name("FOLDER")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("Where the files go; the folder is made if it is not there")
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    New,
    Changed,
    Same,
}

impl Change {
    fn of(path: &Path, content: &str) -> Self {
        match files::read(path, MAX_FILE_BYTES) {
            Ok(there) if there.as_slice() == content.as_bytes() => Self::Same,
            _ if path.symlink_metadata().is_ok() => Self::Changed,
            _ => Self::New,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Same => "unchanged",
        }
    }
}

pub(super) fn run(matches: &ArgMatches, deployment: &Deployment) -> Result<ExitCode, CommandError> {
    let Some(folder) = matches.get_one::<PathBuf>("out") else { return Ok(ExitCode::FAILURE) };
    let files = deployment.client_files();
    let changes: Vec<(PathBuf, Change, &ClientFile)> = files
        .iter()
        .map(|file| {
            let path = folder.join(file.name);
            (path.clone(), Change::of(&path, &file.content), file)
        })
        .collect();
    if !matches.get_flag("dry-run") {
        write(folder, &changes)?;
    }
    let lines = changes.iter().map(|(path, change, _)| format!("{:<9}  {}\n", change.word(), shown(path)));
    print(&lines.collect::<Vec<_>>().concat())
}

fn write(folder: &Path, changes: &[(PathBuf, Change, &ClientFile)]) -> Result<(), CommandError> {
    let failed =
        |path: &Path, error: &std::io::Error| CommandError::usage(format!("cannot write {}: {error}", shown(path)));
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for (path, _, file) in changes.iter().filter(|(_, change, _)| *change != Change::Same) {
        write_atomically(path, file.content.as_bytes(), Readers::All.mode()).map_err(|error| failed(path, &error))?;
    }
    Ok(())
}
