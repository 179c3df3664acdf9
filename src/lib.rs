//! sigmint: a certificate authority for code-signing certificates, for private Sigstore deployments.
//!
//! The way of a request, each arrow consuming what it is given:
//!
//! ```text
//! request -> UnverifiedToken -> VerifiedClaims -> Principal -> ProvenKey -> AdmittedPrincipal -> LintedTbs -> certificate -> answer
//! ```
//!
//! [`issuance`] is the only module that knows this order. Which module may import which is drawn in docs/architecture.md and held by
//! tests/architecture.rs.

pub mod api;
pub mod app;
pub mod audit;
pub mod authority;
pub mod blocklist;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod ct;
pub mod dev;
pub mod failure;
pub mod files;
pub mod http;
pub mod identity;
pub mod issuance;
pub mod limits;
pub(crate) mod networks;
mod panics;
pub mod policy;
pub mod possession;
pub(crate) mod reconcile;
pub mod server;
pub mod signer;
pub mod telemetry;
pub(crate) mod text;
pub mod trust;
