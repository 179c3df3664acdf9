//! The uses of tokens, counted in Redis or Valkey, for replicas that share them.
//!
//! Owns the two scripts, what the store's settings mean and the time limits. What stands in the store is a hash and serial numbers, and goes with the token.

mod connection;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisError, Value};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::{Counted, StoreError};
use crate::certificate::Serial;
use crate::http::trust::{self, Protocols, Trust};
use crate::text::peer_text::PeerText;

use crate::files::{self, FileError, MAX_FILE_BYTES};
use connection::Connector;

/// Takes a use, in one round trip: the serial numbers of a token's certificates are a set that expires with the token.
/// KEYS: the token. ARGV: the limit, the serial number, the expiry in seconds since 1970.
const TAKE: &str = "if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end \
redis.call('SADD', KEYS[1], ARGV[2]) redis.call('EXPIREAT', KEYS[1], ARGV[3]) return 1";
const PREFIX: &[u8] = b"sigmint:token:";
/// How long a count outlives its token: the store's clock may be ahead of ours.
const CLOCK_SKEW: u64 = 300;

// The URL may hold a password.
#[derive(Clone, PartialEq, Eq, derive_more::Debug)]
#[debug("RedisOptions {{ timeout: {timeout:?}, .. }}")]
pub struct RedisOptions {
    /// `redis://`, `rediss://` (TLS) or `redis+unix://`, with user, password and database if need be.
    pub url: String,
    /// A file that holds the password and nothing else.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted for TLS besides the system's.
    pub ca_certificate: Option<PathBuf>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Why the store cannot be used. A store that is down is none of it.
#[derive(Debug, thiserror::Error)]
pub enum RedisSetupError {
    #[error("--single-use-store: not a URL like redis://HOST:PORT or rediss://HOST:PORT: {0}")]
    Url(String),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("--single-use-store-ca-cert is for rediss:// URLs")]
    NoTls,
    #[error("--single-use-store: TLS: {0}")]
    Tls(String),
    #[error("{}: not the PEM of certificates: {message}", path.display())]
    Certificates { path: PathBuf, message: String },
}

/// Counts in a store that other replicas count in as well.
#[derive(Clone, derive_more::Debug)]
#[debug("RedisStore {{ timeout: {:?}, .. }}", _0.timeout)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    connector: Arc<Connector>,
    timeout: Duration,
    /// Requests are served by threads that come and go; the connection's task lives here.
    runtime: Handle,
}

impl RedisStore {
    /// Sets the connection up; it is made when it is first needed. Needs a Tokio runtime.
    pub fn new(options: &RedisOptions) -> Result<Self, RedisSetupError> {
        let connector = Arc::new(connector(options)?);
        Ok(Self(Arc::new(Inner { connector, timeout: options.timeout, runtime: Handle::current() })))
    }

    /// Whether the store answers. Counts nothing.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.ask(redis::cmd("PING")).await.map(drop)
    }

    /// Takes a use; false when none is left.
    pub(super) async fn take(&self, token: &Counted, serial: &Serial) -> Result<bool, StoreError> {
        let mut take = redis::cmd("EVAL");
        take.arg(TAKE).arg(1).arg(key(token)).arg(token.limit.get()).arg(serial.as_bytes());
        take.arg(token.expires.saturating_add(CLOCK_SKEW));
        match self.ask(take).await? {
            Value::Int(1) => Ok(true),
            Value::Int(0) => Ok(false),
            other => {
                Err(StoreError::Failed(PeerText::of(format_args!("an answer that is neither 0 nor 1: {other:?}"))))
            }
        }
    }

    /// Gives a use back. One that was never taken changes nothing.
    pub(super) async fn give_back(&self, token: &Counted, serial: &Serial) -> Result<(), StoreError> {
        self.ask(give_back(token, serial)).await.map(drop)
    }

    /// The same, without waiting and as well as it goes.
    pub(super) fn give_back_later(&self, token: &Counted, serial: &Serial) {
        let (store, command) = (self.clone(), give_back(token, serial));
        self.0.runtime.spawn(async move { store.ask(command).await });
    }

    /// Asks within the time limit, connecting included. A request that is given up does not stop what was asked half-way.
    async fn ask(&self, command: redis::Cmd) -> Result<Value, StoreError> {
        let store = self.clone();
        let asking = self.0.runtime.spawn(async move { store.ask_here(command).await });
        asking.await.unwrap_or_else(|error| Err(StoreError::Failed(PeerText::of_error(&error))))
    }

    /// A connection on which nothing comes back may be dead without knowing it: the next question gets a new one.
    async fn ask_here(&self, command: redis::Cmd) -> Result<Value, StoreError> {
        let (connector, deadline) = (&self.0.connector, Instant::now() + self.0.timeout);
        let failed = |error: RedisError| StoreError::Failed(PeerText::of_error(&error));
        let late = |_| StoreError::Late(self.0.timeout);
        let (mut connection, used) = timeout_at(deadline, connector.get()).await.map_err(late)?.map_err(failed)?;
        let answer = timeout_at(deadline, command.query_async::<Value>(&mut connection)).await;
        if answer.as_ref().map_or(true, |answer| answer.as_ref().is_err_and(RedisError::is_unrecoverable_error)) {
            connector.leave(&used);
        }
        answer.map_err(late)?.map_err(failed)
    }
}

fn give_back(token: &Counted, serial: &Serial) -> redis::Cmd {
    let mut command = redis::cmd("SREM");
    command.arg(key(token)).arg(serial.as_bytes());
    command
}

fn key(token: &Counted) -> Vec<u8> {
    [PREFIX, &token.key].concat()
}

fn connector(options: &RedisOptions) -> Result<Connector, RedisSetupError> {
    let mut info: ConnectionInfo = options
        .url
        .as_str()
        .into_connection_info()
        .map_err(|error: RedisError| RedisSetupError::Url(error.to_string()))?;
    if let Some(path) = &options.password_file {
        let text = SecretString::from(files::read_text(path, MAX_FILE_BYTES)?.to_string());
        let settings = info.redis_settings().clone().set_password(text.expose_secret().trim_end_matches(['\r', '\n']));
        info = info.set_redis_settings(settings);
    }
    let insecure = match info.addr() {
        ConnectionAddr::TcpTls { insecure, .. } => Some(*insecure),
        _ => None,
    };
    if insecure == Some(true) {
        return Err(RedisSetupError::Url("#insecure is not supported: name the certificates to trust".to_owned()));
    }
    let named = match &options.ca_certificate {
        Some(_) if insecure.is_none() => return Err(RedisSetupError::NoTls),
        Some(path) => {
            let unusable = |message| RedisSetupError::Certificates { path: path.clone(), message };
            trust::named_certificates(&files::read(path, MAX_FILE_BYTES)?).map_err(unusable)?
        }
        None => Vec::new(),
    };
    let trusting = || Trust::of_named(named)?.client_config(Protocols::Other).map_err(|error| error.to_string());
    let tls = insecure.map(|_| trusting()).transpose().map_err(RedisSetupError::Tls)?;
    Ok(Connector::new(&info, tls, options.timeout))
}

#[cfg(test)]
mod tests;
