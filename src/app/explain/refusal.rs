//! Why a token is refused, and what to change: one line each, for the person who is asked about it.
//!
//! Owns the words. Which refusal it is, and what it is called towards the client, the pipeline decides.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::{format_duration, format_rfc3339_seconds};

use crate::config::issuers_location::IssuersLocation;
use crate::failure::{Failure, with_sources};
use crate::identity::claims::ClaimError;
use crate::identity::explain::Presented;
use crate::identity::issuers::Issuers;
use crate::identity::kinds::PrincipalError;
use crate::identity::name_policy::NameRefusal;
use crate::identity::restrictions::RestrictionError;
use crate::identity::template::RenderError;
use crate::identity::token::TokenError;
use crate::identity::verify::{VerifyError, expires_at};
use crate::limits::single_use::SingleUseError;

/// How many issuers of the file are named to somebody whose issuer is not among them.
const NAMED: usize = 5;

/// Why no certificate would be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the client reads as the reason.
    pub reason: &'static str,
    pub http: u16,
    pub grpc: u8,
    pub cause: String,
    /// What to do about it.
    pub change: String,
}

impl Refusal {
    pub(super) fn new(failure: &Failure, cause: String, change: String) -> Self {
        let row = failure.kind().row();
        Self { reason: row.reason, http: row.http, grpc: row.grpc as u8, cause, change }
    }
}

/// What the words are about.
pub(super) struct Scene<'a> {
    pub presented: &'a Presented,
    pub issuers: &'a Issuers,
    pub location: &'a IssuersLocation,
    pub at: SystemTime,
}

/// Of something that is neither a token nor claims.
pub(super) fn of_token(error: TokenError) -> Refusal {
    let cause = with_sources(&error);
    let change = match &error {
        TokenError::Absent => "give the file of a token or of its claims, or pipe one in".to_owned(),
        TokenError::TooLong => "have the issuer put fewer claims into its tokens: no server takes one of this size".to_owned(),
        TokenError::NotThreeParts => "give the whole ID token, as the issuer made it: three parts with dots between; \
            an access token or an encrypted one is not what a client is to send"
            .to_owned(),
        TokenError::NotBase64(_) => {
            "copy the token again, whole and without quotes, line breaks or what stands in front of it".to_owned()
        }
        TokenError::Header(_) | TokenError::Claims(_) => {
            "have the issuer make JSON objects whose members are there once; claims that were written by hand: fix the JSON".to_owned()
        }
        TokenError::Algorithm => {
            "have the issuer sign with RS256, ES256, EdDSA or another algorithm of public keys; none and HS256 are never accepted"
                .to_owned()
        }
        TokenError::Critical => "have the issuer leave out the header members crit and b64".to_owned(),
        TokenError::ForAnotherUse(_) => {
            "have the client send the ID token (typ JWT), not the one that it uses for something else".to_owned()
        }
        TokenError::Issuer(claim) => for_claim(claim),
    };
    Refusal::new(&error.into(), cause, change)
}

/// Of a token whose uses cannot be counted.
pub(super) fn of_single_use(error: SingleUseError) -> Refusal {
    let cause = with_sources(&error);
    let change = match &error {
        SingleUseError::Claim(claim) => for_claim(claim),
        SingleUseError::LivesTooLong => {
            "have the issuer make tokens that live for minutes, or remove max-certificates-per-token from its entry"
                .to_owned()
        }
        SingleUseError::Spent => "get a new token for each certificate".to_owned(),
        SingleUseError::Unknown(_) => "look after the store of --single-use-store".to_owned(),
    };
    Refusal::new(&error.into(), cause, change)
}

/// Of a token or claims that could be read.
pub(super) fn why(error: VerifyError, scene: &Scene<'_>) -> Refusal {
    let (cause, change) = words(&error, scene);
    Refusal::new(&error.into(), cause, change)
}

