//! Keeps what load balancers are told in step with the CA's ability to sign.
//!
//! Owns the pace. While the signer fails it is tried here as well: an instance that gets no requests because it is not
//! ready would otherwise never find out that it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::time;

use crate::api::grpc::Routes;
use crate::failure::with_sources;
use crate::issuance::Issuance;

/// How often the signer's health is looked at, and a failing signer tried.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until it is dropped.
pub(super) async fn keep_up(issuance: Arc<Issuance>, routes: Routes) {
    let mut ready = true;
    loop {
        time::sleep(EVERY).await;
        let authority = issuance.authority.current();
        let cause = if authority.is_failing() { authority.probe().await.err() } else { None };
        let is_ready = issuance.is_ready();
        if is_ready == ready {
            continue;
        }
        ready = is_ready;
        routes.set_ready(ready).await;
        if ready {
            tracing::info!("certificates can be had again: ready");
        } else if authority.is_ready() {
            // The audit log has said why.
            tracing::warn!("the audit log is not written: not ready");
        } else {
            let cause = cause.as_ref().map(|cause| with_sources(cause)).unwrap_or_default();
            tracing::error!(cause, "the CA does not sign: not ready");
        }
    }
}
