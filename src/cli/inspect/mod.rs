//! `sigmint inspect`: says in words what a certificate says in ASN.1.
//!
//! Owns reading the input, a file or standard input, PEM or DER. The report has its own files.

mod names;
mod read;
mod report;
mod sct;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use super::display::{json_text, visible};
use super::error::{CommandError, FAILED};
use crate::crypto::pem;
use crate::ct::LogKey;

pub(crate) use read::describe;
pub(crate) use report::Report;

/// The longest input, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Show what a certificate says: who it is for, who vouched for them, until when, and who signed it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  A certificate with its chain, as `sigmint request --out` writes it:
    sigmint inspect chain.pem

  What was just issued:
    sigmint request --token @token.txt | sigmint inspect -

  For programs:
    sigmint inspect --json chain.pem | jq .identity

  Check the transparency log's signature, too:
    sigmint inspect --ct-log-key ctlog.pub chain.pem

The signatures along the chain are checked. Whether the root deserves trust
is yours to say. Times are compared with this machine's clock.")]
pub(crate) struct InspectArgs {
    /// The certificate, PEM (with its chain, if there is one) or DER; `-` reads standard input
    #[arg(value_name = "CERT")]
    certificate: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// The public key of a transparency log, PEM: its timestamp's signature is checked; can be repeated. Exit code 1 if it is not right
    #[arg(long = "ct-log-key", value_name = "FILE")]
    log_keys: Vec<PathBuf>,
}

pub(crate) fn run(args: &InspectArgs) -> Result<ExitCode, CommandError> {
    let name = if args.certificate.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        visible(&args.certificate.display().to_string())
    };
    let input = read_input(&args.certificate).map_err(|error| CommandError::usage(format!("{name}: {error}")))?;
    let certificates = certificates_in(&input).map_err(|problem| {
        CommandError::usage(format!("{name}: {problem}")).hint(
            "give a certificate in PEM (-----BEGIN CERTIFICATE-----) or DER; chains begin with the certificate itself",
        )
    })?;
    let mut report =
        describe(&certificates, SystemTime::now()).map_err(|error| CommandError::usage(format!("{name}: {error}")))?;
    let keys = args.log_keys.iter().map(|path| log_key(path)).collect::<Result<Vec<_>, _>>()?;
    let promised = keys.is_empty() || sct::check(&mut report, &certificates, &keys);
    let text = if args.json { to_json(&report)? } else { report.to_string() };
    let printed = print(&text)?;
    Ok(if promised { printed } else { ExitCode::from(FAILED) })
}

fn log_key(path: &Path) -> Result<LogKey, CommandError> {
    let unusable =
        |problem: String| CommandError::usage(format!("{}: {problem}", visible(&path.display().to_string())));
    let text = read_input(path).map_err(|error| unusable(error.to_string()))?;
    LogKey::from_pem(&text).map_err(|error| unusable(error.to_string()))
}

/// JSON of a report or an answer.
pub(in crate::cli) fn to_json(value: &impl serde::Serialize) -> Result<String, CommandError> {
    json_text(value).map_err(|error| CommandError::failed(format!("the JSON could not be written: {error}")))
}

/// Prints to standard output, and ends the line.
pub(in crate::cli) fn print(text: &str) -> Result<ExitCode, CommandError> {
    super::files::print(&format!("{text}\n"))
}

fn read_input(path: &Path) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
    let mut input = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut input)?;
    if input.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB: no certificate chain is"));
    }
    Ok(input)
}

/// The DER of each certificate in the input. Other PEM blocks, such as a key beside its certificate, are passed over.
pub(super) fn certificates_in(input: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    // A SEQUENCE with a long length (X.690 section 8.1.3.5): every certificate begins so, and no text does.
    if input.first() == Some(&0x30) && input.get(1).is_some_and(|length| *length > 0x80) {
        return Ok(vec![input.to_vec()]);
    }
    let found = pem::certificates(input).map_err(|error| format!("it is not valid PEM: {error}"))?;
    match (found.ders.is_empty(), found.others.first()) {
        (false, _) => Ok(found.ders),
        (true, Some(other)) => Err(format!("it holds no certificate, but a block {:?}", visible(other))),
        (true, None) => Err("it holds no certificate".to_owned()),
    }
}
