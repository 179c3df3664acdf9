//! What every remote key has to show: that a server can issue with it, for many clients at once, and openssl agrees.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, Issuer, PublicKeyData};
use sigmint::authority::{Authority, AuthorityError, AuthoritySource};
use sigmint::certificate::chain::IssuingChain;
use sigmint::crypto::algorithm::SignatureAlgorithm;
use sigmint::issuance::Issuance;
use sigmint::signer::Signer;
use sigmint::signer::remote::{Bounds, RemoteKey, RemotePublicKey, RemoteSigner};

use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::authority::{TestCa, params, pem_file};
use super::identities::{email_claims, email_file};
use super::issuer::FakeIssuer;
use super::keys::{Key, Kind};
use super::scene::ADDRESS;
use super::server::{Reply, Running, by_hand};

/// How many clients ask at once.
pub const CLIENTS: usize = 64;

/// A root made on the spot, and an issuing certificate below it for this public key (DER `SubjectPublicKeyInfo`).
pub fn chain_for(spki_der: &[u8]) -> Vec<Vec<u8>> {
    let (begin, end) = (SystemTime::now() - Duration::from_hours(1), SystemTime::now() + Duration::from_hours(24));
    let root_key = Key::new(Kind::P384);
    let root = params("test root", 1, begin, end);
    let mut issuing = params("remote test CA", 0, begin, end);
    issuing.is_ca = rcgen::IsCa::Ca(BasicConstraints::Constrained(0));
    issuing.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::CodeSigning];
    issuing.use_authority_key_identifier_extension = true;
    let key = ForeignKey::new(spki_der);
    assert_eq!(key.subject_public_key_info(), spki_der);
    let certificate = issuing.signed_by(&key, &Issuer::from_params(&root, root_key.pair())).unwrap();
    vec![certificate.der().to_vec(), root.self_signed(root_key.pair()).unwrap().der().to_vec()]
}

/// A public key whose private half is elsewhere.
pub struct ForeignKey {
    bits: Vec<u8>,
    algorithm: &'static rcgen::SignatureAlgorithm,
}

impl ForeignKey {
    pub fn new(spki_der: &[u8]) -> Self {
        let (_, spki) = SubjectPublicKeyInfo::from_der(spki_der).unwrap();
        let algorithm = match RemotePublicKey::from_spki_der(spki_der.to_vec()).unwrap().algorithm() {
            SignatureAlgorithm::EcdsaP256Sha256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            SignatureAlgorithm::EcdsaP384Sha384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            SignatureAlgorithm::EcdsaP521Sha512 => &rcgen::PKCS_ECDSA_P521_SHA512,
            SignatureAlgorithm::RsaPkcs1Sha256 => &rcgen::PKCS_RSA_SHA256,
            SignatureAlgorithm::Ed25519 => &rcgen::PKCS_ED25519,
        };
        Self { bits: spki.subject_public_key.data.to_vec(), algorithm }
    }
}

impl PublicKeyData for ForeignKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.algorithm
    }
}

/// The authority of a remote key under a chain made on the spot; its self-test is the first signature.
pub async fn authority_of(key: Arc<dyn RemoteKey>, bounds: Bounds) -> Result<Authority, AuthorityError> {
    let chain = IssuingChain::from_der(&chain_for(key.public_key().spki_der()), SystemTime::now()).unwrap();
    Authority::new(chain, Arc::new(RemoteSigner::new(key, bounds)) as Arc<dyn Signer>).await
}

/// A server that issues with an authority, and an issuer that it trusts.
pub struct RemoteScene {
    pub issuer: FakeIssuer,
    pub server: Running,
    pub chain: Vec<Vec<u8>>,
}

impl RemoteScene {
    /// A server with this key.
    pub async fn new(key: Arc<dyn RemoteKey>) -> Self {
        Self::of(authority_of(key, Bounds::default()).await.unwrap()).await
    }

    /// A server with this authority.
    pub async fn of(authority: Authority) -> Self {
        let issuer = FakeIssuer::start();
        let chain = authority.chain().certificates().iter().map(|certificate| certificate.der().to_vec()).collect();
        // The CA of `Running` counts signatures and is not used here.
        let unused = TestCa::new().await;
        let authority = AuthoritySource::Fixed(Arc::new(authority));
        let issuance = Issuance { authority, ..by_hand(&email_file(&issuer.issuer("email")), &unused) };
        Self { issuer, server: Running::serve(Arc::new(issuance), unused), chain }
    }

    /// One good request.
    pub async fn ask(&self) -> Reply {
        let token = self.issuer.token(&self.issuer.claims("email", &email_claims()));
        self.server.ask(&token, &Key::fixed_p256(), ADDRESS).await
    }

    /// Many good requests at once.
    pub async fn ask_many(&self) -> Vec<Reply> {
        let asked = (0..CLIENTS).map(|_| self.ask());
        futures_util::future::join_all(asked).await
    }

    /// Asserts that openssl verifies an answer's certificate with the chain of this server.
    pub fn verified_by_openssl(&self, reply: &Reply) {
        let certificates = reply.certificates();
        assert_eq!(certificates[1..], self.chain, "the chain is the authority's");
        openssl_verifies(&certificates);
    }
}

/// Asserts all that a working key has to show: 64 clients at once get certificates that openssl verifies.
pub async fn conforms(key: Arc<dyn RemoteKey>) {
    let scene = RemoteScene::new(key).await;
    for reply in scene.ask_many().await {
        scene.verified_by_openssl(&reply);
    }
}

/// Asserts that openssl verifies the first certificate with the others, the root last.
pub fn openssl_verifies(certificates: &[Vec<u8>]) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, certificates: &[Vec<u8>]| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem_file(certificates)).unwrap();
        path
    };
    let (last, rest) = certificates.split_last().unwrap();
    let root = write("root.pem", std::slice::from_ref(last));
    let between = write("between.pem", &rest[1..]);
    let leaf = write("leaf.pem", &rest[..1]);
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-purpose", "any", "-CAfile"]).arg(root);
    if rest.len() > 1 {
        command.arg("-untrusted").arg(between);
    }
    let output = command.arg(leaf).output().expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
