//! The composition root: settings become backends, backends become a running server.
//!
//! Owns the start, and is the only place that names concrete backends. Listeners are [`crate::server`]'s.

mod audit;
pub mod authorities;
pub mod block_lists;
pub(crate) mod check;
pub(crate) mod expiry;
pub(crate) mod explain;
mod issuers;
mod key_files;
pub(crate) mod keys;
pub mod policy_files;
mod protections;
pub(crate) mod trust;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};

use self::audit::AuditOpenError;
use self::block_lists::{Announced, BlockListFileError};
use self::issuers::OnHangup;
use self::policy_files::PolicyFiles;
use self::trust::TrustError;
use self::trust::served::Sources;
use crate::audit::Audit;
use crate::authority::AuthoritySource;
use crate::authority::rotation::OpeningError;
use crate::blocklist::BlockList;
use crate::certificate::{Serial, ValidityPolicy};
use crate::config::bounds::{BoundsSettings, SingleUseSettings};
use crate::config::document::ConfigError;
use crate::config::settings::{LogLocation, LogsSettings, Settings};
use crate::ct::{LogKey, LogKeyError, LogSettings, LogSetupError, Logs, LogsOptions, Skew};
use crate::failure::with_sources;
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::http::SetupError;
use crate::identity::fetch::{ClusterFiles, Fetcher};
use crate::identity::issuers::Issuers;
use crate::identity::keys::{KeyStore, KeyTiming};
use crate::issuance::Issuance;
use crate::limits::Limits;
use crate::limits::connections::ConnectionLimits;
use crate::limits::single_use::{RedisSetupError, RedisStore, SingleUse};
use crate::policy::PolicyFileError;
use crate::possession::PermittedAlgorithms;
use crate::server::listeners::Address;
use crate::server::{Server, ServerError, ServerOptions, Timeouts, listen_on};
use crate::telemetry::endpoint::{self, MetricsEndpoint};
use crate::telemetry::metrics::{BuildInfo, Metrics, Reading};
use crate::telemetry::sink::LogSink;

