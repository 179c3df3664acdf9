//! The files that commands write: whole, never over others, keys for their owner only. And what they say meanwhile.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crate::cli::display::visible;
use crate::cli::error::CommandError;
pub(super) use crate::dev::Readers;

/// Makes the folder of a file.
pub(super) fn make_parent(path: &Path) -> Result<(), CommandError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            fs::create_dir_all(parent).map_err(|error| cannot_write(parent, &error))
        }
        _ => Ok(()),
    }
}

/// Refuses what would be written over.
pub(super) fn must_not_exist(path: &Path) -> Result<(), CommandError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(CommandError::usage(format!("{} is there already", shown(path)))
        .hint("choose another place, or move it away: nothing is ever overwritten"))
}

/// Writes a new file; if that fails half-way, nothing is left of it.
pub(super) fn create(path: &Path, content: &[u8], readers: Readers) -> Result<(), CommandError> {
    make_parent(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(readers.mode());
    let mut file = options.open(path).map_err(|error| cannot_write(path, &error))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(|error| {
        remove(path);
        cannot_write(path, &error)
    })
}

/// Writes several new files; if one of them fails, none is left.
pub(super) fn create_all<'a>(new: impl Iterator<Item = (&'a Path, &'a [u8], Readers)>) -> Result<(), CommandError> {
    let mut written: Vec<&Path> = Vec::new();
    for (path, content, readers) in new {
        if let Err(error) = create(path, content, readers) {
            written.into_iter().for_each(remove);
            return Err(error);
        }
        written.push(path);
    }
    Ok(())
}

/// Removes what this process wrote.
fn remove(path: &Path) {
    // What cannot be removed either is told of by the error that led here.
    let _ = fs::remove_file(path);
}

fn cannot_write(path: &Path, error: &io::Error) -> CommandError {
    CommandError::usage(format!("cannot write {}: {error}", shown(path)))
}

/// A path as people may read it.
pub(in crate::cli) fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}

/// Prints what a command made to standard output; a reader that has gone away is not a failure, a full disk is.
pub(super) fn print(text: &str) -> Result<ExitCode, CommandError> {
    match write_patiently(&mut io::stdout().lock(), text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes all of it, also when somebody who shares the pipe made it non-blocking.
fn write_patiently(output: &mut impl io::Write, mut rest: &[u8]) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    loop {
        match output.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

/// Says something to people: standard output is for what was made.
pub(in crate::cli) fn tell(text: &str) {
    // Nobody is there to be told.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests;
