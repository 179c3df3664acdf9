//! `sigmint serve`: the certificate authority.

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::CliError;
use crate::config::flags;
use crate::config::settings::Settings;
use crate::{app, telemetry};

const LONG_ABOUT: &str = "Serve the certificate authority.

Every setting can be given in four ways; the first one that is there counts:
  1. on the command line:     --port 5555
  2. in the environment:      FULCIO_SERVE_PORT=5555
  3. in a settings file (-c): port: 5555
  4. its default

SIGHUP loads the issuer file anew, SIGTERM finishes what is in flight and stops.";

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
    telemetry::start_log(settings.log);
    app::serve(settings).await?;
    Ok(ExitCode::SUCCESS)
}
