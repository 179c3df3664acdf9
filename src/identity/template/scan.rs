//! Cuts a template into text and the tokens of its actions, as Go's scanner does, trim markers and literals included.
//!
//! Owns spelling: delimiters, white space, names, literals. Refuses to know grammar: which token may follow which.

use super::TemplateError;

/// What is said after each refusal.
const SUPPORTED: &str = "supported are {{ .key }}, {{ index . \"any key\" }}, \
    {{ if }} .. {{ else if }} .. {{ else }} .. {{ end }}, {{ with }}, {{ range }}, {{ $x := value }}, pipes, the functions \
    eq, ne, lt, le, gt, ge, and, or, not, len, slice, print, printf, println, urlquery, html, parentheses, \"text\", \
    `text`, whole numbers, true, false, {{/* comments */}} and the trim markers {{- and -}}";

/// A token inside an action.
#[derive(Debug)]
pub(super) enum Token<'s> {
    Space,
    /// `}}`, or white space and `-}}`.
    Close,
    LeftParenthesis,
    RightParenthesis,
    /// `.` alone.
    Dot,
    /// `$` alone.
    Dollar,
    /// `$name`, without the dollar.
    Variable(&'s str),
    /// `|`
    Pipe,
    /// `,`
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Integer(i64),
    /// `.name`, without the dot.
    Field(&'s str),
    /// A keyword, a boolean or the name of a function.
    Word(&'s str),
    Literal(String),
}

/// What ended a run of text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Opened {
    Nothing,
    Comment,
    /// An action, whose `{{` (and trim marker) is passed and began at this offset.
    Action(usize),
}

/// A place in a template. Copying it is a look ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'s> {
    source: &'s str,
    rest: &'s str,
}

