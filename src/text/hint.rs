//! What to suggest to someone who wrote a word that is not known.
//!
//! Knows nothing of where the word stood.

/// `did you mean "type"?`, or the whole list when nothing is near.
pub(crate) fn for_unknown<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(candidate) => format!("did you mean \"{candidate}\"?"),
        None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The known word that was meant but for two slips of the pen.
pub(crate) fn misspelled<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    within(word, known, 2)
}

/// The known word that differs least, unless it differs much.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    within(word, known, 1 + plain(word).chars().count() / 4)
}

/// The known word that differs least, by so many edits at most.
pub(crate) fn within<'a>(word: &str, known: impl Iterator<Item = &'a str>, edits: usize) -> Option<&'a str> {
    let plain_word = plain(word);
    let (found, candidate) =
        known.map(|candidate| (strsim::levenshtein(&plain_word, &plain(candidate)), candidate)).min()?;
    (found <= edits).then_some(candidate)
}

/// Without what people get wrong most: case and the characters between words.
fn plain(word: &str) -> String {
    // A long word is near to nothing; cutting it bounds the work.
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_listed() {
        let known = ["client-id", "type"];
        assert_eq!(for_unknown("clientID", known.into_iter()), "did you mean \"client-id\"?");
        assert_eq!(for_unknown("typ", known.into_iter()), "did you mean \"type\"?");
        assert_eq!(for_unknown("audience", known.into_iter()), "known are client-id, type");
    }
}
