//! AWS KMS for tests, in a process of its own: `aws-kms-counterpart PORT STATE-FILE`.
//!
//! Speaks the real protocol on 127.0.0.1, verifies SigV4 and permissions, and keeps its keys in a file, so that it can be
//! killed and started again. Writes its port to standard output. `POST /_fault/NAME` makes it misbehave (see `faults`).

mod callers;
mod faults;
mod service;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, Request};
use axum::middleware;
use axum::routing::post;
use fakecloud_core::auth::IamMode;
use fakecloud_core::dispatch::{self, DispatchConfig};
use fakecloud_core::multi_account::MultiAccountState;
use fakecloud_core::registry::ServiceRegistry;
use fakecloud_kms::{KmsSnapshot, SharedKmsState};
use fakecloud_persistence::{DiskSnapshotStore, SnapshotStore};
use tokio::net::TcpListener;

use callers::Callers;
use faults::Faults;
use service::Kms;

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-central-1";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().and_then(|port| port.parse().ok()).expect("the first argument is a port");
    let store = Arc::new(DiskSnapshotStore::new(PathBuf::from(arguments.next().expect("the second is a file"))));

    let faults = Arc::new(Faults::default());
    let mut registry = ServiceRegistry::new();
    registry.register(Arc::new(Kms::new(load(store.as_ref()), store, Arc::clone(&faults))));
    let config = DispatchConfig {
        verify_sigv4: true,
        iam_mode: IamMode::Strict,
        credential_resolver: Some(Arc::new(Callers)),
        policy_evaluator: Some(Arc::new(Callers)),
        ..DispatchConfig::new(REGION, ACCOUNT)
    };

    let set = Arc::clone(&faults);
    let router = Router::new()
        .route("/_fault/{name}", post(|Path(name): Path<String>| async move { set.set(&name) }))
        .route("/_credentials", axum::routing::get(callers::container_credentials))
        .route("/_sts/", post(callers::assume_role_with_web_identity))
        .fallback(dispatch::dispatch)
        .layer(Extension(Arc::new(registry)))
        .layer(Extension(Arc::new(config)))
        .layer(middleware::from_fn(move |request: Request, next| faults::layer(Arc::clone(&faults), request, next)));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    println!("{}", listener.local_addr().expect("it is bound").port());
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    axum::serve(listener, service).await.expect("it serves");
}

fn load(store: &DiskSnapshotStore) -> SharedKmsState {
    let saved = store.load().expect("the state file can be read");
    let saved = saved.map(|json| serde_json::from_slice::<KmsSnapshot>(&json).expect("it is a snapshot"));
    let accounts = saved.and_then(|snapshot| snapshot.accounts);
    Arc::new(parking_lot::RwLock::new(accounts.unwrap_or_else(|| MultiAccountState::new(ACCOUNT, REGION, ""))))
}
