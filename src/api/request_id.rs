//! The id that tells one request's lines in the log from others'.
//!
//! Owns what makes an id. Knows no transport: adapters read and write the header or metadata `x-request-id`.

/// The name of the header and of the metadata.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// The longest id of a client's that is taken over, in bytes.
const MAX_LENGTH: usize = 64;

/// A request's id: a short word without white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    /// The client's own id if it is a short word, else a new one.
    pub(super) fn of(sent: Option<&[u8]>) -> Self {
        let word =
            sent.filter(|bytes| (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic));
        word.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()).map_or_else(Self::new, Self)
    }

    fn new() -> Self {
        let mut bytes = [0; 8];
        // An id that cannot be random is still an id.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        Self(format!("{:016x}", u64::from_be_bytes(bytes)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id, to be sent.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_word_is_taken_over_and_anything_else_replaced() {
        assert_eq!(RequestId::of(Some(b"abc-1")).as_str(), "abc-1");
        for sent in [None, Some(&b""[..]), Some(b"a b"), Some(b"a\n"), Some("é".as_bytes()), Some(&[b'a'; 65])] {
            let id = RequestId::of(sent);
            assert!(id.as_str().len() == 16 && id.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()), "{sent:?}");
        }
        assert_ne!(RequestId::of(None), RequestId::of(None));
    }
}
