//! `sigmint ca check`: opens the CA as `serve` would, lets it sign once, and says when it ends.

use std::process::ExitCode;
use std::time::SystemTime;

use clap::ArgMatches;

use super::keys::PASSWORD;
use crate::app::{authorities, expiry};
use crate::certificate::chain::IssuingChain;
use crate::cli::CliError;
use crate::cli::files::print;
use crate::config::settings::Settings;

pub(super) const EXAMPLES: &str = "Takes the settings of `serve` and reads those of the CA.

Examples:
    sigmint ca check --ca fileca --fileca-cert ca/chain.pem --fileca-key ca/intermediate.key
    sigmint ca check --ca-config /etc/sigmint/ca.yaml

Exit code 0 if the CA that issues signs, and its certificate does not end within thirty days; 3 if it ends that soon.";

/// Exit code of a CA that works, but not for long.
const ENDS_SOON: u8 = 3;
/// Where `serve` reads the password of the CA's key file.
const SERVER_PASSWORD: &str = "FULCIO_SERVE_FILECA_KEY_PASSWD";
const SECONDS_A_DAY: u64 = 24 * 60 * 60;

pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let settings = Settings::read_authority(matches, &variable)?;
    let set = authorities::open_once(settings).await?;
    let now = SystemTime::now();
    let mut text = String::new();
    for (index, chain) in set.chains().iter().enumerate() {
        let heading = if index == 0 { "issues " } else { "trusted" };
        text.push_str(&describe(heading, chain, now));
        text.extend(chain.findings().iter().map(|finding| format!("         warning: {finding}\n")));
    }
    print(&format!("{text}The CA signed, and its chain verifies the signature.\n"))?;
    let soon = expiry::is_soon(set.active.chain(), now);
    Ok(if soon { ExitCode::from(ENDS_SOON) } else { ExitCode::SUCCESS })
}

/// The password that `ca init` read protects what it made: it need not be given again under the server's name.
pub(in crate::cli) fn variable(name: &str) -> Option<String> {
    let given = std::env::var(name).ok().filter(|text| !text.is_empty());
    given.or_else(|| if name == SERVER_PASSWORD { std::env::var(PASSWORD).ok() } else { None })
}

fn describe(heading: &str, chain: &IssuingChain, now: SystemTime) -> String {
    let end = humantime::format_rfc3339_seconds(chain.not_after());
    let left = match chain.not_after().duration_since(now) {
        Ok(left) => format!("{} days left", left.as_secs() / SECONDS_A_DAY),
        Err(_) => "expired".to_owned(),
    };
    format!(
        "{heading}  {}\n         {}; {} certificates, the root included; until {end} ({left})\n",
        chain.subject(),
        chain.algorithm(),
        chain.len(),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::authority::ephemeral;

    #[tokio::test]
    async fn a_chain_is_described_with_the_days_that_are_left() {
        let authority = ephemeral::root(SystemTime::now()).await.unwrap();
        let chain = authority.chain();
        let text = describe("issues ", chain, chain.not_after() - Duration::from_hours(49));
        assert!(text.contains("sigmint ephemeral CA") && text.contains("ECDSA P-384") && text.contains("2 days left"));
        assert!(describe("", chain, chain.not_after() + Duration::from_secs(1)).contains("expired"));
    }
}
