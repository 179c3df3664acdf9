//! The paths of tiles (c2sp.org/tlog-tiles): `tile/0/x001/x234/067` and, where a tile has fewer than 256 hashes yet, `tile/0/000.p/5`.
//!
//! Owns which part of the tree a path means. Whether the tree has it is not known here.

use std::ops::Range;

/// How many hashes or entries a whole tile has.
pub(in crate::dev) const WIDTH: usize = 256;
/// No tree has a higher level.
const MAX_LEVEL: usize = 63;

/// One tile's part of its level, counted in tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dev) struct Span {
    index: usize,
    /// 1 to 256.
    width: usize,
}

impl Span {
    /// From what comes after the level: `x001/234`, or `x001/234.p/5`.
    pub(in crate::dev) fn parse(path: &str) -> Option<Self> {
        let (index, width) = match path.split_once(".p/") {
            Some((index, width)) => (index, number(width).filter(|width| (1..WIDTH).contains(width))?),
            None => (path, WIDTH),
        };
        let mut groups = index.split('/').rev();
        let mut total = three_digits(groups.next()?)?;
        let mut factor = 1_usize;
        let mut highest = None;
        for group in groups {
            let group = three_digits(group.strip_prefix('x')?)?;
            factor = factor.checked_mul(1000)?;
            total = group.checked_mul(factor)?.checked_add(total)?;
            highest = Some(group);
        }
        // One path for one tile.
        (highest != Some(0) && total < usize::MAX / WIDTH).then_some(Self { index: total, width })
    }

    /// The hashes or entries that it has.
    pub(in crate::dev) const fn range(self) -> Range<usize> {
        let begin = self.index * WIDTH;
        begin..begin + self.width
    }
}

/// A level and a tile in it, of what comes after `tile/`.
pub(in crate::dev) fn level_and_span(path: &str) -> Option<(usize, Span)> {
    let (level, tile) = path.split_once('/')?;
    Some((number(level).filter(|level| *level <= MAX_LEVEL)?, Span::parse(tile)?))
}

fn three_digits(text: &str) -> Option<usize> {
    (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A decimal number without leading zeros.
fn number(text: &str) -> Option<usize> {
    let is_canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    is_canonical.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_one_tile() {
        for (path, expected) in [
            ("0/000", (0, 0..256)),
            ("0/000.p/1", (0, 0..1)),
            ("1/067.p/255", (1, 67 * 256..67 * 256 + 255)),
            ("63/x001/x234/067", (63, 1_234_067 * 256..1_234_068 * 256)),
        ] {
            let (level, span) = level_and_span(path).unwrap();
            assert_eq!((level, span.range()), expected, "{path}");
        }
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/00",
            "0/0000",
            "00/000",
            "64/000",
            "-1/000",
            "+1/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "0/000.p",
            "0/x000/001",
            "0/001/002",
            "0/x001/x002",
            "0/x1/002",
            "0/000/",
            "0//000",
            "data/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(level_and_span(path), None, "{path}");
        }
    }
}
