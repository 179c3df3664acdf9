//! `sigmint trust tuf`: a TUF repository in a folder, for any web server to serve.
//!
//! Owns the subcommands' options. What is written, [`crate::trust::tuf`] makes.

mod keys;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};

use crate::cli::error::CommandError;
use crate::cli::files::{print, shown};
use crate::failure::with_sources;
use crate::trust::tuf::{
    Lifetimes, NewRoles, Repository, RepositoryError, Role, TufError, Write, initialize, publish, refresh, rotate_root,
};
use keys::{PasswordArgs, open_all};

/// What ends this soon is told.
const SOON: Duration = Duration::from_hours(30 * 24);

/// Hand the documents to clients by TUF: a repository in a folder
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  A new repository. The root's key is then taken offline; the online key renews what ends soonest:
    sigmint trust tuf init --repository tuf --root-key root.key --targets-key targets.key --online-key awskms:///alias/tuf
  What `sigmint trust files` wrote becomes what clients get:
    sigmint trust tuf publish --repository tuf --from clients --targets-key targets.key --online-key awskms:///alias/tuf
  Each day, before the timestamp ends:
    sigmint trust tuf refresh --repository tuf --online-key awskms:///alias/tuf
  Another root key; a root that ends is renewed without --new-root-key:
    sigmint trust tuf rotate-root --repository tuf --root-key root.key --new-root-key root-2027.key

Keys are those of a CA: a file, or awskms:, gcpkms:, azurekms:, hashivault:, pkcs11:, with ECDSA on P-256 or Ed25519.
The folder has public files only: serve it by any web server, or copy it into a bucket, timestamp.json last.")]
pub(in crate::cli) struct TufArgs {
    #[command(subcommand)]
    command: TufCommand,
}

#[derive(Subcommand, Debug)]
enum TufCommand {
    /// Make a new repository, which has nothing for clients yet
    Init(InitArgs),
    /// Publish the trusted root and the signing configuration of a folder
    Publish(PublishArgs),
    /// Renew what ends soonest: snapshot and timestamp; the targets too, with --targets-key
    Refresh(RefreshArgs),
    /// Make the next root: with other keys, or with a later end
    RotateRoot(RotateArgs),
}

#[derive(Args, Debug)]
struct InitArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// A key of the root; can be repeated
    #[arg(long, value_name = "KEY", required = true)]
    root_key: Vec<String>,
    /// How many of the root's keys have to sign
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    root_threshold: usize,
    /// A key that signs what clients get; can be repeated
    #[arg(long, value_name = "KEY", required = true)]
    targets_key: Vec<String>,
    /// How many of these have to sign
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    targets_threshold: usize,
    /// A key that signs snapshot and timestamp; can be repeated: one of them is enough
    #[arg(long, value_name = "KEY", required = true)]
    online_key: Vec<String>,
}

#[derive(Args, Debug)]
struct PublishArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// The folder with trusted_root.json and signing_config.json, as `sigmint trust files` writes it
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// A key that signs what clients get; as many as have to
    #[arg(long, value_name = "KEY", required = true)]
    targets_key: Vec<String>,
    /// A key that signs snapshot and timestamp
    #[arg(long, value_name = "KEY", required = true)]
    online_key: Vec<String>,
}

#[derive(Args, Debug)]
struct RefreshArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// A key that signs snapshot and timestamp
    #[arg(long, value_name = "KEY", required = true)]
    online_key: Vec<String>,
    /// A key that signs what clients get: renews the targets, too
    #[arg(long, value_name = "KEY")]
    targets_key: Vec<String>,
}

#[derive(Args, Debug)]
struct RotateArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// A present key of the root; as many as have to sign
    #[arg(long, value_name = "KEY", required = true)]
    root_key: Vec<String>,
    /// A key of the next root, in place of all present ones; can be repeated
    #[arg(long, value_name = "KEY")]
    new_root_key: Vec<String>,
    /// How many of the next root's keys have to sign; without it, as many as now
    #[arg(long, value_name = "NUMBER")]
    new_root_threshold: Option<usize>,
    /// A key that signs what clients get from now on, in place of all present ones; can be repeated
    #[arg(long, value_name = "KEY")]
    new_targets_key: Vec<String>,
    /// How many of these have to sign; without it, as many as now
    #[arg(long, value_name = "NUMBER", requires = "new_targets_key")]
    new_targets_threshold: Option<usize>,
    /// A key that signs snapshot and timestamp from now on, in place of all present ones; can be repeated
    #[arg(long, value_name = "KEY")]
    new_online_key: Vec<String>,
    /// A present key that signs snapshot and timestamp: needed with --new-targets-key, unless there is a new one
    #[arg(long, value_name = "KEY")]
    online_key: Vec<String>,
}

