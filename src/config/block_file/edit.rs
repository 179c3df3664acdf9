//! Changes to a block list's text that leave the rest of it as it is: comments, order, the form of other entries.
//!
//! Lines are added or cut out where the file has its usual form. The result is then read again, and counts only if it has exactly the
//! entries that it should; else the file is written again as a whole, which loses comments and is said.

use std::ops::Range;

use super::{ConfigError, MAX_BYTES, reader, write};
use crate::blocklist::BlockEntry;

/// A changed file.
#[derive(Debug)]
pub struct Edited {
    pub text: String,
    /// The entries that were added or removed.
    pub changed: Vec<BlockEntry>,
    /// How many entries there are now.
    pub entries: usize,
    /// Whether comments between entries were lost.
    pub is_rewritten: bool,
}

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditProblem {
    #[error(transparent)]
    Unusable(#[from] ConfigError),
    /// The change would make a file that cannot be loaded, or that says something else.
    #[error("the file cannot be changed safely: {0}")]
    Unsafe(&'static str),
}

/// What a new file begins with.
const HEAD: &str =
    "# Who gets no certificate: docs/block-list.md. `sigmint block add` and `sigmint block remove` change this file.\n";

/// Adds an entry, unless the very same is there.
pub fn add(file: &str, text: &str, entry: &BlockEntry) -> Result<Option<Edited>, EditProblem> {
    let mut entries = reader::entries(file, text.as_bytes())?;
    if entries.contains(entry) {
        return Ok(None);
    }
    entries.push(entry.clone());
    finish(text, with_entry(text, entry), &entries, vec![entry.clone()]).map(Some)
}

/// Removes the entries that `is_meant` picks.
pub fn remove(file: &str, text: &str, is_meant: impl Fn(&BlockEntry) -> bool) -> Result<Option<Edited>, EditProblem> {
    let entries = reader::entries(file, text.as_bytes())?;
    let meant: Vec<bool> = entries.iter().map(&is_meant).collect();
    let (gone, left): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_meant);
    if gone.is_empty() {
        return Ok(None);
    }
    finish(text, without_entries(text, &meant), &left, gone).map(Some)
}

/// A file that blocks nobody yet.
pub(crate) fn new_file() -> String {
    whole(HEAD, &[])
}

/// Takes the careful change if it says what it should, else writes the file again.
fn finish(
    before: &str,
    careful: Option<String>,
    entries: &[BlockEntry],
    changed: Vec<BlockEntry>,
) -> Result<Edited, EditProblem> {
    let says_so = |text: &String| reader::entries("", text.as_bytes()).is_ok_and(|read| read == entries);
    let (text, is_rewritten) = match careful.filter(says_so) {
        Some(text) => (text, false),
        None => (whole(&head(before), entries), true),
    };
    if is_rewritten && !says_so(&text) {
        return Err(EditProblem::Unsafe("the result would not say the same"));
    }
    if text.len() > MAX_BYTES {
        return Err(EditProblem::Unsafe("the result would be larger than 1 MiB"));
    }
    Ok(Edited { text, changed, entries: entries.len(), is_rewritten })
}

fn whole(head: &str, entries: &[BlockEntry]) -> String {
    let list: String = entries.iter().map(|entry| write::entry(entry, 2)).collect();
    if list.is_empty() { format!("{head}entries: []\n") } else { format!("{head}entries:\n{list}") }
}

/// The comments that a file begins with.
fn head(text: &str) -> String {
    let lines = text.split_inclusive('\n').take_while(|line| line.trim().is_empty() || line.starts_with('#'));
    lines.collect()
}

/// The text with an entry at its end.
fn with_entry(text: &str, entry: &BlockEntry) -> Option<String> {
    let layout = Layout::of(text)?;
    let before = match layout.empty_list {
        Some(list) => format!("{}{}", text.get(..list.start)?.trim_end_matches(' '), text.get(list.end..)?),
        None => text.to_owned(),
    };
    let end = if before.ends_with('\n') { "" } else { "\n" };
    Some(format!("{before}{end}{}", write::entry(entry, layout.indent)))
}

/// The text without the lines of the entries that are meant, and without the comments right above each.
fn without_entries(text: &str, meant: &[bool]) -> Option<String> {
    let layout = Layout::of(text)?;
    if layout.items.len() != meant.len() {
        return None;
    }
    let is_last = meant.iter().all(|meant| *meant);
    let mut kept = format!("{}{}", text.get(..layout.colon)?, if is_last { " []" } else { "" });
    let mut at = layout.colon;
    for (item, _) in layout.items.iter().zip(meant).filter(|(_, meant)| **meant) {
        kept.push_str(text.get(at..item.start)?);
        at = item.end;
    }
    kept.push_str(text.get(at..)?);
    Some(kept)
}

/// Where things are in a file of the usual form: `entries:` by itself on a line, and below it a list with a dash a line.
struct Layout {
    /// Blanks before each dash.
    indent: usize,
    /// Behind the colon of `entries:`.
    colon: usize,
    /// The lines of each entry, with the comments right above it.
    items: Vec<Range<usize>>,
    /// The brackets of `entries: []`, if the list is written so.
    empty_list: Option<Range<usize>>,
}

impl Layout {
    fn of(text: &str) -> Option<Self> {
        let mut at = 0;
        let mut lines = text.split_inclusive('\n').map(|line| {
            at += line.len();
            (at - line.len(), line)
        });
        let (start, line) = lines.find(|(_, line)| line.starts_with("entries:"))?;
        let colon = start + "entries:".len();
        let value = without_comment(line.strip_prefix("entries:")?);
        if value.replace(' ', "") == "[]" {
            let list = start + line.find('[')?..start + line.find(']')? + 1;
            return Some(Self { indent: 2, colon, items: Vec::new(), empty_list: Some(list) });
        }
        if !value.is_empty() {
            return None;
        }
        let (mut indent, mut items, mut comments) = (None, Vec::<Range<usize>>::new(), None);
        for (start, line) in lines {
            let (blanks, rest) = (line.len() - line.trim_start_matches(' ').len(), line.trim());
            if rest.starts_with('#') {
                comments.get_or_insert(start);
                continue;
            }
            let is_item = rest == "-" || rest.starts_with("- ");
            if is_item && blanks == *indent.get_or_insert(blanks) {
                items.push(comments.unwrap_or(start)..start + line.len());
            } else if let Some(item) = items.last_mut().filter(|_| !rest.is_empty()) {
                item.end = start + line.len();
            }
            comments = None;
        }
        Some(Self { indent: indent?, colon, items, empty_list: None })
    }
}

/// What stands before a comment.
fn without_comment(text: &str) -> &str {
    text.split_once(" #").map_or(text, |(value, _)| value).trim()
}
