//! What counts as an e-mail address.
//!
//! Owns the check that two identity types share: `email` demands an address, `uri` and `username` refuse one. The crate
//! `email_address` takes `localhost`, address literals and quoted words, none of which an issuer should vouch for.

/// Whether the text is a dot-atom at a fully qualified domain (RFC 5321 section 4.1.2 with the letters of RFC 6531): no quoted words, no
/// comments, no address literal, no `localhost`, no number for a top-level domain.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_text))
        && is_domain(domain.strip_suffix('.').unwrap_or(domain))
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        label.starts_with(is_letter_or_digit) && label.ends_with(is_letter_or_digit) && label.chars().all(is_label_text)
    };
    let is_top_level = |label: &&str| label.starts_with(is_letter) && label.ends_with(is_letter);
    labels.len() >= 2 && labels.iter().all(is_label) && labels.last().is_some_and(is_top_level)
}

/// RFC 5322 section 3.2.3 `atext`, and letters beyond ASCII.
fn is_atom_text(character: char) -> bool {
    is_letter_or_digit(character) || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

fn is_label_text(character: char) -> bool {
    is_letter_or_digit(character) || "-_~".contains(character)
}

fn is_letter_or_digit(character: char) -> bool {
    is_letter(character) || character.is_ascii_digit()
}

/// An ASCII letter, or what no ASCII rule speaks of; a no-break space or a control character is not a letter.
fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || (!character.is_ascii() && !character.is_control() && !character.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses() {
        for text in [
            "dev@example.com",
            "a.b+c@sub.example.co",
            "O'Brien@example.com",
            "jürgen@example.com",
            "a@b.c",
            "a@my_host.example.com",
            "dev@example.com.",
        ] {
            assert!(is_address(text), "{text}");
        }
    }

    #[test]
    fn not_addresses() {
        for text in [
            "",
            "@",
            "not an email",
            "dev",
            "dev@",
            "@example.com",
            "dev@localhost",
            "dev@127.0.0.1",
            "dev@[127.0.0.1]",
            "a b@example.com",
            "a@b@example.com",
            "\"a b\"@example.com",
            "a..b@example.com",
            ".a@example.com",
            "dev@example.com..",
            "dev@example..com",
            "dev@example.com\n",
            " dev@example.com",
            "dev@example.com ",
            "dev@example.c0m1",
            "Dev <dev@example.com>",
            "dev@-.com",
            "dev@example.com,eve@example.com",
        ] {
            assert!(!is_address(text), "{text:?}");
        }
    }
}
