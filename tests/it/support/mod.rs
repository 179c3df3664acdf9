//! What the integration tests share: keys, an issuer that speaks HTTP, a CA that counts its signatures, a running server.
//!
//! Owns no assertion about sigmint: those stand in the test files, next to what they are about.

pub mod adapters;
pub mod again;
pub mod audit;
pub mod authority;
#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "azure")]
pub mod azure;
pub mod certificate;
pub mod ct_log;
pub mod dev;
#[cfg(feature = "gcp")]
pub mod google;
pub mod grpc;
pub mod identities;
pub mod issuer;
pub mod keys;
pub mod keyset_kms;
pub mod log;
pub mod names;
pub mod openbao;
pub mod panics;
pub mod pkcs11;
pub mod ports;
pub mod read_log;
pub mod redis;
pub mod remote;
pub mod scene;
pub mod server;
pub mod vault;

pub use again::{is_alone, run_again};
pub use authority::TestCa;
pub use issuer::{Answer, FakeIssuer};
pub use keys::{Key, Kind};
pub use names::Names;
pub use redis::RedisServer;
pub use scene::Scene;
pub use server::{Reply, Running};

use std::future::Future;
use std::time::Duration;

/// How long a test waits for what must happen, before it fails. Generous: it is a bound, not a measure.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Looks again and again until the answer is `Some`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}
