//! `sigmint request`: fetches a certificate with a token.
//!
//! Owns the command line, the files that are written and what is printed. Token, key and HTTP have their own files.

mod exchange;
mod token;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::error::CommandError;
use super::files::{Readers, create, make_parent, must_not_exist, shown, tell};
use super::inspect::{self, Report};
use crate::crypto::KeyKind;
use crate::http::is_loopback;
use crate::identity::IdentityKind;
use crate::signer::Signer as _;
use crate::signer::key_file::{NewKey, generate};
use crate::text;

use exchange::post;
pub(super) use token::from_dev_issuer;
use token::{challenge, read};

pub(crate) use token::{ClaimArgument, TokenArgument};

/// Fetch a certificate: makes a key, proves that it holds it, and sends it with an identity token.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  With a token from a file, keeping certificate and key:
    sigmint request --url https://fulcio.example.com --token @token.txt \\
      --out signing

  With the token in a variable, as in GitHub Actions or GitLab:
    SIGSTORE_ID_TOKEN=... sigmint request --url https://fulcio.example.com

  With `sigmint dev` running in another terminal, as anybody:
    sigmint request --url http://127.0.0.1:5555 \\
      --dev-issuer http://127.0.0.1:5556 --claim email=me@example.com

The chain is printed in PEM, the new certificate first; pipe it into
`sigmint inspect -` to have it explained.

Exit code: 0 with a certificate, 1 when the server refused or could not be
reached, 2 when the command makes no sense.")]
pub(crate) struct RequestArgs {
    /// The certificate authority
    #[arg(long, value_name = "URL", env = "SIGMINT_URL", default_value = "http://127.0.0.1:8080")]
    url: Url,
    /// The identity token: its text, @FILE, or - for standard input; by default $SIGMINT_TOKEN or $SIGSTORE_ID_TOKEN
    #[arg(long, value_name = "TEXT|@FILE|-", conflicts_with = "dev_issuer", allow_hyphen_values = true)]
    token: Option<TokenArgument>,
    /// Ask this development issuer (see `sigmint dev`) for a token
    #[arg(long, value_name = "URL")]
    dev_issuer: Option<Url>,
    /// The identity type to ask the development issuer for
    #[arg(long, value_name = "TYPE", value_enum, default_value = "email", requires = "dev_issuer")]
    identity: IdentityKind,
    /// A claim that the development issuer shall put into the token, such as email=me@example.com; can be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", requires = "dev_issuer")]
    claims: Vec<ClaimArgument>,
    /// The kind of key to make
    #[arg(long, value_name = "KIND", value_enum, default_value = "p256")]
    key_kind: KeyKind,
    /// Print JSON, for programs: the server's answer and what `sigmint inspect --json` says of it
    #[arg(long)]
    json: bool,
    /// Write chain.pem and key.pem into this folder; without it the key is forgotten
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// A certificate and what belongs to it.
pub(super) struct Obtained {
    answer: Value,
    /// PEM, the new certificate first, ending with a line break.
    pub(super) chain: String,
    /// What the certificate says.
    pub(super) report: Report,
    key: NewKey,
}

pub(crate) async fn run(args: RequestArgs) -> Result<ExitCode, CommandError> {
    let out = args.out.as_deref().map(Files::reserve).transpose()?;
    let token = match &args.dev_issuer {
        Some(issuer) => from_dev_issuer(issuer, args.identity, &args.claims).await?,
        None => read(args.token.as_ref(), |name| std::env::var(name).ok())?,
    };
    if args.url.scheme() == "http" && !is_loopback(&args.url) {
        tell("warning: the token travels unencrypted to another machine; use https");
    }
    let obtained = obtain(&args.url, &token, args.key_kind).await?;
    let text = if args.json {
        inspect::to_json(&json!({"answer": obtained.answer, "report": obtained.report}))?
    } else {
        obtained.chain.trim_end().to_owned()
    };
    match out {
        Some(files) => tell(&files.write(&obtained)?),
        None => tell("The key is forgotten now: use --out FOLDER to keep it with the certificate."),
    }
    inspect::print(&text)
}

/// Makes a key and fetches a certificate for it.
pub(super) async fn obtain(url: &Url, token: &SecretString, kind: KeyKind) -> Result<Obtained, CommandError> {
    let no_key = || CommandError::failed("the key could not be made or used");
    let challenge = challenge(token)?;
    let key = generate(kind.signature_algorithm()).map_err(|_| no_key())?;
    let public_key = text::pem("PUBLIC KEY", &key.signer.spki_der().map_err(|_| no_key())?);
    let proof = key.signer.sign(challenge.as_bytes()).await.map_err(|_| no_key())?;
    let answer = post(url, token, &public_key, &proof).await?;
    let chain = answer.chain.join("\n");
    let odd = |problem: String| CommandError::failed(format!("the server's answer is not a certificate: {problem}"));
    let certificates = inspect::certificates_in(chain.as_bytes()).map_err(odd)?;
    let report = inspect::describe(&certificates, SystemTime::now()).map_err(|error| odd(error.to_string()))?;
    // What is printed and written is what was understood: nothing between or around the blocks.
    let chain = certificates.iter().map(|der| text::pem("CERTIFICATE", der)).collect();
    Ok(Obtained { answer: answer.json, chain, report, key })
}

/// Where certificate and key go.
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

impl Files {
    /// Makes the folder, and refuses one that holds such files already, before anything is asked for.
    fn reserve(folder: &Path) -> Result<Self, CommandError> {
        let files = Self { chain: folder.join("chain.pem"), key: folder.join("key.pem") };
        make_parent(&files.chain)?;
        for path in [&files.chain, &files.key] {
            must_not_exist(path).map_err(|error| {
                error.hint("choose another folder, or remove it: a private key is never overwritten")
            })?;
        }
        Ok(files)
    }

    /// Writes both files and says so.
    fn write(&self, obtained: &Obtained) -> Result<String, CommandError> {
        let key = obtained
            .key
            .to_pem(None)
            .map_err(|_| CommandError::failed("the private key could not be written as PKCS #8"))?;
        create(&self.key, key.as_bytes(), Readers::Owner)?;
        create(&self.chain, obtained.chain.as_bytes(), Readers::All)?;
        Ok(format!(
            "Wrote the certificate and its chain to {}, the private key to {}.",
            shown(&self.chain),
            shown(&self.key)
        ))
    }
}

#[cfg(test)]
mod tests;
