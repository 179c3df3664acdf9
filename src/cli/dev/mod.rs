//! `sigmint dev`: everything at once, for trying out: an issuer of tokens, a throw-away CA, a transparency log, a timestamp authority, the
//! API, a first certificate, and what other clients need.
//!
//! Owns the order of the demonstration and its words. The server is the real one; the certificate comes over real HTTP.

mod authority;
mod ci;
mod clients;
mod deployment;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::builder::ArgPredicate;
use reqwest::Url;

use super::error::CommandError;
use super::files;
use super::request::{self, Obtained};
use crate::crypto::KeyKind;
use crate::dev::{self, DevIssuer, Folder, FolderError};
use crate::failure::with_sources;
use crate::identity::IdentityKind;
use crate::telemetry::{self, LogFormat};

use ci::Environment;
use clients::Signer;
use deployment::Bound;

/// Try it out: a certificate authority, an issuer of identity tokens, a transparency log, a timestamp authority, and a first certificate, all
/// on this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  Start everything, show a certificate, keep serving until Ctrl-C:
    sigmint dev

  Show a certificate for a GitHub Actions workflow, and stop:
    sigmint dev --once --identity github-workflow

  Let the system choose free ports, and put keys and the files for clients into a folder:
    sigmint dev --port 0 --issuer-port 0 --log-port 0 --tsa-port 0 --rekor-port 0 --dir sigstore

  Serve the later steps of a CI job (see deploy/ci):
    sigmint dev --ci --dir sigstore &

  Tokens for a certificate authority of your own:
    sigmint dev --issuer-only --dir issuer
    sigmint serve --ca ephemeralca --config-path issuer/issuers.yaml

