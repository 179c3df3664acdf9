//! Owns keys in PKCS#11 tokens: hardware security modules, TPMs, smart cards, SoftHSM. Any module (a vendor's shared
//! library) is loaded at run time.
//!
//! Refuses to know certificates' meaning, and time limits of one signature: those are [`super::remote`]'s. A module's calls
//! block and may hang, so each runs on a thread of its own ([`pool`]); the runtime only ever waits for answers.
//! Source: PKCS #11 v2.40 and v3.0 (OASIS).

mod attach;
mod error;
mod gate;
mod method;
mod module;
mod objects;
mod options;
mod pin;
mod pool;
mod provision;
mod public_key;
mod uri;

mod config_file;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time;

use super::SignatureAlgorithm;
use super::remote::{Asking, OpenError, RemoteError, RemoteKey, RemotePublicKey, SigningRequest, digest_for};

use crate::signer::backend::TRIAL;
use crate::signer::pkcs11::error::Fault;
use attach::{Attached, Token};
use method::Method;
use pool::Pool;

pub use gate::leave_modules;
pub use options::{KeySelector, Login, OptionsError, Pkcs11Options, TokenSelector};
pub use provision::{generate_key_pair, store_certificate};

/// A private key in a token. Dropping it closes its sessions.
#[derive(Debug)]
pub struct Pkcs11Key {
    public: RemotePublicKey,
    method: Method,
    pool: Pool,
}

impl Pkcs11Key {
    /// Loads the module, logs in, finds the key with its public half, and opens all sessions.
    pub async fn open(options: &Pkcs11Options) -> Result<Self, OpenError> {
        let token = Token::new(options);
        let opening = Arc::clone(&token);
        let (public, method, attached) = apart(options, options.opening, move || open_all(&opening)).await?;
        let pool = Pool::start(&token, method, attached).map_err(|fault| fault.into_open_error(options))?;
        Ok(Self { public, method, pool })
    }
}

impl RemoteKey for Pkcs11Key {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        Box::pin(async move {
            let signature = self.pool.sign(self.method.input(request)).await?;
            self.method.output(signature)
        })
    }
}

/// Fetches a certificate from the token by its `CKA_ID`, as DER; none if there is none.
///
/// The fulcios' `--hsm-caroot-id` is such an id: the bytes of the text itself, not hexadecimal.
pub async fn certificate(options: &Pkcs11Options, id: &[u8]) -> Result<Option<Vec<u8>>, OpenError> {
    let (token, id) = (Token::new(options), id.to_vec());
    apart(options, options.opening, move || objects::certificate(&token.session(attach::Access::Read)?, &id)).await
}

/// Whether the token has the private key that the options name.
pub async fn has_key(options: &Pkcs11Options) -> Result<bool, OpenError> {
    let (token, wanted) = (Token::new(options), options.key.clone());
    apart(options, options.opening, move || objects::is_there(&token.session(attach::Access::Read)?, &wanted)).await
}

/// The key's public half, how to sign with it, and a session for each thread that will; fewer if the token gives fewer.
fn open_all(token: &Token) -> Result<(RemotePublicKey, Method, Vec<Attached>), Fault> {
    let first = token.attach()?;
    let public = objects::public_key(first.session(), first.key())?;
    let (method, first) = find_method(token, first, public.algorithm())?;
    let mut attached = vec![first];
    while attached.len() < token.options().sessions.get() {
        match token.attach() {
            Ok(another) => attached.push(another),
            Err(fault) if matches!(fault.error.problem, RemoteError::Throttled(_)) => {
                tracing::warn!(sessions = attached.len(), "the PKCS#11 token gives no more sessions");
                break;
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok((public, method, attached))
}

/// The first method that gives a signature; what a token says of its mechanisms is not always true of a key.
fn find_method(token: &Token, first: Attached, algorithm: SignatureAlgorithm) -> Result<(Method, Attached), Fault> {
    let request = SigningRequest { message: TRIAL, digest: &digest_for(algorithm, TRIAL) };
    let mut attached = Some(first);
    let mut first_fault = None;
    for method in Method::candidates(algorithm) {
        let trial = match attached.take() {
            Some(attached) => attached,
            None => token.attach()?,
        };
        let (signature, left) = token.sign(trial, method, &method.input(&request));
        match (signature, left) {
            (Some(Ok(_)), Some(trial)) => return Ok((method, trial)),
            (signature, left) => {
                attached = left;
                let fault = signature.and_then(Result::err).unwrap_or_else(Fault::lost_again);
                first_fault = first_fault.or(Some(fault));
            }
        }
    }
    Err(first_fault.unwrap_or_else(Fault::broken_module))
}

/// Runs blocking calls on a thread of their own. One that hangs is left behind when the time is up.
async fn apart<T, F>(options: &Pkcs11Options, limit: Duration, work: F) -> Result<T, OpenError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Fault> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let spawned = thread::Builder::new().name("pkcs11-open".to_owned()).spawn(move || {
        let outcome = gate::enter()
            .map_or_else(|| Err(Fault::absent("the process is ending", "start it again")), |_inside| work());
        // What nobody waits for any more is dropped, which may close sessions.
        let unwanted = answer.send(outcome).err();
        if let (Some(outcome), Some(_inside)) = (unwanted, gate::enter()) {
            drop(outcome);
        }
    });
    let outcome = match spawned {
        Err(error) => Err(Fault::no_thread(&error)),
        Ok(_) => match time::timeout(limit, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Fault::broken_module()),
            Err(_) => Err(Fault::hung_module(limit)),
        },
    };
    outcome.map_err(|fault| fault.into_open_error(options))
}

impl fmt::Display for Pkcs11Options {
    /// The key as an RFC 7512 URI, without module and PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uri::write(f, &self.token, &self.key)
    }
}
