//! URI names put together from literals and claims, so that no two sequences of claims give the same name.
//!
//! Owns which claim values are refused because another identity's claims would be written as the same URI. The encoding itself is
//! [`Uri`]'s and Fulcio's: `a b` becomes `a%20b`, so a claim that already says `a%20b` is refused; `main#` would lose its `#`; `o//r`
//! would become `o/r`. Knows neither identity types nor tokens.

use std::borrow::Cow;

use super::uri::{Uri, UriError};

/// A piece of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// The same for every token of the issuer: from the identity type, a template, a default value, or the issuer's URL.
    Literal(Cow<'a, str>),
    Claim {
        name: Cow<'a, str>,
        text: Cow<'a, str>,
    },
}

/// Why pieces do not make a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SanError {
    #[error(transparent)]
    Uri(#[from] UriError),
    #[error("the claim {claim:?} {problem}: another identity would have the same name")]
    Collides { claim: String, problem: Problem },
}

/// What makes a claim's value collide with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// `%zz`, or `%` at the end.
    #[error("has an incomplete percent-encoding")]
    Malformed,
    /// `%20`: a blank is written so.
    #[error("percent-encodes a character that a name encodes itself")]
    Encoded,
    /// `a%2Fb c`: the blank makes the whole part be decoded and encoded again, `%2F` too.
    #[error("has a percent-encoding beside a character that must be encoded")]
    Mixed,
    /// `main#` or `main?`
    #[error("ends the name with an empty fragment or query")]
    EmptyPart,
    /// `HTTPS:`
    #[error("has a URI scheme that is not in lower case")]
    SchemeCase,
    /// `o//r`, `./x`, `o/../r`, `/o`
    #[error("has an empty path segment, or one that is . or ..")]
    Segment,
    /// `a/b` before `/c`
    #[error("contains what separates it from the next claim")]
    Separator,
    #[error("is not a URL of scheme and host only")]
    Base,
}

impl SanError {
    /// The claim at fault, when there is one.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Uri(_) => None,
            Self::Collides { claim, .. } => Some(claim),
        }
    }
}

impl<'a> Piece<'a> {
    pub(crate) fn literal(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Literal(text.into())
    }

    pub(crate) fn claim(name: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) -> Self {
        Self::Claim { name: name.into(), text: text.into() }
    }

    /// Whether nothing or only blanks would be written.
    pub(crate) fn is_blank(&self) -> bool {
        self.text().trim().is_empty()
    }

    fn is_one_of(&self, claims: &[&str]) -> bool {
        matches!(self, Self::Claim { name, .. } if claims.contains(&name.as_ref()))
    }

    fn text(&self) -> &str {
        match self {
            Self::Literal(text) | Self::Claim { text, .. } => text,
        }
    }

    /// The error if this is a claim; literals are the same for everybody.
    fn refused(&self, problem: Problem) -> Result<(), SanError> {
        match self {
            Self::Literal(_) => Ok(()),
            Self::Claim { name, .. } => Err(SanError::Collides { claim: name.clone().into_owned(), problem }),
        }
    }
}

/// The URI of the pieces one after the other. Claims may bring a query or a fragment.
pub(crate) fn uri(pieces: &[Piece<'_>]) -> Result<Uri, SanError> {
    let text = concat(pieces);
    let parts = Parts::of(&text);
    check_structure(pieces, &text, &parts)?;
    check_escapes(pieces, &parts, is_own_encoding)?;
    Ok(Uri::parse(&text)?)
}

/// The same for names whose claims are path segments below `base`: a `#` or `?` of a claim is part of the path. Segments that are empty,
/// `.` or `..` fall away; only claims of `descriptive`, which do not tell identities apart, may have them.
pub(crate) fn path_uri(base: &Piece<'_>, path: &[Piece<'_>], descriptive: &[&str]) -> Result<Uri, SanError> {
    let text = concat(path);
    let mut start = 0;
    for segment in text.split('/') {
        let end = start + segment.len();
        if matches!(segment, "." | "..") || (segment.is_empty() && end < text.len()) {
            let at_fault = at_or_after(path, start).filter(|piece| !piece.is_one_of(descriptive));
            at_fault.map_or(Ok(()), |piece| piece.refused(Problem::Segment))?;
        }
        start = end + 1;
    }
    if base.text().ends_with('/') {
        base.refused(Problem::Base)?;
    }
    let parts = Parts { path: 0, query: None, fragment: None, encodes: [text.bytes().any(is_encoded); 4] };
    check_escapes(path, &parts, |byte, _| is_encoded(byte) || matches!(byte, b'#' | b'?'))?;
    check_structure(std::slice::from_ref(base), base.text(), &Parts::of(base.text()))?;
    Ok(Uri::join(base.text(), &[&text])?)
}

