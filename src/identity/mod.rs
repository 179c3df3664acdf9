//! Who asks: from the text of an OIDC identity token to a [`kinds::Principal`].
//!
//! Owns token parsing, issuers' keys, verification and the identity types. Knows no transport, no key request, no certificate bytes.

pub mod claims;
pub mod email;
pub mod extensions;
pub mod fetch;
pub mod issuers;
pub mod keys;
pub mod kind;
pub mod kinds;
pub mod name_policy;
pub mod restrictions;
pub mod san;
pub mod select;
pub mod template;
pub mod token;
pub mod token_type;
pub mod uri;
pub mod verify;

pub use crate::identity::kinds::Principal;
pub use crate::identity::select::identify;
pub use claims::Claims;
pub use kind::IdentityType;
pub use token::UnverifiedToken;
pub use verify::VerifiedClaims;
