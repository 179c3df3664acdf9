//! A checked condition, as it is evaluated.

use regex::Regex;

use super::time::Nanos;
use crate::policy::catalogue::ClaimType;

/// What a condition can look at besides claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Issuer,
    Audience,
    Now,
    PrincipalKind,
    PrincipalSan,
    KeyKind,
    KeyBits,
    KeySha256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Where a string is looked for in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    Start,
    End,
    Anywhere,
}

/// A part of a timestamp, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    /// From 0.
    Month,
    /// Of the month, from 1.
    Date,
    /// Of the month, from 0.
    DayOfMonth,
    /// From 0, which is Sunday.
    DayOfWeek,
    Hours,
    Minutes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    String,
    Int,
    Timestamp,
    Duration,
    Size,
    LowerAscii,
    Part(Part),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// One operation. What the check has found out is not asked again, but for values whose type only the token tells.
#[derive(Debug)]
pub(super) enum Node {
    Bool(bool),
    Int(i64),
    String(Box<str>),
    Timestamp(Nanos),
    Duration(Nanos),
    List(Vec<Node>),
    Map(Vec<(Box<str>, Node)>),
    Fact(Fact),
    Claim(Box<str>, ClaimType),
    HasClaim(Box<str>),
    /// The element of the comprehension that is so many levels up from the outermost.
    Element(usize),
    Member(Box<Node>, Box<str>, ClaimType),
    HasMember(Box<Node>, Box<str>),
    Index(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    Equal(Box<Node>, Box<Node>),
    Compare(Order, Box<Node>, Box<Node>),
    Compute(Arithmetic, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    /// A string in a list of constants, which are sorted.
    InWords(Box<Node>, Vec<Box<str>>),
    Search(Search, Box<Node>, Box<Node>),
    Matches(Box<Node>, Box<Regex>),
    Convert(Conversion, Box<Node>),
    Iterate(Box<Iteration>),
}

/// A comprehension: `range.exists(x, body)` and its kin.
#[derive(Debug)]
pub(super) struct Iteration {
    pub(super) macro_: Macro,
    pub(super) range: Node,
    /// As [`Node::Element`].
    pub(super) level: usize,
    /// The second of the three arguments of `map`.
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}
