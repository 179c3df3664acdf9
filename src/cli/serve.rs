//! `sigmint serve`: the certificate authority.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::error::CommandError;
use super::{CliError, hardening};
use crate::config::settings::Settings;
use crate::config::{flags, slips};
use crate::failure::with_sources;
use crate::{app, telemetry};

const LONG_ABOUT: &str = "Serve the certificate authority.

Every setting can be given in four ways; the first one that is there counts:
  1. on the command line:     --port 5555
  2. in the environment:      FULCIO_SERVE_PORT=5555
  3. in a settings file (-c): port: 5555
  4. its default

SIGHUP loads the issuer file and the CA again, SIGTERM finishes what is in flight and stops.

Servers that are asked over TLS are trusted by the system's certificates, by those of SSL_CERT_FILE and \
SSL_CERT_DIR, and by those that a setting names. SIGMINT_CA_CERT_ONLY=true leaves out the first two where \
a setting names any.";

const EXAMPLES: &str = "Examples:
  Try it out with a throw-away CA:
    sigmint serve --ca ephemeralca --config-path config/issuers/issuers.yaml
  A CA in files (certs/generate.sh makes one for development):
    FULCIO_SERVE_FILECA_KEY_PASSWD=... sigmint serve --ca fileca \\
      --fileca-cert chain.pem --fileca-key intermediate.key --config-path issuers.yaml --log_type prod";

pub(super) fn command() -> Command {
    let command =
        Command::new("serve").about("Serve the certificate authority").long_about(LONG_ABOUT).after_help(EXAMPLES);
    flags::augment(command)
}

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let settings = Settings::read(matches, &|name| std::env::var(name).ok())?;
    let unread = unread(matches)?;
    let log = telemetry::start_log(settings.log);
    let hardened = hardening::hide_memory();
    for problem in unread.iter().chain(&settings.oddities).chain(&hardened.err()) {
        tracing::warn!("{problem}");
    }
    let effective = settings.effective.clone();
    match app::serve(settings, log.sink()).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            // Standard error may be stuck: the log waits for it, and not for long.
            log.end(&effective.with_settings(&with_sources(&error)));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What the command line and the environment say to nobody.
pub(super) fn unread(matches: &ArgMatches) -> Result<Vec<String>, CommandError> {
    let ours = |name: &OsString| name.as_encoded_bytes().starts_with(slips::PREFIX.as_bytes());
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        let name = name.to_string_lossy().into_owned();
        let value = value.into_string().map_err(|_| {
            CommandError::usage(format!("{name}: is not UTF-8")).hint("set the variable again, or leave it out")
        })?;
        variables.push((name, value));
    }
    let mut unread = slips::unread_variables(variables.into_iter());
    unread.extend(slips::misspelled_flags(matches));
    Ok(unread)
}
