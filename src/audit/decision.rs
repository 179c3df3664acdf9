//! What is recorded of one request of a verified identity, as it goes through the pipeline.
//!
//! Owns that each has its record, whatever becomes of it: who lets go of it without an end has abandoned it. Knows no step of the pipeline.

use super::chain::Kind;
use super::json::Members;
use super::record::{self, Origin, PolicyOutcome, ToBeSigned};
use super::{AuditError, Inner, OnFailure};
use crate::certificate::Serial;
use crate::crypto::sha256;
use crate::failure::FailureKind;
use crate::identity::{Principal, VerifiedClaims};
use crate::possession::ProvenKey;

/// What a record takes, most often.
const USUAL: usize = 2048;
/// The reason of a request that ended before it was answered: its client went away, or it took too long.
const ABANDONED: &str = "ABANDONED";

/// A request of a verified identity.
#[must_use = "dropped, it counts as abandoned"]
#[derive(Debug)]
pub struct Decision<'a>(Option<Open<'a>>);

#[derive(Debug)]
struct Open<'a> {
    audit: &'a Inner,
    /// Where it came from: what outcomes repeat.
    origin: Members,
    request: Members,
    policy: (PolicyOutcome, Option<String>),
    signing: Option<ToBeSigned>,
    /// Whether its intent is in the log.
    is_intended: bool,
    is_ended: bool,
}

/// What was signed.
#[derive(Clone, Copy, Debug)]
pub struct SignedRecord<'a> {
    /// DER.
    pub certificate: &'a [u8],
    /// Its serial number, hexadecimal.
    pub serial: &'a str,
    /// The ids of the logs whose timestamps came with it.
    pub logs: &'a [[u8; 32]],
}

impl<'a> Decision<'a> {
    pub(super) const fn off() -> Self {
        Self(None)
    }

    pub(super) fn begin(audit: &'a Inner, origin: &Origin, claims: &VerifiedClaims) -> Self {
        let redaction = audit.redaction.as_ref();
        let (mut from, mut request) = (Members::with_capacity(128), Members::with_capacity(USUAL));
        origin.write(&mut from, redaction);
        record::write_claims(&mut request, claims, audit.claims, &audit.policy_claims.load(), redaction);
        let policy = (PolicyOutcome::None, None);
        Self(Some(Open { audit, origin: from, request, policy, signing: None, is_intended: false, is_ended: false }))
    }

    /// Who the certificate is for. `kind` is the identity's.
    pub fn principal(&mut self, kind: &str, principal: &Principal) {
        if let Some(open) = &mut self.0 {
            record::write_principal(&mut open.request, kind, principal, open.audit.redaction.as_ref());
        }
    }

    pub fn key(&mut self, key: &ProvenKey) {
        if let Some(open) = &mut self.0 {
            record::write_key(&mut open.request, key);
        }
    }

    /// What the issuance policy said, and the rule that decided.
    pub fn policy(&mut self, outcome: PolicyOutcome, rule: Option<&str>) {
        if let Some(open) = &mut self.0 {
            open.policy = (outcome, rule.map(str::to_owned));
        }
    }

    /// Records that a certificate is about to be signed, and waits until that is written. `tbs` is its TBSCertificate without poison and
    /// timestamps.
    ///
    /// Errors: It could not be written, and nothing may be signed.
    pub async fn intent(&mut self, serial: &Serial, tbs: &[u8]) -> Result<(), AuditError> {
        let Some(open) = &mut self.0 else { return Ok(()) };
        let signing = ToBeSigned::new(serial, tbs);
        let content = open.content(Some(&signing));
        open.signing = Some(signing);
        match open.audit.put_and_wait(Kind::Intent, content).await {
            Ok(()) => open.is_intended = true,
            Err(error) if open.audit.on_failure == OnFailure::Refuse => return Err(error),
            Err(_) => open.audit.count_unrecorded(),
        }
        Ok(())
    }

    /// Records what became of it.
    pub fn end(mut self, outcome: Result<SignedRecord<'_>, FailureKind>) {
        if let Some(open) = &mut self.0 {
            open.end(outcome.map_err(|kind| kind.row().reason));
        }
    }
}

impl Open<'_> {
    /// All that is known of the request, without reason.
    fn content(&self, signing: Option<&ToBeSigned>) -> Members {
        let mut content = Members::with_capacity(self.request.as_bytes().len() + 512);
        content.add_time("time", self.audit.now());
        content.extend(&self.origin);
        content.extend(&self.request);
        record::write_policy(&mut content, self.policy.0, self.policy.1.as_deref());
        if let Some(signing) = signing {
            signing.write(&mut content);
        }
        content
    }

    fn end(&mut self, outcome: Result<SignedRecord<'_>, &'static str>) {
        self.is_ended = true;
        let signing = self.signing.take();
        match (outcome, signing) {
            (Ok(signed), Some(signing)) => {
                let mut content = self.outcome(&signing);
                if signed.serial != signing.serial {
                    content.add("certificate_serial", signed.serial);
                }
                content.add_hex("certificate_sha256", &sha256(signed.certificate));
                let logs: Vec<String> = signed.logs.iter().map(hex::encode).collect();
                content.add("scts", &logs);
                self.audit.put(Kind::Outcome, content);
            }
            (Err(reason), Some(signing)) if self.is_intended => {
                let mut content = self.outcome(&signing);
                content.add("reason", reason);
                self.audit.put(Kind::Outcome, content);
            }
            (Err(reason), signing) => {
                let mut content = self.content(signing.as_ref());
                content.add("reason", reason);
                self.audit.put(Kind::Refusal, content);
            }
            // Nothing is signed before its intent.
            (Ok(_), None) => {}
        }
    }

    /// An outcome says only which request and intent it is of.
    fn outcome(&self, signing: &ToBeSigned) -> Members {
        let mut content = Members::with_capacity(512);
        content.add_time("time", self.audit.now());
        content.extend(&self.origin);
        signing.write(&mut content);
        content
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.end(Err(ABANDONED));
        }
    }
}
