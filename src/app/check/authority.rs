//! The CA: its chain, its signer and a trial signature, as a start opens them.

use super::super::explain::Network;
use super::super::{authorities, expiry};
use super::{Findings, Severity};
use crate::authority::AuthoritySource;
use crate::authority::chain_file::read_trusted_chain;
use crate::config::settings::Settings;
use crate::config::signer::SignerSettings;
use crate::failure::with_sources;
use std::time::SystemTime;

const ABOUT: &str = "certificate authority";

/// Opens the CA, unless that would ask a service and nobody is to be asked.
pub(super) async fn look(settings: &Settings, network: Network, found: &mut Findings<'_>) -> Option<AuthoritySource> {
    let signers = match authorities::signers(&settings.authority) {
        Ok(signers) => signers,
        Err(error) => {
            found.refuse(ABOUT, &with_sources(error.as_ref()));
            return None;
        }
    };
    if network == Network::Offline && signers.iter().any(asks_somebody) {
        chains(&signers, found);
        let message = "not opened, and no trial signature: its key is in a service or a token (--online opens it)";
        found.add(Severity::Skipped, ABOUT, message.to_owned());
        return None;
    }
    let opened = authorities::open(settings.authority.clone(), false).await;
    found.collect(ABOUT);
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            found.refuse(ABOUT, &with_sources(error.as_ref()));
            return None;
        }
    };
    describe(&opened, found);
    Some(opened)
}

fn describe(opened: &AuthoritySource, found: &mut Findings<'_>) {
    let authority = opened.current();
    let chain = authority.chain();
    let end = humantime::format_rfc3339_seconds(chain.not_after());
    let message = format!(
        "{} ({}), until {end}; a trial signature is right; {} chains are trusted",
        chain.subject(),
        authority.algorithm(),
        opened.all().chains().len()
    );
    found.add(Severity::Fine, ABOUT, message);
    if expiry::is_soon(chain, SystemTime::now()) {
        let message = format!("the certificate of {} expires soon, at {end}", chain.subject());
        found.advise(Severity::Warning, ABOUT, message, "bring in its successor: `sigmint ca csr`, --ca-config");
    }
}

/// Whether opening the CA asks a service, or a module that may.
const fn asks_somebody(signer: &SignerSettings) -> bool {
    match signer {
        SignerSettings::File { .. } | SignerSettings::Ephemeral => false,
        SignerSettings::Kms { .. }
        | SignerSettings::Pkcs11 { .. }
        | SignerSettings::Tink { .. }
        | SignerSettings::Google { .. } => true,
    }
}

/// Of CAs that are not opened, the chains.
fn chains(signers: &[SignerSettings], found: &mut Findings<'_>) {
    for path in signers.iter().filter_map(SignerSettings::chain) {
        match read_trusted_chain(path, SystemTime::now()) {
            Ok(chain) => {
                let message = format!("the chain of {} in {} can be read", chain.subject(), path.display());
                found.add(Severity::Fine, ABOUT, message);
            }
            Err(error) => found.refuse(ABOUT, &with_sources(&error)),
        }
    }
}
