//! The pipeline: from a token and a key to a certificate.
//!
//! Owns the order of the steps and what each failure is called. Knows no transport, no file and no concrete backend.

mod conversion;
mod counted;

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::audit::{self, Audit, Origin, SignedRecord, Transport};
use crate::authority::{Authority, AuthoritySource, MakeError, SignedCertificate};
use crate::blocklist::BlockList;
use crate::certificate::chain::ChainCertificate;
use crate::certificate::chain::IssuingChain;
use crate::certificate::{CertificateRequest, ComposeError, LintedTbs, Serial, ValidityPolicy};
use crate::ct::{LogEntry, Logs, Sct, Submission, TransparencyError, serialize_list};
use crate::failure::{Failure, FailureKind};
use crate::identity::issuers::Issuers;
use crate::identity::keys::KeyStore;
use crate::identity::verify::{Patience, Verification, VerifiedClaims, verify_now};
use crate::identity::{Principal, UnverifiedToken, identify};
use crate::limits::single_use::{SingleUse, SingleUseError, Use};
use crate::limits::{Limits, Place};
use crate::networks::Networks;
use crate::policy::{AdmittedPrincipal, Decision, Denied, Policy, Rule, admit};
use crate::possession::{KeyRequest, PermittedAlgorithms, PossessionError, ProvenKey, prove};
use crate::telemetry::metrics::{Metrics, Stage};
use crate::trust::ServedDocuments;

/// What a client sends, whatever the transport.
pub struct Request {
    /// The identity token; empty when none was sent.
    pub token: String,
    pub key: KeyRequest,
    /// The networks that it came from, if it came over a network.
    pub client: Option<Networks>,
    /// Its id in the log and in the audit log.
    pub request_id: Option<String>,
    pub transport: Transport,
}

impl Request {
    fn origin(&self) -> Origin {
        let address = self.client.map(|client| client.address);
        Origin { transport: self.transport, request_id: self.request_id.clone(), address }
    }
}

#[derive(Debug)]
pub struct Issued {
    /// DER.
    pub certificate: Vec<u8>,
    /// The chain whose first certificate issued it.
    pub chain: Arc<IssuingChain>,
    pub timestamps: SctDelivery,
    /// The ids of the logs whose timestamps come with it.
    pub logs: Vec<[u8; 32]>,
    /// What the log says of it.
    pub record: Record,
}

/// How the logs' timestamps reach the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SctDelivery {
    None,
    Embedded,
    /// Beside it: the AddChainResponse JSON (RFC 6962 section 4.1). For signers that cannot sign precertificates.
    Detached(Vec<u8>),
}

/// What the log says of an issued certificate: no e-mail address, no claim.
#[derive(Debug)]
pub struct Record {
    /// The certificate's serial number, hexadecimal.
    pub serial: String,
    /// The issuer of the token.
    pub issuer: String,
    pub identity: &'static str,
    pub key: &'static str,
    /// How the policy came to allow it; none where there is no policy.
    pub policy: Option<Decision>,
}

impl Issued {
    fn signed(&self) -> SignedRecord<'_> {
        SignedRecord { certificate: &self.certificate, serial: &self.record.serial, logs: &self.logs }
    }
}

/// A certificate, and what the logs said.
struct Logged {
    made: SignedCertificate,
    timestamps: SctDelivery,
    logs: Vec<[u8; 32]>,
}

/// The time, as an argument: tests set it.
pub type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;
/// Twenty random bytes for a serial number, or nothing when the system has no randomness.
pub type Rng = Box<dyn Fn() -> Option<[u8; Serial::LENGTH]> + Send + Sync>;

pub struct Issuance {
    /// The trusted issuers; replaced as a whole.
    pub issuers: ArcSwap<Issuers>,
    pub keys: KeyStore,
    /// Which client keys are accepted.
    pub algorithms: PermittedAlgorithms,
    /// Who gets no certificate, whatever token and key they have.
    pub blocklist: BlockList,
    /// Who may have a certificate; everybody while there is none. Replaced as a whole.
    pub policy: ArcSwapOption<Policy>,
    pub validity: ValidityPolicy,
    pub authority: AuthoritySource,
    /// Who is told of every certificate, if anybody is.
    pub logs: Option<Logs>,
    /// What callers may ask of this process.
    pub limits: Limits,
    /// How often a token may be used, where its issuer says so.
    pub single_use: SingleUse,
    /// Who may sign, and what was signed.
    pub audit: Audit,
    /// What is counted and timed.
    pub metrics: Metrics,
    /// What clients trust this deployment by, if the operator has said what it is. Replaced as a whole.
    pub trust: ArcSwapOption<ServedDocuments>,
    pub clock: Clock,
    pub rng: Rng,
}

