//! `sigmint trust show`: a summary for people, or one document for programs.

use std::fmt::{self, Display, Formatter};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, ValueEnum, value_parser};

use crate::cli::display::{rfc3339, visible};
use crate::cli::error::CommandError;
use crate::cli::files::print;
use crate::cli::inspect::to_json;
use crate::trust::{Deployment, Purpose, RekorApi, Window};

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Document {
    /// Whom verifiers believe
    TrustedRoot,
    /// Whom signers ask
    SigningConfig,
    /// Both in one, for sigstore-python
    ClientTrustConfig,
    /// The root of every CA, PEM
    Roots,
    /// The whole chain of every CA, PEM
    Chains,
}

pub(super) fn document() -> Arg {
    Arg::new("document")
        .long("document")
        .value_name("NAME")
        .value_parser(value_parser!(Document))
        .help("Print this document instead of the summary")
}

pub(super) fn run(matches: &ArgMatches, deployment: &Deployment) -> Result<ExitCode, CommandError> {
    let json = |value| to_json(&value).map(|text| text + "\n");
    let text = match matches.get_one::<Document>("document") {
        None => Summary(deployment).to_string(),
        Some(Document::TrustedRoot) => json(deployment.trusted_root())?,
        Some(Document::SigningConfig) => json(deployment.signing_config())?,
        Some(Document::ClientTrustConfig) => json(deployment.client_trust_config())?,
        Some(Document::Roots) => deployment.roots_pem(),
        Some(Document::Chains) => deployment.chains_pem(),
    };
    print(&text)
}

/// Every service with its window, one a line.
struct Summary<'a>(&'a Deployment);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Deployment { operator, authorities, ct_logs, rekor_logs, timestamp_authorities, token_issuers, .. } =
            self.0;
        writeln!(f, "Operator: {}", visible(operator))?;
        for one in authorities {
            let name = format!("{} ({})", one.url, one.chain.name());
            line(f, "certificate authority", &name, one.window, Some(one.purpose))?;
        }
        for log in ct_logs {
            line(f, "log of certificates", &log.url, log.window, None)?;
        }
        for log in rekor_logs {
            let version = match &log.api {
                RekorApi::V1 => "version 1".to_owned(),
                RekorApi::V2 { origin } => format!("version 2, origin {origin}"),
            };
            line(f, "log of signatures", &format!("{} ({version})", log.url), log.window, Some(log.purpose))?;
        }
        for one in timestamp_authorities {
            let name = format!("{} ({})", one.url, one.chain.name());
            line(f, "timestamp authority", &name, one.window, Some(one.purpose))?;
        }
        for issuer in token_issuers {
            line(f, "token issuer", &issuer.url, issuer.window, None)?;
        }
        Ok(())
    }
}

fn line(f: &mut Formatter<'_>, kind: &str, name: &str, window: Window, purpose: Option<Purpose>) -> fmt::Result {
    let since = rfc3339(window.start());
    let until = window.end().map(|end| format!(" until {}", rfc3339(end))).unwrap_or_default();
    let purpose = match purpose {
        Some(Purpose::Verify) => "; signers do not ask it",
        Some(Purpose::SignAndVerify) | None => "",
    };
    writeln!(f, "{kind:<22} {}\n{:22} since {since}{until}{purpose}", visible(name), "")
}
