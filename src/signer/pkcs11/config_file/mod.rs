//! Owns Fulcio's PKCS#11 config, which its library (crypto11) reads: one JSON object, whose names it matches
//! without regard to case.
//!
//! Refuses to know URIs. As Fulcio does, tolerates names it does not know (but warns), so that a file that works
//! there works here; what would choose another token or user than meant is refused.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::options::{
    DEFAULT_OPENING, DEFAULT_SESSIONS, KeySelector, Login, MAX_SESSIONS, OptionsError, Pkcs11Options, TokenSelector,
};
use super::pin;
use crate::files::{self, KIB};

/// The largest file read, in bytes.
const MAX_BYTES: usize = 64 * KIB;
/// crypto11's number for `CKU_USER`, and for its absence.
const USER_TYPES: [u64; 2] = [0, 1];
/// The vendor's user type that crypto11 logs in with for every other number; we want it named.
const CRYPTO_USER: u64 = 0x8000_0001;
/// Known to crypto11 and without a meaning here: symmetric encryption, and the wait for a session, which
/// [`super::super::remote::Bounds`] limits.
const WITHOUT_MEANING: [&str; 4] = ["usegcmivfromhsm", "gcmivlength", "gcmivfromhsmcontrol", "poolwaittimeout"];
const KNOWN: [&str; 9] = [
    "path",
    "tokenlabel",
    "tokenserial",
    "slotnumber",
    "pin",
    "pinsource",
    "maxsessions",
    "usertype",
    "loginnotsupported",
];

pub(super) fn read(path: &Path, key: KeySelector) -> Result<Pkcs11Options, OptionsError> {
    let content = files::read(path, MAX_BYTES)?;
    let json = |source| OptionsError::Json { path: path.to_owned(), source };
    let value = serde_json::from_slice(&content).map_err(|error| json(Some(error)))?;
    let Value::Object(members) = value else { return Err(json(None)) };
    Settings { path, members: lower_case(path, members) }.options(key)
}

fn lower_case(path: &Path, members: Map<String, Value>) -> Map<String, Value> {
    let unknown = |name: &str| !KNOWN.contains(&name) && !WITHOUT_MEANING.contains(&name);
    let lowered = members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    lowered
        .inspect(|(name, _)| {
            if unknown(name) {
                tracing::warn!(path = %path.display(), setting = name, "a setting of the PKCS#11 config is not known");
            }
        })
        .filter(|(_, value)| !value.is_null())
        .collect()
}

/// The file's members, names in lower case, without those that are `null`.
struct Settings<'a> {
    path: &'a Path,
    members: Map<String, Value>,
}

impl Settings<'_> {
    fn options(&self, key: KeySelector) -> Result<Pkcs11Options, OptionsError> {
        let module = self.text("Path")?.filter(|path| !path.is_empty());
        let module = module.ok_or_else(|| self.wrong("Path is missing: the path of the module, a shared library"))?;
        Ok(Pkcs11Options {
            module: PathBuf::from(module),
            token: self.token()?,
            login: self.login()?,
            key,
            sessions: self.sessions()?,
            opening: DEFAULT_OPENING,
        })
    }

    fn token(&self) -> Result<TokenSelector, OptionsError> {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let (label, serial) = (given(self.text("TokenLabel")?), given(self.text("TokenSerial")?));
        let slot = self.number("SlotNumber")?;
        let count = [label.is_some(), serial.is_some(), slot.is_some()].into_iter().filter(|given| *given).count();
        if count != 1 {
            let found = if count == 0 { "none of them is" } else { "more than one is" };
            return Err(self.wrong(&format!("set one of TokenLabel, TokenSerial and SlotNumber; {found} set")));
        }
        Ok(TokenSelector { label, serial, slot, ..TokenSelector::default() })
    }

    fn login(&self) -> Result<Login, OptionsError> {
        let user = self.number("UserType")?.unwrap_or(0);
        if !USER_TYPES.contains(&user) && user != CRYPTO_USER {
            return Err(
                self.wrong(&format!("UserType {user} is not known: 1 is the user, {CRYPTO_USER} Luna's crypto user"))
            );
        }
        if self.flag("LoginNotSupported")? {
            return Ok(Login::Without);
        }
        let pin = match (self.text("Pin")?, self.text("PinSource")?) {
            (Some(_), Some(_)) => return Err(self.wrong("set Pin or PinSource, not both")),
            (Some(pin), None) => SecretString::from(pin),
            (None, Some(source)) => pin::read(source)?,
            (None, None) => {
                return Err(self.wrong("set Pin, PinSource (a file, or env:NAME), or LoginNotSupported"));
            }
        };
        Ok(if user == CRYPTO_USER { Login::CryptoUser(pin) } else { Login::User(pin) })
    }

    fn sessions(&self) -> Result<NonZeroUsize, OptionsError> {
        let wanted = self.number("MaxSessions")?.unwrap_or(0);
        let wanted = usize::try_from(wanted).ok().and_then(NonZeroUsize::new);
        Ok(wanted.unwrap_or(DEFAULT_SESSIONS).min(MAX_SESSIONS))
    }

    fn text(&self, name: &str) -> Result<Option<&str>, OptionsError> {
        self.typed(name, "a string", Value::as_str)
    }

    fn number(&self, name: &str) -> Result<Option<u64>, OptionsError> {
        self.typed(name, "a whole number, not negative", Value::as_u64)
    }

    fn flag(&self, name: &str) -> Result<bool, OptionsError> {
        Ok(self.typed(name, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    fn typed<'b, T>(
        &'b self,
        name: &str,
        expected: &str,
        read: impl Fn(&'b Value) -> Option<T>,
    ) -> Result<Option<T>, OptionsError> {
        let Some(value) = self.members.get(&name.to_ascii_lowercase()) else { return Ok(None) };
        // The value is not shown: it may be a PIN.
        read(value).map(Some).ok_or_else(|| self.wrong(&format!("{name} must be {expected}")))
    }

    fn wrong(&self, problem: &str) -> OptionsError {
        OptionsError::Setting { path: self.path.to_owned(), problem: problem.to_owned() }
    }
}

#[cfg(test)]
mod tests;
