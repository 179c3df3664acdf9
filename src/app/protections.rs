//! What protects this server and is off: said once at the start, so that nobody is surprised.
//!
//! Owns which of these are worth a warning. What Fulcio's own deployments never have (rates, a store) is named in one line only.

use std::collections::BTreeSet;
use std::path::Path;

use super::issuers::listed;
use crate::audit::OnFailure;
use crate::config::effective::Effective;
use crate::config::settings::{LogsSettings, Settings};
use crate::files::warn_if_shared;
use crate::http::trust::SystemCertificates;
use crate::identity::fetch::{PlainHttp, Reach};
use crate::identity::issuers::Issuers;
use crate::limits::single_use::WhenUnknown;

/// Says what is in effect, and warns of each protection that was taken away.
pub(super) fn report(settings: &Settings) {
    let effective: &Effective = &settings.effective;
    tracing::info!(settings = effective.on_one_line(), "effective settings");
    let (on, off): (Vec<_>, Vec<_>) = protections(settings).into_iter().partition(|(_, is_on)| *is_on);
    let names = |list: Vec<(&str, bool)>| list.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ");
    tracing::info!(on = names(on), off = names(off), "protections");
    for problem in &effective.given_empty {
        tracing::warn!("{problem}");
    }
    match &settings.logs {
        None => tracing::warn!("certificates are not entered in a transparency log: --ct-log-url is empty"),
        Some(logs) => warn_of_logs(logs),
    }
    if settings.header_timeout.is_zero() {
        tracing::warn!("a client may take for ever to send its headers: --read-header-timeout is 0s");
    }
    if settings.single_use.when_unknown == WhenUnknown::Pass {
        tracing::warn!("tokens pass uncounted when their uses cannot be counted: --single-use-failure is open");
    }
    if settings.audit.as_ref().is_some_and(|audit| audit.on_failure == OnFailure::Sign) {
        tracing::warn!("certificates are signed when they cannot be recorded: --audit-failure is open");
    }
    if settings.bounds.requests.proxies.trusts_everybody() {
        tracing::warn!("every client may say which address it has: --trusted-proxies names the whole Internet");
    }
    warn_of_trust(&SystemCertificates::load());
}

fn warn_of_trust(found: &SystemCertificates) {
    for problem in &found.problems {
        tracing::warn!("{problem}; what else is trusted is trusted without it");
    }
    if found.system.is_empty() && found.named.is_empty() {
        tracing::warn!(
            "this system trusts no certificate authority: servers over https are refused, but for those with a ca-cert of their own; \
            install the system's package of CA certificates, or name a file in SSL_CERT_FILE"
        );
    }
}

fn warn_of_logs(logs: &LogsSettings) {
    let without_key = logs.logs.iter().filter(|log| log.public_key.is_none());
    let names = listed(without_key.map(|log| without_user(&log.url)));
    if !names.is_empty() {
        tracing::warn!(
            logs = names,
            "timestamps of a transparency log are not verified: --ct-log-public-key-path does not name its key"
        );
    }
}

fn without_user(url: &str) -> String {
    let Ok(mut parsed) = url::Url::parse(url) else { return "?".to_owned() };
    let _ = (parsed.set_username(""), parsed.set_password(None));
    parsed.to_string()
}

fn protections(settings: &Settings) -> Vec<(&'static str, bool)> {
    let [http_tls, grpc_tls] = settings.listeners.endpoints().map(|endpoint| endpoint.tls.is_some());
    let logs = settings.logs.as_ref();
    let requests = &settings.bounds.requests;
    vec![
        ("ct-log", logs.is_some()),
        ("ct-log-key", logs.is_some_and(|logs| logs.logs.iter().all(|log| log.public_key.is_some()))),
        ("http-tls", http_tls),
        ("grpc-tls", grpc_tls),
        ("rate-limit-per-address", requests.per_address.is_some()),
        ("rate-limit-per-identity", requests.per_identity.is_some()),
        ("max-connections-per-address", settings.bounds.connections.per_address.is_some()),
        ("single-use-store", settings.single_use.store.is_some()),
        ("policy", settings.policy.is_some()),
        ("audit", settings.audit.is_some()),
        ("audit-key", settings.audit.as_ref().is_some_and(|audit| audit.key.is_some())),
    ]
}

/// Warns of what issuers of the file are allowed beyond the usual, and of their tokens that others can read.
pub(super) fn warn_of_issuers(issuers: &Issuers) {
    for warning in issuers.warnings() {
        tracing::warn!(warning, "the issuer file is used as it is, and should be looked at");
    }
    let tokens: BTreeSet<&Path> = issuers.iter().filter_map(|issuer| issuer.keys.token_file.as_deref()).collect();
    tokens.into_iter().for_each(warn_if_shared);
    let named = |is_meant: &dyn Fn(&crate::identity::issuers::Issuer) -> bool| {
        let mut names: Vec<String> =
            issuers.iter().filter(|issuer| is_meant(issuer)).map(|issuer| issuer.address.as_str().to_owned()).collect();
        names.dedup();
        Some(listed(names.into_iter())).filter(|names| !names.is_empty())
    };
    if let Some(issuers) = named(&|issuer| issuer.skip_email_verification) {
        tracing::warn!(issuers, "e-mail addresses are certified without being verified: skip-email-verification");
    }
    if let Some(issuers) = named(&|issuer| issuer.keys.plain_http == PlainHttp::Anywhere) {
        tracing::warn!(
            issuers,
            "keys of these issuers are fetched without TLS, and a network attacker can put in keys of their own (http:// or allow-http); --require-https refuses that"
        );
    }
    if let Some(issuers) = named(&|issuer| issuer.keys.strangers == Reach::Anywhere) {
        tracing::warn!(issuers, "hosts that strangers choose may be in a private network: allow-private-addresses");
    }
}
