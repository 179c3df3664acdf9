//! The types of the language, and which values two of them share.

use std::fmt;

use crate::policy::catalogue::{Claim, ClaimType};

/// The type of an expression, as far as it is known when the policy is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int,
    String,
    /// One of these words.
    Word(&'static [&'static str]),
    Timestamp,
    Duration,
    List(Box<Type>),
    Map(Box<Type>),
    /// An object whose members are known.
    Object(&'static [Claim]),
    /// Known only when the rule is evaluated.
    Any,
}

impl Type {
    pub(super) fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// Whether a value of this type can be one of the other.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::String | Self::Word(_), Self::String | Self::Word(_)) => true,
            (Self::List(one), Self::List(other)) | (Self::Map(one), Self::Map(other)) => one.fits(other),
            (Self::Object(_) | Self::Map(_), Self::Object(_) | Self::Map(_)) => true,
            (one, other) => one == other,
        }
    }

    /// The type of what is of one or the other, which fit each other.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::List(one), Self::List(other)) => Self::list(one.or(*other)),
            (Self::Map(one), Self::Map(other)) => Self::Map(Box::new(one.or(*other))),
            (one, other) if one == other => one,
            (Self::String | Self::Word(_), Self::String | Self::Word(_)) => Self::String,
            _ => Self::Any,
        }
    }

    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::String | Self::Word(_) | Self::Any)
    }
}

impl From<ClaimType> for Type {
    fn from(kind: ClaimType) -> Self {
        match kind {
            ClaimType::String => Self::String,
            ClaimType::Int => Self::Int,
            ClaimType::Bool => Self::Bool,
            ClaimType::Strings => Self::list(Self::String),
            ClaimType::Object(members) => Self::Object(members),
            ClaimType::Any => Self::Any,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => formatter.write_str("true or false"),
            Self::Int => formatter.write_str("an int"),
            Self::String | Self::Word(_) => formatter.write_str("a string"),
            Self::Timestamp => formatter.write_str("a timestamp"),
            Self::Duration => formatter.write_str("a duration"),
            Self::List(element) if **element == Self::String => formatter.write_str("a list of strings"),
            Self::List(_) => formatter.write_str("a list"),
            Self::Map(_) | Self::Object(_) => formatter.write_str("a map"),
            Self::Any => formatter.write_str("of a type that only the token tells"),
        }
    }
}
