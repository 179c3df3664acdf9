use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _};

use super::{Asking, Bounds, RemoteError, RemoteKey, RemotePublicKey, RemoteSigner, SigningRequest, ecdsa_der};
use crate::crypto::signature_check::SignatureCheck;
use crate::signer::{Signer as _, SignerError};

/// A key that does what its plan says, call by call, and sign from then on.
#[derive(Debug)]
struct Planned {
    public: RemotePublicKey,
    plan: Vec<Step>,
    calls: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

#[derive(Clone, Debug)]
enum Step {
    Fail(RemoteError),
    Hang,
}

fn spki() -> Vec<u8> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    rcgen::PublicKeyData::subject_public_key_info(&key)
}

fn planned(plan: &[Step]) -> Arc<Planned> {
    Arc::new(Planned {
        public: RemotePublicKey::from_spki_der(spki()).unwrap(),
        plan: plan.to_vec(),
        calls: AtomicUsize::new(0),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    })
}

impl RemoteKey for Planned {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            match self.plan.get(call) {
                Some(Step::Fail(error)) => Err(error.clone()),
                Some(Step::Hang) => std::future::pending().await,
                None => Ok(request.digest.to_vec()),
            }
        })
    }
}

fn down() -> Step {
    Step::Fail(RemoteError::Unreachable("down".into()))
}

#[tokio::test(start_paused = true)]
async fn outages_and_throttling_are_tried_again_and_refusals_are_not() {
    let key = planned(&[down(), Step::Fail(RemoteError::Throttled("slow".into())), Step::Hang]);
    let signer = RemoteSigner::new(Arc::clone(&key) as _, Bounds::default());
    assert_eq!(signer.sign(b"m").await.unwrap().len(), 48, "SHA-384 belongs to P-384");
    assert_eq!(key.calls.load(Ordering::SeqCst), 4);

    for error in [RemoteError::Refused("no".into()), RemoteError::Unusable("?".into())] {
        let key = planned(&[Step::Fail(error)]);
        let signer = RemoteSigner::new(Arc::clone(&key) as _, Bounds::default());
        assert!(matches!(signer.sign(b"m").await, Err(SignerError::Rejected(_))));
        assert_eq!(key.calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn tries_and_time_are_bounded() {
    let key = planned(&vec![down(); 100]);
    let signer = RemoteSigner::new(Arc::clone(&key) as _, Bounds::default());
    assert!(matches!(signer.sign(b"m").await, Err(SignerError::Unavailable(_))));
    assert_eq!(key.calls.load(Ordering::SeqCst), 4);

    let key = planned(&vec![Step::Hang; 100]);
    let bounds = Bounds { attempts: 100, ..Bounds::default() };
    let signer = RemoteSigner::new(Arc::clone(&key) as _, bounds);
    let begin = tokio::time::Instant::now();
    assert!(matches!(signer.sign(b"m").await, Err(SignerError::Unavailable(_))));
    // The clock is paused: this is the time that was waited for, not the time that passed.
    assert!(begin.elapsed() <= bounds.budget, "{:?}", begin.elapsed());
    assert_eq!(key.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_at_once_than_allowed_and_those_who_wait_too_long_are_told() {
    let key = planned(&[]);
    let signer = Arc::new(RemoteSigner::new(Arc::clone(&key) as _, Bounds { concurrency: 3, ..Bounds::default() }));
    let asked: Vec<_> = (0..64)
        .map(|_| {
            let signer = Arc::clone(&signer);
            tokio::spawn(async move { signer.sign(b"m").await })
        })
        .collect();
    for answer in asked {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(key.most.load(Ordering::SeqCst), 3);

    let key = planned(&[Step::Hang, Step::Hang, Step::Hang]);
    let bounds = Bounds { concurrency: 1, attempt: Duration::from_mins(1), ..Bounds::default() };
    let signer = Arc::new(RemoteSigner::new(key, bounds));
    let (one, other) = tokio::join!(signer.sign(b"m"), signer.sign(b"m"));
    assert!(matches!((one, other), (Err(SignerError::Unavailable(_)), Err(SignerError::Unavailable(_)))));
}

#[test]
fn two_integers_side_by_side_become_der_that_verifies() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let spki = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(key.public_key());
    let check = SignatureCheck::from_spki_der(spki.unwrap().as_ref()).unwrap();
    for _ in 0..64 {
        let fixed = key.sign(&random, b"m").unwrap();
        check.verify(b"m", &ecdsa_der(fixed.as_ref()).unwrap()).unwrap();
    }
    assert_eq!(ecdsa_der(&[0, 1, 0, 0x80]).unwrap(), [0x30, 0x07, 2, 1, 1, 2, 2, 0, 0x80]);
    for bad in [&[][..], &[1], &[1, 2, 3]] {
        assert!(ecdsa_der(bad).is_err(), "{bad:?}");
    }
}
