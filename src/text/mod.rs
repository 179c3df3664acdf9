//! Bytes as text (PEM and hexadecimal), and the characters that no certificate carries.

pub(crate) mod go_duration;
pub(crate) mod hint;
pub(crate) mod peer_text;
pub(crate) mod tls_words;

/// PEM (RFC 7468) with lines of 64 characters and line feeds, the last one included.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let configuration = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), configuration)
}

/// A number, big-endian, in lower-case hexadecimal: two digits a byte without leading zero bytes, as `openssl x509 -serial` shows it.
pub(crate) fn hex_number(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    hex::encode(bytes.get(zeros.min(bytes.len().saturating_sub(1))..).unwrap_or_default())
}

/// Whether there is a control character: C0, DEL or C1.
pub(crate) fn has_control_character(text: &str) -> bool {
    // Nearly all text is ASCII, for which the first look is enough.
    text.bytes().any(|byte| byte.is_ascii_control()) || (!text.is_ascii() && text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_has_short_lines_and_plain_line_feeds() {
        let line = "paWl".repeat(16);
        let expected = format!("-----BEGIN CERTIFICATE-----\n{line}\n{line}\npaWlpQ==\n-----END CERTIFICATE-----\n");
        assert_eq!(pem("CERTIFICATE", &[0xa5; 100]), expected);
    }

    #[test]
    fn numbers_drop_leading_zeros() {
        assert_eq!(hex_number(&[0, 0x0a, 0xff]), "0aff");
        assert_eq!((hex_number(&[0, 0]), hex_number(&[])), ("00".to_owned(), String::new()));
    }
}
