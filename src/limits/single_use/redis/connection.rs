//! The connection to the store: one for all questions, made when it is first needed and again when it is lost.
//!
//! Owns the way there: TCP, TLS or a Unix socket. Refuses to know what is asked.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, RedisConnectionInfo, RedisResult};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long connecting may take, TLS and the password included.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Questions that wait for their answer at the same time.
const MAX_CONCURRENT: usize = 256;

/// One connection; empty until it is needed.
type Cell = OnceCell<MultiplexedConnection>;

/// The store's address, and the connection to it.
pub(super) struct Connector {
    address: ConnectionAddr,
    settings: RedisConnectionInfo,
    /// For `rediss://`.
    tls: Option<TlsConnector>,
    response_timeout: Duration,
    current: ArcSwap<Cell>,
}

impl Connector {
    pub(super) fn new(info: &ConnectionInfo, tls: Option<ClientConfig>, response_timeout: Duration) -> Self {
        let (address, settings) = (info.addr().clone(), info.redis_settings().clone());
        let (tls, current) = (tls.map(|tls| TlsConnector::from(Arc::new(tls))), ArcSwap::default());
        Self { address, settings, tls, response_timeout, current }
    }

    /// The connection in use, made if there is none. Who comes meanwhile waits for the same.
    pub(super) async fn get(self: &Arc<Self>) -> RedisResult<(MultiplexedConnection, InUse)> {
        let cell = self.current.load_full();
        let connection = cell.get_or_try_init(|| self.connect(&cell)).await?.clone();
        Ok((connection, InUse(cell)))
    }

    /// Leaves a connection that is of no use any more: the next question gets a new one.
    pub(super) fn leave(&self, used: &InUse) {
        self.current.compare_and_swap(&used.0, Arc::default());
    }

    async fn connect(self: &Arc<Self>, cell: &Arc<Cell>) -> RedisResult<MultiplexedConnection> {
        let made = timeout(CONNECT_LIMIT, async {
            // Answers are waited for elsewhere and no longer than this; what is left behind then is forgotten.
            let config = AsyncConnectionConfig::new()
                .set_response_timeout(Some(self.response_timeout.saturating_mul(2)))
                .set_concurrency_limit(MAX_CONCURRENT);
            MultiplexedConnection::new_with_config(&self.settings, self.stream().await?, config).await
        });
        let (connection, driver) = made.await.map_err(io::Error::from)??;
        // It must not hold the connection that it drives: then a connection that is left would never be closed.
        let (connector, cell) = (Arc::downgrade(self), Arc::downgrade(cell));
        Handle::current().spawn(async move {
            driver.await;
            if let Some((connector, cell)) = connector.upgrade().zip(cell.upgrade()) {
                connector.leave(&InUse(cell));
            }
        });
        Ok(connection)
    }

    async fn stream(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match (&self.address, &self.tls) {
            (ConnectionAddr::Tcp(host, port), _) => Box::new(tcp(host, *port).await?),
            (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) => {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
                Box::new(tls.connect(name, tcp(host, *port).await?).await?)
            }
            (ConnectionAddr::Unix(path), _) => Box::new(UnixStream::connect(path).await?),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        })
    }
}

/// Tells one connection from the next.
pub(super) struct InUse(Arc<Cell>);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
