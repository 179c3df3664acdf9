//! What would come of a token or of claims, step by step, for people who ask why.
//!
//! Owns the account of each step. Every verdict is that of the pipeline's own functions ([`check_unsigned`], [`identify_as_if_signed`]):
//! nothing is decided here. What is described is not verified, so it holds strings and never a principal.

mod compared;
mod provenance;

use std::sync::Arc;
use std::time::SystemTime;

use super::Claims;
use super::issuers::{Issuer, IssuerAddress, Issuers};
use super::kinds::{Principal, PrincipalError, SubjectAlternativeName};
use super::token::{MAX_TOKEN_BYTES, TokenError, UnverifiedToken};
use super::token_type::TokenType;
use super::verify::{Check, VerifyError, check_unsigned, identify_as_if_signed};

pub(crate) use compared::Comparison;
pub(crate) use provenance::{Made, Origin, Source};

/// A token, or the claims of one without its header and signature. Nobody vouches for either.
#[derive(Debug)]
pub(crate) enum Presented {
    Token(UnverifiedToken),
    Claims(Claims),
}

/// What comes of a token, its signature aside.
#[derive(Debug)]
pub(crate) struct Explanation {
    /// The checks that were made, in their order. Of a refusal by one of them, that one is the last.
    pub checks: Vec<CheckReport>,
    /// The identities of the issuer that the token passed the checks for, and what each makes of it; in their order.
    pub identities: Vec<IdentityReport>,
    /// Which of [`Self::identities`] the certificate would be for.
    pub chosen: Option<usize>,
    pub refusal: Option<VerifyError>,
}

/// A check, and what was compared with what.
#[derive(Debug)]
pub(crate) struct CheckReport {
    pub check: Check,
    pub compared: Vec<Comparison>,
}

/// What one identity of an issuer makes of a token.
#[derive(Debug)]
pub(crate) struct IdentityReport {
    pub issuer: Arc<Issuer>,
    pub compared: Vec<Comparison>,
    pub outcome: Result<Certified, PrincipalError>,
}

/// What a certificate would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certified {
    pub san: SubjectAlternativeName,
    /// The subject alternative name, and what it is made of.
    pub name: Made,
    /// What the client signs.
    pub challenge: String,
    /// In certificate order.
    pub extensions: Vec<(super::extensions::ExtensionId, Made)>,
}

impl Presented {
    pub(crate) fn token(text: &str) -> Result<Self, TokenError> {
        UnverifiedToken::parse(text).map(Self::Token)
    }

    /// Claims as JSON, read as strictly as a token's.
    pub(crate) fn claims_of_json(text: &[u8]) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let claims = Claims::parse(text).map_err(|error| TokenError::Claims(error.into()))?;
        claims.non_empty_str("iss")?;
        Ok(Self::Claims(claims))
    }

    pub(crate) const fn claims(&self) -> &Claims {
        match self {
            Self::Token(token) => token.claims(),
            Self::Claims(claims) => claims,
        }
    }

    /// The type that the header names; claims alone count as an ordinary token's.
    pub(crate) const fn token_type(&self) -> &TokenType {
        match self {
            Self::Token(token) => token.jws().token_type(),
            Self::Claims(_) => &TokenType::Jwt,
        }
    }

    /// `iss`
    pub(crate) fn issuer_url(&self) -> &str {
        self.claims().get("iss").and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    /// What comes of it at this time, had the issuer signed it.
    pub(crate) fn explain(&self, issuers: &Issuers, now: SystemTime) -> Explanation {
        let (typ, claims) = (self.token_type(), self.claims());
        let mut begun = Vec::new();
        let checked = check_unsigned(typ, claims, issuers, now, |check| begun.push(check));
        let candidates = issuers.find(self.issuer_url());
        let report = |check| {
            let mut compared = compared::of_check(check, typ, claims, candidates, now);
            if check == Check::Issuer && issuers.is_misconfigured(self.issuer_url()) {
                for one in &mut compared {
                    "an entry that cannot be used".clone_into(&mut one.against);
                }
            }
            CheckReport { check, compared }
        };
        let mut explanation = Explanation {
            checks: begun.into_iter().map(report).collect(),
            identities: Vec::new(),
            chosen: None,
            refusal: None,
        };
        match checked {
            Err(refusal) => explanation.refusal = Some(refusal),
            Ok((issuer, alternatives)) => explanation.add_identities(claims, &issuer, &alternatives),
        }
        explanation
    }
}

impl Explanation {
    /// The identity that the certificate would be for.
    pub(crate) fn identity(&self) -> Option<(&Issuer, &Certified)> {
        let report = self.identities.get(self.chosen?)?;
        Some((&report.issuer, report.outcome.as_ref().ok()?))
    }

    fn add_identities(&mut self, claims: &Claims, issuer: &Arc<Issuer>, alternatives: &[Arc<Issuer>]) {
        let all = std::iter::once(issuer).chain(alternatives);
        self.identities.extend(all.map(|one| IdentityReport {
            issuer: Arc::clone(one),
            compared: compared::of_identity(one, claims),
            outcome: certified(claims, one),
        }));
        // The choice among them is the pipeline's, over all at once.
        let chosen = identify_as_if_signed(claims, issuer, alternatives, |found, _| std::ptr::from_ref(found.issuer()));
        match chosen {
            Ok(chosen) => self.chosen = self.identities.iter().position(|one| Arc::as_ptr(&one.issuer) == chosen),
            Err(refusal) => self.refusal = Some(refusal.into()),
        }
    }
}

fn certified(claims: &Claims, issuer: &Arc<Issuer>) -> Result<Certified, PrincipalError> {
    let mut certified = identify_as_if_signed(claims, issuer, &[], |_, principal| described(principal))?;
    provenance::find(claims, issuer, &mut certified);
    Ok(certified)
}

fn described(principal: &Principal) -> Certified {
    let name = match principal.name() {
        SubjectAlternativeName::Email(name) | SubjectAlternativeName::OtherName(name) => name.as_str(),
        SubjectAlternativeName::Uri(uri) => uri.as_str(),
    };
    let extensions = principal.extensions().iter().map(|(id, value)| (*id, Made::unexplained(value)));
    Certified {
        san: principal.name().clone(),
        name: Made::unexplained(name),
        challenge: principal.challenge().to_owned(),
        extensions: extensions.collect(),
    }
}

impl Certified {
    /// The form of the name, as RFC 5280 section 4.2.1.6 calls it.
    pub(crate) const fn name_form(&self) -> &'static str {
        match self.san {
            SubjectAlternativeName::Email(_) => "rfc822Name",
            SubjectAlternativeName::Uri(_) => "uniformResourceIdentifier",
            SubjectAlternativeName::OtherName(_) => "otherName",
        }
    }
}

impl Issuer {
    /// The entry of the issuer file, for people.
    pub(crate) fn entry(&self) -> String {
        match &self.address {
            IssuerAddress::Url(url) => format!("oidc-issuers: {url}"),
            IssuerAddress::Pattern(pattern) => format!("meta-issuers: {}", pattern.as_str()),
        }
    }
}
