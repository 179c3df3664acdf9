//! What each check compares with what, in words.
//!
//! Owns the words. Decides nothing: whether a check passes is the check's own business.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::{format_duration, format_rfc3339_seconds};
use serde_json::Value;

use crate::identity::Claims;
use crate::identity::issuers::Issuer;
use crate::identity::kind::{EmailVerification, IdentityType};
use crate::identity::restrictions::{ISSUED_AT_LEEWAY, Restrictions};
use crate::identity::token_type::TokenType;
use crate::identity::verify::{Check, NOT_BEFORE_LEEWAY, UNUSED};

/// The longest value of a claim that is shown, in characters.
const SHOWN_CHARACTERS: usize = 300;
/// The end of the year 9999: later times have no RFC 3339 form.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Something of the token, and what it was compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// The claim or the header.
    pub what: String,
    /// What the token says, as JSON; times in words.
    pub found: String,
    /// What the issuer file or the rule says.
    pub against: String,
}

fn comparison(what: &str, found: String, against: impl Into<String>) -> Comparison {
    Comparison { what: what.to_owned(), found, against: against.into() }
}

/// `candidates` are the identities of the token's issuer.
pub(super) fn of_check(
    check: Check,
    typ: &TokenType,
    claims: &Claims,
    candidates: &[Arc<Issuer>],
    now: SystemTime,
) -> Vec<Comparison> {
    match check {
        Check::Issuer => vec![comparison("iss", value(claims, "iss"), entry(candidates))],
        Check::Audience => {
            let wanted = |issuer: &Arc<Issuer>| format!("contains the client-id {:?}", issuer.audience);
            each(candidates, wanted).map(|against| comparison("aud", value(claims, "aud"), against)).collect()
        }
        Check::Times => times(claims, now),
        Check::UnusedClaims => {
            let present = UNUSED.into_iter().map(|(name, ..)| name).filter(|name| claims.get(name).is_some());
            present
                .map(|name| comparison(name, value(claims, name), "of the type that OpenID Connect gives it"))
                .collect()
        }
        Check::Subject => {
            let needed = candidates.iter().all(|one| one.identity.kind().needs_subject());
            let against = if needed { "a string, not empty" } else { "a string, or missing" };
            vec![comparison("sub", value(claims, "sub"), against)]
        }
        Check::Restrictions => {
            candidates.iter().flat_map(|one| restrictions(&one.restrictions, typ, claims, now)).collect()
        }
    }
}

/// What the identity's type and its `name-policy` look at.
pub(super) fn of_identity(issuer: &Issuer, claims: &Claims) -> Vec<Comparison> {
    let subject = |against: String| vec![comparison("sub", value(claims, "sub"), against)];
    let mut compared = match &issuer.identity {
        IdentityType::Email(rules) => {
            let verified = match rules.verification {
                EmailVerification::Required => "true",
                EmailVerification::Skipped => "anything: skip-email-verification",
            };
            let mut compared = vec![
                comparison("email", value(claims, "email"), "an e-mail address"),
                comparison("email_verified", value(claims, "email_verified"), verified),
            ];
            if let Some(claim) = &rules.issuer_claim {
                let against = "issuer-claim: leads to one string, the certificate's issuer";
                compared.push(comparison(&claim.source, "(a path into the claims)".to_owned(), against));
            }
            compared
        }
        IdentityType::Uri(origin) => {
            subject(format!("a URI of the subject-domain {}://{}", origin.scheme, origin.host))
        }
        IdentityType::Username(domain) => subject(format!("a user name of the subject-domain {domain}")),
        IdentityType::Spiffe(domain) => subject(format!("a SPIFFE ID of the trust domain {domain}")),
        IdentityType::CiProvider(provider) => {
            let templates = provider.extensions.len() + 1;
            vec![comparison(
                "(all claims)",
                format!("{} claims", claims.names().count()),
                format!("{templates} templates of ci-issuer-metadata: {}", provider.name),
            )]
        }
        IdentityType::Kubernetes
        | IdentityType::GithubWorkflow
        | IdentityType::GitlabPipeline
        | IdentityType::BuildkiteJob
        | IdentityType::CodefreshWorkflow
        | IdentityType::ChainguardIdentity => {
            let against = format!("what an identity of type {} needs", issuer.identity.name());
            vec![comparison("(all claims)", format!("{} claims", claims.names().count()), against)]
        }
    };
    let names = &issuer.restrictions.names;
    let mut rule = |name: &str, list: &[String]| {
        compared.push(comparison(
            "(the certificate's name)",
            "see below".to_owned(),
            format!("{name}: {}", list.join(", ")),
        ));
    };
    if !names.denied_email_domains.is_empty() {
        rule("denied-email-domains", &names.denied_email_domains);
    }
    if let Some(list) = &names.allowed_email_domains {
        rule("allowed-email-domains", list);
    }
    if !names.denied_prefixes.is_empty() {
        rule("denied-san-prefixes", &names.denied_prefixes);
    }
    if let Some(list) = &names.allowed_prefixes {
        rule("allowed-san-prefixes", list);
    }
    compared
}