#[derive(Args, Debug)]
struct CommonArgs {
    /// The repository's folder
    #[arg(long, value_name = "FOLDER")]
    repository: PathBuf,
    /// How long a new root is valid
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = humantime::parse_duration)]
    root_lifetime: Duration,
    /// How long new targets are valid
    #[arg(long, value_name = "DURATION", default_value = "120d", value_parser = humantime::parse_duration)]
    targets_lifetime: Duration,
    /// How long a new snapshot and timestamp are valid
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration)]
    online_lifetime: Duration,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(super) async fn run(args: TufArgs) -> Result<ExitCode, CommandError> {
    let now = SystemTime::now();
    match args.command {
        TufCommand::Init(args) => init(args, now).await,
        TufCommand::Publish(args) => {
            let signers = open_all(&[args.targets_key, args.online_key].concat(), &args.common.password).await?;
            let targets = targets::read(&args.from)?;
            let repository = args.common.open()?;
            let writes = publish(&repository, &targets, &signers, args.common.lifetimes(), now).await;
            args.common.finish(&repository, &writes.map_err(refused)?, now)
        }
        TufCommand::Refresh(args) => {
            let signers = open_all(&[args.online_key, args.targets_key].concat(), &args.common.password).await?;
            let repository = args.common.open()?;
            let writes = refresh(&repository, &signers, args.common.lifetimes(), now).await;
            args.common.finish(&repository, &writes.map_err(refused)?, now)
        }
        TufCommand::RotateRoot(args) => {
            let password = &args.common.password;
            let signers = open_all(&[args.root_key, args.online_key].concat(), password).await?;
            let new = NewRoles {
                root: open_all(&args.new_root_key, password).await?,
                root_threshold: args.new_root_threshold,
                targets: open_all(&args.new_targets_key, password).await?,
                targets_threshold: args.new_targets_threshold,
                online: open_all(&args.new_online_key, password).await?,
            };
            let repository = args.common.open()?;
            let writes = rotate_root(&repository, &new, &signers, args.common.lifetimes(), now).await;
            args.common.finish(&repository, &writes.map_err(refused)?, now)
        }
    }
}

async fn init(args: InitArgs, now: SystemTime) -> Result<ExitCode, CommandError> {
    let (common, password) = (&args.common, &args.common.password);
    let new = NewRoles {
        root: open_all(&args.root_key, password).await?,
        root_threshold: Some(args.root_threshold),
        targets: open_all(&args.targets_key, password).await?,
        targets_threshold: Some(args.targets_threshold),
        online: open_all(&args.online_key, password).await?,
    };
    let writes = initialize(&new, common.lifetimes(), now).await.map_err(refused)?;
    if common.dry_run {
        return print(&common.listed(&writes));
    }
    Repository::create(&common.repository, &writes).map_err(|error| unusable(&error))?;
    print(&format!("{}Clients begin with {}.\n", common.listed(&writes), shown(&common.repository.join("root.json"))))
}

impl CommonArgs {
    const fn lifetimes(&self) -> Lifetimes {
        Lifetimes { root: self.root_lifetime, targets: self.targets_lifetime, online: self.online_lifetime }
    }

    fn open(&self) -> Result<Repository, CommandError> {
        Repository::open(&self.repository).map_err(|error| unusable(&error))
    }

    /// Writes, and says what, and what ends soon.
    fn finish(&self, repository: &Repository, writes: &[Write], now: SystemTime) -> Result<ExitCode, CommandError> {
        let mut text = self.listed(writes);
        if !self.dry_run {
            repository.write(writes).map_err(|error| unusable(&error))?;
            for (role, end) in repository.ends().map_err(|error| unusable(&error))? {
                if matches!(role, Role::Root | Role::Targets) && end <= now + SOON {
                    let command = if role == Role::Root { "rotate-root" } else { "refresh --targets-key" };
                    let end = humantime::format_rfc3339_seconds(end);
                    text.extend([format!("The {} metadata end on {end}: renew them with {command}.\n", role.name())]);
                }
            }
        }
        print(&text)
    }

    fn listed(&self, writes: &[Write]) -> String {
        let word = if self.dry_run { "would write" } else { "wrote" };
        let line = |write: &Write| format!("{word} {}\n", shown(&self.repository.join(&write.path)));
        writes.iter().map(line).collect::<Vec<_>>().concat()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn refused(error: TufError) -> CommandError {
    let message = with_sources(&error);
    match error {
        TufError::TooFewKeys { role: Role::Root, .. } => {
            CommandError::usage(message).hint("give the present and the next root's keys: --root-key, --new-root-key")
        }
        TufError::TooFewKeys { role: Role::Targets, .. } => {
            CommandError::usage(message).hint("give as many of the role's keys as have to sign: --targets-key")
        }
        TufError::TooFewKeys { .. } => CommandError::usage(message).hint("give one of the role's keys: --online-key"),
        TufError::Expired { role: Role::Root, .. } => {
            CommandError::usage(message).hint("renew the root first: sigmint trust tuf rotate-root")
        }
        TufError::Expired { .. } => CommandError::usage(message).hint("renew them as well: --targets-key"),
        TufError::Signer { .. } | TufError::WrongSignature { .. } => CommandError::failed(message),
        _ => CommandError::usage(message),
    }
}

fn unusable(error: &RepositoryError) -> CommandError {
    let hint = match error {
        RepositoryError::NotEmpty(_) => Some("choose another folder with --repository"),
        RepositoryError::None(_) => Some("make one with `sigmint trust tuf init`"),
        RepositoryError::InUse(_) => Some("wait until it is done"),
        RepositoryError::Metadata { .. } | RepositoryError::Read(_) => Some("put back a copy of the repository"),
        RepositoryError::Write { .. } => None,
    };
    let told = CommandError::usage(with_sources(error));
    match hint {
        Some(hint) => told.hint(hint),
        None => told,
    }
}
