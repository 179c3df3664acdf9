//! Who asks: from the text of an OIDC identity token to a [`principal::Principal`].
//!
//! Owns token parsing, issuers' keys, verification and the identity types. Knows no transport, no key request, no certificate bytes.

pub mod choice;
pub mod claims;
pub mod email;
pub mod fetch;
pub mod keys;
pub mod kind;
pub mod name_policy;
pub mod principal;
pub mod restrictions;
pub mod san;
pub mod template;
pub mod token;
pub mod token_type;
pub mod uri;
pub mod verify;

pub use choice::identify;
pub use claims::Claims;
pub use kind::IdentityType;
pub use principal::Principal;
pub use token::UnverifiedToken;
pub use verify::VerifiedClaims;
