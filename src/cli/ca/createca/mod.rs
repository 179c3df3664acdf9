//! `sigmint createca`: Fulcio's way to make a root in a PKCS#11 token.
//!
//! Owns its flags. A token that has no key of the usual label gets one, where Fulcio gives up.

use crate::crypto::KeyKind;
use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::init::checked;
use super::keys::BOUNDS;
use crate::authority::ca_profile::{self, CaDescription, CaKey};
use crate::cli::error::CommandError;
use crate::cli::files::{self, Readers, shown, tell};
use crate::failure::with_sources;
use crate::signer::pkcs11::{self, Pkcs11Key, Pkcs11Options};
use crate::signer::remote::{RemoteKey as _, RemoteSigner};

/// The label of key and certificate, as at Fulcio.
const LABEL: &str = "PKCS11CA";
/// Ten years, leap days included.
const LIFETIME: Duration = Duration::from_hours(3652 * 24);

/// Make a root in a PKCS#11 token (Fulcio's command; `ca init` makes a root and an intermediate)
#[derive(clap::Args, Debug)]
pub(crate) struct CreateCaArgs {
    /// The root's organization
    #[arg(long, value_name = "NAME", default_value = "Fulcio Root CA")]
    org: String,
    /// The root's country
    #[arg(long, value_name = "NAME", default_value = "")]
    country: String,
    /// The root's province
    #[arg(long, value_name = "NAME", default_value = "")]
    province: String,
    /// The root's locality
    #[arg(long, value_name = "NAME", default_value = "")]
    locality: String,
    /// The root's street address
    #[arg(long, value_name = "NAME", default_value = "")]
    street_address: String,
    /// The root's postal code
    #[arg(long, value_name = "NAME", default_value = "")]
    postal_code: String,
    /// Where to write the root's certificate, PEM; standard output has it as well
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<PathBuf>,
    /// The kind of token: softhsm, which stands for all that store certificates, or aws (CloudHSM), which does not
    #[arg(long, value_name = "KIND", default_value = "softhsm")]
    hsm: Hsm,
    /// The JSON file with Path, TokenLabel and Pin
    #[arg(long, value_name = "FILE", default_value = "config/crypto11.conf")]
    pkcs11_config_path: PathBuf,
    /// The identifier that the certificate gets in the token
    #[arg(long, value_name = "ID")]
    hsm_caroot_id: String,
    /// Not read, as Fulcio does not read them
    #[arg(hide = true)]
    words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hsm {
    Softhsm,
    /// AWS CloudHSM, which does not.
    Aws,
}

impl FromStr for Hsm {
    type Err = Infallible;

    /// As Fulcio: what is not `aws` stores certificates.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text.trim().eq_ignore_ascii_case("aws") { Self::Aws } else { Self::Softhsm })
    }
}

/// Makes the root and puts it where it is asked for.
pub(crate) async fn run(args: CreateCaArgs) -> Result<ExitCode, CommandError> {
    if let Some(path) = &args.out {
        files::must_not_exist(path)?;
    }
    let options = Pkcs11Options::from_config_file(&args.pkcs11_config_path, LABEL)
        .map_err(|error| CommandError::usage(with_sources(&error)))?;
    let id = args.hsm_caroot_id.as_bytes();
    if args.hsm == Hsm::Softhsm && pkcs11::certificate(&options, id).await?.is_some() {
        return Err(CommandError::usage("a certificate with this id is in the token already")
            .hint("choose another --hsm-caroot-id; nothing in the token is overwritten"));
    }
    let key = key(&options, id).await?;
    let now = SystemTime::now();
    let subject = ca_profile::subject(&subject(&args))?;
    let description = CaDescription { subject, not_before: now, lifetime: LIFETIME };
    let root = ca_profile::root(&description, &key).await?;
    let chain = checked(std::slice::from_ref(&root), now)?;
    if args.hsm == Hsm::Softhsm {
        pkcs11::store_certificate(&options, &root, LABEL, id).await?;
        tell(&format!("The root is in the token with the id {}.", args.hsm_caroot_id));
    }
    let text = chain.certificates().first().map(crate::certificate::chain::ChainCertificate::pem).unwrap_or_default();
    if let Some(path) = &args.out {
        files::create(path, text.as_bytes(), Readers::All)?;
        tell(&format!("Wrote {}.", shown(path)));
    }
    // The file first: standard output may be full.
    files::print(text)
}

/// The key of the usual label; a new one if there is none, whose id the certificate then shares.
async fn key(options: &Pkcs11Options, id: &[u8]) -> Result<CaKey, CommandError> {
    if !pkcs11::has_key(options).await? {
        pkcs11::generate_key_pair(options, KeyKind::P384, LABEL, id).await?;
        tell(&format!("A new P-384 key pair is in the token with the label {LABEL}."));
    }
    let key = Arc::new(Pkcs11Key::open(options).await?);
    let spki_der = key.public_key().spki_der().to_vec();
    Ok(CaKey { spki_der, signer: Arc::new(RemoteSigner::new(key, BOUNDS)) })
}

/// The name in Fulcio's order.
fn subject(args: &CreateCaArgs) -> String {
    let parts = [
        ("C", &args.country),
        ("O", &args.org),
        ("L", &args.locality),
        ("ST", &args.province),
        ("STREET", &args.street_address),
        ("postalCode", &args.postal_code),
    ];
    let parts = parts.iter().filter(|(_, text)| !text.is_empty());
    parts.map(|(name, text)| format!("{name}={}", escaped(text))).collect::<Vec<_>>().join(",")
}

/// RFC 4514, section 2.4.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        if "\\,+\"<>;=#".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
        escaped
    })
}

#[cfg(test)]
mod tests;
