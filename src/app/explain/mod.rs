//! What would come of a token under these settings: for `sigmint explain`.
//!
//! Owns the order in which the pipeline's own functions are asked, and which of them needs the network. The words for people are in
//! `refusal`; what is not asked here (the client's key, the CA, the logs) `sigmint config check` looks at.

mod blocked;
mod policy;
mod refusal;

use std::time::{Duration, SystemTime};

use super::{AppError, issuers};
use crate::config::settings::Settings;
use crate::identity::explain::{Explanation, Presented};
use crate::identity::fetch::{ClusterFiles, Fetcher};
use crate::identity::issuers::{Issuer, Issuers, KeyOrigin};
use crate::identity::keys::{KeyStore, KeyTiming};
use crate::identity::token::TokenError;
use crate::identity::verify::{VerifyError, verify};
use crate::identity::{UnverifiedToken, identify};
use crate::limits::single_use::check_countable;
use crate::possession::PublicKey;

pub(crate) use blocked::BlockReport;
pub(crate) use policy::{PolicyReport, RuleReport};
pub(crate) use refusal::Refusal;
use refusal::{Scene, why};

/// How long an issuer is waited for: longer than by a client's request, since somebody sits in front of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether issuers are asked for their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    Online,
    Offline,
}

/// What is to be explained.
pub(crate) struct Asked<'a> {
    /// A token, or claims as JSON.
    pub text: &'a str,
    /// The client's key, if it is known.
    pub key: Option<&'a PublicKey>,
    pub at: SystemTime,
    pub network: Network,
}

/// What was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// A token, with what its header says.
    Token {
        algorithm: String,
        key_id: Option<String>,
        typ: String,
    },
    Claims,
    /// Neither.
    Unreadable,
}

/// What is known of the token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    /// One of the issuer's keys made it.
    Good,
    /// It is what the token is refused for, or the keys that would tell.
    Refused,
    /// The token is refused before.
    NotReached,
    /// The keys would have to be fetched, and nobody was to be asked.
    NotFetched,
    /// Claims have none.
    None,
}

/// What would come of it.
#[derive(Debug)]
pub(crate) struct Explained {
    pub at: SystemTime,
    pub given: Given,
    pub explanation: Option<Explanation>,
    pub signature: Signature,
    pub limits: Vec<Limit>,
    pub block_lists: Vec<BlockReport>,
    /// Nothing where there is no policy, or nobody to ask it about.
    pub policy: Option<PolicyReport>,
    /// Nothing: a certificate would be issued, as far as was looked.
    pub refusal: Option<Refusal>,
}

/// A bound that applies to the token, its identity or the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub setting: &'static str,
    pub value: String,
    pub applies: String,
}

/// Says what would come of a token or of claims at some time.
///
/// Errors: The settings or their files cannot be used.
pub(crate) async fn explain(settings: &Settings, asked: &Asked<'_>) -> Result<Explained, AppError> {
    let issuers = issuers::read(&settings.issuers, settings.issuer_rules)?;
    let (text, at) = (asked.text.trim(), asked.at);
    let presented =
        if text.starts_with('{') { Presented::claims_of_json(text.as_bytes()) } else { Presented::token(text) };
    let presented = match presented {
        Ok(presented) => presented,
        Err(error) => return Ok(unreadable(error, at)),
    };
    let mut explanation = presented.explain(&issuers, at);
    let scene = Scene { presented: &presented, issuers: &issuers, location: &settings.issuers, at };
    let (signature, refused) = judge(text, &presented, &issuers, &mut explanation, at, asked.network).await?;
    let refused = refused.map(|error| why(error, &scene));
    let mut explained = Explained {
        at,
        given: given(&presented),
        explanation: None,
        signature,
        limits: Vec::new(),
        block_lists: Vec::new(),
        policy: None,
        refusal: refused,
    };
    explained.ask_operator(settings, asked, &presented, &explanation)?;
    Ok(Explained { explanation: Some(explanation), ..explained })
}

