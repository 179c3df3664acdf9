//! The parts of an action, as the parser hands them on.

use super::tree::{Expression, Node};

/// What ended a block, and where.
pub(super) enum Ending {
    Template,
    End(usize),
    Else(usize),
    /// `{{ else if` or `{{ else with`, with its condition still to come.
    ElseBranch(usize, Control),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    If,
    With,
}

impl Control {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
        }
    }
}

/// What an action may begin with.
pub(super) enum Assignment<'s> {
    /// `$x :=`
    Declared(&'s str),
    /// `$x =`
    Set(usize),
}

pub(super) enum Action {
    Nodes(Vec<Node>),
    Ending(Ending),
}

/// What an action or a parenthesis is ended by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    Action,
    Parenthesis,
}

/// A term of a command, before it is known whether it may stand where it stands.
pub(super) enum Operand<'s> {
    /// `.` or `$`: the data as a whole.
    Root,
    Function(&'s str),
    Value(Expression),
}
