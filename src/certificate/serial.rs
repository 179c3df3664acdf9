//! Serial numbers (RFC 5280 section 4.1.2.2): positive, at most 20 bytes, 159 random bits.

use crate::text;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serial([u8; Self::LENGTH]);

impl Serial {
    /// Bytes of a serial number.
    pub const LENGTH: usize = 20;

    /// A serial number of random bytes. The top bit is cleared, which keeps the number positive and within 20 bytes of DER; the
    /// number zero, one in 2^159, becomes one.
    pub fn from_random(mut bytes: [u8; Self::LENGTH]) -> Self {
        bytes[0] &= 0x7f;
        if bytes.iter().all(|byte| *byte == 0) {
            bytes[Self::LENGTH - 1] = 1;
        }
        Self(bytes)
    }

    /// The number, big-endian, possibly with leading zeros.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number in lower-case hexadecimal, two digits a byte, as `openssl x509 -serial` and logs show it.
    pub fn to_hex(&self) -> String {
        text::hex_number(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_positive_and_fit_twenty_bytes() {
        assert_eq!(Serial::from_random([0xff; 20]).as_bytes()[0], 0x7f);
        assert_eq!(Serial::from_random([0; 20]).to_hex(), "01");
        assert_eq!(Serial::from_random([0xab; 20]).to_hex(), format!("2b{}", "ab".repeat(19)));
    }
}
