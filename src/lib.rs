//! sigmint: a certificate authority for code-signing certificates, for private Sigstore deployments.
//!
//! The way of a request, each arrow consuming what it is given:
//!
//! ```text
//! request -> UnverifiedToken -> VerifiedClaims -> Principal -> ProvenKey -> LintedTbs -> certificate -> answer
//! ```
//!
//! [`issuance`] is the only module that knows this order. Nothing outside [`api`] and [`app`] knows the web framework.

pub mod api;
pub mod app;
pub mod authority;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod dev;
pub mod failure;
pub mod identity;
pub mod issuance;
pub mod limits;
pub mod outside;
mod panics;
pub mod peer_text;
mod pem;
pub mod possession;
pub mod server;
pub mod single_use;
pub mod telemetry;
pub mod text;
mod tls_words;
pub mod transparency;
mod weak_keys;
