//! The grammar: from tokens to a tree that can be rendered without further questions.
//!
//! Owns which constructs exist, how many arguments each takes and which kinds can be told apart before any data is
//! known. Refuses to know spelling (see `scan`) and data (see `render`).

use super::action::{Action, Assignment, Closing, Control, Ending, Operand};
use super::functions::{expression, function, unknown};
use super::scan::{Opened, Scanner, Token, refused};
use super::tree::{Branch, Expression, Node};
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
                    return Err(refused(at, "a field of a field is not supported, as every value is a string"));
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
