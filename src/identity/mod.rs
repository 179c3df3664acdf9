//! Who asks: from the text of an OIDC identity token to a [`kinds::Principal`].
//!
//! Owns token parsing, issuers' keys, verification and the identity types. Knows no transport, no key request, no certificate bytes.

pub(crate) mod claims;
pub(crate) mod email;
pub(crate) mod explain;
pub(crate) mod extensions;
pub mod fetch;
pub mod issuers;
pub mod keys;
pub(crate) mod kind;
pub(crate) mod kinds;
pub(crate) mod name_policy;
pub(crate) mod restrictions;
pub(crate) mod san;
pub(crate) mod select;
pub mod template;
pub mod token;
pub(crate) mod token_type;
pub(crate) mod uri;
pub mod verify;

pub use crate::identity::kinds::{Principal, SubjectAlternativeName};
pub use crate::identity::select::identify;
pub use claims::Claims;
pub use kind::{IdentityKind, IdentityType};
pub use token::UnverifiedToken;
pub use verify::VerifiedClaims;
