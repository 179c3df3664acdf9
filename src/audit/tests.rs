use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde_json::Value;

use super::*;

/// Takes what it is given once it is let.
struct Gate {
    open: Receiver<bool>,
    taken: SyncSender<Vec<u8>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.open.recv() {
            Ok(true) => {
                let _ = self.taken.send(bytes.to_vec());
                Ok(bytes.len())
            }
            _ => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Gated {
    inner: Arc<Inner>,
    open: SyncSender<bool>,
    taken: Receiver<Vec<u8>>,
}

impl Gated {
    fn new() -> Self {
        let (gated, writer) = Self::idle();
        thread::spawn(move || writer.run());
        gated
    }

    /// The same, and a writer that does not run yet.
    fn idle() -> (Self, Writer) {
        let (open, opened) = sync_channel(1000);
        let (sender, receiver) = sync_channel(1000);
        let chain = ChainId::new([1; 8]);
        let shared = Arc::new(Shared::new(Position { chain, count: 0, hash: [0; 32] }));
        let output = Output::Stream(Box::new(Gate { open: opened, taken: sender }));
        let writer = Writer::new(Arc::clone(&shared), output, SyncMode::None, SystemTime::now);
        let inner = Arc::new(Inner {
            shared,
            claims: RecordedClaims::None,
            policy_claims: ArcSwap::default(),
            redaction: None,
            on_failure: OnFailure::Refuse,
            unverified: Unverified::new(None).unwrap(),
            heads: Mutex::default(),
            clock: SystemTime::now,
        });
        (Self { inner, open, taken: receiver }, writer)
    }

    fn audit(&self) -> Audit {
        Audit(Some(Arc::clone(&self.inner)))
    }

    /// The types of the next records that are written.
    fn next(&self) -> Vec<Value> {
        let bytes = self.taken.recv().unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

fn content(bytes: usize) -> Members {
    let mut members = Members::default();
    members.add("text", &"x".repeat(bytes));
    members
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_does_not_answer_is_not_waited_for_and_comes_back() {
    let gated = Gated::new();
    let audit = gated.audit();
    // The writer is stuck with this one.
    gated.inner.put(Kind::Outcome, content(1));
    // Paused time runs on as soon as all wait: this is not waited for in truth.
    assert_eq!(gated.inner.put_and_wait(Kind::Intent, content(1)).await, Err(AuditError::Late));
    assert!(!audit.is_ready());
    gated.open.send(true).unwrap();
    gated.open.send(true).unwrap();
    assert_eq!(gated.next()[0]["type"], "outcome");
    while !audit.is_ready() {
        thread::yield_now();
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_kept_and_intents_are_not() {
    let gated = Gated::new();
    gated.open.send(false).unwrap();
    assert_eq!(gated.inner.put_and_wait(Kind::Intent, content(1)).await, Err(AuditError::Failed));
    gated.inner.put(Kind::Outcome, content(2));
    while gated.audit().is_ready() {
        thread::yield_now();
    }
    gated.open.send(true).unwrap();
    let written = gated.next();
    let kinds: Vec<&Value> = written.iter().map(|record| &record["type"]).collect();
    assert!(kinds.starts_with(&[&Value::from("resume")]), "{kinds:?}");
    assert_eq!(written[0]["refused"], 1);
    let all = if kinds.len() == 2 { written } else { gated.open.send(true).map(|()| gated.next()).unwrap() };
    assert_eq!(all.last().unwrap()["type"], "outcome");
    let reading = gated.audit().reading().unwrap();
    assert_eq!((reading.failed_intents, reading.lost), (1, 0));
}

#[tokio::test]
async fn intents_are_refused_long_before_outcomes_are_lost() {
    let (gated, _writer) = Gated::idle();
    for _ in 0..5 {
        gated.inner.put(Kind::Outcome, content(1024 * 1024));
    }
    assert_eq!(gated.inner.put_and_wait(Kind::Intent, content(1)).await, Err(AuditError::Full));
    assert_eq!(gated.audit().reading().unwrap().lost, 0);
    for _ in 0..4 {
        gated.inner.put(Kind::Outcome, content(1024 * 1024));
    }
    assert_eq!(gated.audit().reading().unwrap().lost, 2);
}

#[test]
fn without_a_log_nothing_is_done() {
    let audit = Audit::default();
    assert!(audit.is_ready() && audit.reading().is_none() && audit.unsigned_position().is_none() && audit.close());
}
