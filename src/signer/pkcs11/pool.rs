//! Owns the threads that sign: one session each, requests by a bounded queue, answers by oneshot channels.
//!
//! Refuses to know time: a call that hangs keeps its thread and nothing else, and who waited for it has given up.

use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::super::remote::RemoteError;
use super::attach::{Attached, Token};
use super::error::{Fault, Loss};
use super::gate;
use super::method::Method;
use crate::panics::caught_in;

/// Requests that wait for a thread at most; as many are asked for at once by default.
const QUEUE: usize = 64;

/// The threads of one key. They end when it is dropped, each after the call it is in.
#[derive(Debug)]
pub(super) struct Pool {
    queue: SyncSender<Job>,
}

#[derive(Debug)]
struct Job {
    bytes: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, RemoteError>>,
}

struct Worker {
    token: Arc<Token>,
    method: Method,
    attached: Option<Attached>,
}

impl Pool {
    /// Starts a thread for each session.
    pub(super) fn start(token: &Arc<Token>, method: Method, attached: Vec<Attached>) -> Result<Self, Fault> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        for attached in attached {
            let worker = Worker { token: Arc::clone(token), method, attached: Some(attached) };
            let jobs = Arc::clone(&jobs);
            let spawned = thread::Builder::new().name("pkcs11-sign".to_owned()).spawn(move || worker.work(&jobs));
            spawned.map_err(|error| Fault::no_thread(&error))?;
        }
        Ok(Self { queue })
    }

    /// One signature over these bytes, in the token's own form.
    pub(super) async fn sign(&self, bytes: Vec<u8>) -> Result<Vec<u8>, RemoteError> {
        let (answer, answered) = oneshot::channel();
        let ended = || Fault::broken_module().error.problem;
        self.queue.try_send(Job { bytes, answer }).map_err(|error| match error {
            TrySendError::Full(_) => RemoteError::Throttled(format!("{QUEUE} signatures wait for the token").into()),
            TrySendError::Disconnected(_) => ended(),
        })?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Worker {
    fn work(mut self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            // One thread waits in `recv`, the others for the lock; it is free while a request is worked on.
            let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { break };
            // Who gave up waiting has asked again: after an outage, the queue is full of such.
            if job.answer.is_closed() {
                continue;
            }
            let Some(inside) = gate::enter() else { break };
            // A thread that ended would be one session fewer until the process ends.
            let outcome = caught_in(|| self.sign(&job.bytes)).unwrap_or_else(|_| Err(Fault::broken_module()));
            drop(inside);
            if let Err(fault) = &outcome {
                tracing::debug!(?fault, "the PKCS#11 token gave no signature");
            }
            let _ = job.answer.send(outcome.map_err(|fault| fault.error.problem));
        }
        let inside = gate::enter();
        match (self.attached.take(), &inside) {
            (Some(attached), Some(_)) => self.token.close(attached),
            (Some(attached), None) => attached.forget(),
            (None, _) => {}
        }
    }

    /// Signs; with a new session, once, if the old one turns out to be lost.
    fn sign(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let had_session = self.attached.is_some();
        match self.sign_once(bytes) {
            Err(fault) if fault.loss != Loss::Nothing && had_session => self.sign_once(bytes),
            outcome => outcome,
        }
    }

    fn sign_once(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        if let Some(attached) = self.attached.take() {
            let (signature, left) = self.token.sign(attached, self.method, bytes);
            self.attached = left;
            if let Some(signature) = signature {
                return signature;
            }
        }
        let (signature, left) = self.token.sign(self.token.attach()?, self.method, bytes);
        self.attached = left;
        signature.unwrap_or_else(|| Err(Fault::lost_again()))
    }
}
