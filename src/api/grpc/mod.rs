//! gRPC: `dev.sigstore.fulcio.v2.CA`, health and reflection.
//!
//! Owns reading and writing the messages of `proto/fulcio.proto`. Calls the core in this process; knows no socket.

mod arrival;
mod compressed;
mod counted;
mod health;
mod routes;
mod status;

use std::sync::Arc;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::request_id::RequestId;
use crate::audit::Transport;
use crate::issuance::{self, Issuance};
use crate::networks::Networks;

pub(super) use routes::is_grpc;
pub use routes::{Caller, Routes, RoutesError};

use super::messages::proto::ca_server::Ca;
use super::messages::{self, proto};

/// The metadata that carries the token when the message does not.
const TOKEN_METADATA: &str = "oidcidentitytoken";

struct CertificateAuthority {
    issuance: Arc<Issuance>,
}

#[tonic::async_trait]
impl Ca for CertificateAuthority {
    async fn create_signing_certificate(
        &self,
        request: Request<proto::CreateSigningCertificateRequest>,
    ) -> Result<Response<proto::SigningCertificate>, Status> {
        let (metadata, extensions, message) = request.into_parts();
        let client = extensions.get::<Networks>().copied();
        let asked = messages::request(message, || metadata_token(&metadata).to_owned());
        let request_id = extensions.get::<RequestId>();
        let named = request_id.map(|id| id.as_str().to_owned());
        let asked = issuance::Request { client, request_id: named, transport: Transport::Grpc, ..asked };
        match self.issuance.issue(asked).await {
            Ok(issued) => Ok(Response::new(messages::signing_certificate(&issued))),
            Err(failure) => {
                Err(status::of_failure(&failure, "CA/CreateSigningCertificate", request_id, &self.issuance.metrics))
            }
        }
    }

    async fn get_trust_bundle(
        &self,
        _: Request<proto::GetTrustBundleRequest>,
    ) -> Result<Response<proto::TrustBundle>, Status> {
        Ok(Response::new(messages::trust_bundle(&self.issuance)))
    }

    async fn get_configuration(
        &self,
        _: Request<proto::GetConfigurationRequest>,
    ) -> Result<Response<proto::Configuration>, Status> {
        Ok(Response::new(messages::configuration(&self.issuance)))
    }
}

/// The token, if the metadata has it exactly once.
fn metadata_token(metadata: &MetadataMap) -> &str {
    let mut values = metadata.get_all(TOKEN_METADATA).iter();
    match (values.next(), values.next()) {
        (Some(token), None) => token.to_str().unwrap_or_default(),
        _ => "",
    }
}

#[cfg(test)]
mod tests;