impl<'s> Scanner<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, rest: source }
    }

    pub(super) fn offset(&self) -> usize {
        self.source.len().saturating_sub(self.rest.len())
    }

    /// The text up to the next action or comment, already trimmed if that has a trim marker.
    pub(super) fn text(&mut self) -> Result<(&'s str, Opened), TemplateError> {
        let Some((text, after)) = self.rest.split_once("{{") else {
            return Ok((std::mem::take(&mut self.rest), Opened::Nothing));
        };
        let begin = self.offset().saturating_add(text.len());
        // Exactly one white space belongs to the marker: a comment must follow it at once, and `{{- -}}` has no space
        // left.
        let marked = after.strip_prefix('-').and_then(|after| after.strip_prefix(is_space));
        self.rest = marked.unwrap_or(after);
        let text = if marked.is_some() { text.trim_end_matches(is_space) } else { text };
        let Some(comment) = self.rest.strip_prefix("/*") else {
            return Ok((text, Opened::Action(begin)));
        };
        let (_, after) = comment.split_once("*/").ok_or_else(|| refused(begin, "the comment is not closed by `*/`"))?;
        self.rest = after;
        if self.close() {
            Ok((text, Opened::Comment))
        } else {
            Err(refused(self.offset(), "a comment must fill its action: `}}` or ` -}}` must follow `*/`"))
        }
    }

    /// The next token of an action.
    pub(super) fn token(&mut self) -> Result<Token<'s>, TemplateError> {
        let begin = self.offset();
        let after = self.rest.trim_start_matches(is_space);
        if after.len() < self.rest.len() {
            self.rest = after;
            return Ok(match after.strip_prefix("-}}") {
                Some(after) => {
                    self.rest = after.trim_start_matches(is_space);
                    Token::Close
                }
                None => Token::Space,
            });
        }
        if self.close() {
            return Ok(Token::Close);
        }
        let mut chars = self.rest.chars();
        let first = chars.next().ok_or_else(|| refused(begin, "the action is not closed by `}}`"))?;
        let after = chars.as_str();
        match first {
            '.' if !after.starts_with(|next: char| next.is_ascii_digit()) => {
                let name = self.name(after)?;
                Ok(if name.is_empty() { Token::Dot } else { Token::Field(name) })
            }
            '$' => match self.name(after)? {
                "" => Ok(Token::Dollar),
                name => Ok(Token::Variable(name)),
            },
            '0'..='9' | '.' | '+' | '-' => self.integer(begin),
            first if is_name(first) => Ok(Token::Word(self.name(self.rest)?)),
            '(' => Ok(self.passed(after, Token::LeftParenthesis)),
            ')' => Ok(self.passed(after, Token::RightParenthesis)),
            '"' => self.quoted(after),
            '`' => {
                let (text, after) =
                    after.split_once('`').ok_or_else(|| refused(begin, "the text is not closed by a back-quote"))?;
                // As in Go's own raw literals, carriage returns do not count.
                Ok(self.passed(after, Token::Literal(text.replace('\r', ""))))
            }
            '|' => Ok(self.passed(after, Token::Pipe)),
            ',' => Ok(self.passed(after, Token::Comma)),
            '=' => Ok(self.passed(after, Token::Assign)),
            ':' => match after.strip_prefix('=') {
                Some(after) => Ok(self.passed(after, Token::Declare)),
                None => Err(refused(begin, "`:=` sets a variable; `:` alone has no meaning")),
            },
            '\'' => Err(refused(begin, "character literals in single quotes are not supported")),
            other => Err(refused(begin, &format!("the character {other:?} has no meaning in an action"))),
        }
    }

    /// A whole number in decimal digits.
    fn integer(&mut self, begin: usize) -> Result<Token<'s>, TemplateError> {
        let unsigned = self.rest.strip_prefix(['+', '-']).unwrap_or(self.rest);
        let rest = unsigned.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let digits = unsigned.strip_suffix(rest).unwrap_or_default();
        let number = self.rest.strip_suffix(rest).unwrap_or_default();
        let is_decimal = digits == "0" || !digits.starts_with('0');
        let ends = !rest.starts_with(|next: char| is_name(next) || matches!(next, '.' | '+' | '-'));
        match number.parse::<i64>() {
            Ok(value) if is_decimal && ends => Ok(self.passed(rest, Token::Integer(value))),
            _ => Err(refused(begin, "only whole numbers in decimal digits are supported")),
        }
    }

    fn passed(&mut self, rest: &'s str, token: Token<'s>) -> Token<'s> {
        self.rest = rest;
        token
    }

    /// Passes `}}`, or one white space and `-}}` with the white space after that, if it comes next.
    fn close(&mut self) -> bool {
        let marked = self.rest.strip_prefix(is_space).and_then(|after| after.strip_prefix("-}}"));
        let after = marked.map(|after| after.trim_start_matches(is_space)).or_else(|| self.rest.strip_prefix("}}"));
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// The name, maybe empty, at the front of `from`, and that something follows which may follow a name.
    fn name(&mut self, from: &'s str) -> Result<&'s str, TemplateError> {
        let rest = from.trim_start_matches(is_name);
        let name = from.strip_suffix(rest).unwrap_or(from);
        self.rest = rest;
        match rest.chars().next() {
            Some(next) if !(is_space(next) || ".,|:()".contains(next) || rest.starts_with("}}")) => {
                let hint = "a key with such characters is written {{ index . \"any key\" }}";
                Err(refused(self.offset(), &format!("the character {next:?} cannot follow a name; {hint}")))
            }
            _ => Ok(name),
        }
    }

    /// A literal in double quotes, of which the first is passed, with the escapes of Go.
    fn quoted(&mut self, mut rest: &'s str) -> Result<Token<'s>, TemplateError> {
        let begin = self.offset();
        // Bytes, because `\x` and `\377` write bytes: two of them can make one character.
        let mut bytes = Vec::new();
        loop {
            let mut chars = rest.chars();
            match chars.next() {
                None | Some('\n') => return Err(refused(begin, "the text is not closed by `\"`")),
                Some('"') => {
                    self.rest = chars.as_str();
                    let text = String::from_utf8(bytes);
                    return text.map(Token::Literal).map_err(|_| refused(begin, "the text must be UTF-8"));
                }
                Some('\\') => {
                    let after = chars.as_str();
                    rest = escape(after, &mut bytes).ok_or_else(|| {
                        self.rest = rest;
                        refused(self.offset(), "this is not an escape of Go; a backslash is written `\\\\`")
                    })?;
                }
                Some(other) => {
                    bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = chars.as_str();
                }
            }
        }
    }
}

/// Appends what an escape stands for and returns what follows it; `after` begins behind the backslash.
fn escape<'s>(after: &'s str, bytes: &mut Vec<u8>) -> Option<&'s str> {
    let mut chars = after.chars();
    let simple = match chars.next()? {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        'x' => {
            let (value, rest) = digits(chars.as_str(), 2, 16)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        '0'..='7' => {
            let (value, rest) = digits(after, 3, 8)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        kind @ ('u' | 'U') => {
            let (value, rest) = digits(chars.as_str(), if kind == 'u' { 4 } else { 8 }, 16)?;
            bytes.extend_from_slice(char::from_u32(value)?.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    bytes.push(simple);
    Some(chars.as_str())
}

/// Exactly `count` digits at the front, and what follows them.
fn digits(from: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (number, rest) = from.split_at_checked(count)?;
    // `from_str_radix` alone would take a sign.
    let number = number.chars().all(|digit| digit.is_digit(radix)).then_some(number)?;
    Some((u32::from_str_radix(number, radix).ok()?, rest))
}

/// White space in Go's templates: these four and no other.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Letters, digits and underscore. Beyond ASCII this takes a few characters more than Go, such as `²`; none of them has
/// another meaning.
fn is_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// An error at an offset, with what is supported instead.
pub(super) fn refused(offset: usize, what: &str) -> TemplateError {
    TemplateError { column: offset.saturating_add(1), message: format!("{what}; {SUPPORTED}") }
}
