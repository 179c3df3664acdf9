//! CEL's syntax: the parser of the `cel` crate within bounds, its positions in bytes, and its errors in words that help.

use cel::common::ast::{CallExpr, Expr, IdedExpr, SourceInfo, operators};
use cel::parser::ParseErrors;

use super::{Fault, MAX_SOURCE};
use crate::panics::caught_in;

/// Brackets within each other.
const MAX_BRACKETS: usize = 24;
/// Signs of operators and selections; so deep can the parser's tree be.
const MAX_OPERATORS: usize = 500;

/// A condition's tree, with where each node of it stands.
pub(super) struct Parsed<'s> {
    pub(super) tree: IdedExpr,
    places: SourceInfo,
    source: &'s str,
}

impl Parsed<'_> {
    /// Where a node stands, in bytes: an operator at its sign, everything else where it begins.
    pub(super) fn at(&self, node: &IdedExpr) -> usize {
        match &node.expr {
            Expr::Select(select) => self.at(&select.operand),
            Expr::Call(CallExpr { target: Some(target), .. }) => self.at(target),
            Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::INDEX => {
                args.first().map_or(0, |object| self.at(object))
            }
            Expr::Call(_) => self.name_at(node),
            _ => self.token_at(node),
        }
    }

    /// Where the name of a function, or of what is selected, stands; the sign of an operator.
    pub(super) fn name_at(&self, node: &IdedExpr) -> usize {
        let token = self.token_at(node);
        let (before, behind) = self.source.split_at_checked(token).unwrap_or((self.source, ""));
        match &node.expr {
            // The parser has a call at its bracket, and a selection at its dot.
            Expr::Call(call) if behind.starts_with('(') => {
                before.trim_end().strip_suffix(call.func_name.as_str()).map_or(token, str::len)
            }
            Expr::Select(select) if behind.starts_with('.') => {
                behind.find(select.field.as_str()).map_or(token, |more| token + more)
            }
            _ => token,
        }
    }

    fn token_at(&self, node: &IdedExpr) -> usize {
        self.places.offset_for(node.id).map_or(0, |(start, _)| start as usize)
    }
}

/// The parser counts characters in the columns of its errors, and bytes elsewhere.
fn bytes(source: &str, characters: usize) -> usize {
    source.char_indices().nth(characters).map_or(source.len(), |(at, _)| at)
}

pub(super) fn parse(source: &str) -> Result<Parsed<'_>, Fault> {
    bound(source)?;
    // Without macros: `has` and its kin stay the calls that they are written as.
    let parser = || cel::Env::default().with_optional_support(false).parser().error_recovery_limit(3);
    match caught_in(|| parser().parse_with_source_info(source)) {
        Ok(Ok((tree, places))) => Ok(Parsed { tree, places, source }),
        Ok(Err(errors)) => Err(fault(source, &errors)),
        Err(_) => Err(Fault::new(0, "the condition cannot be parsed")),
    }
}

/// Refuses what would take the parser, or whoever walks its tree, too deep.
fn bound(source: &str) -> Result<(), Fault> {
    if source.trim().is_empty() {
        return Err(Fault::new(0, "the condition is empty")
            .hint("write a CEL expression, like claims.ref == \"refs/heads/main\""));
    }
    if source.len() > MAX_SOURCE {
        let hint = "make several rules of it, or a list: claims.repository_id in [\"1\", \"2\"]";
        return Err(Fault::new(MAX_SOURCE, format!("the condition is longer than {MAX_SOURCE} bytes")).hint(hint));
    }
    let (mut depth, mut operators) = (0_usize, 0_usize);
    for (at, character) in outside_strings(source) {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '!' | '-' | '+' | '*' | '/' | '%' | '?' | '.' | '<' | '>' | '=' | '&' | '|' => operators += 1,
            _ => {}
        }
        if depth > MAX_BRACKETS || operators > MAX_OPERATORS {
            return Err(Fault::new(at, "the condition is too complex").hint("make several rules of it"));
        }
    }
    Ok(())
}

/// The characters that are not within quotes, as near as is needed for a bound: the check has its own.
fn outside_strings(source: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut is_escaped, mut is_raw, mut before) = (None::<char>, false, false, ' ');
    source.char_indices().filter(move |(_, character)| {
        let is_outside = quote.is_none();
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if *character == '\\' && !is_raw => is_escaped = true,
            Some(open) if *character == open => quote = None,
            None if matches!(character, '"' | '\'') => {
                (quote, is_raw) = (Some(*character), matches!(before, 'r' | 'R'));
            }
            _ => {}
        }
        before = *character;
        is_outside
    })
}

fn fault(source: &str, errors: &ParseErrors) -> Fault {
    let Some(first) = errors.errors.first() else { return Fault::new(0, "the condition cannot be parsed") };
    let (line, column) = first.pos;
    let at = place(source, usize::try_from(line).unwrap_or(0), usize::try_from(column).unwrap_or(0));
    let message = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg).replace('\n', " ");
    let short = match message.split(" expecting ").next().unwrap_or_default() {
        // The parser's own words for what is missing at the end.
        text if text.contains("Context`") => "the condition is incomplete",
        text => text,
    };
    let fault = Fault::new(at, format!("syntax error: {short}"));
    match hint(source, at) {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// The byte of a line and a column, both from 1.
fn place(source: &str, line: usize, column: usize) -> usize {
    let mut begin = 0;
    for (before, text) in source.split_inclusive('\n').enumerate() {
        if before + 1 == line {
            return begin + bytes(text, column.saturating_sub(1)).min(text.trim_end_matches('\n').len());
        }
        begin += text.len();
    }
    source.len()
}

/// What people write who think in another language.
fn hint(source: &str, at: usize) -> Option<&'static str> {
    let (before, behind) = source.split_at_checked(at).unwrap_or((source, ""));
    let around = |words: &[&str]| {
        let last = before.split_whitespace().next_back().unwrap_or_default();
        let next = behind.split_whitespace().next().unwrap_or_default();
        words.iter().any(|word| last.eq_ignore_ascii_case(word) || next.eq_ignore_ascii_case(word))
    };
    let is_single = |sign: &str| {
        let near = source.get(at.saturating_sub(2)..(at + 2).min(source.len())).unwrap_or_default();
        near.contains(sign) && !near.contains(&sign.repeat(2))
    };
    if around(&["and"]) {
        return Some("CEL writes && for and");
    }
    if around(&["or"]) {
        return Some("CEL writes || for or");
    }
    if around(&["not"]) {
        return Some("CEL writes ! for not: !(..)");
    }
    if source.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        return Some("use plain quotes: \" or '");
    }
    if behind.starts_with('=') || is_single("=") {
        return Some("CEL compares with ==");
    }
    if is_single("&") || is_single("|") {
        return Some("CEL writes && and ||");
    }
    (source.matches('"').count() % 2 == 1).then_some("a quote is open")
}
