//! Secret files that others can read: said once for each at the start.
//!
//! Owns which files of the settings are secret. Files that only a backend knows of (PINs, tokens of services) are looked at there.

use std::path::Path;

use crate::config::authority_file::{AuthorityFile, Trusted};
use crate::config::settings::Settings;
use crate::files::warn_if_shared;
use crate::server::listeners::{Endpoint, Listeners};

/// Looks at what the listeners and the store use; the CA's own are looked at when it is opened.
pub(super) fn warn(settings: &Settings) {
    let endpoints: Vec<&Endpoint> = match &settings.listeners {
        Listeners::Separate { http, grpc } => vec![http, grpc],
        Listeners::Shared(endpoint) => vec![endpoint],
    };
    let mut secrets: Vec<&Path> =
        endpoints.iter().filter_map(|endpoint| endpoint.tls.as_ref()).map(|tls| tls.key.as_path()).collect();
    secrets.extend(settings.single_use.store.as_ref().and_then(|store| store.password_file.as_deref()));
    secrets.extend(settings.audit.iter().flat_map(|audit| audit.secrets()));
    warn_once(secrets);
}

/// Looks at the files of the CA that issues and of those that will.
pub(super) fn warn_of_authorities(file: &AuthorityFile) {
    let next = file.next.iter().flat_map(|next| match next {
        Trusted::Signer(signer) => signer.secrets(),
        Trusted::Chain(_) => Vec::new(),
    });
    warn_once(file.active.secrets().into_iter().chain(next).collect());
}

/// HTTP and gRPC often share their files.
fn warn_once(mut files: Vec<&Path>) {
    files.sort_unstable();
    files.dedup();
    files.into_iter().for_each(warn_if_shared);
}
