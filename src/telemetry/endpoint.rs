//! The listener that Prometheus asks: `/metrics`, and nothing else.
//!
//! Owns its own port, thread and limits, so that a scrape takes nothing from the API. Knows no metric.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::telemetry::metrics::Metrics;

/// How long a client may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: longer than the common scrape intervals of 15 and 30 seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);
/// How long a closed connection may linger.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections at the same time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;
/// How long a scrape may go on once the server is told to stop.
const SHUTDOWN_SECONDS: u64 = 2;

/// A listener that is bound and ready to run.
#[must_use = "an endpoint that does not run answers nothing"]
pub(crate) struct MetricsEndpoint {
    address: SocketAddr,
    server: Server,
}

/// Serves on this listener.
pub(crate) fn on(listener: TcpListener, metrics: Metrics) -> io::Result<MetricsEndpoint> {
    let metrics = web::Data::new(metrics);
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::clone(&metrics)).service(
            // Without a default of its own, the path would answer other methods with 405.
            web::resource("/metrics")
                .route(web::get().to(scrape))
                .route(web::head().to(scrape))
                .default_service(web::to(not_found)),
        )
    })
    .workers(1)
    .client_request_timeout(HEADER_TIMEOUT)
    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
    .keep_alive(IDLE_TIMEOUT)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    // Signals are for the composition root, which stops this listener last.
    .disable_signals()
    .listen(listener)?;
    let address = server.addrs().first().copied().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    Ok(MetricsEndpoint { address, server: server.run() })
}

impl MetricsEndpoint {
    pub(crate) const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until the handle stops it.
    pub(crate) async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

async fn scrape(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.encode() {
        Ok(text) => HttpResponse::Ok().insert_header((header::CONTENT_TYPE, Metrics::CONTENT_TYPE)).body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::BuildInfo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn endpoint() -> MetricsEndpoint {
        on(TcpListener::bind("127.0.0.1:0").unwrap(), Metrics::new(&BuildInfo::default())).unwrap()
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[actix_web::test]
    async fn serves_get_of_metrics_and_nothing_else() {
        let endpoint = endpoint();
        let (address, handle) = (endpoint.local_addr(), endpoint.handle());
        let running = actix_web::rt::spawn(endpoint.run());
        let line =
            |request: &str| format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let answer = ask(address, &line("GET /metrics")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
        assert!(answer.contains("\nfulcio_new_certs 0\n"), "{answer}");
        let answer = ask(address, &line("HEAD /metrics")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
        for request in ["POST /metrics", "GET /", "GET /metrics/", "GET /metricsx", "PUT /healthz", "EVIL /metrics"] {
            let answer = ask(address, &line(request)).await;
            assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{request}: {answer}");
        }
        handle.stop(true).await;
        running.await.unwrap().unwrap();
    }

    #[actix_web::test]
    async fn a_client_that_does_not_send_its_headers_is_let_go() {
        let endpoint = endpoint();
        let (address, handle) = (endpoint.local_addr(), endpoint.handle());
        let running = actix_web::rt::spawn(endpoint.run());
        let waited = tokio::time::timeout(HEADER_TIMEOUT * 2, ask(address, "GET /metrics HTTP/1.1\r\nHost:")).await;
        assert!(waited.unwrap().starts_with("HTTP/1.1 408 "), "a timeout is to be told");
        handle.stop(false).await;
        running.await.unwrap().unwrap();
    }
}
