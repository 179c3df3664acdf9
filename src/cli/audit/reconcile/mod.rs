//! `sigmint audit reconcile`: looks for certificates of ours in a transparency log that the audit log does not know.
//!
//! Owns the command line, the exit codes and the files that are read and written. The comparison is [`crate::reconcile`]'s.

mod words;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use crate::cli::error::CommandError;
use crate::cli::files::{shown, tell};
use crate::cli::inspect::{print, to_json};
use crate::ct::LogKey;
use crate::ct::read::{LogApi, LogReader, ReadError, ReaderSettings};
use crate::failure::with_sources;
use crate::files::atomic::write_atomically;
use crate::files::{self, MAX_FILE_BYTES};
use crate::http::trust;
use crate::reconcile::metrics::{Outcome, exposition};
use crate::reconcile::{self, Authorities, Options, ReconcileError, Severity, StateError, StateFile};

/// Exit code of a certificate of ours that nobody recorded, and of a log that contradicts itself.
const ALARM: u8 = 3;
/// Exit code of other findings.
const NOTICE: u8 = 4;
/// The metrics are for everybody: node_exporter runs as somebody else.
const METRICS_MODE: u32 = 0o644;

/// Look for certificates of ours in a transparency log that the audit log does not know: somebody else has the CA's key.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Reads the whole log, checks that the entries are those that the log signed,
and compares every certificate that our CA signed with the audit records.
With --state a later run goes on where this one stopped. Whether the audit
files are complete and nobody edited them, `sigmint audit verify` says.

Examples:
  Once:
    sigmint audit reconcile --ct-log https://ctlog.example.com/2026 \\
      --ct-log-public-key-path ctlog.pub --chain chain.pem /var/log/sigmint/

  Every hour, by cron:
    sigmint audit reconcile --ct-log https://ctlog.example.com/2026 \\
      --ct-log-public-key-path ctlog.pub --chain chain.pem \\
      --state /var/lib/sigmint/reconcile.json \\
      --metrics /var/lib/node_exporter/sigmint.prom /var/log/sigmint/

Exit code:
  0  every certificate is recorded, and every recorded one is in the log
  1  it could not be compared: the log, the records or the state
  2  the command makes no sense
  3  ALARM: a certificate of ours that is not recorded, or a log that
     contradicts itself
  4  other findings: a process that died between intent and outcome, a log
     that does not show what it promised or whose tree head is too old")]
pub(crate) struct ReconcileArgs {
    /// The log: what /ct/v1 or, of a static log, /checkpoint comes behind
    #[arg(long, value_name = "URL")]
    ct_log: String,
    /// How the log is read
    #[arg(long, value_name = "API", value_enum, default_value = "auto")]
    ct_log_api: Api,
    /// The log's public key, PEM. Without it no signature of the log is checked
    #[arg(long, value_name = "FILE")]
    ct_log_public_key_path: Option<PathBuf>,
    /// Certificates to trust for https besides the system's, PEM
    #[arg(long, value_name = "FILE")]
    ct_log_tls_ca_cert: Option<PathBuf>,
    /// Our CA certificates, PEM: the chain of each CA that issues or issued; can be repeated
    #[arg(long, value_name = "FILE", required = true)]
    chain: Vec<PathBuf>,
    /// CA certificates below ours that issue for others, PEM: theirs are none of our records' business; can be repeated
    #[arg(long, value_name = "FILE")]
    other_ca: Vec<PathBuf>,
    /// Remember in this file how far the log was read and what is open
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Write metrics for node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// The log's maximum merge delay: how long it may take to show what it promised
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = humantime::parse_duration)]
    mmd: Duration,
    /// How long records may take to arrive here, when others ship them
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    record_delay: Duration,
    /// Compare nothing from before: since when the audit log is on (2026-11-28T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    since: Option<SystemTime>,
    /// A file of findings that are accounted for: the SHA-256 of a TBSCertificate, as findings have it, at the beginning of a line
    #[arg(long, value_name = "FILE")]
    acknowledged: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Audit files of all replicas, or folders of them; rotated ones too, compressed with gzip or not
    #[arg(value_name = "AUDIT", required = true)]
    records: Vec<PathBuf>,
}

/// How the log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Api {
    /// Whichever the log answers to
    Auto,
    /// get-sth and get-entries (RFC 6962)
    Rfc6962,
    /// Checkpoint and tiles (c2sp.org/static-ct-api)
    StaticCt,
}

