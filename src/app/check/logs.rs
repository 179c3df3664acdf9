//! The transparency logs: their settings, whether they answer, and whether they take what this CA issues.

use super::super::explain::Network;
use super::super::open_logs;
use super::{Findings, Severity};
use crate::authority::AuthoritySource;
use crate::config::settings::Settings;
use crate::ct::RootsAnswer;
use crate::failure::with_sources;

const ABOUT: &str = "transparency log";

pub(super) async fn look(
    settings: &Settings,
    authority: Option<&AuthoritySource>,
    network: Network,
    found: &mut Findings<'_>,
) {
    let Some(configured) = settings.logs.clone() else { return };
    let quorum = configured.quorum.get();
    let opened = open_logs(configured);
    found.collect(ABOUT);
    let logs = match opened {
        Ok(logs) => logs,
        Err(error) => return found.refuse(ABOUT, &with_sources(&error)),
    };
    let Some(authority) = authority.filter(|_| network == Network::Online) else {
        let names = logs.names().collect::<Vec<_>>().join(", ");
        let why = if network == Network::Online { "the CA could not be opened" } else { "--online asks" };
        return found.add(Severity::Skipped, ABOUT, format!("{names}: not asked ({why})"));
    };
    let answers = logs.ask_roots(&authority.current().chain().to_ders()).await;
    let usable = answers.iter().filter(|(_, answer)| matches!(answer, RootsAnswer::Takes | RootsAnswer::Secret(_)));
    // Certificates are issued as long as so many logs answer.
    let severity = if usable.count() >= quorum { Severity::Warning } else { Severity::Error };
    for (log, answer) in answers {
        match answer {
            RootsAnswer::Takes => {
                found.add(Severity::Fine, ABOUT, format!("{log} answers, and takes the CA's root"));
            }
            RootsAnswer::TakesOthers { roots } => found.advise(
                severity,
                ABOUT,
                format!("{log} takes {roots} roots, and the CA's is not one of them: it will refuse its certificates"),
                "add the CA's root to the log's accepted roots",
            ),
            RootsAnswer::Secret(fault) => found.add(
                Severity::Skipped,
                ABOUT,
                format!("{log} answers, and does not tell which roots it takes: {fault}"),
            ),
            RootsAnswer::Failed(fault) => found.advise(
                severity,
                ABOUT,
                format!("--ct-log-url: {log} cannot be asked for its roots: {fault}"),
                "see that the log runs, that this machine reaches it, and that its certificate is trusted (--ct-log.tls-ca-cert)",
            ),
        }
    }
}
