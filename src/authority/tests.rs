//! What every authority owes its callers, with any signer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use super::{Authority, AuthorityError, Maker, ephemeral};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::signer::Signing;
use crate::signer::{KeyLocation, Signer, SignerError};

/// A remote signer that is right for the self-test and then answers with a signature of something else.
#[derive(Debug)]
struct Lying {
    honest: Arc<dyn Signer>,
    location: KeyLocation,
    calls: AtomicUsize,
}

impl Signer for Lying {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.honest.algorithm()
    }

    fn location(&self) -> KeyLocation {
        self.location
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        let first = self.calls.fetch_add(1, Ordering::Relaxed) == 0;
        self.honest.sign(if first { message } else { b"something else" })
    }
}

fn signer_of(authority: &Authority) -> Arc<dyn Signer> {
    match &authority.maker {
        Maker::Key { signer, .. } => Arc::clone(signer),
        Maker::Managed(_) => panic!("a managed CA has no signer"),
    }
}

#[tokio::test]
async fn a_wrong_answer_from_outside_never_becomes_a_signature() {
    let honest =
        ephemeral::root_and_intermediate(SignatureAlgorithm::EcdsaP256Sha256, SystemTime::now()).await.unwrap();
    let lying = Lying { honest: signer_of(&honest), location: KeyLocation::Remote, calls: AtomicUsize::default() };
    let authority = Authority::new(honest.chain().clone(), Arc::new(lying)).await.unwrap();
    let answer = authority.sign_bytes(b"tbs").await;
    assert!(matches!(answer, Err(SignerError::WrongSignature)), "{answer:?}");
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused() {
    let one = ephemeral::root_and_intermediate(SignatureAlgorithm::EcdsaP256Sha256, SystemTime::now()).await.unwrap();
    let other = ephemeral::root_and_intermediate(SignatureAlgorithm::EcdsaP256Sha256, SystemTime::now()).await.unwrap();
    let mixed = Authority::new(one.chain().clone(), signer_of(&other)).await;
    assert!(matches!(mixed, Err(AuthorityError::KeyMismatch)), "{mixed:?}");
    let third = ephemeral::root(SystemTime::now()).await.unwrap();
    let mixed = Authority::new(one.chain().clone(), signer_of(&third)).await;
    assert!(matches!(mixed, Err(AuthorityError::Algorithm { .. })), "{mixed:?}");
}
