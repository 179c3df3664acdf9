//! Warns before the CA's certificate expires.
//!
//! Owns when it is soon. That nothing is issued past the end is checked where certificates are composed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time;

use crate::certificate::chain::IssuingChain;
use crate::issuance::Issuance;

/// How long before its end a CA's certificate is worth a warning.
const SOON: Duration = Duration::from_hours(30 * 24);
/// How often the log says so.
const EVERY: Duration = Duration::from_hours(24);
const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// Whether the chain's issuing certificate ends within thirty days.
pub(crate) fn is_soon(chain: &IssuingChain, now: SystemTime) -> bool {
    chain.not_after() < now + SOON
}

/// Warns now and each day, as long as there is a reason.
pub(crate) fn watch(issuance: &Arc<Issuance>) {
    let issuance = Arc::downgrade(issuance);
    tokio::spawn(async move {
        while let Some(issuance) = issuance.upgrade() {
            warn(issuance.authority.current().chain(), (issuance.clock)());
            drop(issuance);
            time::sleep(EVERY).await;
        }
    });
}

fn warn(chain: &IssuingChain, now: SystemTime) {
    if is_soon(chain, now) {
        let days = chain.not_after().duration_since(now).map_or(0, |left| left.as_secs() / SECONDS_A_DAY);
        tracing::warn!(subject = chain.subject(), days, "the CA's certificate expires soon: bring in its successor");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::ephemeral;

    #[tokio::test]
    async fn thirty_days_are_soon() {
        let authority = ephemeral::root(SystemTime::now()).await.unwrap();
        let end = authority.chain().not_after();
        assert!(!is_soon(authority.chain(), end - SOON));
        assert!(is_soon(authority.chain(), end - SOON + Duration::from_secs(1)));
        assert!(is_soon(authority.chain(), end + SOON));
    }
}
