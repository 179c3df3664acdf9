//! Owns why an authority cannot make one certificate while it makes others: the request decides, not the signer's state.
//!
//! Such a refusal is the client's to read and says nothing of the signer's health.

use crate::text::peer_text::PeerText;

/// Why this authority cannot make this certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("{0}")]
    Key(&'static str),
    #[error("a to-be-signed certificate of {length} bytes is longer than the signer takes{}", limit(*.most))]
    Length {
        /// With what timestamps will add.
        length: usize,
        most: Option<usize>,
    },
    #[error("the service does not make this certificate: {0}")]
    Refused(PeerText),
    #[error("{0}")]
    Form(&'static str),
}

fn limit(most: Option<usize>) -> String {
    most.map_or_else(String::new, |most| format!(", {most}"))
}

impl Unfit {
    /// Whether a message fits a signer that takes so much.
    pub(crate) fn check_length(length: usize, most: Option<usize>) -> Result<(), Self> {
        if most.is_some_and(|most| length > most) { Err(Self::Length { length, most }) } else { Ok(()) }
    }
}
