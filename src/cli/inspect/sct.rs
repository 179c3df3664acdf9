//! Whether the timestamps inside a certificate are the logs' for it.
//!
//! Owns putting together what the timestamps are over: the certificate without them, and its issuer's key. Reads no file.

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::report::{Report, TimestampSignature};
use crate::certificate::{TIMESTAMPS, logged_tbs};
use crate::ct::{LogEntry, LogKey, Sct, parse_list};

const MALFORMED: &str = "the certificate or its list of timestamps is malformed";

/// Notes in the report which timestamps the logs with these keys made. Whether there is at least one, and none that is wrong.
pub(super) fn check(report: &mut Report, certificates: &[Vec<u8>], keys: &[LogKey]) -> bool {
    let promised = promised(certificates);
    let Some(list) = &mut report.timestamps else { return false };
    for entry in &mut list.entries {
        let Some(key) = keys.iter().find(|key| hex::encode(key.id().0) == entry.log_id) else { continue };
        entry.signature = match &promised {
            Ok(promised) => promised.judge(key),
            Err(problem) => TimestampSignature::Wrong { problem: (*problem).to_owned() },
        };
    }
    let is = |wanted: fn(&TimestampSignature) -> bool| list.entries.iter().any(|entry| wanted(&entry.signature));
    is(|signature| *signature == TimestampSignature::Right)
        && !is(|signature| matches!(signature, TimestampSignature::Wrong { .. }))
}

/// The timestamps and what they must be over.
struct Promised {
    timestamps: Vec<Sct>,
    issuer_key_hash: [u8; 32],
    tbs: Vec<u8>,
}

impl Promised {
    fn judge(&self, key: &LogKey) -> TimestampSignature {
        let entry = LogEntry::Precertificate { issuer_key_hash: self.issuer_key_hash, tbs: &self.tbs };
        let own: Vec<&Sct> = self.timestamps.iter().filter(|timestamp| timestamp.log_id() == key.id()).collect();
        if own.is_empty() {
            return TimestampSignature::Wrong { problem: MALFORMED.to_owned() };
        }
        // A log that is named twice must be right twice.
        match own.into_iter().try_for_each(|timestamp| key.verify(timestamp, &entry)) {
            Ok(()) => TimestampSignature::Right,
            Err(error) => TimestampSignature::Wrong { problem: error.to_string() },
        }
    }
}

fn promised(certificates: &[Vec<u8>]) -> Result<Promised, &'static str> {
    let [leaf, issuer, ..] = certificates else {
        return Err("the certificate's issuer is needed to tell: give the whole chain");
    };
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| MALFORMED)?;
    let (_, issuer) = X509Certificate::from_der(issuer).map_err(|_| MALFORMED)?;
    let list = leaf.extensions().iter().find(|extension| extension.oid.as_bytes() == TIMESTAMPS.as_bytes());
    let bytes: &der::asn1::OctetStringRef =
        list.and_then(|list| der::Decode::from_der(list.value).ok()).ok_or(MALFORMED)?;
    Ok(Promised {
        timestamps: parse_list(bytes.as_bytes()).map_err(|_| MALFORMED)?,
        issuer_key_hash: Sha256::digest(issuer.public_key().raw).into(),
        tbs: logged_tbs(leaf.tbs_certificate.as_ref()).map_err(|_| MALFORMED)?,
    })
}
