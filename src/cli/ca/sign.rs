//! `sigmint ca sign`: an intermediate's certificate for a request, where the root's key is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use der::Decode as _;
use x509_cert::name::Name;
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

use super::init::checked;
use super::keys::{KeyPlace, PasswordArgs, find};
use crate::authority::ca_profile::{self, CaDescription, CaIssuer};
use crate::authority::chain_file::read_trusted_chain;
use crate::cli::error::CommandError;
use crate::cli::files::{self, Readers, shown, tell};
use crate::crypto::pem;
use crate::crypto::signature_check::SignatureCheck;
use crate::failure::with_sources;
use crate::files::{self as operator_files, MAX_FILE_BYTES};

/// Sign an intermediate's request (`ca csr`) with the root's key
#[derive(clap::Args, Debug)]
pub(super) struct SignArgs {
    /// The request, PEM
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The root's certificate, PEM
    #[arg(long, value_name = "FILE")]
    existing_root: PathBuf,
    /// The root's key: a file, or awskms:, gcpkms:, azurekms:, hashivault:, pkcs11:
    #[arg(long, value_name = "KEY")]
    root_key: String,
    /// The intermediate's name [default: the request's]
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// How long the intermediate is valid
    #[arg(long, value_name = "DURATION", default_value = "1826d", value_parser = humantime::parse_duration)]
    lifetime: Duration,
    /// Where to write the chain, PEM
    #[arg(long, value_name = "FILE", default_value = "chain.pem")]
    out: PathBuf,
    #[command(flatten)]
    password: PasswordArgs,
}

/// What a request says that is heeded: everything else is ours to say.
struct Request {
    subject: Name,
    spki_der: Vec<u8>,
}

pub(super) async fn run(args: SignArgs) -> Result<ExitCode, CommandError> {
    files::must_not_exist(&args.out)?;
    let now = SystemTime::now();
    let request = read(&args.request)?;
    let root =
        read_trusted_chain(&args.existing_root, now).map_err(|error| CommandError::usage(with_sources(&error)))?;
    let key = find(KeyPlace::parse(&args.root_key)?, &args.password.read()?).await?;
    let subject = match &args.subject {
        Some(text) => ca_profile::subject(text)?,
        None => request.subject,
    };
    let above = root.to_ders();
    let Some(certificate) = above.first() else { return Err(CommandError::usage("no root certificate")) };
    let description = CaDescription { subject, not_before: now, lifetime: args.lifetime };
    let issuer = CaIssuer { certificate, key: &key.key };
    let intermediate = ca_profile::intermediate(&description, &request.spki_der, issuer).await?;
    let chain = checked(&[vec![intermediate], above].concat(), now)?;
    let text = chain.to_pem();
    files::create(&args.out, text.as_bytes(), Readers::All)?;
    tell(&format!("Wrote {}: {}.", shown(&args.out), chain.subject()));
    Ok(ExitCode::SUCCESS)
}

/// Reads a request, whose signature shows that somebody has the key.
fn read(path: &Path) -> Result<Request, CommandError> {
    let refused = |problem: &str| CommandError::usage(format!("{}: {problem}", shown(path)));
    let text = operator_files::read(path, MAX_FILE_BYTES).map_err(|error| CommandError::usage(with_sources(&error)))?;
    let blocks = pem::parse(&text);
    let block = blocks.iter().find(|block| block.label.ends_with("CERTIFICATE REQUEST"));
    let block = block.ok_or_else(|| refused("it holds no PEM block CERTIFICATE REQUEST"))?;
    let der = block.data().map_err(|error| refused(&error.to_string()))?;
    let (rest, parsed) = X509CertificationRequest::from_der(der).map_err(|_| refused("no request"))?;
    if !rest.is_empty() {
        return Err(refused("bytes follow the request"));
    }
    let info = &parsed.certification_request_info;
    let check = SignatureCheck::from_spki_der(info.subject_pki.raw).map_err(|error| refused(&error.to_string()))?;
    check
        .verify(info.raw, &parsed.signature_value.data)
        .map_err(|_| refused("the request is not signed with its own key"))?;
    let subject = Name::from_der(info.subject.as_raw()).map_err(|_| refused("its name is malformed"))?;
    Ok(Request { subject, spki_der: info.subject_pki.raw.to_vec() })
}
