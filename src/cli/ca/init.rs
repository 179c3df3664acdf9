//! `sigmint ca init`: a root and an intermediate, or an intermediate below a root that is there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use super::keys::{FoundKey, KeyPlace, Password, PasswordArgs, find, find_or_make};
use crate::authority::ca_profile::{self, CaDescription, CaIssuer};
use crate::authority::chain_file::read_trusted_chain;
use crate::certificate::chain::{ChainCertificate, IssuingChain};
use crate::cli::error::CommandError;
use crate::cli::files::{self, Readers, shown, tell};
use crate::crypto::KeyKind;
use crate::failure::with_sources;

/// Make a root and an intermediate: keys, certificates, and the chain that `serve` needs
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  Keys in files, encrypted:
    export SIGMINT_CA_PASSWORD=...
    sigmint ca init --out ca --root-subject \"O=Example,CN=Example root\" --subject \"O=Example,CN=Example code signing\"
  The root's key in a file that is then taken offline, the intermediate's in AWS KMS:
    sigmint ca init --out ca --key awskms:///alias/sigmint
  Both in a PKCS#11 token, where the keys are made:
    sigmint ca init --out ca --root-key \"pkcs11:token=ca;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin\" \\
      --key \"pkcs11:token=ca;object=PKCS11CA?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin\"
  A new intermediate below the same root:
    sigmint ca init --out ca-2027 --existing-root ca/root.pem --root-key ca/root.key

A key that is there is used; files and tokens get a new one otherwise, services do not
(docs/signers.md has the command for each). Nothing is ever overwritten.")]
pub(super) struct InitArgs {
    /// The folder for chain.pem, root.pem and key files
    #[arg(long, value_name = "FOLDER", default_value = "ca")]
    out: PathBuf,
    /// The intermediate's key: a file, or awskms:, gcpkms:, azurekms:, hashivault:, pkcs11: [default: FOLDER/intermediate.key]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The root's key, in the same forms [default: FOLDER/root.key]
    #[arg(long, value_name = "KEY")]
    root_key: Option<String>,
    /// The certificate of a root that is there, PEM; --root-key is its key
    #[arg(long, value_name = "FILE", requires = "root_key")]
    existing_root: Option<PathBuf>,
    /// The intermediate's name
    #[arg(long, value_name = "NAME", default_value = "O=sigmint,CN=sigmint intermediate")]
    subject: String,
    /// The root's name
    #[arg(long, value_name = "NAME", default_value = "O=sigmint,CN=sigmint root")]
    root_subject: String,
    /// How long the intermediate is valid
    #[arg(long, value_name = "DURATION", default_value = "1826d", value_parser = humantime::parse_duration)]
    lifetime: Duration,
    /// How long the root is valid
    #[arg(long, value_name = "DURATION", default_value = "3652d", value_parser = humantime::parse_duration)]
    root_lifetime: Duration,
    /// The algorithm of new keys
    #[arg(long, value_enum, default_value_t = KeyKind::P384)]
    algorithm: KeyKind,
    #[command(flatten)]
    password: PasswordArgs,
}

/// What stands above the intermediate.
struct Above {
    key: FoundKey,
    /// The root last; the first one issues the intermediate.
    certificates: Vec<Vec<u8>>,
}

pub(super) async fn run(args: InitArgs) -> Result<ExitCode, CommandError> {
    let (chain_path, root_path) = (args.out.join("chain.pem"), args.out.join("root.pem"));
    files::must_not_exist(&chain_path)?;
    files::must_not_exist(&root_path)?;
    let now = SystemTime::now();
    let password = args.password.read()?;
    let above = above(&args, &password, now).await?;
    let place = place(args.key.as_deref(), &args.out, "intermediate.key")?;
    let key = find_or_make(place, args.algorithm, &password).await?;
    let Some(issuing) = above.certificates.first() else { return Err(CommandError::usage("no root certificate")) };
    let issuer = CaIssuer { certificate: issuing, key: &above.key.key };
    let subject = ca_profile::complete_subject(&args.subject)?;
    let description = CaDescription { subject, not_before: now, lifetime: args.lifetime };
    let intermediate = ca_profile::intermediate(&description, &key.key.spki_der, issuer).await?;
    let chain = checked(&[vec![intermediate], above.certificates].concat(), now)?;
    write(&chain, &chain_path, &root_path, &[above.key, key])?;
    Ok(ExitCode::SUCCESS)
}

async fn above(args: &InitArgs, password: &Password, now: SystemTime) -> Result<Above, CommandError> {
    let place = place(args.root_key.as_deref(), &args.out, "root.key")?;
    if let Some(path) = &args.existing_root {
        let chain = read_trusted_chain(path, now).map_err(|error| CommandError::usage(with_sources(&error)))?;
        let certificates = chain.to_ders();
        return Ok(Above { key: find(place, password).await?, certificates });
    }
    let key = find_or_make(place, args.algorithm, password).await?;
    let subject = ca_profile::complete_subject(&args.root_subject)?;
    let description = CaDescription { subject, not_before: now, lifetime: args.root_lifetime };
    let certificate = ca_profile::root(&description, &key.key).await?;
    Ok(Above { key, certificates: vec![certificate] })
}

fn place(given: Option<&str>, folder: &Path, default: &str) -> Result<KeyPlace, CommandError> {
    given.map_or_else(|| Ok(KeyPlace::File(folder.join(default))), KeyPlace::parse)
}

/// What `serve` would refuse is not written.
pub(super) fn checked(certificates: &[Vec<u8>], now: SystemTime) -> Result<IssuingChain, CommandError> {
    IssuingChain::from_der(certificates, now)
        .map_err(|error| CommandError::failed(format!("the chain would be refused by `sigmint serve`: {error}")))
}

/// Keys first: a certificate without its key is of no use. All of the files are there in the end, or none.
fn write(chain: &IssuingChain, chain_path: &Path, root_path: &Path, keys: &[FoundKey]) -> Result<(), CommandError> {
    let (text, root) = (chain.to_pem(), chain.certificates().last().map(ChainCertificate::pem).unwrap_or_default());
    let new_keys = keys.iter().filter_map(|key| key.file.as_ref());
    let new_keys = new_keys.map(|(path, text)| (path.as_path(), text.as_bytes(), Readers::Owner));
    let certificates = [(chain_path, text.as_bytes(), Readers::All), (root_path, root.as_bytes(), Readers::All)];
    files::create_all(new_keys.chain(certificates))?;
    let places = |index: usize| keys.get(index).map(|key| key.place.as_str()).unwrap_or_default();
    tell(&format!(
        "Wrote {} and {}.\n  root key:         {}\n  intermediate key: {}\nTake the root's key offline; `serve` needs the intermediate's only.",
        shown(chain_path),
        shown(root_path),
        places(0),
        places(1),
    ));
    Ok(())
}
