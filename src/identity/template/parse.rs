//! The grammar: from tokens to a tree that can be rendered without further questions.
//!
//! Owns which constructs exist, how many arguments each takes and which kinds can be told apart before any data is
//! known. Refuses to know spelling (see `scan`) and data (see `render`).

use super::format;
use super::scan::{Opened, Scanner, Token, refused};
use super::tree::{Branch, Escape, Expression, Kind, Node, Order};
use super::{DEPTH_LIMIT, TemplateError};

/// How many pipes one action may have; with `DEPTH_LIMIT` it bounds the depth of a tree.
const PIPE_LIMIT: usize = 64;

pub(super) struct Parsed {
    pub(super) nodes: Vec<Node>,
    pub(super) keys: Vec<Box<str>>,
    /// How many variables rendering needs.
    pub(super) variables: usize,
}

pub(super) fn parse(source: &str) -> Result<Parsed, TemplateError> {
    let mut parser = Parser {
        scanner: Scanner::new(source),
        keys: Vec::new(),
        depth: 0,
        pipes: 0,
        scope: Vec::new(),
        variables: 0,
        has_dot: false,
    };
    match parser.block()? {
        (nodes, Ending::Template) => Ok(Parsed { nodes, keys: parser.keys, variables: parser.variables }),
        (_, Ending::End(at)) => Err(refused(at, "`{{ end }}` has no `{{ if }}` before it")),
        (_, Ending::Else(at) | Ending::ElseBranch(at, _)) => {
            Err(refused(at, "`{{ else }}` has no `{{ if }}` before it"))
        }
    }
}

/// An error in a function's arguments.
pub(super) fn refuse(at: usize, what: &str) -> TemplateError {
    refused(at, what)
}

/// What ended a block, and where.
enum Ending {
    Template,
    End(usize),
    Else(usize),
    /// `{{ else if` or `{{ else with`, with its condition still to come.
    ElseBranch(usize, Control),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
}

impl Control {
    const fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
        }
    }
}

/// What an action may begin with.
enum Assignment<'s> {
    /// `$x :=`
    Declared(&'s str),
    /// `$x =`
    Set(usize),
}

