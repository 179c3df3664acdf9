//! Why a condition has no value. Names claims, never what they say.

use std::fmt;

use crate::text::peer_text::PeerText;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble<'a> {
    /// A claim, or a member of one, is not there or null.
    Absent(&'a str),
    /// The same for a name that the condition computed.
    NoSuchMember,
    /// A claim is of another type than the catalogue says.
    Claim {
        name: &'a str,
        found: &'static str,
        wanted: &'static str,
    },
    /// Something of the request that was not recorded.
    NotRecorded(&'static str),
    Null,
    NotWhole,
    WrongType {
        found: &'static str,
        wanted: &'static str,
    },
    /// Two values that cannot be compared.
    Unlike {
        one: &'static str,
        other: &'static str,
    },
    OutOfRange,
    DivisionByZero,
    NoSuchElement,
    NotConvertible {
        wanted: &'static str,
    },
    TooLong,
    TooMuchWork,
}

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(name) => write!(formatter, "the claim \"{}\" is absent", PeerText::of(name)),
            Self::NoSuchMember => formatter.write_str("a member of a map is absent"),
            Self::Claim { name, found, wanted } => {
                write!(formatter, "the claim \"{}\" is {found}; expected: {wanted}", PeerText::of(name))
            }
            Self::NotRecorded(what) => write!(formatter, "{what} is not recorded"),
            Self::Null => formatter.write_str("a value is null"),
            Self::NotWhole => formatter.write_str("a number is not whole, or too large"),
            Self::WrongType { found, wanted } => write!(formatter, "a value is {found}; expected: {wanted}"),
            Self::Unlike { one, other } => write!(formatter, "{one} is compared with {other}"),
            Self::OutOfRange => formatter.write_str("a result is out of range"),
            Self::DivisionByZero => formatter.write_str("a division by zero"),
            Self::NoSuchElement => formatter.write_str("an index is outside its list"),
            Self::NotConvertible { wanted } => write!(formatter, "a value cannot be read as {wanted}"),
            Self::TooLong => formatter.write_str("a string or a list is too long"),
            Self::TooMuchWork => formatter.write_str("it takes more steps than are allowed"),
        }
    }
}
