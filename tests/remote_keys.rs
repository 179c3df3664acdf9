//! What holds for every key outside this process, shown with one that can be broken at will.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sigmint::authority::local::LocalSigner;
use sigmint::authority::remote::{Asking, RemoteError, RemoteKey, RemotePublicKey, SigningRequest};
use sigmint::authority::{SignatureAlgorithm, Signer as _};
use sigmint::failure::FailureKind;

use support::keys::{Key, Kind};
use support::remote::{RemoteScene, conforms};

/// A key in this process that behaves like one in a service.
#[derive(Debug)]
struct Service {
    signer: LocalSigner,
    public: RemotePublicKey,
    down: AtomicBool,
    lies: AtomicBool,
    calls: AtomicUsize,
}

impl Service {
    fn new() -> Arc<Self> {
        let key = Key::new(Kind::P384);
        Arc::new(Self {
            signer: LocalSigner::from_pkcs8(SignatureAlgorithm::EcdsaP384Sha384, key.pkcs8()).unwrap(),
            public: RemotePublicKey::from_spki_der(key.spki_der()).unwrap(),
            down: AtomicBool::new(false),
            lies: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
        })
    }
}

impl RemoteKey for Service {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(RemoteError::Unreachable("connection refused at 10.1.2.3".into()));
            }
            let message = if self.lies.load(Ordering::SeqCst) { b"another message" } else { request.message };
            Ok(self.signer.sign(message).await.unwrap())
        })
    }
}

#[tokio::test]
async fn sixty_four_clients_get_certificates_that_openssl_verifies() {
    conforms(Service::new()).await;
}

#[tokio::test]
async fn an_outage_and_a_wrong_signature_give_503_and_no_certificate() {
    let service = Service::new();
    let scene = RemoteScene::new(Arc::clone(&service) as _).await;
    for broken in [&service.down, &service.lies] {
        broken.store(true, Ordering::SeqCst);
        let reply = scene.ask().await;
        let row = FailureKind::SignerUnavailable.row();
        assert_eq!((reply.status, reply.reason().as_str()), (503, row.reason), "{reply:?}");
        assert_eq!(reply.json()["code"], 14);
        assert_eq!(reply.json()["message"], row.text);
        assert!(reply.header("retry-after").is_some());
        assert!(!reply.text.contains("10.1.2.3") && !reply.text.contains("CERTIFICATE"), "{reply:?}");
        broken.store(false, Ordering::SeqCst);
        scene.verified_by_openssl(&scene.ask().await);
    }
}