enum Action {
    Nodes(Vec<Node>),
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
    /// Pipes of the current action.
    pipes: usize,
    /// The variables that can be seen, and their slots. A block's own end with it, so that each one read was set before.
    scope: Vec<(&'s str, usize)>,
    variables: usize,
    /// Inside `with` or `range`, where `.` is a value.
    has_dot: bool,
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
                    Action::Nodes(more) => nodes.extend(more),
                    Action::Ending(ending) => return Ok((nodes, ending)),
                },
            }
        }
    }

    fn action(&mut self, at: usize) -> Result<Action, TemplateError> {
        self.pipes = 0;
        let begin = self.scanner;
        match self.token_after_space()?.1 {
            Token::Word("if") => self.conditional(at, Control::If).map(|node| Action::Nodes(vec![node])),
            Token::Word("with") => self.conditional(at, Control::With).map(|node| Action::Nodes(vec![node])),
            Token::Word("range") => self.range(at).map(|node| Action::Nodes(vec![node])),
            Token::Word("end") => match self.token_after_space()? {
                (_, Token::Close) => Ok(Action::Ending(Ending::End(at))),
                (at, _) => Err(refused(at, "`{{ end }}` takes nothing more")),
            },
            Token::Word("else") => match self.token_after_space()? {
                (_, Token::Close) => Ok(Action::Ending(Ending::Else(at))),
                (_, Token::Word("if")) => Ok(Action::Ending(Ending::ElseBranch(at, Control::If))),
                (_, Token::Word("with")) => Ok(Action::Ending(Ending::ElseBranch(at, Control::With))),
                (at, Token::Word(word)) => Err(unknown(at, word)),
                (at, _) => Err(refused(at, "`{{ else }}` takes nothing more than an `if` or `with`")),
            },
            _ => {
                self.scanner = begin;
                let assignment = self.assignment()?;
                let value = self.value(at)?;
                Ok(Action::Nodes(match assignment {
                    None => value.pieces(),
                    Some(Assignment::Declared(name)) => vec![Node::Set { slot: self.declare(name), value }],
                    Some(Assignment::Set(slot)) => vec![Node::Set { slot, value }],
                }))
            }
        }
    }

    /// An `if` or `with` up to its `end`; the word is passed.
    fn conditional(&mut self, at: usize, control: Control) -> Result<Node, TemplateError> {
        self.enter(at)?;
        let word = control.word();
        let unclosed = || refused(at, &format!("`{{{{ {word} }}}}` has no `{{{{ end }}}}`"));
        let scope = self.scope.len();
        let mut branches = Vec::new();
        let otherwise = loop {
            self.pipes = 0;
            let name = self.condition_variable()?;
            let condition = self.value(at)?;
            let slot = name.map(|name| self.declare(name));
            let is_with = control == Control::With;
            let (nodes, ending) = self.inner(is_with)?;
            branches.push(Branch { condition, slot, is_with, nodes });
            match ending {
                Ending::ElseBranch(_, same) if same == control => {}
                Ending::ElseBranch(at, other) => {
                    let what = format!("`{{{{ else {} }}}}` is not supported in `{{{{ {word} }}}}`", other.word());
                    return Err(refused(at, &what));
                }
                Ending::End(_) => break Vec::new(),
                Ending::Template => return Err(unclosed()),
                Ending::Else(_) => break self.last(word, unclosed)?,
            }
        };
        self.scope.truncate(scope);
        self.leave();
        Ok(Node::If { branches, otherwise })
    }

    /// What follows an `else`, up to the `end`.
    fn last(&mut self, word: &str, unclosed: impl Fn() -> TemplateError) -> Result<Vec<Node>, TemplateError> {
        let has_dot = self.has_dot;
        match self.inner(has_dot)? {
            (nodes, Ending::End(_)) => Ok(nodes),
            (_, Ending::Template) => Err(unclosed()),
            (_, Ending::Else(at) | Ending::ElseBranch(at, _)) => {
                Err(refused(at, &format!("this `{{{{ {word} }}}}` has its `{{{{ else }}}}` already")))
            }
        }
    }

    /// A `range` up to its `end`; the word is passed.
    fn range(&mut self, at: usize) -> Result<Node, TemplateError> {
        self.enter(at)?;
        let unclosed = || refused(at, "`{{ range }}` has no `{{ end }}`");
        let scope = self.scope.len();
        let (position, element) = self.range_variables()?;
        let list = self.value(at)?;
        let position = position.map(|name| self.declare(name));
        let element = element.map(|name| self.declare(name));
        let (nodes, ending) = self.inner(true)?;
        let otherwise = match ending {
            Ending::End(_) => Vec::new(),
            Ending::Else(_) => {
                // No element, so no variable of it.
                self.scope.truncate(scope);
                self.last("range", unclosed)?
            }
            Ending::Template => return Err(unclosed()),
            Ending::ElseBranch(at, _) => return Err(refused(at, "`{{ range }}` takes a plain `{{ else }}`")),
        };
        self.scope.truncate(scope);
        self.leave();
        Ok(Node::Range { list, position, element, nodes, otherwise })
    }

    /// A block with a scope of its own.
    fn inner(&mut self, is_dot: bool) -> Result<(Vec<Node>, Ending), TemplateError> {
        let (scope, outer) = (self.scope.len(), self.has_dot);
        self.has_dot = outer || is_dot;
        let block = self.block()?;
        self.scope.truncate(scope);
        self.has_dot = outer;
        Ok(block)
    }

    /// `$x :=` or `$x =`, if the action begins so.
    fn assignment(&mut self) -> Result<Option<Assignment<'s>>, TemplateError> {
        let begin = self.scanner;
        let mut ahead = || self.token_after_space().ok();
        if let Some((at, Token::Variable(name))) = ahead() {
            match ahead() {
                Some((_, Token::Declare)) => return Ok(Some(Assignment::Declared(name))),
                Some((_, Token::Assign)) => return self.slot(at, name).map(Assignment::Set).map(Some),
                _ => {}
            }
        }
        self.scanner = begin;
        Ok(None)
    }

    /// The variable of `if $x := ..`.
    fn condition_variable(&mut self) -> Result<Option<&'s str>, TemplateError> {
        let at = self.scanner.offset();
        match self.assignment()? {
            None => Ok(None),
            Some(Assignment::Declared(name)) => Ok(Some(name)),
            Some(Assignment::Set(_)) => Err(refused(at, "a condition declares its variable with `:=`")),
        }
    }

    /// The variables of `range $element := ..` or `range $position, $element := ..`.
    fn range_variables(&mut self) -> Result<(Option<&'s str>, Option<&'s str>), TemplateError> {
        let begin = self.scanner;
        let mut ahead = || self.token_after_space().ok().map(|(_, token)| token);
        if let Some(Token::Variable(position)) = ahead()
            && let Some(Token::Comma) = ahead()
            && let Some(Token::Variable(element)) = ahead()
            && let Some(Token::Declare) = ahead()
        {
            return Ok((Some(position), Some(element)));
        }
        self.scanner = begin;
        Ok((None, self.condition_variable()?))
    }

    fn declare(&mut self, name: &'s str) -> usize {
        let slot = self.variables;
        self.variables = slot.saturating_add(1);
        self.scope.push((name, slot));
        slot
    }

    fn slot(&self, at: usize, name: &str) -> Result<usize, TemplateError> {
        let found = self.scope.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, slot)| *slot).ok_or_else(|| refused(at, &format!("the variable `${name}` is not declared here")))
    }

    /// The value of an action, up to and with its `}}`.
    fn value(&mut self, at: usize) -> Result<Expression, TemplateError> {
        let (at, operand) = self.pipeline(at, Closing::Action)?;
        expression(at, operand)
    }

    /// Commands with `|` between them, up to and with what closes them: one value, and where it began.
    fn pipeline(&mut self, at: usize, closing: Closing) -> Result<(usize, Operand<'s>), TemplateError> {
        let (mut value, mut is_open) = self.command(at, closing, None)?;
        while is_open {
            // Go takes a pipe that nothing follows.
            let mut ahead = Self { scanner: self.scanner, keys: Vec::new(), scope: Vec::new(), ..*self };
            if let Ok((at, token)) = ahead.token_after_space()
                && closes(at, &token, closing)?
            {
                self.scanner = ahead.scanner;
                break;
            }
            self.pipes = self.pipes.saturating_add(1);
            if self.pipes > PIPE_LIMIT {
                return Err(refused(at, &format!("an action has more than {PIPE_LIMIT} pipes")));
            }
            (value, is_open) = self.command(at, closing, Some(value))?;
        }
        Ok(value)
    }

    /// `term term ..`: one value, or a function and its arguments, of which `piped` is the last; and whether a pipe ended it.
    fn command(
        &mut self,
        at: usize,
        closing: Closing,
        piped: Option<(usize, Operand<'s>)>,
    ) -> Result<((usize, Operand<'s>), bool), TemplateError> {
        let mut operands = Vec::new();
        let is_open = loop {
            let (at, token) = self.token_after_space()?;
            if closes(at, &token, closing)? {
                break false;
            }
            if matches!(token, Token::Pipe) {
                break true;
            }
            operands.push((at, self.operand(at, token)?));
            let at = self.scanner.offset();
            let token = self.scanner.token()?;
            if closes(at, &token, closing)? {
                break false;
            }
            match token {
                Token::Space => {}
                Token::Pipe => break true,
                Token::Field(_) => {
                    return Err(refused(at, "a field of a field is not supported, as every value is a text"));
                }
                _ => return Err(refused(at, "white space is needed between two values")),
            }
        };
        let mut operands = operands.into_iter();
        let is_piped = piped.is_some();
        let value = match (operands.next(), operands.as_slice().first()) {
            (None, _) => return Err(refused(at, "a value is missing")),
            (Some((at, Operand::Function(name))), _) => {
                (at, Operand::Value(self.call(at, name, operands.chain(piped).collect(), is_piped)?))
            }
            (Some((at, _)), _) if is_piped => {
                return Err(refused(at, "behind a pipe `|` there must be a function"));
            }
            (Some(operand), None) => operand,
            (Some(_), Some((at, _))) => return Err(refused(*at, "only a function takes an argument")),
        };
        Ok((value, is_open))
    }

    fn operand(&mut self, at: usize, token: Token<'s>) -> Result<Operand<'s>, TemplateError> {
        Ok(match token {
            Token::Dot if self.has_dot => Operand::Value(Expression::Dot),
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
            Token::Variable(name) => Operand::Value(Expression::Variable(self.slot(at, name)?)),
            Token::Field(name) if self.has_dot => {
                let what = format!("inside `with` and `range` `.` is a value without fields; write `$.{name}`");
                return Err(refused(at, &what));
            }
            Token::Field(name) => Operand::Value(self.key(name)),
            Token::Literal(text) => Operand::Value(Expression::Text(text.into())),
            Token::Integer(value) => Operand::Value(Expression::Integer(value)),
            Token::Word("true") => Operand::Value(Expression::Boolean(true)),
            Token::Word("false") => Operand::Value(Expression::Boolean(false)),
            Token::Word(
                name @ ("index" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "and" | "or" | "not" | "len" | "slice"
                | "print" | "println" | "printf" | "urlquery" | "html"),
            ) => Operand::Function(name),
            Token::Word(word) => return Err(unknown(at, word)),
            Token::LeftParenthesis => {
                self.enter(at)?;
                let (_, operand) = self.pipeline(at, Closing::Parenthesis)?;
                self.leave();
                operand
            }
            Token::Space
            | Token::Close
            | Token::RightParenthesis
            | Token::Pipe
            | Token::Comma
            | Token::Declare
            | Token::Assign => return Err(refused(at, "a value is missing")),
        })
    }

    fn call(
        &mut self,
        at: usize,
        name: &str,
        arguments: Vec<(usize, Operand<'s>)>,
        is_piped: bool,
    ) -> Result<Expression, TemplateError> {
        if name == "index" {
            return match arguments.as_slice() {
                [(_, Operand::Root), (_, Operand::Value(Expression::Text(key)))] => Ok(self.index(key)),
                _ => Err(refused(at, "`index` takes `.` and one key, which is a literal text: index . \"any key\"")),
            };
        }
        let arguments = arguments.into_iter();
        let values =
            arguments.map(|(at, operand)| Ok((at, expression(at, operand)?))).collect::<Result<Vec<_>, _>>()?;
        function(at, name, values, is_piped)
    }

    fn index(&mut self, name: &str) -> Expression {
        self.key(name);
        Expression::Index(name.into())
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

/// Any function but `index`.
fn function(
    at: usize,
    name: &str,
    mut values: Vec<(usize, Expression)>,
    is_piped: bool,
) -> Result<Expression, TemplateError> {
    let count = |wanted| refused(at, &format!("`{name}` takes {wanted}"));
    let plain = |values: Vec<(usize, Expression)>| values.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    match name {
        "not" | "len" => match (values.pop(), values.is_empty()) {
            (Some((_, value)), true) if name == "not" => Ok(Expression::Not(Box::new(value))),
            (Some((at, value)), true) => match value.kind() {
                Kind::Text | Kind::Any => Ok(Expression::Length(Box::new(value))),
                Kind::Boolean | Kind::Integer => Err(refused(at, "`len` takes a text or a list")),
            },
            _ => Err(count("one value")),
        },
        "eq" if values.len() > 1 => equal(at, values),
        "eq" => Err(count("two values or more")),
        "ne" if values.len() == 2 => Ok(Expression::Not(Box::new(equal(at, values)?))),
        "ne" => Err(count("two values")),
        "lt" | "le" | "gt" | "ge" => {
            let order = match name {
                "lt" => Order::Less,
                "le" => Order::LessOrEqual,
                "gt" => Order::Greater,
                _ => Order::GreaterOrEqual,
            };
            match (values.pop(), values.pop(), values.is_empty()) {
                (Some((at, right)), Some((_, left)), true) => compare(at, order, left, right),
                _ => Err(count("two values")),
            }
        }
        "slice" => slice(at, plain(values)),
        "print" | "println" => Ok(Expression::Print { values: plain(values), is_line: name == "println" }),
        "printf" => {
            let mut values = plain(values).into_iter();
            match values.next() {
                Some(Expression::Text(format)) => format::parts(at, &format, values.collect()).map(Expression::Format),
                _ => Err(refused(at, "`printf` takes a format, which is a literal text, and values")),
            }
        }
        "urlquery" => Ok(Expression::Escape { how: Escape::UrlQuery, values: plain(values) }),
        "html" => Ok(Expression::Escape { how: Escape::Html, values: plain(values) }),
        _ => {
            let (_, last) = values.pop().ok_or_else(|| count("one value or more"))?;
            let leading = plain(values);
            Ok(Expression::FirstWith { truth: name == "or", leading, last: Box::new(last), is_piped })
        }
    }
}

fn slice(at: usize, values: Vec<Expression>) -> Result<Expression, TemplateError> {
    let wrong = || refused(at, "`slice` takes a text and one or two positions, in bytes");
    let mut values = values.into_iter();
    let text = values.next().filter(|text| matches!(text.kind(), Kind::Text | Kind::Any)).ok_or_else(wrong)?;
    let positions: Vec<Expression> = values.collect();
    if positions.len() > 2 || positions.iter().any(|position| !matches!(position.kind(), Kind::Integer | Kind::Any)) {
        return Err(wrong());
    }
    let mut positions = positions.into_iter().map(Box::new);
    Ok(Expression::Slice { text: Box::new(text), from: positions.next(), to: positions.next() })
}

fn compare(at: usize, order: Order, left: Expression, right: Expression) -> Result<Expression, TemplateError> {
    match (left.kind(), right.kind()) {
        (Kind::Boolean, _) | (_, Kind::Boolean) => Err(refused(at, "a boolean has no order")),
        (Kind::Text, Kind::Integer) | (Kind::Integer, Kind::Text) => Err(refused(at, MIXED)),
        _ => Ok(Expression::Compare { order, left: Box::new(left), right: Box::new(right) }),
    }
}

const MIXED: &str =
    "a text is compared with a number or a boolean; a claim is always a text, such as \"true\" or \"5\"";

/// `eq` of two values or more. Go finds a comparison of different kinds only on the way that is taken; a configuration
/// is better refused when it is read.
fn equal(at: usize, values: Vec<(usize, Expression)>) -> Result<Expression, TemplateError> {
    let mut values = values.into_iter();
    let (_, first) = values.next().ok_or_else(|| refused(at, "a value is missing"))?;
    let kind = first.kind();
    let mut others = Vec::with_capacity(values.len());
    for (at, other) in values {
        if kind != Kind::Any && other.kind() != Kind::Any && kind != other.kind() {
            return Err(refused(at, MIXED));
        }
        others.push(other);
    }
    Ok(Expression::Equal { first: Box::new(first), others })
}

/// A word that is not supported in this place, named as what it is in Go.
fn unknown(at: usize, word: &str) -> TemplateError {
    let what = match word {
        "if" | "else" | "end" | "range" | "with" => format!("`{word}` must stand at the front of an action"),
        "define" | "block" | "template" | "break" | "continue" => {
            format!("`{{{{ {word} }}}}` is not supported")
        }
        "nil" => "`nil` is not supported".to_owned(),
        "call" | "js" => format!("the function `{word}` is not supported"),
        _ => format!("`{word}` is not a function; a key has a dot before it: `{{{{ .{word} }}}}`"),
    };
    refused(at, &what)
}
