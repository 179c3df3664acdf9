//! Owns CRC-32C (RFC 3720, appendix B.4), by which Google's key service tells that nothing was damaged on the way.

/// The polynomial of Castagnoli, its bits turned round.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The checksum. What is summed here has a few kilobytes: a table would be no gain.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32| (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn the_examples_of_rfc_3720_come_out() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b""), 0);
    }
}