/// Refuses a claim whose value contains what separates it from its neighbour. Up to the claim named `free` (or the last one), a claim ends
/// where its separator first appears; behind it, a claim begins where its separator last appears. A claim that begins the name is a
/// scheme and a host.
pub(crate) fn check_separators(pieces: &[Piece<'_>], free: Option<&str>) -> Result<(), SanError> {
    let claims: Vec<usize> =
        pieces.iter().enumerate().filter(|(_, piece)| matches!(piece, Piece::Claim { .. })).map(|(at, _)| at).collect();
    let free =
        free.and_then(|free| claims.iter().position(|at| pieces.get(*at).is_some_and(|one| one.is_one_of(&[free]))));
    let free = free.unwrap_or(claims.len().saturating_sub(1));
    let between = |from: usize, to: usize| concat(pieces.get(from + 1..to).unwrap_or_default());
    for (order, pair) in claims.windows(2).enumerate() {
        let &[left, right] = pair else { continue };
        let separator = between(left, right);
        let (at, ends_there) = if order < free { (left, true) } else { (right, false) };
        let Some(piece) = pieces.get(at) else { continue };
        let is_base = at == 0;
        let value = if is_base { host(piece.text()) } else { Some(piece.text()) };
        let is_clear = value.is_some_and(|value| {
            if ends_there {
                format!("{value}{separator}").find(&separator) == Some(value.len())
            } else {
                format!("{separator}{value}").rfind(&separator) == Some(0)
            }
        });
        if separator.is_empty() || !is_clear {
            piece.refused(if is_base { Problem::Base } else { Problem::Separator })?;
        }
    }
    Ok(())
}

/// What is behind the scheme of a base address, if that is a host or another single word.
fn host(base: &str) -> Option<&str> {
    let (_, rest) = base.split_once(':')?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    (!rest.is_empty() && !rest.contains(['/', '?', '#', '%'])).then_some(rest)
}

fn concat(pieces: &[Piece<'_>]) -> String {
    pieces.iter().map(Piece::text).collect()
}

/// The piece that the byte at `place` is of.
fn at<'p, 'a>(pieces: &'p [Piece<'a>], place: usize) -> Option<&'p Piece<'a>> {
    let mut end = 0;
    pieces.iter().find(|piece| {
        end += piece.text().len();
        place < end
    })
}

/// The claim that the byte at `place` is of. An empty segment stands at its slash, which may be a literal's: then the first claim.
fn at_or_after<'p, 'a>(pieces: &'p [Piece<'a>], place: usize) -> Option<&'p Piece<'a>> {
    let claim = |piece: &&Piece<'_>| matches!(piece, Piece::Claim { .. });
    at(pieces, place).filter(claim).or_else(|| pieces.iter().find(claim))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Scheme, user information and host.
    Authority,
    Path,
    Query,
    Fragment,
}

/// Where a URI's text divides.
#[derive(Debug)]
struct Parts {
    /// Where the path begins, in bytes.
    path: usize,
    query: Option<usize>,
    fragment: Option<usize>,
    /// Whether authority, path, query and fragment have a character that [`Uri::parse`] encodes.
    encodes: [bool; 4],
}

