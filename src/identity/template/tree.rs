//! What a template is after parsing: a tree that is rendered without further questions.

use std::cmp::Ordering;

use super::format::Part;

/// A piece of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(Box<str>),
    /// An action whose value is written.
    Value(Expression),
    /// `$x := value` and `$x = value`; writes nothing.
    Set {
        slot: usize,
        value: Expression,
    },
    /// `if` and `with`. `else if` is a further branch, not a deeper nesting, so a long chain costs no stack.
    If {
        branches: Vec<Branch>,
        otherwise: Vec<Node>,
    },
    Range {
        list: Expression,
        /// The variables of the position and of the element.
        position: Option<usize>,
        element: Option<usize>,
        nodes: Vec<Node>,
        otherwise: Vec<Node>,
    },
}

/// One condition of an `if` or `with` and what it guards.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) condition: Expression,
    /// The variable that holds the condition's value.
    pub(super) slot: Option<usize>,
    /// Whether `.` is the condition's value inside: `with`.
    pub(super) is_with: bool,
    pub(super) nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(super) enum Expression {
    Text(Box<str>),
    Boolean(bool),
    Integer(i64),
    /// `.key`: must be there.
    Key(Box<str>),
    /// `index . "key"`: empty when it is not there.
    Index(Box<str>),
    /// `.` inside `with` and `range`.
    Dot,
    Variable(usize),
    Not(Box<Expression>),
    /// `eq`: whether the first equals any of the others.
    Equal {
        first: Box<Expression>,
        others: Vec<Expression>,
    },
    /// `lt`, `le`, `gt` and `ge`, by whether an order is theirs.
    Compare {
        holds: fn(Ordering) -> bool,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// `and` (truth: false) and `or` (truth: true): the first operand with this truth, else the last one.
    FirstWith {
        truth: bool,
        leading: Vec<Expression>,
        last: Box<Expression>,
        /// The last operand came through a pipe, so it is evaluated before the others.
        is_piped: bool,
    },
    Length(Box<Expression>),
    Slice {
        text: Box<Expression>,
        from: Option<Box<Expression>>,
        to: Option<Box<Expression>>,
    },
    Print {
        values: Vec<Expression>,
        is_line: bool,
    },
    Format(Vec<Part>),
    Escape {
        how: Escape,
        values: Vec<Expression>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    UrlQuery,
    Html,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Integer,
    Any,
}

impl Expression {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Text(_)
            | Self::Key(_)
            | Self::Index(_)
            | Self::Slice { .. }
            | Self::Print { .. }
            | Self::Format(_)
            | Self::Escape { .. } => Kind::Text,
            Self::Boolean(_) | Self::Not(_) | Self::Equal { .. } | Self::Compare { .. } => Kind::Boolean,
            Self::Integer(_) | Self::Length(_) => Kind::Integer,
            Self::Dot | Self::Variable(_) => Kind::Any,
            Self::FirstWith { leading, last, .. } => {
                let kind = last.kind();
                if leading.iter().all(|operand| operand.kind() == kind) { kind } else { Kind::Any }
            }
        }
    }

    /// The same as text and values one after the other, if it only puts strings together: such a `print` or `printf` leaves a name as
    /// distinct as its pieces. A literal is text, however it is written, so that it counts as what separates two claims.
    pub(super) fn pieces(self) -> Vec<Node> {
        match self {
            Self::Text(text) => vec![Node::Text(text)],
            Self::Boolean(value) => vec![Node::Text(value.to_string().into())],
            Self::Integer(value) => vec![Node::Text(value.to_string().into())],
            Self::Print { values, is_line: false } if values.iter().all(|value| value.kind() == Kind::Text) => {
                values.into_iter().flat_map(Self::pieces).collect()
            }
            Self::Format(parts) if parts.iter().all(Part::is_plain) => parts
                .into_iter()
                .flat_map(|part| match part {
                    Part::Literal(text) => vec![Node::Text(text)],
                    Part::Verb { value, .. } => value.pieces(),
                })
                .collect(),
            other => vec![Node::Value(other)],
        }
    }
}
