//! Owns the way to a key: find the token's slot, open a session, log in, find the private key. It is gone again for
//! every session that was lost.
//!
//! Refuses to know what is signed. All of it blocks.

use std::mem;
use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};

use super::error::{Fault, Loss};
use super::method::Method;
use super::module::{self, Module, SessionsEnded};
use super::objects;
use super::options::{Login, Pkcs11Options, TokenSelector};

/// Thales Luna's vendor-defined user type, in which crypto11 knows it.
const LUNA_CRYPTO_USER: u32 = 0x8000_0001;

/// A token as the operator named it, whether it is there or not.
#[derive(Debug)]
pub(super) struct Token {
    options: Pkcs11Options,
    module: Arc<Module>,
}

/// A session that is logged in, and the key as that session knows it.
#[derive(Debug)]
pub(super) struct Attached {
    session: Session,
    key: ObjectHandle,
    slot: Slot,
    /// Of [`Module::before_opening`].
    count: u64,
}

/// What a session may do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    Read,
    Write,
}

impl Token {
    pub(super) fn new(options: &Pkcs11Options) -> Arc<Self> {
        Arc::new(Self { options: options.clone(), module: Module::of(&options.module) })
    }

    pub(super) fn options(&self) -> &Pkcs11Options {
        &self.options
    }

    /// A session that can sign with the key.
    pub(super) fn attach(&self) -> Result<Attached, Fault> {
        let (session, slot, count) = self.open(Access::Read)?;
        let key = objects::private_key(&session, &self.options.key)?;
        Ok(Attached { session, key, slot, count })
    }

    /// A session that is logged in.
    pub(super) fn session(&self, access: Access) -> Result<Session, Fault> {
        self.open(access).map(|(session, ..)| session)
    }

    fn open(&self, access: Access) -> Result<(Session, Slot, u64), Fault> {
        let context = self.module.context()?;
        let (slot, token) = find_token(&context, &self.options.token)?;
        let count = self.module.before_opening(slot);
        let session = match access {
            Access::Read => context.open_ro_session(slot)?,
            Access::Write => context.open_rw_session(slot)?,
        };
        self.log_in(&session, &token)?;
        Ok((session, slot, count))
    }

    fn log_in(&self, session: &Session, token: &TokenInfo) -> Result<(), Fault> {
        let (user, pin) = match &self.options.login {
            Login::Without => return Ok(()),
            Login::User(pin) => (UserType::User, pin),
            Login::CryptoUser(pin) => (UserType::VendorExtension(LUNA_CRYPTO_USER), pin),
        };
        self.module.log_in(session, token.serial_number(), user, pin)
    }

    /// Signs what the method wants, in the token's own form; none if the session ended before. The session comes back if
    /// it can be used again.
    pub(super) fn sign(
        &self,
        attached: Attached,
        method: Method,
        bytes: &[u8],
    ) -> (Option<Result<Vec<u8>, Fault>>, Option<Attached>) {
        let (slot, count) = (attached.slot, attached.count);
        let mut kept = Some(attached);
        let signature = self.module.call(slot, count, || {
            let Some(attached) = kept.take() else { return (None, SessionsEnded::No) };
            let signature = attached.session.sign(&method.mechanism(), attached.key, bytes).map_err(Fault::from);
            let loss = signature.as_ref().map_or_else(|fault| fault.loss, |_| Loss::Nothing);
            match loss {
                Loss::Nothing => kept = Some(attached),
                Loss::Session => drop(attached),
                Loss::EverySession => attached.forget(),
            }
            let ended = if loss == Loss::EverySession { SessionsEnded::Yes } else { SessionsEnded::No };
            (Some(signature), ended)
        });
        if let Some(signature) = signature {
            return (signature, kept);
        }
        kept.into_iter().for_each(Attached::forget);
        (None, None)
    }

    /// Closes a session, unless it has ended.
    pub(super) fn close(&self, attached: Attached) {
        let (slot, count) = (attached.slot, attached.count);
        let mut kept = Some(attached);
        self.module.call(slot, count, || (drop(kept.take()), SessionsEnded::No));
        kept.into_iter().for_each(Attached::forget);
    }
}

impl Attached {
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn key(&self) -> ObjectHandle {
        self.key
    }

    /// Drops it without `C_CloseSession`: its handle may be another thread's new session by now, or the process is ending.
    pub(super) fn forget(self) {
        mem::forget(self.session);
    }
}

fn find_token(context: &Pkcs11, wanted: &TokenSelector) -> Result<(Slot, TokenInfo), Fault> {
    let slots = match context.get_slots_with_token() {
        Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => {
            module::initialize(context)?;
            context.get_slots_with_token()?
        }
        slots => slots?,
    };
    // A slot whose token cannot be read is some other token's trouble, unless ours is found nowhere.
    let present = slots.into_iter().filter_map(|slot| Some((slot, context.get_token_info(slot).ok()?)));
    let initialized: Vec<_> = present.filter(|(_, token)| token.token_initialized()).collect();
    let labels: Vec<_> = initialized.iter().map(|(_, token)| format!("`{}`", token.label())).collect();
    let mut matching = initialized.into_iter().filter(|(slot, token)| wanted.matches(*slot, token));
    match (matching.next(), matching.next()) {
        (Some(found), None) => Ok(found),
        (Some(_), Some(_)) => Err(Fault::refused(
            "more than one token is meant",
            "name it by its serial number (TokenSerial or serial=), which is unique",
        )),
        (None, _) => Err(Fault::absent("there is no such token", there_are(&labels))),
    }
}

fn there_are(labels: &[String]) -> String {
    if labels.is_empty() {
        return "the module sees no initialized token: is it plugged in, and its configuration readable for this user?"
            .to_owned();
    }
    format!("check how the token is named; the module sees {}", labels.join(", "))
}

impl TokenSelector {
    fn matches(&self, slot: Slot, token: &TokenInfo) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        same(&self.label, token.label())
            && same(&self.serial, token.serial_number())
            && same(&self.manufacturer, token.manufacturer_id())
            && same(&self.model, token.model())
            && self.slot.is_none_or(|wanted| wanted == slot.id())
    }
}
