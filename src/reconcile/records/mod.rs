//! The audit records, as far as they are compared: which certificates were recorded, and what became of them.
//!
//! Owns the index, some 100 bytes a certificate. That the records are complete and nobody edited them is `sigmint audit verify`'s to say.

mod line;
mod source;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub(crate) use source::RecordsError;
pub(super) use source::SourceFiles;

use super::finding::{Finding, Name};
use super::logged::{Logged, Sha256};
use crate::crypto::sha256;
use crate::ct::LogId;
use line::{NotARecord, Record};

/// The beginning of a SHA-256 hash: nobody finds another certificate or serial number that has it.
pub(super) type Short = [u8; 16];

/// How much was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordsRead {
    pub files: u64,
    pub intents: u64,
    /// With a certificate.
    pub certificates: u64,
    /// With a reason why there is none.
    pub failures: u64,
    /// Lines that are not records of a version that is known, but for a file's last one, which a process that died may have left.
    pub malformed: u64,
}

/// What is recorded of one serial number.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The intent's.
    tbs: Option<Short>,
    /// The outcome's.
    certificate: Option<Short>,
    pub outcome: Outcome,
    /// Of the outcome, or else of the intent: seconds since 1970.
    pub time: u32,
    /// Whether an entry of the log was found.
    pub is_logged: bool,
    /// The logs whose promises came with the certificate.
    pub promises: Promises,
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Absent,
    /// There is no certificate.
    Failed,
    Certificate,
}

/// Numbers of logs in [`Records::logs`], as bits. Nobody uses more than a handful.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promises(u8);

/// How a certificate of the log stands to the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// Nothing has its serial number.
    None,
    /// Something else has its serial number.
    OtherContent,
    /// There is an intent, and what became of it.
    Recorded(Outcome),
}

#[derive(Debug, Default)]
pub(super) struct Records {
    by_serial: HashMap<Short, Known>,
    /// Further certificates of a serial number that has one already.
    others: HashMap<Short, Vec<Known>>,
    /// The ids of the logs that records name.
    logs: Vec<LogId>,
}

impl Records {
    /// Reads all files.
    pub(super) fn read(files: &SourceFiles) -> Result<(Self, RecordsRead), RecordsError> {
        let (mut records, mut read) = (Self::default(), RecordsRead::default());
        read.files = files.len();
        files.each_line(&mut |line| match Record::parse(line.bytes) {
            Ok(Some(record)) => {
                match (record.kind, record.outcome) {
                    (line::Kind::Intent, _) => read.intents += 1,
                    (line::Kind::Outcome, Outcome::Certificate) => read.certificates += 1,
                    (line::Kind::Outcome, _) => read.failures += 1,
                }
                records.add(&record);
            }
            Ok(None) => {}
            Err(NotARecord) if !line.is_whole => {}
            Err(NotARecord) => read.malformed += 1,
        })?;
        Ok((records, read))
    }

    fn add(&mut self, record: &Record<'_>) {
        let known = Known {
            tbs: record.tbs.as_ref().map(short),
            certificate: record.certificate.as_ref().map(short),
            outcome: record.outcome,
            time: record.time,
            is_logged: false,
            promises: self.promises(&record.logs),
        };
        if let Some(issued) = &record.issued_serial {
            // A managed CA chose another number than the one intended: the intent has its outcome, the certificate is under its own.
            let intended = Known { tbs: None, certificate: None, promises: Promises::default(), ..known.clone() };
            self.insert(serial_key(&record.serial), Known { outcome: Outcome::Failed, ..intended });
            self.insert(serial_key(issued), known);
        } else {
            self.insert(serial_key(&record.serial), known);
        }
    }

    fn insert(&mut self, key: Short, known: Known) {
        match self.by_serial.entry(key) {
            Entry::Vacant(place) => drop(place.insert(known)),
            Entry::Occupied(mut place) if place.get().is_same(&known) => place.get_mut().merge(&known),
            Entry::Occupied(_) => {
                let others = self.others.entry(key).or_default();
                match others.iter_mut().find(|other| other.is_same(&known)) {
                    Some(other) => other.merge(&known),
                    None => others.push(known),
                }
            }
        }
    }

    /// Looks a certificate of the log up, and notes that the log has it.
    pub(super) fn find_logged(&mut self, logged: &Logged<'_>) -> Match {
        let certificate = logged.certificate_sha256.as_ref().map(short);
        self.note_logged(serial_key(logged.serial), short(&logged.tbs_sha256), certificate)
    }

    /// The same for one that an earlier run found.
    pub(super) fn find_again(&mut self, finding: &Finding) -> Match {
        let of_hex = |hash: &Option<String>| short_of_hex(hash.as_deref()?);
        let (Some(serial), Some(tbs)) = (hex::decode(&finding.serial).ok(), of_hex(&finding.tbs_sha256)) else {
            return Match::None;
        };
        self.note_logged(serial_key(&serial), tbs, of_hex(&finding.certificate_sha256))
    }