/// Why the server does not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Issuers(#[from] ConfigError),
    #[error("{}", with_sources(.0.as_ref()))]
    Authority(OpeningError),
    #[error(transparent)]
    Logs(#[from] LogSetupError),
    #[error("{path}: {message}")]
    LogFile { path: String, message: String },
    #[error("cannot serve metrics on {host}:{port} (--metrics-host, --metrics-port): {source}")]
    Metrics {
        /// The host that was asked for; empty for every address.
        host: String,
        port: u16,
        source: std::io::Error,
    },
    /// The HTTP client for issuers.
    #[error("cannot set up TLS for fetching issuers' keys")]
    Client(#[from] SetupError),
    #[error("{}", with_sources(.0))]
    BlockLists(#[from] BlockListFileError),
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    /// The store that counts tokens' uses.
    #[error(transparent)]
    SingleUse(#[from] RedisSetupError),
    #[error("{}", with_sources(.0))]
    Audit(#[from] AuditOpenError),
    #[error("--trust-config: {}", with_sources(.0))]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Runs `sigmint serve` until it is told to stop.
pub async fn serve(settings: Settings, log: &LogSink) -> Result<(), AppError> {
    // A file that cannot be used is the one thing to be read: nothing is said before it.
    block_lists::check(&settings, Announced::Later)?;
    let issuers = issuers::load(&settings.issuers, settings.issuer_rules)?;
    protections::report(&settings);
    key_files::warn(&settings);
    let block_list_files = block_lists::files(&settings);
    let authority = authorities::open(settings.authority, settings.watch).await.map_err(AppError::Authority)?;
    let chain_owner = authority.current();
    tracing::info!(subject = chain_owner.chain().subject(), algorithm = %chain_owner.algorithm(), "the CA is ready");
    let trust = settings.trust.map(|file| Sources { file, logs: settings.logs.clone() });
    let logs = settings.logs.map(open_logs).transpose()?;
    let audit = audit::open(settings.audit, &authority).await?;
    let guards = open_guards(settings.bounds, settings.single_use, audit.log.clone())?;
    let connections = guards.connections;
    let issuance = guarded_issuance(issuers, authority, settings.algorithms, settings.validity, logs, guards)?;
    let audit = audit.keep(&issuance);
    watch_gauges(&issuance, log.clone());
    expiry::watch(&issuance);
    compare_roots(&issuance);
    issuance.keys.keep(&issuance.issuers.load());
    if let Some(sources) = trust {
        trust::served::start(sources, &issuance).await?;
    }
    let block_lists = block_lists::start(block_list_files, &issuance)?;
    let policy = settings.policy.map(|path| PolicyFiles::start(path, &issuance)).transpose()?;
    issuers::reload_on_hangup(&issuance, (settings.issuers, settings.issuer_rules), OnHangup { block_lists, policy });
    let metrics = bind_metrics(&settings.metrics, &issuance.metrics)?;
    let timeouts = Timeouts { headers: settings.header_timeout, idle: settings.idle_timeout };
    let server = Server::bind(issuance, &ServerOptions { listeners: settings.listeners, timeouts, connections })?;
    tracing::info!(http = %server.local_addr(), grpc = %server.grpc_addr(), metrics = %metrics.local_addr(), "listening");
    // The metrics go last: what happens while the server stops is seen as well.
    let (stop_metrics, metrics) = (metrics.handle(), tokio::spawn(metrics.run()));
    let outcome = server.run().await;
    audit.close().await;
    stop_metrics.stop(false).await;
    let _ = metrics.await;
    Ok(outcome?)
}

fn bind_metrics(at: &Address, metrics: &Metrics) -> Result<MetricsEndpoint, AppError> {
    let bound = listen_on(at).and_then(|listener| endpoint::on(listener, metrics.clone()));
    bound.map_err(|source| AppError::Metrics { host: at.host.clone(), port: at.port, source })
}

/// Finds out, beside the start, whether the logs will take what this CA issues.
fn compare_roots(issuance: &Arc<Issuance>) {
    let issuance = Arc::clone(issuance);
    tokio::spawn(async move {
        if let Some(logs) = &issuance.logs {
            logs.compare_roots(&issuance.authority.current().chain().to_ders()).await;
        }
    });
}

/// Has the gauges read what is in force at each scrape.
fn watch_gauges(issuance: &Arc<Issuance>, log: LogSink) {
    let issuance_of = Arc::downgrade(issuance);
    issuance.metrics.watch(move || {
        let issuance = issuance_of.upgrade()?;
        let authorities = issuance.authority.all();
        let active = &authorities.active;
        Some(Reading {
            issuers: issuance.issuers.load().len(),
            issuers_refused: issuance.issuers.load().refusals().len(),
            issuer_file_findings: issuance.issuers.load().warnings().len(),
            ca_not_after: active.chain().not_after(),
            ca_expires_soon: expiry::is_soon(active.chain(), SystemTime::now()),
            ca_refused: issuance.authority.is_behind(),
            signer_ready: active.is_ready(),
            trusted_chains: authorities.chains().len(),
            block_list_entries: issuance.blocklist.entries().in_effect((issuance.clock)()),
            uncounted_uses: issuance.single_use.uncounted(),
            log_lines_lost: log.lost(),
            audit: issuance.audit.reading(),
            keys: issuance.keys.reading(),
            log_clock_skews: issuance.logs.iter().flat_map(Logs::clock_skews).map(log_clock_skew).collect(),
        })
    });
}

fn log_clock_skew((log, skew): (&str, Skew)) -> (String, f64) {
    (log.to_owned(), skew.as_secs_f64())
}

/// Puts the core together without logs, with the system's clock and randomness.
pub fn issuance(
    issuers: Issuers,
    authority: AuthoritySource,
    algorithms: PermittedAlgorithms,
    validity: ValidityPolicy,
) -> Result<Arc<Issuance>, AppError> {
    issuance_with_logs(issuers, authority, algorithms, validity, None)
}

/// Puts the core together, with the system's clock and randomness.
pub fn issuance_with_logs(
    issuers: Issuers,
    authority: AuthoritySource,
    algorithms: PermittedAlgorithms,
    validity: ValidityPolicy,
    logs: Option<Logs>,
) -> Result<Arc<Issuance>, AppError> {
    guarded_issuance(issuers, authority, algorithms, validity, logs, Guards::default())
}

/// What keeps callers within their bounds.
#[derive(Debug, Default)]
struct Guards {
    connections: ConnectionLimits,
    limits: Limits,
    single_use: SingleUse,
    audit: Audit,
}

fn open_guards(bounds: BoundsSettings, single_use: SingleUseSettings, audit: Audit) -> Result<Guards, AppError> {
    let when_unknown = single_use.when_unknown;
    let single_use = match single_use.store {
        Some(options) => SingleUse::in_redis(RedisStore::new(&options)?, when_unknown),
        None => SingleUse::in_memory(when_unknown),
    };
    Ok(Guards { connections: bounds.connections, limits: Limits::new(bounds.requests), single_use, audit })
}

fn guarded_issuance(
    issuers: Issuers,
    authority: AuthoritySource,
    algorithms: PermittedAlgorithms,
    validity: ValidityPolicy,
    logs: Option<Logs>,
    guards: Guards,
) -> Result<Arc<Issuance>, AppError> {
    let keys = KeyStore::new(Fetcher::new()?, ClusterFiles::default(), &KeyTiming::default());
    Ok(Arc::new(Issuance {
        issuers: ArcSwap::from_pointee(issuers),
        keys,
        algorithms,
        blocklist: BlockList::default(),
        policy: ArcSwapOption::empty(),
        validity,
        authority,
        logs,
        limits: guards.limits,
        single_use: guards.single_use,
        audit: guards.audit,
        metrics: Metrics::new(&BuildInfo::default()),
        trust: ArcSwapOption::empty(),
        clock: Box::new(SystemTime::now),
        rng: Box::new(random_bytes),
    }))
}

fn random_bytes() -> Option<[u8; Serial::LENGTH]> {
    let mut bytes = [0; Serial::LENGTH];
    aws_lc_rs::rand::fill(&mut bytes).ok().map(|()| bytes)
}

/// Sets up the logs; none is asked before the first certificate.
fn open_logs(settings: LogsSettings) -> Result<Logs, AppError> {
    let read = |path: &Path| {
        let read = files::read(path, MAX_FILE_BYTES);
        read.map_err(|FileError { path, problem }| AppError::LogFile {
            path: path.display().to_string(),
            message: problem.to_string(),
        })
    };
    let tls_ca = settings.tls_ca.as_deref().map(read).transpose()?.map(|pem| pem.to_vec());
    let key = |path: &Path| {
        let unusable =
            |error: LogKeyError| AppError::LogFile { path: path.display().to_string(), message: error.to_string() };
        LogKey::from_pem(&read(path)?).map_err(unusable)
    };
    let log = |location: LogLocation| {
        let public_key = location.public_key.as_deref().map(key).transpose()?;
        Ok(LogSettings { url: location.url, origin: settings.origin.clone(), public_key, tls_ca: tls_ca.clone() })
    };
    let logs = settings.logs.into_iter().map(log).collect::<Result<Vec<_>, AppError>>()?;
    let options = LogsOptions {
        quorum: settings.quorum,
        deadline: settings.timeout,
        clock_skew: settings.clock_skew,
        ..LogsOptions::new(SystemTime::now)
    };
    let logs = Logs::new(logs, &options)?;
    tracing::info!(
        logs = logs.names().collect::<Vec<_>>().join(", "),
        quorum = settings.quorum,
        "certificates are logged"
    );
    Ok(logs)
}
