//! The audit log: where records go, what hides addresses, who signs heads, and who is told of them. Nothing is written and no file made.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::audit::{ANCHOR, Anchor, AuditOpenError, open_anchors, open_key, redaction, warn_if_unsigned};
use super::super::authorities;
use super::super::explain::Network;
use super::{CheckOptions, Findings, Ports, Severity};
use crate::audit::Destination;
use crate::audit::head::HeadError;
use crate::audit::look::{Found, look as look_at, look_at_samples};
use crate::authority::AuthoritySource;
use crate::authority::chain_file::read_trusted_chain;
use crate::certificate::chain::IssuingChain;
use crate::config::audit::{AuditKey, AuditSettings};
use crate::config::settings::Settings;
use crate::config::signer::SignerSettings;
use crate::failure::with_sources;
use crate::files::writable::can_append;
use crate::http;

const ABOUT: &str = "audit log";

pub(super) async fn look(
    settings: &Settings,
    authority: Option<&AuthoritySource>,
    options: CheckOptions,
    found: &mut Findings<'_>,
) {
    let Some(audit) = &settings.audit else { return };
    place(&audit.destination, options.ports, found);
    samples(audit, found);
    if let Some(Err(error)) = audit.redact_key.as_deref().map(redaction) {
        found.refuse(ABOUT, &with_sources(&error));
    }
    warn_if_unsigned(audit);
    if let Some(key) = &audit.key {
        try_key(key, settings, authority, options.network, found).await;
    }
    found.collect(ABOUT);
    anchors(audit, options.network, found).await;
}

/// Where records go.
fn place(destination: &Destination, ports: Ports, found: &mut Findings<'_>) {
    let name = match destination {
        Destination::File { path, .. } => path.display().to_string(),
        Destination::Stdout => "standard output".to_owned(),
        Destination::Syslog(path) => format!("syslog at {}", path.display()),
    };
    match (look_at(destination), ports) {
        (Ok(Found::Free), _) => found.add(Severity::Fine, ABOUT, format!("records can go to {name}")),
        (Ok(Found::InUse), Ports::InUse) => {
            found.add(Severity::Fine, ABOUT, format!("{name} is being written by a process, as by a running server"));
        }
        (Ok(Found::InUse), Ports::Try) => found.advise(
            Severity::Warning,
            ABOUT,
            format!(
                "{name} is locked by a process that writes it, as a running server does: no other can start with it"
            ),
            "if it is this server that runs already: --while-running; else give each process an audit log of its own",
        ),
        (Err(error), _) => found.refuse(ABOUT, &with_sources(&AuditOpenError::from(error))),
    }
}

fn samples(audit: &AuditSettings, found: &mut Findings<'_>) {
    let Some(samples) = &audit.samples else { return };
    match look_at_samples(samples) {
        Ok(()) => {
            let message = format!("requests whose token did not verify can go to {}", samples.path.display());
            found.add(Severity::Fine, ABOUT, message);
        }
        Err(error) => found.refuse(ABOUT, &format!("--audit-unverified-path: {}", with_sources(&error))),
    }
}

/// Has the key sign a head on trial, unless that would ask a service and nobody is to be asked.
async fn try_key(
    key: &AuditKey,
    settings: &Settings,
    authority: Option<&AuthoritySource>,
    network: Network,
    found: &mut Findings<'_>,
) {
    let named = match key {
        AuditKey::Named(name) => Some(name),
        AuditKey::File { .. } => None,
    };
    if named.is_some_and(|name| names_of_ca(settings).contains(name)) {
        return found.refuse(ABOUT, &with_sources(&AuditOpenError::from(HeadError::KeyOfCa)));
    }
    if named.is_some() && network == Network::Offline {
        let message = "the audit key is in a service or a token, and is not opened (--online opens it)";
        return found.add(Severity::Skipped, ABOUT, message.to_owned());
    }
    let chains = authority.map_or_else(|| chains_in_files(settings), |authority| authority.all().chains());
    match open_key(key.clone(), &chains).await {
        Ok(_) if chains.is_empty() => {
            let message = "the audit key signs; whether it is the CA's is not known, as the CA is not";
            found.add(Severity::Fine, ABOUT, message.to_owned());
        }
        Ok(_) => found.add(Severity::Fine, ABOUT, "the audit key signs, and is not a CA's".to_owned()),
        Err(error) => found.refuse(ABOUT, &with_sources(&error)),
    }
}

/// What the settings call the keys of CAs that are in a service.
fn names_of_ca(settings: &Settings) -> Vec<String> {
    let signers = authorities::signers(&settings.authority).unwrap_or_default();
    let name = |signer| match signer {
        SignerSettings::Kms { resource, .. } => Some(resource),
        _ => None,
    };
    signers.into_iter().filter_map(name).collect()
}

/// Of CAs that are not opened, the chains. What is wrong with one is said where CAs are looked at.
fn chains_in_files(settings: &Settings) -> Vec<Arc<IssuingChain>> {
    let signers = authorities::signers(&settings.authority).unwrap_or_default();
    let read = |signer: &SignerSettings| read_trusted_chain(signer.chain()?, SystemTime::now()).ok();
    signers.iter().filter_map(read).map(Arc::new).collect()
}

/// Those who are told of heads. Without one of them certificates are issued all the same.
async fn anchors(audit: &AuditSettings, network: Network, found: &mut Findings<'_>) {
    let anchors = match open_anchors(audit.anchors.clone()) {
        Ok(anchors) => anchors,
        Err(error) => return found.refuse(ABOUT, &with_sources(&AuditOpenError::from(error))),
    };
    for anchor in anchors {
        let name = anchor.name();
        let fine = match &anchor {
            Anchor::File(path) => {
                can_append(path).map(|()| "can be written".to_owned()).map_err(|error| error.to_string())
            }
            Anchor::Url { .. } if network == Network::Offline => {
                let message = format!("the anchor {name} is not asked (--online asks)");
                found.add(Severity::Skipped, ABOUT, message);
                continue;
            }
            Anchor::Url { url, client } => {
                // A head that is sent on trial would stay there.
                let answer = client.head(url.clone()).timeout(ANCHOR).send().await;
                answer
                    .map(|answer| format!("answers (status {} to HEAD)", answer.status().as_u16()))
                    .map_err(|error| http::reason(error).to_string())
            }
        };
        match fine {
            Ok(fine) => found.add(Severity::Fine, ABOUT, format!("the anchor {name} {fine}")),
            Err(problem) => {
                let message = format!("--audit-anchor: {name} would not take a head: {problem}");
                let hint = "see that the file's folder is there and writable, or that this machine reaches the URL";
                found.advise(Severity::Warning, ABOUT, message, hint);
            }
        }
    }
}