    fn note_logged(&mut self, key: Short, tbs: Short, certificate: Option<Short>) -> Match {
        let is_it =
            |known: &Known| known.tbs == Some(tbs) || (certificate.is_some() && known.certificate == certificate);
        let first = self.by_serial.get_mut(&key);
        let is_known = first.is_some();
        let others = self.others.get_mut(&key).into_iter().flatten();
        match first.into_iter().chain(others).find(|known| is_it(known)) {
            Some(known) => {
                known.is_logged = true;
                Match::Recorded(known.outcome)
            }
            None if is_known => Match::OtherContent,
            None => Match::None,
        }
    }

    /// Everything that is recorded, with its serial number's hash.
    pub(super) fn all(&self) -> impl Iterator<Item = (Short, &Known)> {
        let others = self.others.iter().flat_map(|(key, list)| list.iter().map(|known| (*key, known)));
        self.by_serial.iter().map(|(key, known)| (*key, known)).chain(others)
    }

    /// Whether a log promised to show this one. Of a log whose key is not known: whether the only log did that promised anything.
    pub(super) fn is_promised_by(&self, known: &Known, log: Option<LogId>) -> bool {
        match log {
            Some(log) => {
                self.logs.iter().position(|other| *other == log).is_some_and(|number| known.promises.has(number))
            }
            None => known.promises.0.is_power_of_two(),
        }
    }

    fn promises(&mut self, logs: &[LogId]) -> Promises {
        let mut promises = Promises::default();
        for log in logs {
            let number = self.logs.iter().position(|other| other == log).unwrap_or_else(|| {
                self.logs.push(*log);
                self.logs.len() - 1
            });
            promises.add(number);
        }
        promises
    }
}

impl Known {
    /// Whether both can be about one certificate: an outcome does not repeat what its intent says.
    fn is_same(&self, other: &Self) -> bool {
        let agree = |one: &Option<Short>, other: &Option<Short>| one.is_none() || other.is_none() || one == other;
        agree(&self.tbs, &other.tbs) && agree(&self.certificate, &other.certificate)
    }

    fn merge(&mut self, other: &Self) {
        self.tbs = self.tbs.or(other.tbs);
        self.certificate = self.certificate.or(other.certificate);
        self.time = self.time.max(other.time);
        self.promises.0 |= other.promises.0;
        if self.outcome != Outcome::Certificate && other.outcome != Outcome::Absent {
            self.outcome = other.outcome;
        }
    }
}

impl Promises {
    /// More logs than fit are not told apart.
    const LAST: usize = 7;

    fn add(&mut self, number: usize) {
        self.0 |= 1 << number.min(Self::LAST);
    }

    fn has(self, number: usize) -> bool {
        self.0 & (1 << number.min(Self::LAST)) != 0
    }
}

/// Fills in what the records say of findings that have no entry in the log.
pub(super) fn describe(files: &SourceFiles, findings: &mut HashMap<Short, Finding>) -> Result<(), RecordsError> {
    files.each_line(&mut |line| {
        let Ok(Some(record)) = Record::parse(line.bytes) else { return };
        let issued = record.issued_serial.as_ref().unwrap_or(&record.serial);
        let key = serial_key(issued);
        // The intent of a managed CA's certificate is under the number that it did not get.
        let Some(finding) = findings.get_mut(&key) else { return };
        finding.serial = hex::encode(issued);
        finding.tbs_sha256 = finding.tbs_sha256.take().or(record.tbs.map(hex::encode));
        finding.certificate_sha256 = finding.certificate_sha256.take().or(record.certificate.map(hex::encode));
        finding.request_id = finding.request_id.take().or_else(|| record.request_id.as_deref().map(str::to_owned));
        finding.token_issuer = finding.token_issuer.take().or_else(|| record.issuer.as_deref().map(str::to_owned));
        if let (true, Some(san)) = (finding.san.is_empty(), &record.san) {
            finding.san.push(Name { kind: san.kind.clone().into_owned(), value: san.value.clone().into_owned() });
        }
    })
}

fn short(hash: &Sha256) -> Short {
    let mut beginning = [0; 16];
    beginning.copy_from_slice(hash.first_chunk::<16>().unwrap_or(&[0; 16]));
    beginning
}

fn short_of_hex(hash: &str) -> Option<Short> {
    let hash: Sha256 = hex::decode(hash).ok()?.try_into().ok()?;
    Some(short(&hash))
}

/// What a serial number, without leading zeros, is found by.
pub(super) fn serial_key(serial: &[u8]) -> Short {
    short(&sha256(serial))
}
