//! The development timestamp authority: RFC 3161 over HTTP on the loopback address, as sigstore's timestamp-authority answers, with a key of
//! its own.
//!
//! Owns its address. Binds 127.0.0.1 and cannot be told another address. The time is this machine's clock.

mod chain;
mod messages;
mod request;
mod routes;
mod token;

use std::net::SocketAddr;
use std::time::SystemTime;

use actix_web::web;

use super::folder::Folder;
use super::loopback::{DevServerError, listen, serve};
use super::trust::TimestampDescription;
use chain::TimestampingChain;
use token::Stamper;

pub use chain::{TimestampingError, Unfit};

const SERVER: &str = "timestamp authority";

/// A timestamp authority that is bound and ready to run.
pub struct DevTimestampAuthority {
    address: SocketAddr,
    description: TimestampDescription,
    server: actix_web::dev::Server,
}

impl DevTimestampAuthority {
    /// Binds 127.0.0.1 with the folder's key, or a new one; port 0 lets the system choose.
    pub async fn bind(port: u16, folder: Option<&Folder>, now: SystemTime) -> Result<Self, DevServerError> {
        let (listener, address) = listen(port)?;
        let chain = TimestampingChain::open(folder, now).await.map_err(DevServerError::Timestamping)?;
        let description = TimestampDescription {
            url: format!("http://{address}{}", routes::TIMESTAMP),
            chain: chain.certificates.clone(),
            since: chain.not_before,
        };
        let stamper = Stamper::new(chain).map_err(|_| DevServerError::Timestamping(Unfit::Malformed(1).into()))?;
        let stamper = web::Data::new(stamper);
        let routes = move |service: &mut web::ServiceConfig| routes::configure(service.app_data(stamper.clone()));
        let server = serve((listener, address), routes::MAX_BODY_BYTES, routes)?;
        Ok(Self { address, description, server })
    }

    /// What clients have to know of it.
    pub fn description(&self) -> TimestampDescription {
        self.description.clone()
    }

    /// Below which its paths are.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until it is dropped.
    pub async fn run(self) -> Result<(), DevServerError> {
        self.server.await.map_err(|problem| DevServerError::Run { server: SERVER, problem })
    }
}

#[cfg(test)]
mod tests;
