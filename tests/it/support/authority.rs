//! A CA whose signer counts: that the count stays the same proves that nothing was signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, SerialNumber,
};
use sigmint::authority::Authority;
use sigmint::certificate::chain::IssuingChain;
use sigmint::crypto::algorithm::SignatureAlgorithm;
use sigmint::signer::Signing;
use sigmint::signer::local::LocalSigner;
use sigmint::signer::{KeyLocation, Signer, SignerError};

use tokio::sync::watch;

use super::keys::{Key, Kind};

const YEAR: Duration = Duration::from_hours(365 * 24);

/// Signs with a key in memory, counts how often, and fails when told to.
#[derive(Debug)]
pub struct CountingSigner {
    signer: LocalSigner,
    calls: AtomicUsize,
    fails: AtomicBool,
    panics: AtomicBool,
    /// Whether signatures wait.
    holds: watch::Sender<bool>,
}

impl CountingSigner {
    /// How many signatures were asked for since the CA was put together.
    pub fn calls(&self) -> usize {
        // The first call is the authority's own trial.
        self.calls.load(Ordering::SeqCst) - 1
    }

    /// From now on, nothing is signed.
    pub fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }

    /// From now on, every signature panics.
    pub fn panic(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// From now on, every signature waits until [`Self::release`].
    pub fn hold(&self) {
        self.holds.send_replace(true);
    }

    /// Those that wait go on.
    pub fn release(&self) {
        self.holds.send_replace(false);
    }

    /// From now on, it signs again.
    pub fn recover(&self) {
        self.fails.store(false, Ordering::SeqCst);
    }
}

impl Signer for CountingSigner {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.signer.algorithm()
    }

    fn location(&self) -> KeyLocation {
        KeyLocation::InProcess
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "as told");
        if self.fails.load(Ordering::SeqCst) {
            return Box::pin(async { Err(SignerError::Library) });
        }
        let mut holds = self.holds.subscribe();
        Box::pin(async move {
            let _ = holds.wait_for(|holds| !holds).await;
            self.signer.sign(message).await
        })
    }
}

/// A root and an issuing CA below it.
pub struct TestCa {
    pub authority: Arc<Authority>,
    pub signer: Arc<CountingSigner>,
}

impl TestCa {
    /// A CA for ten years with a new P-256 key.
    pub async fn new() -> Self {
        Self::with(&Key::new(Kind::P256), SystemTime::now(), 10 * YEAR).await
    }

    /// A CA with this key, from a day before `now`, ending `left` after it.
    pub async fn with(key: &Key, now: SystemTime, left: Duration) -> Self {
        Self::of_chain(key, chain_der(key, now, left), now).await
    }

    /// A CA with this key and these certificates, its own first.
    pub async fn of_chain(key: &Key, ders: Vec<Vec<u8>>, now: SystemTime) -> Self {
        let chain = IssuingChain::from_der(&ders, now).unwrap();
        let signer = Arc::new(CountingSigner {
            signer: LocalSigner::from_pkcs8(chain.algorithm(), key.pkcs8()).unwrap(),
            calls: AtomicUsize::new(0),
            fails: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            holds: watch::Sender::new(false),
        });
        let authority = Arc::new(Authority::new(chain, Arc::clone(&signer) as Arc<dyn Signer>).await.unwrap());
        Self { authority, signer }
    }
}

/// The DER of an issuing CA with this key and of its root, in chain order.
pub fn chain_der(key: &Key, now: SystemTime, left: Duration) -> Vec<Vec<u8>> {
    let begin = now - Duration::from_hours(24);
    let root_key = Key::new(Kind::P256);
    let root = params("test root", 1, begin, now + left + YEAR);
    let root_certificate = root.self_signed(root_key.pair()).unwrap();
    let mut issuing = params("test CA", 0, begin, now + left);
    issuing.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    issuing.use_authority_key_identifier_extension = true;
    let certificate = issuing.signed_by(key.pair(), &Issuer::from_params(&root, root_key.pair())).unwrap();
    vec![certificate.der().to_vec(), root_certificate.der().to_vec()]
}

/// What the CA certificates of the tests have in common.
pub fn params(name: &str, below: u8, begin: SystemTime, end: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "sigmint tests");
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(u64::from(below) + 1));
    params.not_before = begin.into();
    params.not_after = end.into();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![below + 1; 20]);
    params
}

/// Certificates as the text of a PEM file.
pub fn pem_file(certificates: &[Vec<u8>]) -> String {
    certificates.iter().map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", der.clone()))).collect()
}
