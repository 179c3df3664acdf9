//! Development only: an OpenID Connect issuer that gives anybody a token for any identity, transparency logs of certificates and of
//! signatures, a timestamp authority, and files for clients.
//!
//! Owns what `sigmint dev` needs beside the real server, which does not know it. Never part of `sigmint serve`.

mod claims;
mod folder;
mod identity;
mod issuer;
mod issuers_file;
mod kept_key;
mod key;
mod log;
mod loopback;
mod rekor;
mod signing_key;
mod tiles;
mod trust;
mod tsa;
mod tuf;

pub use claims::TOKEN_LIFETIME;
pub use folder::{Folder, FolderError, Readers};
pub use issuer::{DevIssuer, MAX_BODY_BYTES};
pub use issuers_file::issuers_file;
pub use log::DevLog;
pub use loopback::DevServerError;
pub use rekor::DevRekor;
pub use trust::{Deployment, DeploymentProblem, LogDescription, RekorDescription, TimestampDescription};
pub use tsa::{DevTimestampAuthority, TimestampingError, Unfit};
pub use tuf::{DevTuf, DevTufError};

/// What is said wherever the issuer shows itself.
pub const WARNING: &str =
    "FOR DEVELOPMENT ONLY: this issuer gives anybody on this machine a token for any identity. Trust it nowhere else.";

/// The audience of the issuer's tokens, unless another is asked for.
pub const AUDIENCE: &str = "sigstore";