impl Explained {
    /// What the operator says of the identity, in the pipeline's order: the block lists, the policy, the uses of the token.
    fn ask_operator(
        &mut self,
        settings: &Settings,
        asked: &Asked<'_>,
        presented: &Presented,
        explanation: &Explanation,
    ) -> Result<(), AppError> {
        let Some((issuer, certified)) = explanation.identity() else { return Ok(()) };
        let (reports, blocked) = blocked::look(settings, presented, certified, asked.key, asked.at)?;
        self.block_lists = reports;
        let mut denied = None;
        if let Some(path) = &settings.policy {
            let (report, refusal) = policy::look(path, presented, (issuer, certified), asked.key, asked.at)?;
            self.policy = Some(report);
            denied = refusal;
        }
        let (limits, over) = limits(settings, presented, issuer, asked.at);
        self.limits = limits;
        self.refusal = self.refusal.take().or(blocked).or(denied).or(over);
        Ok(())
    }
}

/// Of something that is neither a token nor claims.
fn unreadable(error: TokenError, at: SystemTime) -> Explained {
    Explained {
        at,
        given: Given::Unreadable,
        explanation: None,
        signature: Signature::NotReached,
        limits: Vec::new(),
        block_lists: Vec::new(),
        policy: None,
        refusal: Some(refusal::of_token(error)),
    }
}

/// The verdict of the pipeline: with the keys if they are there, or may be fetched; without them, as if one of them had made the signature.
async fn judge(
    text: &str,
    presented: &Presented,
    issuers: &Issuers,
    explanation: &mut Explanation,
    at: SystemTime,
    network: Network,
) -> Result<(Signature, Option<VerifyError>), AppError> {
    let unsigned = explanation.refusal.take();
    let Presented::Token(token) = presented else { return Ok((Signature::None, unsigned)) };
    if explanation.identities.is_empty() {
        return Ok((Signature::NotReached, unsigned));
    }
    let is_local = issuers
        .find(token.issuer())
        .first()
        .is_some_and(|issuer| matches!(issuer.keys.origin, KeyOrigin::File(_) | KeyOrigin::Fixed(_)));
    if network == Network::Offline && !is_local {
        // Whatever the keys are, nobody's made that.
        if !token.jws().has_signature_form() {
            return Ok((Signature::Refused, Some(VerifyError::Signature)));
        }
        let signature = if unsigned.is_some() { Signature::NotReached } else { Signature::NotFetched };
        return Ok((signature, unsigned));
    }
    // A token that was read once is read again.
    let Ok(again) = UnverifiedToken::parse(text) else { return Ok((Signature::NotReached, unsigned)) };
    let timing = KeyTiming { patience: PATIENCE, longest_fetch: PATIENCE, ..KeyTiming::default() };
    let keys = KeyStore::new(Fetcher::new()?, ClusterFiles::default(), &timing);
    Ok(match verify(again, issuers, &keys, at).await {
        Ok(claims) => (Signature::Good, identify(claims).err().map(VerifyError::from)),
        Err(error @ VerifyError::Identity(_)) => (Signature::NotReached, Some(error)),
        Err(error) => (Signature::Refused, Some(error)),
    })
}

fn given(presented: &Presented) -> Given {
    match presented {
        Presented::Claims(_) => Given::Claims,
        Presented::Token(token) => Given::Token {
            algorithm: format!("{:?}", token.jws().algorithm()),
            key_id: token.jws().key_id().map(str::to_owned),
            typ: token.jws().token_type().name().to_owned(),
        },
    }
}

/// What applies, and what of it refuses the token whatever was asked before.
fn limits(
    settings: &Settings,
    presented: &Presented,
    issuer: &Issuer,
    at: SystemTime,
) -> (Vec<Limit>, Option<Refusal>) {
    let (mut limits, mut refusal) = (Vec::new(), None);
    if let Some(most) = issuer.max_certificates_per_token {
        let by = match presented.claims().get("jti") {
            Some(_) => "its jti",
            None => "what is signed of it: it has no jti",
        };
        let store = if settings.single_use.store.is_some() { "the store" } else { "the server's memory" };
        limits.push(Limit {
            setting: "max-certificates-per-token",
            value: most.to_string(),
            applies: format!("to this token, known by {by}; {store} has the count, which is not looked at here"),
        });
        refusal = check_countable(presented.claims(), at).err().map(refusal::of_single_use);
    }
    let rates = &settings.bounds.requests;
    let counted = [
        ("rate-limit-per-identity", rates.per_identity, "to the issuer's subject"),
        ("rate-limit-per-address", rates.per_address, "to the client's address"),
    ];
    for (setting, rate, whom) in counted {
        if let Some(rate) = rate {
            let applies = format!("{whom}; what was asked already is not looked at here");
            limits.push(Limit { setting, value: rate.to_string(), applies });
        }
    }
    (limits, refusal)
}
