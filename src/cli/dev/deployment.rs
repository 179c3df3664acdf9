//! The servers of `sigmint dev`: issuer, both logs, timestamp authority and the real server, put together and run.
//!
//! Owns how they find each other. What is said of them is said elsewhere.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::{JoinError, JoinHandle};

use super::super::error::CommandError;
use super::{DevArgs, authority, failed, folder_error, start_error};
use crate::app;
use crate::authority::AuthoritySource;
use crate::certificate::ValidityPolicy;
use crate::certificate::chain::ChainCertificate;
use crate::ct::{LogKey, LogSettings, Logs, LogsOptions};
use crate::dev::{
    self, Deployment, DevIssuer, DevLog, DevRekor, DevServerError, DevTimestampAuthority, DevTuf, Folder,
    LogDescription,
};
use crate::identity::issuers::Issuers;
use crate::possession::PermittedAlgorithms;
use crate::server::listeners::{Address, Endpoint, Listeners};
use crate::server::{Server, ServerError, ServerOptions};

/// All of them, listening but not serving yet.
pub(super) struct Bound {
    pub(super) issuer: DevIssuer,
    pub(super) server: Server,
    pub(super) log: DevLog,
    pub(super) rekor: DevRekor,
    pub(super) timestamp_authority: DevTimestampAuthority,
    pub(super) tuf: DevTuf,
    pub(super) deployment: Deployment,
}

/// All of them, serving.
pub(super) struct Running {
    issuer: JoinHandle<Result<(), DevServerError>>,
    server: JoinHandle<Result<(), ServerError>>,
    log: JoinHandle<Result<(), DevServerError>>,
    rekor: JoinHandle<Result<(), DevServerError>>,
    timestamp_authority: JoinHandle<Result<(), DevServerError>>,
}

impl Bound {
    /// The real server, with the CA and the log of the folder, or ones that die with it, trusting the development issuers only.
    pub(super) async fn new(
        args: &DevArgs,
        kept: Option<&Folder>,
        clients: Option<&Folder>,
    ) -> Result<Self, CommandError> {
        let issuer = DevIssuer::bind(args.issuer_port, kept, clients)
            .map_err(|error| start_error(&error, "--issuer-port", args.issuer_port))?;
        let base = issuer.base();
        let issuers =
            Issuers::parse("development issuers", &dev::issuers_file(&base)).map_err(|error| failed(&error))?;
        let authority = authority::open(kept).await?;
        let since = authority.chain().not_before();
        let chain: Vec<Vec<u8>> =
            authority.chain().certificates().iter().map(ChainCertificate::der).map(<[u8]>::to_vec).collect();
        let log = DevLog::bind(args.log_port, chain.last().cloned().unwrap_or_default(), kept)
            .map_err(|error| start_error(&error, "--log-port", args.log_port))?;
        let rekor = DevRekor::bind(args.rekor_port, kept)
            .map_err(|error| start_error(&error, "--rekor-port", args.rekor_port))?;
        let timestamp_authority = DevTimestampAuthority::bind(args.tsa_port, kept, SystemTime::now())
            .await
            .map_err(|error| start_error(&error, "--tsa-port", args.tsa_port))?;
        let tuf = DevTuf::open(kept).map_err(|error| folder_error(&error))?;
        let issuance = app::issuance_with_logs(
            issuers,
            AuthoritySource::Fixed(Arc::new(authority)),
            PermittedAlgorithms::default(),
            ValidityPolicy::default(),
            Some(logs(&log)?),
        );
        let listeners = Listeners::Shared(Endpoint {
            address: Address { host: "127.0.0.1".to_owned(), port: args.port },
            tls: None,
        });
        let options = ServerOptions { listeners, ..ServerOptions::default() };
        let server = Server::bind(issuance.map_err(|error| failed(&error))?, &options)
            .map_err(|error| start_error(&error, "--port", args.port))?;
        let deployment = Deployment {
            authority: format!("http://{}", server.local_addr()),
            token_issuer: format!("{base}/{}", args.identity.name()),
            chain,
            log: LogDescription { url: log.base(), spki: log.spki_der().to_vec() },
            rekor: rekor.description(),
            timestamp_authority: timestamp_authority.description(),
            since,
        };
        Ok(Self { issuer, server, log, rekor, timestamp_authority, tuf, deployment })
    }

    /// Lets them serve.
    pub(super) fn start(self) -> Running {
        Running {
            issuer: tokio::spawn(self.issuer.run()),
            server: tokio::spawn(self.server.run()),
            log: tokio::spawn(self.log.run()),
            rekor: tokio::spawn(self.rekor.run()),
            timestamp_authority: tokio::spawn(self.timestamp_authority.run()),
        }
    }
}

impl Running {
    /// Waits for the first that ends. The server ends when the process is told to stop.
    pub(super) async fn wait(self) -> Result<ExitCode, CommandError> {
        tokio::select! {
            outcome = self.server => ended(outcome),
            outcome = self.issuer => ended(outcome),
            outcome = self.log => ended(outcome),
            outcome = self.rekor => ended(outcome),
            outcome = self.timestamp_authority => ended(outcome),
        }
    }
}

/// How a server's end ends the command.
pub(super) fn ended<E: std::error::Error + 'static>(
    outcome: Result<Result<(), E>, JoinError>,
) -> Result<ExitCode, CommandError> {
    match outcome {
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(CommandError::failed("a server ended unexpectedly")),
    }
}

/// The real client of the development log, which verifies its timestamps.
fn logs(log: &DevLog) -> Result<Logs, CommandError> {
    let key = LogKey::from_spki_der(log.spki_der()).map_err(|error| failed(&error))?;
    let settings = LogSettings { url: log.base(), origin: None, public_key: Some(key), tls_ca: None };
    Logs::new(vec![settings], &LogsOptions::new(SystemTime::now)).map_err(|error| failed(&error))
}
