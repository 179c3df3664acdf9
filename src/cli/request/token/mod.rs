//! Where the identity token comes from, and which of its claims is signed.
//!
//! Owns reading tokens from the command line, files, variables and a development issuer. Verifies nothing: that is the server's.

use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::super::display::visible;
use super::super::error::CommandError;
use super::exchange::{client_for, read_answer, unreachable};
use crate::identity::IdentityKind;

/// Variables that a token is taken from, in this order.
pub(super) const VARIABLES: [&str; 2] = ["SIGMINT_TOKEN", "SIGSTORE_ID_TOKEN"];
/// The longest token, in bytes: the server's own limit.
const MAX_TOKEN_BYTES: u64 = crate::identity::token::MAX_TOKEN_BYTES as u64;

/// What `--token` was given.
#[derive(Clone, derive_more::Debug)]
pub(crate) enum TokenArgument {
    #[debug("Text(..)")]
    Text(SecretString),
    /// A file that holds it.
    File(PathBuf),
    StandardInput,
}

impl FromStr for TokenArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix('@')) {
            ("", _) => Err("the token is empty"),
            ("-", _) => Ok(Self::StandardInput),
            (_, Some("")) => Err("a file's name is missing after the @"),
            (_, Some(path)) => Ok(Self::File(path.into())),
            (_, None) => Ok(Self::Text(text.into())),
        }
    }
}

/// A claim of `--claim name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimArgument {
    name: String,
    value: String,
}

impl FromStr for ClaimArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("write it as name=value, such as email=me@example.com"),
        }
    }
}

/// The token of `--token`, else of the first variable that is set.
pub(super) fn read(
    argument: Option<&TokenArgument>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<SecretString, CommandError> {
    let text = match argument {
        Some(TokenArgument::Text(text)) => text.expose_secret().to_owned(),
        Some(TokenArgument::File(path)) => {
            let name = visible(&path.display().to_string());
            fs::File::open(path)
                .and_then(read_bounded)
                .map_err(|error| CommandError::usage(format!("{name}: {error}")))?
        }
        Some(TokenArgument::StandardInput) => {
            read_bounded(io::stdin().lock()).map_err(|error| CommandError::usage(format!("standard input: {error}")))?
        }
        None => VARIABLES.into_iter().filter_map(variable).find(|text| !text.trim().is_empty()).ok_or_else(no_token)?,
    };
    match text.trim() {
        "" => Err(CommandError::usage("the token is empty")),
        token => Ok(token.into()),
    }
}

fn read_bounded(source: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(MAX_TOKEN_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_TOKEN_BYTES {
        return Err(io::Error::other("longer than 64 KiB: not a token that a server would accept"));
    }
    Ok(text)
}

fn no_token() -> CommandError {
    CommandError::usage("there is no identity token to ask with").hint(format!(
        "give one with --token @FILE or in {}, or let a development issuer make one: --dev-issuer http://127.0.0.1:5556",
        VARIABLES.join(" or ")
    ))
}

/// Asks a development issuer for a token.
pub(crate) async fn from_dev_issuer(
    base: &Url,
    identity: IdentityKind,
    claims: &[ClaimArgument],
) -> Result<SecretString, CommandError> {
    let mut url = base.clone();
    let cannot =
        || CommandError::usage(format!("{base} cannot be an issuer's address")).hint("use http://127.0.0.1:5556");
    url.path_segments_mut().map_err(|()| cannot())?.pop_if_empty().extend([identity.name(), "token"]);
    if !claims.is_empty() {
        url.query_pairs_mut().extend_pairs(claims.iter().map(|claim| (&claim.name, &claim.value)));
    }
    let client: Client = client_for(&url)?;
    let hint = "is `sigmint dev` running, and is this the address of its issuer?";
    let answer = client
        .get(url.clone())
        .send()
        .await
        .map_err(|error| unreachable("the development issuer", base, &error).hint(hint))?;
    let status = answer.status();
    let body = read_answer(answer).await?;
    let answer: Map<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    match answer.get("id_token") {
        Some(Value::String(token)) if status.is_success() => Ok(token.as_str().into()),
        _ => {
            let said = answer.get("error_description").and_then(Value::as_str).unwrap_or("it sent no token");
            Err(CommandError::failed(format!(
                "the development issuer at {base} answered {}: {}",
                status.as_u16(),
                visible(said)
            ))
            .hint(hint))
        }
    }
}

/// The text that the proof of possession signs: the token's `email`, as Sigstore's clients do, else its `sub`.
pub(super) fn challenge(token: &SecretString) -> Result<String, CommandError> {
    let claims = claims(token.expose_secret()).ok_or_else(|| {
        CommandError::usage("this is not an identity token: it does not have three parts with JSON claims inside")
            .hint("check that the whole token was given, and nothing else")
    })?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    text("email")
        .or_else(|| text("sub"))
        .ok_or_else(|| CommandError::usage("the token names nobody: it has neither an email nor a sub"))
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    match parts.next() {
        None => serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
