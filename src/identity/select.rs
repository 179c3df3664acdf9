//! Which identity a token stands for, when its issuer has several.
//!
//! Owns that question and nothing of the identities themselves: each type decides whether a token fits it.

use super::kinds::{Principal, PrincipalError};
use super::verify::VerifiedClaims;

/// Makes the principal of the one identity that the token fits, and leaves the claims with it. If the token fits several, their order
/// decides; if they have none, nobody does.
pub fn identify(mut claims: VerifiedClaims) -> Result<(VerifiedClaims, Principal), PrincipalError> {
    let mut found = Principal::from_claims(&claims);
    for issuer in claims.take_alternatives() {
        if found.is_ok() && issuer.order.is_some() {
            break;
        }
        let before = claims.with_issuer(issuer);
        match (&found, Principal::from_claims(&claims)) {
            (Ok(_), Ok(_)) => return Err(PrincipalError::Ambiguous),
            (Err(_), Ok(principal)) => found = Ok(principal),
            (_, Err(_)) => drop(claims.with_issuer(before)),
        }
    }
    found.map(|principal| (claims, principal))
}
