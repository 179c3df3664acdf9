//! The grammar: from tokens to a tree that can be rendered without further questions.
//!
//! Owns which constructs exist, how many arguments each takes and which kinds can be told apart before any data is
//! known. Refuses to know spelling (see `scan`) and data (see `render`).

use super::scan::{Opened, Scanner, Token, refused};
use super::{DEPTH_LIMIT, TemplateError};

/// A piece of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(Box<str>),
    /// An action whose value is written.
    Value(Expression),
    /// `else if` is a further branch, not a deeper nesting, so a long chain costs no stack.
    If {
        branches: Vec<Branch>,
        otherwise: Vec<Node>,
    },
}

/// One condition of an `if` and what it guards.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) condition: Expression,
    pub(super) nodes: Vec<Node>,
}

/// Something with a value.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Text(Box<str>),
    Boolean(bool),
    Key(Box<str>),
    Not(Box<Expression>),
    /// `eq`: whether the first equals any of the others.
    Equal {
        first: Box<Expression>,
        others: Vec<Expression>,
    },
    /// `and` (truth: false) and `or` (truth: true): the first operand with this truth, else the last one.
    FirstWith {
        truth: bool,
        leading: Vec<Expression>,
        last: Box<Expression>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Boolean,
    /// An `and` or `or` of both kinds: only the data tells.
    Either,
}

impl Expression {
    fn kind(&self) -> Kind {
        match self {
            Self::Text(_) | Self::Key(_) => Kind::Text,
            Self::Boolean(_) | Self::Not(_) | Self::Equal { .. } => Kind::Boolean,
            Self::FirstWith { leading, last, .. } => {
                let kind = last.kind();
                if leading.iter().all(|operand| operand.kind() == kind) { kind } else { Kind::Either }
            }
        }
    }
}

/// Parses a whole template; also gives its keys in order of appearance.
pub(super) fn parse(source: &str) -> Result<(Vec<Node>, Vec<Box<str>>), TemplateError> {
    let mut parser = Parser { scanner: Scanner::new(source), keys: Vec::new(), depth: 0 };
    match parser.block()? {
        (nodes, Ending::Template) => Ok((nodes, parser.keys)),
        (_, Ending::End(at)) => Err(refused(at, "`{{ end }}` has no `{{ if }}` before it")),
        (_, Ending::Else(at) | Ending::ElseIf(at)) => Err(refused(at, "`{{ else }}` has no `{{ if }}` before it")),
    }
}

/// What ended a block, and where.
enum Ending {
    Template,
    End(usize),
    Else(usize),
    /// `{{ else if`, with its condition still to come.
    ElseIf(usize),
}

enum Action {
    Node(Node),
    Ending(Ending),
}

/// What an action or a parenthesis is ended by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    Action,
    Parenthesis,
}

/// A term of a command, before it is known whether it may stand where it stands.
enum Operand<'s> {
    /// `.` or `$`: the data as a whole.
    Root,
    Function(&'s str),
    Value(Expression),
}