/// Runs `sigmint audit reconcile`.
pub(crate) async fn run(args: ReconcileArgs) -> Result<ExitCode, CommandError> {
    let settings = args.reader_settings()?;
    let options = args.options()?;
    let log = shown(Path::new(&args.ct_log));
    let mut state = StateFile::open(args.state.clone()).map_err(|error| CommandError::failed(with_sources(&error)))?;
    let outcome = match LogReader::connect(settings).await {
        Ok(reader) => reconcile::run(&reader, &options, &mut state).await,
        Err(error @ (ReadError::Url(_) | ReadError::Certificates(_))) => {
            return Err(CommandError::usage(format!("--ct-log: {error}")));
        }
        Err(source) => Err(ReconcileError::Log { log, source }),
    };
    let metrics = args.metrics.as_deref().map_or(Ok(()), |path| {
        let outcome = outcome.as_ref().map_or_else(Outcome::Failed, |(report, _)| Outcome::Report(report));
        let text = exposition(&outcome, reconcile::milliseconds((options.clock)()), state.completed());
        write_atomically(path, text.as_bytes(), METRICS_MODE)
            .map_err(|error| CommandError::failed(format!("cannot write {}: {error}", shown(path))))
    });
    match outcome {
        Ok((report, saved)) => {
            let saved = saved.map_err(|error| CommandError::failed(with_sources(&error)));
            let severity = report.severity();
            print(&if args.json { to_json(&words::json(&report))? } else { words::text(&report) })?;
            conclude(severity, metrics.and(saved))
        }
        Err(error) if error.is_contradiction() => {
            tell(&format!("sigmint: ALARM: {}\nWhat to do: {}", with_sources(&error), words::ON_CONTRADICTION));
            conclude(Some(Severity::Alarm), metrics)
        }
        Err(ReconcileError::State(error @ StateError::Other { .. })) => Err(CommandError::usage(with_sources(&error))),
        Err(error) => Err(CommandError::failed(with_sources(&error))),
    }
}

/// What could not be written decides only where nothing was found: it must not hide an alarm.
fn conclude(severity: Option<Severity>, written: Result<(), CommandError>) -> Result<ExitCode, CommandError> {
    let code = match severity {
        None => return written.map(|()| ExitCode::SUCCESS),
        Some(Severity::Notice) => NOTICE,
        Some(Severity::Alarm) => ALARM,
    };
    if let Err(error) = written {
        tell(&format!("sigmint: {error}"));
    }
    Ok(ExitCode::from(code))
}

impl ReconcileArgs {
    fn reader_settings(&self) -> Result<ReaderSettings, CommandError> {
        let public_key = self.ct_log_public_key_path.as_deref().map(|path| {
            LogKey::from_pem(&read(path)?).map_err(|error| CommandError::usage(format!("{}: {error}", shown(path))))
        });
        let tls_ca = self.ct_log_tls_ca_cert.as_deref().map(|path| {
            trust::read_pem(path).map_err(|problem| CommandError::usage(format!("{}: {problem}", shown(path))))
        });
        Ok(ReaderSettings {
            url: self.ct_log.clone(),
            api: match self.ct_log_api {
                Api::Auto => None,
                Api::Rfc6962 => Some(LogApi::Rfc6962),
                Api::StaticCt => Some(LogApi::StaticCt),
            },
            public_key: public_key.transpose()?,
            tls_ca: tls_ca.transpose()?,
            clock: SystemTime::now,
        })
    }

    fn options(&self) -> Result<Options, CommandError> {
        let others = authorities(&self.other_ca)?;
        Ok(Options {
            authorities: authorities(&self.chain)?,
            other_authorities: others.certificate_hashes().map(hex::encode).collect(),
            records: self.records.clone(),
            merge_delay: self.mmd,
            record_delay: self.record_delay,
            since: self.since,
            acknowledged: self.acknowledged.as_deref().map(acknowledged).transpose()?.unwrap_or_default(),
            clock: SystemTime::now,
        })
    }
}

fn authorities(files: &[PathBuf]) -> Result<Authorities, CommandError> {
    let mut authorities = Authorities::default();
    for path in files {
        let more = Authorities::from_pem(&read(path)?);
        authorities.extend(more.map_err(|error| CommandError::usage(format!("{}: {error}", shown(path))))?);
    }
    Ok(authorities)
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let content = files::read(path, MAX_FILE_BYTES).map_err(|error| CommandError::usage(with_sources(&error)))?;
    Ok(content.to_vec())
}

/// The first word of each line; `#` begins a comment.
fn acknowledged(path: &Path) -> Result<HashSet<String>, CommandError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let mut hashes = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let Some(word) = line.split_whitespace().next() else { continue };
        let hash = word.to_ascii_lowercase();
        if hex::decode(&hash).map_or(true, |hash| hash.len() != 32) {
            let place = format!("{}:{}", shown(path), index + 1);
            return Err(CommandError::usage(format!("{place}: {word:?} is not a SHA-256 hash in hexadecimal"))
                .hint("copy the TBS SHA-256 of the finding"));
        }
        hashes.insert(hash);
    }
    Ok(hashes)
}
