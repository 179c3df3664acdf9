//! Looks at the raw text before the YAML reader does, for what that reader is slow at, silent about or wrong on.
//!
//! Works on characters, not on YAML: an odd comment can be refused, a hostile file cannot get through.

use std::collections::BTreeSet;

/// Brackets within brackets. The YAML reader's time grows with the square of the depth; real files need about five.
const MAX_DEPTH: usize = 64;

/// What is wrong with the text, and where (from 1).
#[derive(Debug)]
pub(super) struct Objection {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// Refuses control characters, deep nesting and an anchor that is set twice.
pub(super) fn check(text: &str) -> Result<(), Objection> {
    let mut depth = 0_usize;
    let mut anchors = BTreeSet::new();
    for (row, line) in text.lines().enumerate() {
        let objection =
            |column: usize, message: String, hint| Objection { line: row + 1, column: column + 1, message, hint };
        for (column, character) in line.chars().enumerate() {
            match character {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                let message = format!("more than {MAX_DEPTH} brackets deep");
                return Err(objection(column, message, "an issuer file needs about five: close the brackets before"));
            }
            // The YAML reader takes a NUL for the end of the file.
            if character.is_control() && !matches!(character, '\t' | '\u{85}') {
                let message = format!("control character U+{:04X}", u32::from(character));
                return Err(objection(column, message, "remove it, or write it as an escape in double quotes"));
            }
        }
        for (column, name) in anchors_set_on(line) {
            if !anchors.insert(name) {
                // The YAML reader may take a third anchor's value for it.
                let message = format!("anchor &{name} is set twice");
                return Err(objection(column, message, "give the second one another name"));
            }
        }
    }
    Ok(())
}

/// Each `&name` of a line that stands where a value can begin, with the column (from 0).
fn anchors_set_on(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.match_indices('&').filter_map(|(at, _)| {
        let before = line.get(..at)?;
        let blank_or_value_begins =
            before.trim_end().ends_with([':', '-', '?', '[', '{', ',']) || before.trim().is_empty();
        let apart = before.ends_with([' ', '\t', '[', '{', ',']) || before.is_empty();
        let comment = before.trim_start().starts_with('#');
        let name = line.get(at + 1..)?.split([' ', '\t', ',', '[', ']', '{', '}']).next()?;
        (blank_or_value_begins && apart && !comment && !name.is_empty()).then(|| (before.chars().count(), name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Option<(usize, usize)> {
        check(text).err().map(|objection| (objection.line, objection.column))
    }

    #[test]
    fn depth_counts_open_brackets_only() {
        let deep = |n: usize| format!("a: {}", "[".repeat(n));
        assert_eq!(place(&deep(64)), None);
        assert_eq!(place(&deep(65)), Some((1, 68)));
        assert_eq!(place(&"a: [{}]\n".repeat(100)), None);
    }

    #[test]
    fn control_characters_have_a_place() {
        assert_eq!(place("a: b\r\n\tc: d\r\n"), None);
        assert_eq!(place("a: b\nc: \u{e9}\0d"), Some((2, 5)));
        assert_eq!(place("a: \u{1b}[31m"), Some((1, 4)));
    }

    #[test]
    fn an_anchor_is_set_once() {
        assert_eq!(place("- &a x\n- &b y\n- *a\n# - &a\n- R & D &a\n"), None);
        assert_eq!(place("- &a x\n- &b y\n- &a z\n"), Some((3, 3)));
        assert_eq!(place("{k: &a x, l: [&a y]}"), Some((1, 15)));
        assert_eq!(place("k:\n  &a\n  x: 1\nl: &a y"), Some((4, 4)));
    }
}
