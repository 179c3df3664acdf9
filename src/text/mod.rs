//! Bytes as text (PEM and hexadecimal), and the characters that no certificate carries.

pub mod peer_text;
pub(crate) mod tls_words;

/// PEM (RFC 7468) with lines of 64 characters and line feeds, the last one included.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let configuration = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), configuration)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 0x0f)]).collect()
}

/// A number, big-endian, in lower-case hexadecimal: two digits a byte without leading zero bytes, as `openssl x509 -serial` shows it.
#[must_use]
pub fn hex_number(octets: &[u8]) -> String {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    hex(octets.get(zeros.min(octets.len().saturating_sub(1))..).unwrap_or_default())
}

/// Whether there is a control character: C0, DEL or C1.
#[must_use]
pub fn has_control_character(text: &str) -> bool {
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
    fn hexadecimal_keeps_zeros_and_numbers_drop_them() {
        assert_eq!((hex(&[0, 0x0a, 0xff]), hex_number(&[0, 0x0a, 0xff])), ("000aff".to_owned(), "0aff".to_owned()));
        assert_eq!((hex_number(&[0, 0]), hex_number(&[])), ("00".to_owned(), String::new()));
    }
}
