//! `sigmint ca csr`: a request for an intermediate's certificate, for a root that is offline.

use std::path::PathBuf;
use std::process::ExitCode;

use super::keys::{KeyPlace, PasswordArgs, find_or_make};
use crate::authority::ca_profile;
use crate::cli::error::CommandError;
use crate::cli::files::{self, Readers, shown, tell};
use crate::crypto::KeyKind;
use crate::text;

/// Make a signing request for an intermediate whose root is offline
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  Where the intermediate's key is:
    sigmint ca csr --key awskms:///alias/sigmint --subject \"O=Example,CN=Example code signing\" --out ca.csr
  Where the root's key is:
    sigmint ca sign --request ca.csr --existing-root root.pem --root-key root.key --out chain.pem")]
pub(super) struct RequestArgs {
    /// The intermediate's key: a file, or awskms:, gcpkms:, azurekms:, hashivault:, pkcs11:
    #[arg(long, value_name = "KEY")]
    key: String,
    /// The intermediate's name
    #[arg(long, value_name = "NAME", default_value = "O=sigmint,CN=sigmint intermediate")]
    subject: String,
    /// Where to write the request, PEM
    #[arg(long, value_name = "FILE", default_value = "ca.csr")]
    out: PathBuf,
    /// The algorithm of a new key
    #[arg(long, value_enum, default_value_t = KeyKind::P384)]
    algorithm: KeyKind,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(super) async fn run(args: RequestArgs) -> Result<ExitCode, CommandError> {
    files::must_not_exist(&args.out)?;
    let subject = ca_profile::subject(&args.subject)?;
    let found = find_or_make(KeyPlace::parse(&args.key)?, args.algorithm, &args.password.read()?).await?;
    let request = ca_profile::request(&subject, &found.key).await?;
    let request = text::pem("CERTIFICATE REQUEST", &request);
    let key = found.file.iter().map(|(path, text)| (path.as_path(), text.as_bytes(), Readers::Owner));
    files::create_all(key.chain([(args.out.as_path(), request.as_bytes(), Readers::All)]))?;
    tell(&format!("Wrote {}.\n  key: {}", shown(&args.out), found.place));
    Ok(ExitCode::SUCCESS)
}