struct Parser<'s> {
    scanner: Scanner<'s>,
    keys: Vec<Box<str>>,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn block(&mut self) -> Result<(Vec<Node>, Ending), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            let (text, opened) = self.scanner.text()?;
            if !text.is_empty() {
                nodes.push(Node::Text(text.into()));
            }
            match opened {
                Opened::Nothing => return Ok((nodes, Ending::Template)),
                Opened::Comment => {}
                Opened::Action(at) => match self.action(at)? {
                    Action::Node(node) => nodes.push(node),
                    Action::Ending(ending) => return Ok((nodes, ending)),
                },
            }
        }
    }

    fn action(&mut self, at: usize) -> Result<Action, TemplateError> {
        let begin = self.scanner;
        match self.token_after_space()?.1 {
            Token::Word("if") => self.conditional(at).map(Action::Node),
            Token::Word("end") => match self.token_after_space()? {
                (_, Token::Close) => Ok(Action::Ending(Ending::End(at))),
                (at, _) => Err(refused(at, "`{{ end }}` takes nothing more")),
            },
            Token::Word("else") => match self.token_after_space()? {
                (_, Token::Close) => Ok(Action::Ending(Ending::Else(at))),
                (_, Token::Word("if")) => Ok(Action::Ending(Ending::ElseIf(at))),
                (at, Token::Word(word)) => Err(unknown(at, word)),
                (at, _) => Err(refused(at, "`{{ else }}` takes nothing more than an `if`")),
            },
            _ => {
                self.scanner = begin;
                self.value(at).map(|value| Action::Node(Node::Value(value)))
            }
        }
    }

    /// An `if` up to its `end`; the word `if` is passed.
    fn conditional(&mut self, at: usize) -> Result<Node, TemplateError> {
        self.enter(at)?;
        let unclosed = || refused(at, "`{{ if }}` has no `{{ end }}`");
        let mut branches = Vec::new();
        let otherwise = loop {
            let condition = self.value(at)?;
            let (nodes, ending) = self.block()?;
            branches.push(Branch { condition, nodes });
            match ending {
                Ending::ElseIf(_) => {}
                Ending::End(_) => break Vec::new(),
                Ending::Template => return Err(unclosed()),
                Ending::Else(_) => match self.block()? {
                    (nodes, Ending::End(_)) => break nodes,
                    (_, Ending::Template) => return Err(unclosed()),
                    (_, Ending::Else(at) | Ending::ElseIf(at)) => {
                        return Err(refused(at, "this `{{ if }}` has its `{{ else }}` already"));
                    }
                },
            }
        };
        self.leave();
        Ok(Node::If { branches, otherwise })
    }

    /// The value of an action, up to and with its `}}`.
    fn value(&mut self, at: usize) -> Result<Expression, TemplateError> {
        let (at, operand) = self.command(at, Closing::Action)?;
        expression(at, operand)
    }

    /// `term term ..` up to and with what closes it: one value, or a function and its arguments; and where it began.
    fn command(&mut self, at: usize, closing: Closing) -> Result<(usize, Operand<'s>), TemplateError> {
        let mut operands = Vec::new();
        loop {
            let (at, token) = self.token_after_space()?;
            if closes(at, &token, closing)? {
                break;
            }
            operands.push((at, self.operand(at, token)?));
            let at = self.scanner.offset();
            let token = self.scanner.token()?;
            if closes(at, &token, closing)? {
                break;
            }
            match token {
                Token::Space => {}
                Token::Field(_) => {
                    return Err(refused(at, "a field of a field is not supported, as every value is a text"));
                }
                _ => return Err(refused(at, "white space is needed between two values")),
            }
        }
        let mut operands = operands.into_iter();
        match (operands.next(), operands.as_slice().first()) {
            (None, _) => Err(refused(at, "a value is missing")),
            (Some((at, Operand::Function(name))), _) => {
                Ok((at, Operand::Value(self.call(at, name, operands.collect())?)))
            }
            (Some(operand), None) => Ok(operand),
            (Some(_), Some((at, _))) => Err(refused(*at, "only a function takes an argument")),
        }
    }

    fn operand(&mut self, at: usize, token: Token<'s>) -> Result<Operand<'s>, TemplateError> {
        Ok(match token {
            Token::Dot => Operand::Root,
            Token::Dollar => {
                let mut ahead = self.scanner;
                match ahead.token() {
                    Ok(Token::Field(name)) => {
                        self.scanner = ahead;
                        Operand::Value(self.key(name))
                    }
                    _ => Operand::Root,
                }
            }
            Token::Field(name) => Operand::Value(self.key(name)),
            Token::Literal(text) => Operand::Value(Expression::Text(text.into())),
            Token::Word("true") => Operand::Value(Expression::Boolean(true)),
            Token::Word("false") => Operand::Value(Expression::Boolean(false)),
            Token::Word(name @ ("index" | "eq" | "ne" | "and" | "or" | "not")) => Operand::Function(name),
            Token::Word(word) => return Err(unknown(at, word)),
            Token::LeftParenthesis => {
                self.enter(at)?;
                let (_, operand) = self.command(at, Closing::Parenthesis)?;
                self.leave();
                operand
            }
            Token::Space | Token::Close | Token::RightParenthesis => return Err(refused(at, "a value is missing")),
        })
    }

    fn call(
        &mut self,
        at: usize,
        name: &str,
        arguments: Vec<(usize, Operand<'s>)>,
    ) -> Result<Expression, TemplateError> {
        if name == "index" {
            return match arguments.as_slice() {
                [(_, Operand::Root), (_, Operand::Value(Expression::Text(key)))] => Ok(self.key(key)),
                _ => Err(refused(at, "`index` takes `.` and one key, which is a literal text: index . \"any key\"")),
            };
        }
        let arguments = arguments.into_iter();
        let mut values =
            arguments.map(|(at, operand)| Ok((at, expression(at, operand)?))).collect::<Result<Vec<_>, _>>()?;
        let count = |wanted| refused(at, &format!("`{name}` takes {wanted}"));
        match name {
            "not" => match (values.pop(), values.is_empty()) {
                (Some((_, value)), true) => Ok(Expression::Not(Box::new(value))),
                _ => Err(count("one value")),
            },
            "eq" if values.len() > 1 => equal(at, values),
            "eq" => Err(count("two values or more")),
            "ne" if values.len() == 2 => Ok(Expression::Not(Box::new(equal(at, values)?))),
            "ne" => Err(count("two values")),
            _ => {
                let (_, last) = values.pop().ok_or_else(|| count("one value or more"))?;
                let leading = values.into_iter().map(|(_, value)| value).collect();
                Ok(Expression::FirstWith { truth: name == "or", leading, last: Box::new(last) })
            }
        }
    }

    fn key(&mut self, name: &str) -> Expression {
        if !self.keys.iter().any(|known| **known == *name) {
            self.keys.push(name.into());
        }
        Expression::Key(name.into())
    }

    fn token_after_space(&mut self) -> Result<(usize, Token<'s>), TemplateError> {
        loop {
            let at = self.scanner.offset();
            match self.scanner.token()? {
                Token::Space => {}
                token => return Ok((at, token)),
            }
        }
    }

    fn enter(&mut self, at: usize) -> Result<(), TemplateError> {
        if self.depth >= DEPTH_LIMIT {
            return Err(refused(at, &format!("`{{{{ if }}}}` and parentheses are nested deeper than {DEPTH_LIMIT}")));
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Whether a token ends a command; an error if it ends the wrong one.
fn closes(at: usize, token: &Token<'_>, closing: Closing) -> Result<bool, TemplateError> {
    match (token, closing) {
        (Token::Close, Closing::Action) | (Token::RightParenthesis, Closing::Parenthesis) => Ok(true),
        (Token::Close, Closing::Parenthesis) => Err(refused(at, "a parenthesis is not closed by `)`")),
        (Token::RightParenthesis, Closing::Action) => Err(refused(at, "`)` has no `(` before it")),
        _ => Ok(false),
    }
}

/// An operand that must have a value of its own.
fn expression(at: usize, operand: Operand<'_>) -> Result<Expression, TemplateError> {
    match operand {
        Operand::Value(value) => Ok(value),
        Operand::Root => Err(refused(at, "`.` or `$` alone is all keys together, not a value")),
        Operand::Function(name) => {
            Err(refused(at, &format!("the function `{name}` must stand in parentheses to be an argument")))
        }
    }
}

/// `eq` of two values or more. Go finds a comparison of different kinds only on the way that is taken; a configuration
/// is better refused when it is read.
fn equal(at: usize, values: Vec<(usize, Expression)>) -> Result<Expression, TemplateError> {
    let mut values = values.into_iter();
    let (_, first) = values.next().ok_or_else(|| refused(at, "a value is missing"))?;
    let kind = first.kind();
    let mut others = Vec::with_capacity(values.len());
    for (at, other) in values {
        match (kind, other.kind()) {
            (Kind::Text, Kind::Boolean) | (Kind::Boolean, Kind::Text) => {
                return Err(refused(
                    at,
                    "a boolean is compared with a text; a claim that is true is the text \"true\"",
                ));
            }
            _ => others.push(other),
        }
    }
    Ok(Expression::Equal { first: Box::new(first), others })
}

/// A word that is not supported in this place, named as what it is in Go.
fn unknown(at: usize, word: &str) -> TemplateError {
    let what = match word {
        "if" | "else" | "end" => format!("`{word}` must stand at the front of an action"),
        "range" | "with" | "define" | "block" | "template" | "break" | "continue" => {
            format!("`{{{{ {word} }}}}` is not supported")
        }
        "nil" => "`nil` is not supported".to_owned(),
        "call" | "ge" | "gt" | "html" | "js" | "le" | "len" | "lt" | "print" | "printf" | "println" | "slice"
        | "urlquery" => format!("the function `{word}` is not supported"),
        _ => format!("`{word}` is not a function; a key has a dot before it: `{{{{ .{word} }}}}`"),
    };
    refused(at, &what)
}