impl Parts {
    fn of(text: &str) -> Self {
        let fragment = text.find('#');
        let before = text.get(..fragment.unwrap_or(text.len())).unwrap_or_default();
        let query = before.find('?');
        let front = before.get(..query.unwrap_or(before.len())).unwrap_or_default();
        let behind = fragment.and_then(|at| text.get(at + 1..)).unwrap_or_default();
        let start = front.find("://").map(|at| at + "://".len());
        let path = start
            .map_or(0, |start| front.get(start..).and_then(|rest| rest.find('/')).map_or(front.len(), |at| start + at));
        let (authority, path_text) = front.split_at_checked(path).unwrap_or((front, ""));
        let encodes = [
            // An @ of the user information.
            authority.bytes().filter(|byte| *byte == b'@').count() > 1,
            path_text.bytes().any(is_encoded),
            // The query is written character by character: what is encoded there stays.
            false,
            behind.bytes().any(|byte| is_encoded(byte) || byte == b'#'),
        ];
        Self { path, query, fragment, encodes }
    }

    fn of_byte(&self, place: usize) -> Part {
        if self.fragment.is_some_and(|at| place > at) {
            Part::Fragment
        } else if self.query.is_some_and(|at| place > at) {
            Part::Query
        } else if place >= self.path {
            Part::Path
        } else {
            Part::Authority
        }
    }

    const fn encodes(&self, part: Part) -> bool {
        let [authority, path, query, fragment] = self.encodes;
        match part {
            Part::Authority => authority,
            Part::Path => path,
            Part::Query => query,
            Part::Fragment => fragment,
        }
    }
}

/// Whether [`Uri::parse`] writes this encoding for the character itself. Characters that an authority cannot have are refused there.
fn is_own_encoding(byte: u8, part: Part) -> bool {
    match part {
        Part::Authority => byte == b'@',
        Part::Path | Part::Query => is_encoded(byte),
        Part::Fragment => is_encoded(byte) || byte == b'#',
    }
}

/// Bytes that may not stand in a URI as they are.
fn is_encoded(byte: u8) -> bool {
    !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'/'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'$' | b'&' | b'+' | b',' | b';' | b'=' | b':'
        | b'@' | b'!' | b'(' | b')' | b'*' | b'\'' | b'[' | b']' | b'?' | b'#' | b'%')
}

/// What [`Uri::parse`] drops or changes: an empty fragment, an empty query, the case of the scheme.
fn check_structure(pieces: &[Piece<'_>], text: &str, parts: &Parts) -> Result<(), SanError> {
    let refuse = |place, problem| match at(pieces, place) {
        Some(piece) => piece.refused(problem),
        None => Ok(()),
    };
    if let Some(at) = parts.fragment.filter(|at| at + 1 == text.len()) {
        refuse(at, Problem::EmptyPart)?;
    }
    if let Some(at) = parts.query.filter(|at| at + 1 == parts.fragment.unwrap_or(text.len())) {
        refuse(at, Problem::EmptyPart)?;
    }
    let scheme = text.split(':').next().unwrap_or_default();
    if let Some(at) = scheme.bytes().position(|byte| byte.is_ascii_uppercase()) {
        refuse(at, Problem::SchemeCase)?;
    }
    Ok(())
}

/// Percent-encodings of claims: complete, of a character that is not encoded anyway, and in a part that stays as it is.
fn check_escapes(pieces: &[Piece<'_>], parts: &Parts, is_own: impl Fn(u8, Part) -> bool) -> Result<(), SanError> {
    let mut start = 0;
    for piece in pieces {
        let bytes = piece.text().as_bytes();
        for (place, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
            let part = parts.of_byte(start + place);
            match bytes.get(place + 1..place + 3).and_then(hexadecimal) {
                // As at Fulcio, a query is opaque.
                None if part == Part::Query => {}
                None => piece.refused(Problem::Malformed)?,
                Some(byte) if is_own(byte, part) => piece.refused(Problem::Encoded)?,
                Some(_) if parts.encodes(part) => piece.refused(Problem::Mixed)?,
                Some(_) => {}
            }
        }
        start += bytes.len();
    }
    Ok(())
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests;
