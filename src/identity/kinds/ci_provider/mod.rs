//! `ci-provider`: a build of any CI system, described by the templates of its `ci-issuer-metadata` entry.

use std::borrow::Cow;
use std::cell::RefCell;

use super::{Principal, PrincipalError, SubjectAlternativeName};
use crate::identity::VerifiedClaims;
use crate::identity::claims::{ClaimError, Claims};
use crate::identity::kind::{CiProvider, ValueTemplate};
use crate::identity::san::{self, Piece, check_separators};
use crate::identity::template::{Lookup, RenderError, Rendered};
use crate::identity::uri::Uri;

const NAME: &str = "subject-alternative-name";

pub(super) fn principal(token: &VerifiedClaims, provider: &CiProvider) -> Result<Principal, PrincipalError> {
    let refused = RefCell::new(None);
    let lookup = |key: &str| {
        look_up(token.claims(), provider, key).unwrap_or_else(|(found, error)| {
            refused.replace(Some(error));
            Lookup::NotText(found)
        })
    };
    // What is wrong with the claim says more than that the template cannot use it.
    let explain = |error| refused.take().map_or(error, PrincipalError::Claim);
    let name = name(&provider.subject_alternative_name, &lookup).map_err(explain)?;
    // A default is the operator's word, the same for every token.
    let is_claim = |key: &str| !matches!(token.claims().scalar(key), Ok(None));
    let name: Vec<Piece<'_>> = name
        .into_iter()
        .map(|(keys, text)| match keys.into_iter().find(|key| is_claim(key)) {
            Some(key) => Piece::claim(key, text),
            None => Piece::literal(text),
        })
        .collect();
    let mut principal = Principal::new(token, SubjectAlternativeName::Uri(distinct(provider, &name)?))?;
    for (id, template) in &provider.extensions {
        principal = principal.with(*id, value(template, &lookup, id.yaml_name()).map_err(explain)?);
    }
    Ok(principal)
}

/// What templates see under a key. The claims lie over the defaults: a claim that is there, even an empty one, hides its default.
///
/// Errors: What is wrong with the claim, and what it holds in words.
pub(in crate::identity) fn look_up<'d>(
    claims: &'d Claims,
    provider: &'d CiProvider,
    key: &str,
) -> Result<Lookup<'d>, (&'static str, ClaimError)> {
    match claims.scalar(key) {
        Ok(Some(text)) => Ok(Lookup::Text(text)),
        Ok(None) => Ok(provider.defaults.get(key).map_or(Lookup::Missing, |text| Lookup::Text(Cow::Borrowed(text)))),
        Err(ClaimError::WrongType { found, .. }) => match claims.scalars(key) {
            Ok(Some(items)) => Ok(Lookup::List(items)),
            Ok(None) => Ok(Lookup::NotText(found)),
            Err(error) => Err((found, error)),
        },
        Err(error) => Err(("not usable", error)),
    }
}

fn distinct(provider: &CiProvider, name: &[Piece<'_>]) -> Result<Uri, PrincipalError> {
    if name.iter().all(Piece::is_blank) {
        return Err(PrincipalError::EmptyName);
    }
    if let ValueTemplate::Template(template) = &provider.subject_alternative_name
        && let Some(known) = template.known_name()
    {
        check_separators(name, known.free)?;
    }
    Ok(san::uri(name)?)
}

/// The name in pieces, each with the keys whose values made it.
fn name<'v, 'd: 'v>(
    template: &'v ValueTemplate,
    lookup: &dyn Fn(&str) -> Lookup<'d>,
) -> Result<Vec<Rendered<'v>>, PrincipalError> {
    match template {
        ValueTemplate::Template(template) => {
            template.pieces(lookup).map_err(|source| PrincipalError::Template { part: NAME, source })
        }
        ValueTemplate::Key(key) => Ok(vec![(vec![key], Cow::Owned(value(template, lookup, NAME)?))]),
    }
}

pub(in crate::identity) fn value<'d>(
    template: &ValueTemplate,
    lookup: &dyn Fn(&str) -> Lookup<'d>,
    part: &'static str,
) -> Result<String, PrincipalError> {
    let rendered = match template {
        ValueTemplate::Template(template) => template.render(lookup),
        ValueTemplate::Key(key) => match lookup(key) {
            Lookup::Text(text) => Ok(text.into_owned()),
            Lookup::List(_) => Err(RenderError::NotText { key: key.clone(), found: "a list" }),
            Lookup::Missing => Err(RenderError::MissingKey(key.clone())),
            Lookup::NotText(found) => Err(RenderError::NotText { key: key.clone(), found }),
        },
    };
    rendered.map_err(|source| PrincipalError::Template { part, source })
}

#[cfg(test)]
mod tests;