/// One for all identities, or one each where they differ.
fn each<'a>(
    candidates: &'a [Arc<Issuer>],
    words: impl Fn(&Arc<Issuer>) -> String + 'a,
) -> impl Iterator<Item = String> + 'a {
    let mut all: Vec<String> = candidates.iter().map(words).collect();
    all.dedup();
    all.into_iter()
}

fn entry(candidates: &[Arc<Issuer>]) -> String {
    candidates.first().map_or_else(|| "no entry of the issuer file".to_owned(), |issuer| issuer.entry())
}

fn times(claims: &Claims, now: SystemTime) -> Vec<Comparison> {
    let clock = format_rfc3339_seconds(now);
    let leeway = format_duration(NOT_BEFORE_LEEWAY);
    let mut compared = vec![comparison("exp", time(claims, "exp", now), format!("later than {clock}"))];
    if claims.get("nbf").is_some() {
        compared.push(comparison("nbf", time(claims, "nbf", now), format!("at most {leeway} after {clock}")));
    }
    if claims.get("iat").is_some() {
        compared.push(comparison("iat", time(claims, "iat", now), "a number"));
    }
    compared
}

fn restrictions(rules: &Restrictions, typ: &TokenType, claims: &Claims, now: SystemTime) -> Vec<Comparison> {
    let mut compared = Vec::new();
    if let Some(types) = &rules.token_types {
        compared.push(comparison(
            "typ (header)",
            format!("{:?}", typ.name()),
            format!("token-types: {}", types.join(", ")),
        ));
    }
    if let Some(parties) = &rules.authorized_parties {
        compared.push(comparison("azp", value(claims, "azp"), format!("authorized-parties: {}", parties.join(", "))));
    }
    if let Some(longest) = rules.max_token_age {
        let (longest, ahead) = (format_duration(longest), format_duration(ISSUED_AT_LEEWAY));
        let against = format!("max-token-age: at most {longest} ago, and at most {ahead} ahead");
        compared.push(comparison("iat", time(claims, "iat", now), against));
    }
    compared
}

/// A claim as JSON, or that it is missing.
pub(super) fn value(claims: &Claims, name: &str) -> String {
    claims.get(name).map_or_else(|| "missing".to_owned(), |value| shortened(&value.to_string()))
}

pub(super) fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
    if characters.next().is_some() {
        short.push_str("...");
    }
    short
}

/// A time, and how far it is from now.
fn time(claims: &Claims, name: &str, now: SystemTime) -> String {
    let seconds = claims.get(name).and_then(Value::as_f64).filter(|seconds| (0.0..LAST_SECOND).contains(seconds));
    let Some(at) = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs_f64(seconds)) else {
        return value(claims, name);
    };
    let whole = |span: Duration| format_duration(Duration::from_secs(span.as_secs()));
    let distance = match at.duration_since(now) {
        Ok(ahead) => format!("in {}", whole(ahead)),
        Err(past) => format!("{} ago", whole(past.duration())),
    };
    format!("{} ({distance})", format_rfc3339_seconds(at))
}
