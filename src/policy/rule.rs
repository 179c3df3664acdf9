//! One rule: whom it is about, what it asks, and what follows.

use std::path::PathBuf;
use std::sync::Arc;

use super::expression::Expression;
use crate::identity::IdentityKind;
use crate::identity::issuers::IssuerAddress;

/// What follows when the condition holds. The order is that in which rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    Deny,
    Allow,
    MaxLifetime,
}

impl Effect {
    /// As in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
            Self::MaxLifetime => "max-lifetime",
        }
    }
}

/// Whether a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Enforce,
    /// It is recorded what it would do.
    Shadow,
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: Arc<PathBuf>,
    /// From 1.
    pub line: usize,
}

#[derive(Debug)]
pub struct Rule {
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) effect: Effect,
    pub(super) mode: Mode,
    /// None: all.
    pub(super) issuers: Vec<IssuerAddress>,
    /// None: all.
    pub(super) kinds: Vec<IdentityKind>,
    /// What a client reads whom it denies.
    pub(super) message: Option<String>,
    pub(super) source: String,
    pub(super) expression: Expression,
    pub(super) place: Place,
}

impl Rule {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    pub const fn effect(&self) -> Effect {
        self.effect
    }

    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The issuers that it is about; empty for all.
    pub fn issuers(&self) -> &[IssuerAddress] {
        &self.issuers
    }

    /// The identity kinds that it is about; empty for all.
    pub fn kinds(&self) -> &[IdentityKind] {
        &self.kinds
    }

    /// What a client reads whom it denies.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The condition as the file has it.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The claims that its condition names, those that it only asks for with `has()` included.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.expression.uses().claims.iter().map(String::as_str)
    }

    pub(super) fn is_about(&self, kind: IdentityKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}