impl Issuance {
    /// Issues a certificate. Nothing is signed before the token is verified, the key proven, the policy asked and the certificate linted.
    ///
    /// Errors: A [`Failure`] says what the client may know; its cause is for the log.
    pub async fn issue(&self, request: Request) -> Result<Issued, Failure> {
        let believed = self.believe(&request).await;
        let origin = request.origin();
        let (_place, claims) = believed.inspect_err(|failure| self.audit.unverified(&origin, failure.kind()))?;
        let mut decision = self.audit.begin(&origin, &claims);
        let decided = self.decide(&request.key, claims, &mut decision).await;
        decision.end(decided.as_ref().map(Issued::signed).map_err(Failure::kind));
        decided
    }

    /// Everything after the token is verified; whatever comes of it is recorded.
    async fn decide(
        &self,
        key: &KeyRequest,
        claims: VerifiedClaims,
        decision: &mut audit::Decision<'_>,
    ) -> Result<Issued, Failure> {
        self.limits.admit_identity(claims.issuer_url(), claims.party())?;
        let (claims, principal) = identify(claims)?;
        decision.principal(claims.issuer().identity.name(), &principal);
        let key = self.prove(key, &principal)?;
        decision.key(&key);
        self.blocklist.check(&claims, &principal, &key, (self.clock)())?;
        let admitted = self.admit(&claims, principal, key, decision)?;
        let (authority, serial) = (self.authority.current(), self.serial()?);
        let tbs = self.compose(&CertificateRequest {
            admitted: &admitted,
            issuer: authority.chain(),
            algorithm: authority.algorithm(),
            validity: self.validity,
            now: (self.clock)(),
            serial: &serial,
        })?;
        authority.check(&tbs, self.logs.as_ref().map_or(0, Logs::timestamps_length))?;
        let one_use = self.take_use(&claims, &serial).await?;
        let logged = match self.record_and_make(&authority, &serial, &tbs, decision).await {
            Ok(logged) => logged,
            Err(failure) => {
                self.single_use.give_back(one_use).await;
                return Err(failure);
            }
        };
        let record = Record {
            serial: logged.made.serial().unwrap_or_else(|| serial.to_hex()),
            issuer: claims.issuer_url().to_owned(),
            identity: claims.issuer().identity.name(),
            key: admitted.key().public_key().kind().name(),
            policy: admitted.decision().cloned(),
        };
        self.metrics.issued(record.identity, record.key);
        let Logged { made, timestamps, logs } = logged;
        Ok(Issued { certificate: made.certificate, chain: made.chain, timestamps, logs, record })
    }

    /// Nothing is signed before it is recorded that it will be.
    async fn record_and_make(
        &self,
        authority: &Authority,
        serial: &Serial,
        tbs: &LintedTbs,
        decision: &mut audit::Decision<'_>,
    ) -> Result<Logged, Failure> {
        let timer = self.audit.is_on().then(|| self.metrics.stage(Stage::Audit));
        decision.intent(serial, tbs.as_der()).await?;
        drop(timer);
        self.make_and_log(authority, tbs).await
    }

    /// One signature without logs. With logs, a precertificate before them and the certificate with their timestamps after; authorities
    /// that make no precertificates have their certificates logged as they are.
    async fn make_and_log(&self, authority: &Authority, tbs: &LintedTbs) -> Result<Logged, Failure> {
        let Some(logs) = &self.logs else {
            let made = self.make(authority, tbs).await?;
            return Ok(Logged { made, timestamps: SctDelivery::None, logs: Vec::new() });
        };
        let ids = |timestamps: &[Sct]| timestamps.iter().map(|timestamp| timestamp.log_id().0).collect();
        if !authority.signs_precertificates() {
            let made = self.make(authority, tbs).await?;
            let timestamps = self.log(logs, &made, LogEntry::X509(&made.certificate)).await?;
            let first = timestamps.first().map(Sct::add_chain_response_json).unwrap_or_default();
            return Ok(Logged { made, timestamps: SctDelivery::Detached(first), logs: ids(&timestamps) });
        }
        let precertificate = self.make(authority, &tbs.precertificate()?).await?;
        let issuer_key_hash = precertificate.chain.spki_sha256();
        let entry = LogEntry::Precertificate { issuer_key_hash, tbs: tbs.as_der() };
        let timestamps = self.log(logs, &precertificate, entry).await?;
        let list = serialize_list(&timestamps).map_err(|error| Failure::new(FailureKind::LogUnavailable, error))?;
        let made = self.make(authority, &tbs.with_timestamps(&list)?).await?;
        Ok(Logged { made, timestamps: SctDelivery::Embedded, logs: ids(&timestamps) })
    }