fn words(error: &VerifyError, scene: &Scene<'_>) -> (String, String) {
    let claims = scene.presented.claims();
    let says = |name: &str| claims.get(name).map_or_else(|| "missing".to_owned(), ToString::to_string);
    let own = || with_sources(error);
    match error {
        VerifyError::UnknownIssuer(_) => (own(), scene.for_unknown_issuer()),
        VerifyError::Misconfigured(_) => {
            let url = scene.presented.issuer_url();
            let about = scene.issuers.refusals().iter().find(|refusal| refusal.contains(url));
            let about = about.or_else(|| scene.issuers.refusals().first());
            let cause = format!("the entry of {url:?} in the issuer file cannot be used");
            (cause, about.map_or_else(|| "fix the entry: `sigmint config check` says what is wrong".to_owned(), |found| format!("fix the entry: {found}")))
        }
        VerifyError::Claim(claim) | VerifyError::Restricted(RestrictionError::Claim(claim)) => (own(), for_claim(claim)),
        VerifyError::Audience { expected } => (
            format!("the token is for the audience {}, and the issuer's client-id is {expected:?}", says("aud")),
            format!(
                "have the client ask the issuer for a token with the audience {expected:?}; or set client-id in the issuer's entry, \
                 if all of its clients ask for another one"
            ),
        ),
        VerifyError::Expired => {
            let expiry = expires_at(claims);
            let ago = scene.at.duration_since(expiry).unwrap_or_default();
            (
                format!("the token expired {} ago, at {}", whole(ago), format_rfc3339_seconds(expiry)),
                format!(
                    "get a new token and use it at once; if it was new, set the clocks right; --at {} shows what came of it then",
                    format_rfc3339_seconds(expiry - Duration::from_secs(1).min(since_epoch(expiry)))
                ),
            )
        }
        VerifyError::NotYetValid => (
            format!("the token is not valid yet: its nbf is {}", says("nbf")),
            "set the clocks of the issuer and of the server right, or have the issuer set nbf to the present".to_owned(),
        ),
        VerifyError::Restricted(restriction) => (own(), for_restriction(restriction, scene)),
        VerifyError::AlgorithmNotOffered => (
            own(),
            "have the issuer list it in its discovery document (id_token_signing_alg_values_supported), or sign with one that is listed"
                .to_owned(),
        ),
        VerifyError::Signature => (
            own(),
            "get a new token from the issuer itself and pass it on whole; a token that was edited, cut or made by somebody else stays refused"
                .to_owned(),
        ),
        VerifyError::UnknownKeyId(_) => (
            own(),
            "have the issuer publish the key at its jwks_uri before it signs with it; if it does, the token is somebody else's".to_owned(),
        ),
        VerifyError::KeyLeftOut { .. } => (own(), "have the issuer publish and use another key".to_owned()),
        VerifyError::Identity(error) => (with_sources(error), for_identity(error, scene)),
        VerifyError::Keys { .. } => (
            own(),
            "see that this machine reaches the issuer and trusts its certificate (ca-cert), or set jwks-url, jwks-file or jwks in its entry"
                .to_owned(),
        ),
    }
}

impl Scene<'_> {
    /// The nearest issuer of the file, or the first ones of it.
    fn for_unknown_issuer(&self) -> String {
        let url = self.presented.issuer_url();
        let mut known: Vec<&str> = self.issuers.iter().map(|issuer| issuer.address.as_str()).collect();
        known.dedup();
        let file = match self.location {
            IssuersLocation::File(path) => path.display().to_string(),
            IssuersLocation::Builtin => "an issuer file: the built-in issuers are Sigstore's own".to_owned(),
        };
        let same = |other: &&&str| plain(other) == plain(url);
        if let Some(near) = known.iter().find(same) {
            return format!(
                "make the two the same, byte for byte: the issuer file has {near:?}, and scheme, letter case and a slash at the end count"
            );
        }
        let near = known.iter().map(|other| (strsim::levenshtein(other, url), other)).min();
        if let Some((edits, near)) = near
            && edits <= 1 + url.chars().count() / 8
        {
            return format!("write the issuer in {file} as the token does, if {near:?} was meant to be it");
        }
        let names = super::issuers::listed_up_to(NAMED, known.into_iter().map(str::to_owned));
        format!("add it to oidc-issuers in {file}, if its tokens are to be accepted; the file has {names}")
    }
}

