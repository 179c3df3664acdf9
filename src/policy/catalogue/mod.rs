//! The claims that tokens of each identity kind have: name, type, whether they are always there, what they say.
//!
//! Rules are checked against it when they are loaded, and docs/policy.md is tested to say the same. Knows no rule and no token.

mod tables;

use std::collections::BTreeMap;

use crate::identity::IdentityKind;

/// The type of a claim's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimType {
    String,
    /// A whole number.
    Int,
    Bool,
    /// A list of strings.
    Strings,
    /// An object with these members.
    Object(&'static [Claim]),
    /// Whatever the issuer writes.
    Any,
}

/// Whether every token of the kind has the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    Sometimes,
    /// Only the operator knows.
    Unknown,
}

/// One claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) name: &'static str,
    pub(crate) kind: ClaimType,
    pub(crate) presence: Presence,
    pub(crate) about: &'static str,
    /// For a name that somebody else can register later: the claim that stays with the first owner.
    pub(crate) lasting: Option<&'static str>,
}

impl ClaimType {
    /// The word in docs/policy.md and under `extra-claims`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Strings => "list of strings",
            Self::Object(_) => "object",
            Self::Any => "any",
        }
    }
}

/// The types that `extra-claims` may give.
pub(crate) const DECLARABLE: [(&str, ClaimType); 5] = [
    ("string", ClaimType::String),
    ("int", ClaimType::Int),
    ("bool", ClaimType::Bool),
    ("strings", ClaimType::Strings),
    ("any", ClaimType::Any),
];

/// What tokens of every kind have.
pub(crate) const fn standard() -> &'static [Claim] {
    tables::STANDARD
}

/// What tokens of this kind have besides.
pub(crate) const fn of_kind(kind: IdentityKind) -> &'static [Claim] {
    match kind {
        IdentityKind::Email => tables::EMAIL,
        IdentityKind::Uri | IdentityKind::Username => tables::PERSON,
        IdentityKind::Spiffe | IdentityKind::CiProvider => &[],
        IdentityKind::Kubernetes => tables::KUBERNETES,
        IdentityKind::GithubWorkflow => tables::GITHUB,
        IdentityKind::GitlabPipeline => tables::GITLAB,
        IdentityKind::BuildkiteJob => tables::BUILDKITE,
        IdentityKind::CodefreshWorkflow => tables::CODEFRESH,
        IdentityKind::ChainguardIdentity => tables::CHAINGUARD,
    }
}

/// Whether tokens of this kind have claims that only their operator knows.
pub(crate) const fn is_open(kind: IdentityKind) -> bool {
    matches!(kind, IdentityKind::CiProvider)
}

/// What is known of one claim for the kinds that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) kind: ClaimType,
    /// Always only if it is so for each of the kinds.
    pub(crate) presence: Presence,
    pub(crate) about: &'static str,
    pub(crate) lasting: Option<&'static str>,
}

/// The claims that a rule may name: those of its kinds, and those that its file declares.
#[derive(Debug)]
pub(crate) struct Vocabulary<'a> {
    kinds: &'a [IdentityKind],
    extra: &'a BTreeMap<String, ClaimType>,
}

impl<'a> Vocabulary<'a> {
    /// `kinds` are those that the rule names; none stands for all.
    pub(crate) const fn new(kinds: &'a [IdentityKind], extra: &'a BTreeMap<String, ClaimType>) -> Self {
        Self { kinds, extra }
    }

    /// The claim of this name; nothing if no token of the kinds has it.
    pub(crate) fn find(&self, name: &str) -> Option<Known> {
        if let Some(kind) = self.extra.get(name) {
            return Some(Known { kind: *kind, presence: Presence::Unknown, about: "", lasting: None });
        }
        if let Some(claim) = standard().iter().find(|claim| claim.name == name) {
            return Some(self.standard_of_kinds(claim));
        }
        let rows: Vec<Option<&Claim>> =
            self.effective_kinds().iter().map(|kind| of_kind(*kind).iter().find(|row| row.name == name)).collect();
        let is_known_to_all = rows.iter().all(Option::is_some);
        let mut known = rows.into_iter().flatten();
        let Some(first) = known.next() else {
            let is_open = self.kinds.iter().any(|kind| is_open(*kind));
            return is_open.then_some(Known {
                kind: ClaimType::Any,
                presence: Presence::Unknown,
                about: "",
                lasting: None,
            });
        };
        let (mut kind, mut presence) = (first.kind, first.presence);
        for row in known {
            if row.kind != kind {
                kind = ClaimType::Any;
            }
            if row.presence == Presence::Sometimes {
                presence = Presence::Sometimes;
            }
        }
        // What an open kind has under the same name is its own business.
        if self.kinds.iter().any(|kind| is_open(*kind)) {
            kind = ClaimType::Any;
        }
        let presence = if is_known_to_all { presence } else { Presence::Sometimes };
        Some(Known { kind, presence, about: first.about, lasting: first.lasting })
    }

    /// Of GitHub's subject more is known than of others'.
    fn standard_of_kinds(&self, claim: &'static Claim) -> Known {
        let lasting = match self.kinds {
            [only] => of_kind(*only).iter().find(|row| row.name == claim.name).map_or(claim.lasting, |row| row.lasting),
            _ => claim.lasting,
        };
        Known { kind: claim.kind, presence: claim.presence, about: claim.about, lasting }
    }

    /// Every name that is known.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        let of_kinds = self.effective_kinds().iter().flat_map(|kind| of_kind(*kind));
        standard().iter().chain(of_kinds).map(|claim| claim.name).chain(self.extra.keys().map(String::as_str))
    }

    /// The kinds whose tokens have a claim, whatever the rule is about.
    pub(crate) fn kinds_with(name: &str) -> impl Iterator<Item = IdentityKind> {
        IdentityKind::ALL.iter().copied().filter(move |kind| of_kind(*kind).iter().any(|claim| claim.name == name))
    }

    /// Whether the rule is about all kinds.
    pub(crate) const fn is_about_all_kinds(&self) -> bool {
        self.kinds.is_empty()
    }

    fn effective_kinds(&self) -> &'a [IdentityKind] {
        if self.kinds.is_empty() { IdentityKind::ALL } else { self.kinds }
    }
}

#[cfg(test)]
mod tests;