    /// Whether certificates can be had: the CA signs, and what it signs can be recorded.
    pub fn is_ready(&self) -> bool {
        self.authority.current().is_ready() && self.audit.is_ready()
    }

    /// A place among the requests in flight, and claims that are believed. A request that waits for an issuer's keys has no such place, and of his
    /// token only the text: others are served meanwhile.
    async fn believe(&self, request: &Request) -> Result<(Place<'_>, VerifiedClaims), Failure> {
        let _timer = self.metrics.stage(Stage::Token);
        let mut patience = Patience::Waits(request.client);
        loop {
            let place = self.limits.begin()?;
            self.blocklist.check_key(&request.key, (self.clock)())?;
            let (token, now) = (UnverifiedToken::parse(&request.token)?, (self.clock)());
            let wait = match verify_now(token, &self.issuers.load(), &self.keys, now, patience)? {
                Verification::Believed(claims) => {
                    if claims.has_unknown_type() {
                        self.metrics.unknown_token_type();
                    }
                    return Ok((place, claims));
                }
                Verification::Waits(_, wait) => wait,
            };
            drop(place);
            wait.over().await?;
            patience = Patience::Waited;
        }
    }

    fn prove(&self, request: &KeyRequest, principal: &Principal) -> Result<ProvenKey, PossessionError> {
        let _timer = self.metrics.stage(Stage::Proof);
        prove(request, principal.challenge(), &self.algorithms)
    }

    /// Everybody passes through here, with and without a policy.
    fn admit(
        &self,
        claims: &VerifiedClaims,
        principal: Principal,
        key: ProvenKey,
        recorded: &mut audit::Decision<'_>,
    ) -> Result<AdmittedPrincipal, Denied> {
        let policy = self.policy.load();
        let Some(policy) = policy.as_deref() else { return admit(None, claims, principal, key, (self.clock)()) };
        let _timer = self.metrics.stage(Stage::Policy);
        let outcome = admit(Some(policy), claims, principal, key, (self.clock)());
        let decision = match &outcome {
            Ok(admitted) => admitted.decision(),
            Err(denied) => Some(denied.decision()),
        };
        if let Some(decision) = decision {
            counted::count(&self.metrics, decision);
            recorded.policy(counted::recorded(decision.outcome), decision.rule.as_deref().map(Rule::id));
        }
        outcome
    }

    fn compose(&self, request: &CertificateRequest<'_>) -> Result<LintedTbs, ComposeError> {
        let _timer = self.metrics.stage(Stage::Compose);
        LintedTbs::compose(request)
    }

    /// Nothing for issuers whose tokens are not counted; those cost no time here.
    async fn take_use(&self, claims: &VerifiedClaims, serial: &Serial) -> Result<Option<Use>, SingleUseError> {
        if !SingleUse::counts(claims) {
            return Ok(None);
        }
        let _timer = self.metrics.stage(Stage::SingleUse);
        self.single_use.take(claims, serial, (self.clock)()).await
    }

    async fn make(&self, authority: &Authority, tbs: &LintedTbs) -> Result<SignedCertificate, MakeError> {
        let _timer = self.metrics.stage(Stage::Sign);
        authority.make(tbs).await
    }

    /// Sends a (pre)certificate and everything above it to the logs.
    async fn log(
        &self,
        logs: &Logs,
        made: &SignedCertificate,
        entry: LogEntry<'_>,
    ) -> Result<Vec<Sct>, TransparencyError> {
        let _timer = self.metrics.stage(Stage::Log);
        let above = made.chain.certificates().iter().map(ChainCertificate::der);
        let chain = std::iter::once(made.certificate.as_slice()).chain(above).collect();
        logs.submit(Submission { chain, entry }).await
    }

    fn serial(&self) -> Result<Serial, Failure> {
        let bytes = (self.rng)().ok_or_else(|| Failure::new(FailureKind::Internal, "the system has no randomness"))?;
        Ok(Serial::from_random(bytes))
    }
}