/// What people get wrong of a URL.
fn plain(url: &str) -> String {
    let url = url.trim_end_matches('/').to_lowercase();
    url.split_once("://").map_or_else(|| url.clone(), |(_, rest)| rest.to_owned())
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn whole(span: Duration) -> humantime::FormattedDuration {
    format_duration(Duration::from_secs(span.as_secs()))
}

fn for_claim(error: &ClaimError) -> String {
    match error {
        ClaimError::Missing(claim) => format!("have the issuer put the claim {claim:?} into its tokens"),
        ClaimError::Empty(claim) => format!("have the issuer fill the claim {claim:?}"),
        ClaimError::ControlCharacter(claim) => format!("take the control character out of the claim {claim:?}"),
        ClaimError::WrongType { claim, wanted, .. } => format!("have the issuer make the claim {claim:?} {wanted}"),
    }
}

fn for_restriction(error: &RestrictionError, scene: &Scene<'_>) -> String {
    let typ = scene.presented.token_type().name();
    match error {
        RestrictionError::TokenType if matches!(scene.presented, Presented::Claims(_)) => {
            "give the token itself: claims have no typ header, and count as jwt here".to_owned()
        }
        RestrictionError::TokenType => {
            format!(
                "have the client send a token of another type than {typ:?}, or add it to token-types of the issuer's entry"
            )
        }
        RestrictionError::AuthorizedParty => {
            "get the token as one of the clients in authorized-parties, or add the token's azp to them".to_owned()
        }
        RestrictionError::TooOld => {
            "get a new token and use it at once, or raise max-token-age of the issuer's entry".to_owned()
        }
        RestrictionError::IssuedAhead => "set the clocks of the issuer and of the server right".to_owned(),
        RestrictionError::Claim(claim) => for_claim(claim),
    }
}

fn for_identity(error: &PrincipalError, scene: &Scene<'_>) -> String {
    match error {
        PrincipalError::Claim(claim) => for_claim(claim),
        PrincipalError::EmailNotVerified => {
            "have the issuer verify the address (email_verified: true), or set skip-email-verification if it vouches for addresses in another way".to_owned()
        }
        PrincipalError::NotAnAddress => "have the issuer put an ASCII e-mail address into the claim \"email\"".to_owned(),
        PrincipalError::SubjectIsAddress => {
            "use type: email for issuers whose subjects are addresses, or have the issuer use another subject".to_owned()
        }
        PrincipalError::ForeignSubject => {
            "have the issuer name its own subjects only, or set subject-domain (spiffe-trust-domain) to what they are in".to_owned()
        }
        PrincipalError::SubjectForm(what) => format!("have the issuer make the claim \"sub\" a {what}, or set another type for it"),
        PrincipalError::Unexpected(claim) => format!("look at the claim {claim:?}: it has a value that the issuer's type does not know"),
        PrincipalError::Uri(_) => "look at the claims that make the certificate's name: together they are not a URI".to_owned(),
        PrincipalError::Collides(error) => match error.claim() {
            Some(claim) => format!("change the value of the claim {claim:?}: another identity would get the same certificate"),
            None => "change the claims that make the certificate's name".to_owned(),
        },
        PrincipalError::IssuerClaim(path) => {
            format!("have the issuer put the upstream issuer's name at {path}, or fix issuer-claim in its entry")
        }
        PrincipalError::Template { part, source } => for_template(part, source),
        PrincipalError::Ambiguous => "give the identities of the issuer an order, in its entry; the lowest then counts".to_owned(),
        PrincipalError::EmptyName => {
            "have the issuer fill the claims of subject-alternative-name-template, or give them a default".to_owned()
        }
        PrincipalError::ControlCharacter(part) => format!("take the control character out of the template or the default for {part}"),
        PrincipalError::NotAllowed(rule) => for_name(*rule, scene),
    }
}

fn for_template(part: &str, error: &RenderError) -> String {
    match error {
        RenderError::MissingKey(key) => {
            format!(
                "have the issuer put the claim {key:?} into its tokens, or give {key} a default in default-template-values (template for {part})"
            )
        }
        RenderError::NotText { key, .. } => {
            format!("have the issuer make the claim {key:?} a string, or do without it in the template for {part}")
        }
        RenderError::NotAList { key } => {
            format!("have the issuer make the claim {key:?} a list, or do without range in the template for {part}")
        }
        RenderError::TooLong { .. }
        | RenderError::MixedComparison
        | RenderError::WrongKind(_)
        | RenderError::OutOfRange
        | RenderError::TooMuchWork { .. } => format!("change the template for {part}, or the claims that it takes"),
    }
}

fn for_name(rule: NameRefusal, scene: &Scene<'_>) -> String {
    let list = match rule {
        NameRefusal::EmailDomainDenied => "denied-email-domains",
        NameRefusal::EmailDomainNotAllowed => "allowed-email-domains",
        NameRefusal::PrefixDenied => "denied-san-prefixes",
        NameRefusal::PrefixNotAllowed => "allowed-san-prefixes",
    };
    let entry = scene.issuers.find(scene.presented.issuer_url()).first().map(|issuer| issuer.entry());
    format!("change {list} in the name-policy of {}, if this name is to be certified", entry.unwrap_or_default())
}