FOR DEVELOPMENT ONLY. The issuer gives anybody on this machine a token for any
identity. The keys of CA, logs, timestamp authority and issuer and the logs'
entries are forgotten at the end, unless --dir names a folder: there they stay
for the next start, so that clients go on trusting what they trusted. All of
them listen on 127.0.0.1 and nowhere else.")]
pub(crate) struct DevArgs {
    /// The certificate authority's port, REST and gRPC; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 5555, default_value_if("ci", ArgPredicate::IsPresent, "0"))]
    port: u16,
    /// The development issuer's port; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 5556, default_value_if("ci", ArgPredicate::IsPresent, "0"))]
    issuer_port: u16,
    /// The transparency log's port; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 5557, default_value_if("ci", ArgPredicate::IsPresent, "0"))]
    log_port: u16,
    /// The timestamp authority's port; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 5558, default_value_if("ci", ArgPredicate::IsPresent, "0"))]
    tsa_port: u16,
    /// The port of the log of signatures (Rekor v2); 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 5559, default_value_if("ci", ArgPredicate::IsPresent, "0"))]
    rekor_port: u16,
    /// Show one certificate and stop
    #[arg(long, conflicts_with = "issuer_only")]
    once: bool,
    /// Start the issuer of tokens and nothing else
    #[arg(long)]
    issuer_only: bool,
    /// Be a service for the steps of a CI job: free ports unless they are given, and an env file with what the steps need, sigmint-dev.env in
    /// the folder, which is there when everything serves; also appended to the file that $GITHUB_ENV names
    #[arg(long, conflicts_with_all = ["once", "issuer_only"])]
    ci: bool,
    /// Whom the first certificate and the identity token are for
    #[arg(long, value_name = "TYPE", value_enum, default_value = "email")]
    identity: IdentityKind,
    /// Where keys and the files for clients go: a new or empty folder, or one of an earlier run, whose keys are used again; by default a
    /// new one among the temporary files, and no key is kept
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(crate) async fn run(args: DevArgs) -> Result<ExitCode, CommandError> {
    let _log = telemetry::start_log(LogFormat::Dev);
    start(args).await
}

async fn start(args: DevArgs) -> Result<ExitCode, CommandError> {
    say(&format!("{}\n", dev::WARNING))?;
    let folder = folder(&args)?;
    let kept = folder.as_ref().filter(|_| args.dir.is_some());
    if let Some(folder) = &folder {
        // Of an earlier run, whose ports are gone.
        folder.remove(ci::FILE).map_err(|error| folder_error(&error))?;
    }
    if args.issuer_only {
        return issuer_only(&args, folder.as_ref(), kept).await;
    }
    if let Some(folder) = kept {
        say(&about_keys(folder))?;
    }
    let bound = Bound::new(&args, kept, folder.as_ref()).await?;
    let (base, address, deployment) = (bound.issuer.base(), bound.server.local_addr(), bound.deployment.clone());
    let tuf = bound.tuf.clone();
    let servers = bound.start();
    let obtained = demonstrate(&base, &deployment.authority, args.identity).await?;
    if !args.ci {
        say(&format!("{}\n{}\n", obtained.chain, obtained.report))?;
    }
    if let Some(folder) = &folder {
        let token = long_lived_token(&base, args.identity).await?;
        let described = deployment.describe().map_err(|error| failed(&error))?;
        clients::write(folder, &described, &base, &token).map_err(|error| CommandError::failed(error.to_string()))?;
        let published = tuf.publish(folder, &described, SystemTime::now()).await;
        published.map_err(|error| CommandError::failed(with_sources(&error)))?;
        let signer = Signer::new(&deployment, &base, &obtained.report);
        if args.ci {
            let github = std::env::var_os(ci::GITHUB_ENV).filter(|path| !path.is_empty()).map(PathBuf::from);
            Environment::new(folder.path(), &deployment, &signer, &token)?.announce(folder, github.as_deref())?;
            say(&ci::words(folder.path()))?;
        } else if !args.once {
            say(&clients::instructions(folder.path(), &signer))?;
        }
    }
    if args.once {
        return Ok(ExitCode::SUCCESS);
    }
    if !args.ci {
        say(&what_next(&base, &deployment.authority, args.identity))?;
    }
    say(&format!(
        "Serving the certificate authority (REST and gRPC) at {address}, tokens at {base}, the log at {}, the signatures' log (Rekor) at {}, timestamps at {}. Ctrl-C ends them.",
        deployment.log.url, deployment.rekor.url, deployment.timestamp_authority.url
    ))?;
    servers.wait().await
}

/// Tokens for somebody else's server.
async fn issuer_only(args: &DevArgs, folder: Option<&Folder>, kept: Option<&Folder>) -> Result<ExitCode, CommandError> {
    let issuer = DevIssuer::bind(args.issuer_port, kept, None)
        .map_err(|error| start_error(&error, "--issuer-port", args.issuer_port))?;
    let base = issuer.base();
    let running = tokio::spawn(issuer.run());
    if let Some(folder) = folder {
        let token = long_lived_token(&base, args.identity).await?;
        clients::write_for_issuer(folder, &base, &token).map_err(|error| CommandError::failed(error.to_string()))?;
        say(&format!("Wrote issuers.yaml and identity-token to {}.", folder.path().display()))?;
    }
    say(&format!("Serving tokens at {base}. Ctrl-C ends it."))?;
    tokio::select! {
        outcome = running => deployment::ended(outcome),
        outcome = tokio::signal::ctrl_c() => {
            outcome.map(|()| ExitCode::SUCCESS).map_err(|error| CommandError::failed(error.to_string()))
        }
    }
}

/// A demonstration that stops at once leaves nothing behind, unless it is told where.
fn folder(args: &DevArgs) -> Result<Option<Folder>, CommandError> {
    let folder = match &args.dir {
        Some(path) => Folder::at(path).map(Some),
        None if args.once => Ok(None),
        None => Folder::temporary().map(Some),
    };
    folder.map_err(|error| folder_error(&error))
}

fn about_keys(folder: &Folder) -> String {
    let path = folder.path().display();
    if authority::is_kept(folder) {
        format!("The keys of an earlier run in {path} are used again: what clients trust stays the same.\n")
    } else {
        format!("New keys, which stay in {path} for the next start: remove the folder to forget them.\n")
    }
}

fn folder_error(error: &FolderError) -> CommandError {
    let hint = match error {
        FolderError::InUse(_) => "stop that one, or choose another folder with --dir",
        FolderError::Damaged { .. } => "put the file back, or remove the folder to begin again with other keys",
        _ => "choose another folder with --dir",
    };
    CommandError::usage(error.to_string()).hint(hint)
}

fn failed(error: &(dyn std::error::Error + 'static)) -> CommandError {
    CommandError::failed(with_sources(error))
}

/// One certificate, over real HTTP from end to end.
async fn demonstrate(issuer: &str, authority: &str, identity: IdentityKind) -> Result<Obtained, CommandError> {
    let token = request::from_dev_issuer(&url(issuer)?, identity, &[]).await?;
    request::obtain(&url(authority)?, &token, KeyKind::P256).await
}

/// A token in a file shall still be good after lunch.
async fn long_lived_token(issuer: &str, identity: IdentityKind) -> Result<secrecy::SecretString, CommandError> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let expiry = format!("exp={}", (now + clients::TOKEN_LIFETIME).as_secs());
    let expiry = expiry.parse().map_err(|error| CommandError::failed(format!("{expiry}: {error}")))?;
    request::from_dev_issuer(&url(issuer)?, identity, &[expiry]).await
}

fn url(text: &str) -> Result<Url, CommandError> {
    text.parse().map_err(|error| CommandError::failed(format!("{text}: {error}")))
}

/// A port that is taken is the one thing that often goes wrong: the flag that chooses another is named.
fn start_error(error: &(dyn std::error::Error + 'static), flag: &str, port: u16) -> CommandError {
    let causes = || std::iter::successors(Some(error), |error| error.source());
    if let Some(of_folder) = causes().find_map(|cause| cause.downcast_ref::<FolderError>()) {
        return folder_error(of_folder);
    }
    let kind = causes().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::AddrInUse) => CommandError::failed(format!("port {port} is taken"))
            .hint(format!("choose another one with {flag}; {flag} 0 takes any that is free")),
        Some(io::ErrorKind::PermissionDenied) => {
            CommandError::failed(format!("port {port} may not be used by this user"))
                .hint(format!("choose one above 1023 with {flag}"))
        }
        _ => failed(error),
    }
}

fn what_next(issuer: &str, authority: &str, identity: IdentityKind) -> String {
    let identity = identity.name();
    format!(
        "Without another client:\n\
        \n  # a certificate for somebody else, explained\n  \
          sigmint request --url {authority} --dev-issuer {issuer} --claim email=me@example.com | sigmint inspect -\n\
        \n  # a certificate and its key in files\n  \
          sigmint request --url {authority} --dev-issuer {issuer} --identity {identity} --out signing\n\
        \n  # a token, for another client\n  \
          curl -s '{issuer}/{identity}/jwt'\n\
        \n  # what to trust: the CA's chain, PEM\n  \
          curl -s {authority}/api/v1/rootCert\n"
    )
}

/// A reader that has gone away is told nothing more; a disk that is full is a failure, as with any command's output.
fn say(text: &str) -> Result<(), CommandError> {
    files::print(&format!("{text}\n")).map(|_| ())
}

#[cfg(test)]
mod tests;
