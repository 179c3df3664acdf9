//! `grpc.health.v1.Health` for whatever name is asked for.
//!
//! Owns which status a name stands for: the CA's own name says whether it signs, any other how the server is as a whole. Probes ask for names
//! of their own (`liveness`, `fulcio`), which Fulcio answers too.

use tonic::server::NamedService as _;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::HealthService;

use super::CertificateAuthority;
use crate::api::messages::proto::ca_server::CaServer;

pub(super) struct AnyName(pub(super) HealthService);

#[tonic::async_trait]
impl Health for AnyName {
    type WatchStream = <HealthService as Health>::WatchStream;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.check(by_known_name(request)).await
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.0.watch(by_known_name(request)).await
    }
}

fn by_known_name(mut request: Request<HealthCheckRequest>) -> Request<HealthCheckRequest> {
    if request.get_ref().service != CaServer::<CertificateAuthority>::NAME {
        request.get_mut().service.clear();
    }
    request
}
