//! What all backends of keys outside this process have in common: their names, what they sign on trial, and how they fail.

use super::remote::{OpenError, RemoteError};
use crate::text::peer_text::PeerText;

/// What a key signs when it is opened, to see that it may. No certificate can begin like it.
pub(crate) const TRIAL: &[u8] = b"sigmint self-test: may this key sign?";

/// A backend, for help and messages. `app::keys` opens its keys.
#[derive(Debug)]
pub(crate) struct Backend {
    /// What its keys' names begin with, before the colon.
    pub scheme: &'static str,
    /// How a name is written.
    pub form: &'static str,
    /// Where its keys are, for people.
    pub place: &'static str,
}

pub(crate) const BACKENDS: [Backend; 6] = [
    Backend { scheme: "awskms", form: "awskms:///ID", place: "in AWS KMS" },
    Backend { scheme: "gcpkms", form: "gcpkms://NAME", place: "in Google Cloud KMS" },
    Backend { scheme: "azurekms", form: "azurekms://VAULT/KEY", place: "in Azure Key Vault" },
    Backend { scheme: "hashivault", form: "hashivault://KEY", place: "in HashiCorp Vault" },
    Backend { scheme: "openbao", form: "openbao://KEY", place: "in OpenBao" },
    Backend { scheme: "pkcs11", form: "pkcs11:URI", place: "in the PKCS#11 token" },
];

/// The backend of a key's name.
pub(crate) fn of_name(name: &str) -> Option<&'static Backend> {
    let (scheme, _) = name.split_once(':')?;
    BACKENDS.iter().find(|backend| backend.scheme == scheme)
}

/// How names are written, as a list for a sentence.
pub(crate) fn forms() -> String {
    let forms = BACKENDS.map(|backend| backend.form);
    let [others @ .., last] = forms.as_slice() else { return String::new() };
    format!("{} or {last}", others.join(", "))
}

/// What went wrong with a backend, and what an operator can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackendError {
    pub problem: RemoteError,
    pub hint: String,
}

impl BackendError {
    /// A refusal, be it ours.
    pub(crate) fn refused(problem: impl Into<PeerText>, hint: impl Into<String>) -> Self {
        Self { problem: RemoteError::Refused(problem.into()), hint: hint.into() }
    }

    pub(crate) fn unusable(problem: impl Into<PeerText>, hint: impl Into<String>) -> Self {
        Self { problem: RemoteError::Unusable(problem.into()), hint: hint.into() }
    }

    pub(crate) fn unreachable(problem: impl Into<PeerText>, hint: impl Into<String>) -> Self {
        Self { problem: RemoteError::Unreachable(problem.into()), hint: hint.into() }
    }

    /// The same of the key with this name.
    pub(crate) fn of_key(self, name: &str) -> OpenError {
        OpenError { key: name.to_owned(), problem: self.problem, hint: self.hint }
    }
}

/// A key's name, taken apart.
pub(crate) trait KeyUri: Sized {
    /// How a name is written, with all that it can have.
    const FORM: &'static str;

    /// The error says what is wrong with the name.
    fn parse(name: &str) -> Result<Self, &'static str>;

    /// Reads what the operator wrote.
    fn read(name: &str) -> Result<Self, BackendError> {
        Self::parse(name).map_err(|what| {
            BackendError::refused(format!("not the name of a key: {what}"), format!("write {}", Self::FORM))
        })
    }
}
