//! Owns what failed in a module and what to do about it: each return value (`CKR_..`) has its kind and its hint here.
//!
//! Refuses to know when a call is repeated, beyond whether a new session may help.

use std::path::Path;
use std::time::Duration;

use cryptoki::error::{Error, RvError};

use super::super::remote::{OpenError, RemoteError};
use super::super::unfit::Unfit;
use super::options::Pkcs11Options;
use crate::crypto::signature_check::KeyError;
use crate::signer::backend::BackendError;
use crate::text::peer_text::PeerText;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) error: BackendError,
    pub(super) loss: Loss,
}

/// What a failed call says of the session it was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// It is as good as before.
    Nothing,
    /// It is of no more use, and should be closed; a new one may do better.
    Session,
    /// All sessions with the token have ended. Their handles must not even be closed: the module may have given the same
    /// numbers to new sessions.
    EverySession,
}

impl From<BackendError> for Fault {
    fn from(error: BackendError) -> Self {
        Self { error, loss: Loss::Nothing }
    }
}

impl Fault {
    pub(super) fn refused(problem: impl Into<PeerText>, hint: impl Into<String>) -> Self {
        BackendError::refused(problem, hint).into()
    }

    pub(super) fn unusable(problem: impl Into<PeerText>, hint: impl Into<String>) -> Self {
        BackendError::unusable(problem, hint).into()
    }

    /// The token is not in any slot: it may come back.
    pub(super) fn absent(problem: impl Into<PeerText>, hint: impl Into<String>) -> Self {
        BackendError::unreachable(problem, hint).into()
    }

    pub(super) fn not_loaded(path: &Path, error: &Error) -> Self {
        let hint = "check the module's path; the file and every library it needs must be on this system (in this \
                    container), and built for its C library";
        Self::refused(format!("the module {} cannot be loaded: {error}", path.display()), hint)
    }

    pub(super) fn pin_known_to_be_wrong() -> Self {
        Self::refused("this PIN was wrong before and is not tried again", hint_for(RvError::PinIncorrect))
    }

    pub(super) fn no_thread(error: &std::io::Error) -> Self {
        Self::absent(format!("no thread for the module: {error}"), "raise the limit on threads, or lower MaxSessions")
    }

    pub(super) fn broken_module() -> Self {
        Self::absent("the thread that called the module ended without an answer", DEFAULT_HINT)
    }

    /// A session that ended right after it was opened.
    pub(super) fn lost_again() -> Self {
        let fault = Self::absent("the token was lost again", hint_for(RvError::TokenNotPresent));
        Self { loss: Loss::EverySession, ..fault }
    }

    pub(super) fn hung_module(limit: Duration) -> Self {
        let hint = "look whether the HSM can be reached from here, and into the module's own log; restart once it can";
        Self::absent(format!("the module did not return within {} s", limit.as_secs()), hint)
    }

    pub(super) fn bad_public_key(error: &KeyError) -> Self {
        Self::refused(error.to_string(), "name another key, or make one with `ca init`")
    }

    pub(super) fn into_open_error(self, options: &Pkcs11Options) -> OpenError {
        self.error.of_key(&options.to_string())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let Error::Pkcs11(value, _) = error else { return Self::unusable(text, DEFAULT_HINT) };
        let error = BackendError { problem: problem_for(value, text), hint: hint_for(value).to_owned() };
        Self { error, loss: loss_of(value) }
    }
}

fn problem_for(value: RvError, text: String) -> RemoteError {
    match value {
        RvError::SessionCount => RemoteError::Throttled(text.into()),
        value if loss_of(value) != Loss::Nothing => RemoteError::Unreachable(text.into()),
        RvError::HostMemory
        | RvError::DeviceMemory
        | RvError::Cancel
        | RvError::FunctionCanceled
        | RvError::VendorDefined(_)
        | RvError::UnknownErrorCode(_) => RemoteError::Unreachable(text.into()),
        // A token that is given the message has room for messages of some length only; one that is given a hash never says so.
        RvError::DataLenRange => RemoteError::Unfit(Unfit::Refused(text.into())),
        RvError::BufferTooSmall | RvError::DataInvalid | RvError::ArgumentsBad => RemoteError::Unusable(text.into()),
        _ => RemoteError::Refused(text.into()),
    }
}

fn loss_of(value: RvError) -> Loss {
    match value {
        RvError::SessionHandleInvalid
        | RvError::SessionClosed
        | RvError::DeviceRemoved
        | RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::SlotIdInvalid
        | RvError::CryptokiNotInitialized => Loss::EverySession,
        // The last three are what modules say that cannot tell.
        RvError::UserNotLoggedIn
        | RvError::KeyHandleInvalid
        | RvError::ObjectHandleInvalid
        | RvError::OperationActive
        | RvError::OperationNotInitialized
        | RvError::DeviceError
        | RvError::GeneralError
        | RvError::FunctionFailed => Loss::Session,
        _ => Loss::Nothing,
    }
}

const DEFAULT_HINT: &str = "look into the module's own log; its vendor's tools show whether the token works";

fn hint_for(value: RvError) -> &'static str {
    match value {
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
            "correct the PIN (Pin, PinSource or pin-source) and restart; a wrong one is tried only once, because tokens \
             lock after a few"
        }
        RvError::PinLocked => "the token has locked itself after wrong PINs: its security officer must unlock it",
        RvError::PinExpired | RvError::UserPinNotInitialized => "set the user PIN with the vendor's tool first",
        RvError::UserTypeInvalid | RvError::UserAnotherAlreadyLoggedIn => {
            "check UserType: 1 is the normal user; one process can log in to a token as one user only"
        }
        RvError::KeyFunctionNotPermitted => "the key must have CKA_SIGN; name another, or make one with `ca init`",
        RvError::MechanismInvalid | RvError::CurveNotSupported | RvError::KeySizeRange => {
            "the token does not have this algorithm: use a key of another"
        }
        RvError::SessionCount => "lower MaxSessions, or close what else uses the token",
        RvError::SessionReadOnly | RvError::TokenWriteProtected => "the token does not let this user write",
        RvError::CantLock => "this module cannot be used from several threads",
        RvError::DeviceRemoved | RvError::TokenNotPresent | RvError::TokenNotRecognized | RvError::SlotIdInvalid => {
            "plug in or start the token; signing goes on when it is back"
        }
        _ => DEFAULT_HINT,
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;
    use cryptoki::error::{Error, RvError};

    use super::{Fault, RemoteError};

    #[test]
    fn a_message_that_is_too_long_says_nothing_of_the_token() {
        let problem = |value| Fault::from(Error::Pkcs11(value, Function::Sign)).error.problem;
        assert!(matches!(problem(RvError::DataLenRange), RemoteError::Unfit(_)));
        assert!(matches!(problem(RvError::DataInvalid), RemoteError::Unusable(_)));
        assert!(matches!(problem(RvError::DeviceError), RemoteError::Unreachable(_)));
    }
}
