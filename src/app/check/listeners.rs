//! Where the server listens: TLS files and ports.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Findings, Ports, Severity};
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::server::listeners::{Address, Endpoint, Listeners, TlsFiles};
use crate::server::{listen_on, read_certificate};

const TLS: &str = "TLS";
const PORTS: &str = "ports";
/// How long before its end a server's certificate is worth a warning.
const SOON: Duration = Duration::from_hours(7 * 24);

pub(super) fn look(settings: &Settings, ports: Ports, found: &mut Findings<'_>) {
    let endpoints: Vec<(&str, &Endpoint)> = match &settings.listeners {
        Listeners::Separate { http, grpc } => vec![("REST", http), ("gRPC", grpc)],
        Listeners::Shared(endpoint) => vec![("REST and gRPC", endpoint)],
    };
    let mut seen: Vec<&TlsFiles> = Vec::new();
    for (_, endpoint) in &endpoints {
        if let Some(files) = endpoint.tls.as_ref().filter(|files| !seen.contains(files)) {
            seen.push(files);
            certificate(files, found);
        }
    }
    let addresses = endpoints.into_iter().map(|(name, endpoint)| (name, &endpoint.address));
    let addresses: Vec<_> = addresses.chain([("metrics", &settings.metrics)]).collect();
    match ports {
        Ports::Try => bind(&addresses, found),
        Ports::InUse => {
            found.add(Severity::Skipped, PORTS, "not tried: the server has them (--while-running)".to_owned());
        }
    }
}

fn certificate(files: &TlsFiles, found: &mut Findings<'_>) {
    let der = match read_certificate(files) {
        Ok(der) => der,
        Err(error) => return found.refuse(TLS, &with_sources(&error)),
    };
    let name = files.certificate.display();
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
        return found.refuse(TLS, &format!("{name}: its first certificate cannot be read"));
    };
    let at = |time: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(time).unwrap_or_default());
    let (begin, end) = (at(parsed.validity().not_before.timestamp()), at(parsed.validity().not_after.timestamp()));
    let (now, subject) = (SystemTime::now(), parsed.subject());
    let shown = humantime::format_rfc3339_seconds;
    let hint = "renew it: clients refuse it otherwise";
    if now > end {
        found.advise(Severity::Error, TLS, format!("{name}: the certificate expired at {}", shown(end)), hint);
    } else if now < begin {
        let message = format!("{name}: the certificate is not valid before {}", shown(begin));
        found.advise(Severity::Error, TLS, message, "set this machine's clock right, or use another certificate");
    } else if end < now + SOON {
        found.advise(Severity::Warning, TLS, format!("{name}: the certificate expires at {}", shown(end)), hint);
    } else {
        let message = format!("{name} and {} fit; {subject}, until {}", files.key.display(), shown(end));
        found.add(Severity::Fine, TLS, message);
    }
}

/// Listens on all of them at once, as the server will, and stops.
fn bind(addresses: &[(&str, &Address)], found: &mut Findings<'_>) {
    let mut held = Vec::new();
    for (name, address) in addresses {
        match listen_on(address) {
            Ok(listener) => held.push((name, listener)),
            Err(error) => {
                let place = format!("{}:{}", address.host, address.port);
                let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
                    "stop what listens there, or choose another port; if it is this server that runs already: --while-running"
                } else {
                    "choose an address of this machine, and a port that this user may listen on"
                };
                let message = format!("cannot listen on {place} ({name}): {error}");
                found.advise(Severity::Error, PORTS, found.settings.effective.with_settings(&message), hint);
            }
        }
    }
    if held.len() == addresses.len() {
        let places = held.iter().filter_map(|(name, listener)| Some(format!("{name} {}", listener.local_addr().ok()?)));
        found.add(Severity::Fine, PORTS, format!("free: {}", places.collect::<Vec<_>>().join(", ")));
    }
}
