//! Owns the modules that this process has loaded, each once.
//!
//! Refuses to know tokens and keys. This registry is the one global of the signing backends, because what it keeps is
//! global: `C_Initialize` counts for the whole process, a second one fails and a `C_Finalize` ends the sessions of all
//! (PKCS #11 v2.40, section 5.4). So root, intermediate and their successors share one, and none is ever finalized.

use std::collections::BTreeMap;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::error::Fault;

static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// A module, loaded when it is first needed.
#[derive(Debug)]
pub(super) struct Module {
    path: PathBuf,
    loaded: Mutex<Option<Pkcs11>>,
    /// PINs that were wrong. Its lock also makes log-ins come one after the other, so that several threads that lost
    /// their sessions together try a wrong PIN once and not once each: a few more lock the token.
    wrong_pins: Mutex<Vec<WrongPin>>,
    /// The calls that are being made, by the slot's number.
    calls: Mutex<BTreeMap<u64, Calls>>,
    returned: Condvar,
}

/// The calls in sessions with one slot's token.
///
/// A module may number sessions after a loss as it numbered those before it (PKCS #11 promises nothing). A thread that
/// has not noticed yet would then work in, or close, another thread's new session, which is undefined. So new sessions
/// are opened when calls in ended ones have returned, or have been waited for long enough.
#[derive(Debug, Default)]
struct Calls {
    /// How often all sessions have ended: a session of another count is none any more.
    endings: u64,
    /// Calls being made in sessions of this count.
    current: usize,
    /// Calls being made in sessions that have ended.
    ended: usize,
}

/// How long calls in ended sessions are waited for, of which one may hang for ever.
const LEFTOVERS: Duration = Duration::from_millis(500);

/// A log-in that failed, without the PIN itself.
#[derive(Debug, PartialEq, Eq)]
struct WrongPin([u8; 32]);

impl Module {
    /// The module of this path; nothing is loaded yet. Two names of one file are one module.
    pub(super) fn of(path: &Path) -> Arc<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut modules = lock(&MODULES);
        let module = modules.entry(path.clone()).or_insert_with(|| {
            Arc::new(Self {
                path,
                loaded: Mutex::default(),
                wrong_pins: Mutex::default(),
                calls: Mutex::default(),
                returned: Condvar::new(),
            })
        });
        Arc::clone(module)
    }

    /// Loads and initializes, if that was not done. May block: call it on a thread that may.
    pub(super) fn context(&self) -> Result<Pkcs11, Fault> {
        // Only those who want this very module wait while it loads.
        let mut loaded = lock(&self.loaded);
        if let Some(context) = &*loaded {
            return Ok(context.clone());
        }
        let context = Pkcs11::new(&self.path).map_err(|error| Fault::not_loaded(&self.path, &error))?;
        initialize(&context)?;
        *loaded = Some(context.clone());
        Ok(context)
    }

    /// Waits for calls in sessions that have ended; answers with the count that a session opened now is of.
    pub(super) fn before_opening(&self, slot: Slot) -> u64 {
        let has_leftovers = |calls: &mut BTreeMap<u64, Calls>| calls.entry(slot.id()).or_default().ended > 0;
        let waited = self.returned.wait_timeout_while(lock(&self.calls), LEFTOVERS, has_leftovers);
        let (mut calls, _) = waited.unwrap_or_else(PoisonError::into_inner);
        calls.entry(slot.id()).or_default().endings
    }

    /// Makes a call in a session of this count, unless it has ended. The call says whether it found all sessions ended.
    pub(super) fn call<T>(&self, slot: Slot, count: u64, call: impl FnOnce() -> (T, SessionsEnded)) -> Option<T> {
        {
            let mut calls = lock(&self.calls);
            let calls = calls.entry(slot.id()).or_default();
            if calls.endings != count {
                return None;
            }
            calls.current += 1;
        }
        let (outcome, found) = call();
        let mut calls = lock(&self.calls);
        let calls = calls.entry(slot.id()).or_default();
        if found == SessionsEnded::Yes && calls.endings == count {
            calls.endings += 1;
            calls.ended += mem::take(&mut calls.current);
        }
        let counter = if calls.endings == count { &mut calls.current } else { &mut calls.ended };
        *counter = counter.saturating_sub(1);
        self.returned.notify_all();
        Some(outcome)
    }

    /// Logs in, unless these very credentials were wrong before. `token` is the token's serial number.
    ///
    /// What was wrong stays wrong until the process ends: to try it again at every reload would lock the token.
    pub(super) fn log_in(
        &self,
        session: &Session,
        token: &str,
        user: UserType,
        pin: &SecretString,
    ) -> Result<(), Fault> {
        let credentials = WrongPin::new(token, user, pin);
        let mut wrong_pins = lock(&self.wrong_pins);
        if wrong_pins.contains(&credentials) {
            return Err(Fault::pin_known_to_be_wrong());
        }
        match session.login(user, Some(pin)) {
            // Who logs in is the process: another session did already.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(error) => {
                if is_wrong_pin(&error) {
                    wrong_pins.push(credentials);
                }
                Err(error.into())
            }
        }
    }
}

/// Whether a call showed that all sessions with the token have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionsEnded {
    Yes,
    No,
}

/// Initializes a module, or does so again when it was finalized behind our back.
pub(super) fn initialize(context: &Pkcs11) -> Result<(), Fault> {
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl WrongPin {
    fn new(token: &str, user: UserType, pin: &SecretString) -> Self {
        let user = Sha256::new().chain_update(format!("{token}\0{user:?}\0"));
        Self(user.chain_update(pin.expose_secret()).finalize().into())
    }
}

fn is_wrong_pin(error: &Error) -> bool {
    matches!(error, Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _))
}

/// What a panicking thread left is sound here: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
