//! What the TLS library says, in words: it shows names of Rust's variants, such as `UnknownIssuer` or
//! `Other(OtherError(CaUsedAsEndEntity))`, to people who run a server.
//!
//! Owns that one translation. Works on text, because other libraries hand the errors on as text.

/// What stands in front of a variant's name, and what takes its place.
const BEFORE: [(&str, &str); 8] = [
    ("invalid peer certificate: ", "invalid peer certificate: "),
    ("invalid certificate revocation list: ", "invalid certificate revocation list: "),
    ("peer is incompatible: ", "peer is incompatible: "),
    ("peer misbehaved: ", "peer misbehaved: "),
    ("received fatal alert: ", "the other side ended the TLS connection: "),
    ("received corrupt message of type ", "what came is not TLS: "),
    ("encrypted client hello failure: ", "encrypted client hello failure: "),
    ("keys may not be consistent: ", "the key does not fit the certificate: "),
];

/// Variants whose names say too little to find the cause.
const MORE: [(&str, &str); 12] = [
    ("UnknownIssuer", "no authority that is trusted here signed it"),
    (
        "CaUsedAsEndEntity",
        "it is a certificate authority's, not a server's, and not itself among those that are trusted",
    ),
    ("NotValidForName", "it is for other host names"),
    ("Expired", "its time is over, or a clock is wrong"),
    ("NotValidYet", "its time has not come, or a clock is wrong"),
    ("InvalidPurpose", "it is not for TLS servers"),
    ("ServerDoesNotSupportTls12Or13", "TLS 1.2 is the oldest that is spoken here"),
    ("NoCipherSuitesInCommon", "TLS 1.2 without GCM or ChaCha20 (CBC) is not spoken here"),
    ("HandshakeFailure", "no cipher suite in common; TLS 1.2 with CBC is not spoken here"),
    ("ProtocolVersion", "TLS 1.2 is the oldest that is spoken here"),
    ("CertificateRequired", "it wants a client certificate"),
    ("InvalidContentType", "does the port speak http?"),
];

/// The text with the library's names in words.
pub(crate) fn in_words(text: String) -> String {
    match BEFORE.iter().find_map(|(before, after)| Some((text.find(before)?, *before, *after))) {
        None => text,
        Some((begin, before, after)) => {
            let (start, rest) = text.split_at(begin);
            let rest = rest.strip_prefix(before).unwrap_or(rest);
            let (shown, behind) = rest.split_at(end_of_variant(rest));
            let words = words(shown).unwrap_or_else(|| shown.to_owned());
            format!("{start}{after}{words}{}", in_words(behind.to_owned()))
        }
    }
}

/// Where what Rust's Debug shows of a variant ends: `Name`, `Name(..)`, `Name { .. }`.
fn end_of_variant(text: &str) -> usize {
    let name = text.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(text.len());
    if !text.starts_with(|first: char| first.is_ascii_uppercase()) {
        return name;
    }
    let behind = text.get(name..).unwrap_or_default();
    let opening = behind.strip_prefix(' ').filter(|rest| rest.starts_with('{')).map_or(behind, |rest| rest);
    if !opening.starts_with(['(', '{']) {
        return name;
    }
    let mut depth = 0_usize;
    for (index, character) in opening.char_indices() {
        match character {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return text.len() - opening.len() + index + character.len_utf8();
        }
    }
    text.len()
}

/// The innermost variant's name in words; nothing where there is none.
fn words(shown: &str) -> Option<String> {
    let mut name = shown;
    for wrapper in ["Other(", "OtherError(", "Unknown("] {
        name = name.strip_prefix(wrapper).unwrap_or(name);
    }
    let name = name.split(|character: char| !character.is_ascii_alphanumeric()).next()?;
    if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
        return None;
    }
    let mut plain = String::new();
    for (index, character) in name.trim_end_matches("Context").char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            plain.push(' ');
        }
        plain.push(character.to_ascii_lowercase());
    }
    let more = MORE.iter().find(|(known, _)| *known == name).map(|(_, more)| format!(" ({more})"));
    Some(plain + &more.unwrap_or_default())
}

#[cfg(test)]
mod tests;
