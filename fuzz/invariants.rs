//! What must hold for any bytes at all, a function for each way into sigmint. The fuzz targets call these; so does
//! `tests/it/invariants.rs`, which replays every corpus and damages its entries at random.
//!
//! Owns no input. A function that returns has held.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use sigmint::api::messages::proto::create_signing_certificate_request::Key;
use sigmint::api::messages::proto::credentials::Credentials;
use sigmint::api::proto_json::{CreateSigningCertificateRequest, v1};
use sigmint::blocklist::{BlockEntries, BlockEntry, Candidate, ClaimValue, KeyHash};
use sigmint::config::block_file;
use sigmint::ct::{LogEntry, LogKey, Sct, parse_list, serialize_list};
use sigmint::identity::issuers::{IssuerAddress, Issuers};
use sigmint::identity::keys::{KeyBudget, KeySet, SignatureCheck};
use sigmint::identity::template::{Lookup, OUTPUT_LIMIT, RenderError, Template};
use sigmint::identity::token::{CompactJws, MAX_TOKEN_BYTES};
use sigmint::identity::{Claims, SubjectAlternativeName, UnverifiedToken};
use sigmint::policy::{Effect, Evaluated, Mode, Policy, RecordedFacts};
use sigmint::possession::{KeyRequest, MAX_CSR_BYTES, PermittedAlgorithms, PossessionError, PublicKey, prove};

/// One way into sigmint: its name, which is its corpus's folder, and what must hold.
pub type Invariant = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Invariant; 10] = [
    ("token", token),
    ("jwk_set", jwk_set),
    ("csr", csr),
    ("pem_key", pem_key),
    ("issuer_file", issuer_file),
    ("template", template),
    ("policy", policy),
    ("block_list", block_list),
    ("sct", sct),
    ("request_json", request_json),
];

/// A token that parses is within its limits, has three parts and an issuer, and shows no claim to a log.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(token) = UnverifiedToken::parse(text) else { return };
    assert!(text.len() <= MAX_TOKEN_BYTES && !token.issuer().is_empty());
    let jws = token.jws();
    assert_eq!(format!("{}.{}", jws.signed_text(), jws.signature_text()), text.trim_ascii());
    assert_eq!(jws.signed_text().matches('.').count(), 1);
    assert!(!format!("{token:?}").contains(jws.signed_text()));
}

/// `{"alg":..}` of each algorithm, the payload `{}`, and a signature of zeros as long as it should be.
const UNSIGNED: [(&str, usize); 7] = [
    ("eyJhbGciOiJSUzI1NiJ9.e30", 256),
    ("eyJhbGciOiJQUzUxMiJ9.e30", 256),
    ("eyJhbGciOiJSUzI1NiJ9.e30", 512),
    ("eyJhbGciOiJFUzI1NiJ9.e30", 64),
    ("eyJhbGciOiJFUzM4NCJ9.e30", 96),
    ("eyJhbGciOiJFUzUxMiJ9.e30", 132),
    ("eyJhbGciOiJFZERTQSJ9.e30", 64),
];

/// Whatever an issuer's keys are: a token that nobody signed does not verify.
pub fn jwk_set(bytes: &[u8]) {
    let listed = ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"].map(str::to_owned);
    for listed in [Some(listed.as_slice()), Some(&[]), None] {
        let Ok(set) = KeySet::parse(bytes, listed, KeyBudget::NAMED) else { continue };
        for (text, length) in UNSIGNED {
            // Three bytes of zeros are four letters A; the lengths that are not a multiple of three need no padding.
            let signature = "A".repeat((length * 4_usize).div_ceil(3));
            let jws = CompactJws::parse(&format!("{text}.{signature}")).expect("a token of this file");
            assert_ne!(set.check(&jws), SignatureCheck::Good);
        }
    }
}

/// A signing request that proves itself carries the key that is certified, and the key is one that is accepted by itself.
pub fn csr(bytes: &[u8]) {
    let request = KeyRequest::SigningRequest(bytes.to_vec());
    let Ok(proven) = prove(&request, "dev@example.com", &PermittedAlgorithms::default()) else { return };
    let key = proven.public_key();
    assert!(bytes.len() <= MAX_CSR_BYTES);
    assert_eq!(PublicKey::from_spki(key.spki()).as_ref(), Ok(key));
}

/// A key that is read is read again from what it becomes in the certificate, and nothing proves it but a signature.
pub fn pem_key(bytes: &[u8]) {
    let Ok(key) = PublicKey::parse(bytes) else { return };
    assert_eq!(PublicKey::from_spki(key.spki()).as_ref(), Ok(&key));
    assert_eq!(key.key_identifier().len(), 20);
    for proof in [vec![], vec![0; 64], vec![0; 96], vec![0; 132], vec![0; key.key_bits().len()], bytes.to_vec()] {
        let request = KeyRequest::PublicKey { content: bytes.to_vec(), proof };
        let refused = prove(&request, "dev@example.com", &PermittedAlgorithms::default());
        // A modulus whose factors are close is found with the proof, and told first.
        let is_refused = match refused {
            Err(PossessionError::Proof(kind)) => kind == key.kind(),
            Err(PossessionError::Key(_)) => true,
            _ => false,
        };
        assert!(is_refused);
    }
}

/// An issuer that is read is found under its own URL and nobody under a URL that only holds it; an error names a line of the text.
pub fn issuer_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Issuers::parse("fuzz.yaml", text) {
        Ok(issuers) => {
            for issuer in issuers.iter() {
                assert!(!issuer.audience.is_empty() && !issuer.challenge_claim.is_empty());
                let address = issuer.address.as_str();
                if let IssuerAddress::Url(url) = &issuer.address {
                    let found = issuers.find(url);
                    assert!(!found.is_empty() && found.iter().all(|one| one.address.as_str() == address));
                }
                for hostile in [format!("http://127.0.0.1:1?{address}"), format!("{address}\n"), format!("{address}?x")]
                {
                    assert!(issuers.find(&hostile).is_empty(), "{hostile:?}");
                }
            }
        }
        Err(error) => {
            // YAML 1.1 breaks lines at more characters than editors do.
            let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
            let line = error.place.mark.map_or(0, |mark| mark.line as usize);
            assert!(line <= lines + 1, "line {line} of {lines}");
            assert!(!error.message.is_empty());
        }
    }
}

/// Rendering asks for no key that the template does not name, gives the same text twice, and no more of it than is allowed. Before the
/// first zero stands the template; the rest is what its keys hold, and keys of odd length hold nothing.
pub fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (source, value) = text.split_once('\0').unwrap_or((text, "value"));
    let Ok(template) = Template::parse(source) else { return };
    assert_eq!(template.source(), source);
    let keys = template.keys();
    let lookup = |key: &str| {
        assert!(keys.contains(&key), "{key:?} is not named");
        match key.len() % 2 {
            0 => Lookup::Text(Cow::Borrowed(value)),
            _ => Lookup::Missing,
        }
    };
    let rendered = template.render(&lookup);
    assert_eq!(rendered, template.render(&lookup));
    match rendered {
        Ok(output) => {
            assert!(output.len() <= OUTPUT_LIMIT.max(source.len()));
            // What Go prints for a missing key, unless it is put together from what the author and the token say.
            let typed = [source, value].iter().any(|text| text.contains(['<', '>']));
            assert!(typed || !output.contains("<no value>"), "{output:?}");
        }
        Err(RenderError::MissingKey(key)) => assert!(keys.contains(&key.as_str()) && key.len() % 2 == 1),
        Err(_) => {}
    }
}

/// A timestamp or a list that is read is written as it came, and a log's key takes none that the log did not make.
pub fn sct(bytes: &[u8]) {
    let log =
        LogKey::from_pem(include_bytes!("../tests/fixtures/transparency/log.pub.pem")).expect("a key of the fixtures");
    let read = [Sct::from_tls(bytes).ok(), Sct::from_add_chain_response(bytes).ok()];
    for sct in read.into_iter().flatten() {
        assert_eq!(Sct::from_tls(&sct.to_tls()).as_ref().ok(), Some(&sct));
        assert_eq!(Sct::from_add_chain_response(&sct.add_chain_response_json()).as_ref().ok(), Some(&sct));
        assert!(log.verify(&sct, &LogEntry::X509(b"an entry that no log has signed")).is_err());
    }
    if let Ok(sct) = Sct::from_tls(bytes) {
        assert_eq!(sct.to_tls(), bytes);
    }
    if let Ok(list) = parse_list(bytes) {
        assert_eq!(serialize_list(&list).as_ref().ok().map(Vec::as_slice), Some(bytes));
    }
}

/// What a body says is no longer than the body, is the same with white space around it, and is refused the same way twice.
pub fn request_json(bytes: &[u8]) {
    let read = CreateSigningCertificateRequest::parse(bytes).ok();
    if let Some(message) = &read {
        let token = message.credentials.as_ref().and_then(|credentials| credentials.credentials.as_ref());
        let token = token.map_or(0, |Credentials::OidcIdentityToken(token)| token.len());
        let key = match &message.key {
            Some(Key::PublicKeyRequest(request)) => {
                request.public_key.as_ref().map_or(0, |key| key.content.len()) + request.proof_of_possession.len()
            }
            Some(Key::CertificateSigningRequest(text)) => text.len(),
            None => 0,
        };
        assert!(token + key <= bytes.len());
    }
    let spaced = [b"\r\n\t ", bytes, b" "].concat();
    assert_eq!(CreateSigningCertificateRequest::parse(&spaced).ok(), read);
    let read = v1::Body::parse(bytes);
    match &read {
        Ok(KeyRequest::PublicKey { content, proof }) => assert!(content.len() + proof.len() <= bytes.len()),
        Ok(KeyRequest::SigningRequest(request)) => assert!(request.len() <= bytes.len()),
        Err(_) => {}
    }
    assert!(v1::Body::parse(&spaced).ok() == read.ok());
}

/// A policy or a condition, and claims behind a NUL. What is refused has a place in the file; what is evaluated never allows by an error.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (source, claims) = text.split_once('\0').unwrap_or((text, "{}"));
    let condition = || {
        serde_json::to_string(source)
            .map(|quoted| format!("rules: [{{id: a, identities: ci-provider, allow: {quoted}}}]"))
    };
    let file = if source.contains("rules:") { source.to_owned() } else { condition().unwrap_or_default() };
    let policy = match Policy::parse(Path::new("p.yaml"), &file) {
        Ok((policy, _)) => policy,
        Err(error) => {
            // YAML breaks lines at a carriage return by itself, too.
            let lines = file.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() + 1;
            assert!(
                error.findings().iter().all(|found| (1..=lines).contains(&found.line) && found.column > 0),
                "{error}"
            );
            return assert!(!error.findings().is_empty());
        }
    };
    let Ok(claims) = serde_json::from_str::<serde_json::Value>(claims) else { return };
    for kind in ["ci-provider", "github-workflow", "email"] {
        let record = serde_json::json!({"claims": claims, "issuer": "https://a.example", "audience": "s", "principal": {"kind": kind, "san": "x@y"},
            "key": {"kind": "ecdsa-p256", "sha256": "00"}});
        let Ok(facts) = RecordedFacts::from_json(&record, UNIX_EPOCH + Duration::from_hours(498_840)) else {
            return;
        };
        let decision = policy.evaluate(&facts.facts());
        let traced = policy.trace(&facts.facts());
        let enforced = || traced.iter().filter(|traced| traced.rule.mode() == Mode::Enforce);
        for traced in enforced() {
            let denies = traced.rule.effect() == Effect::Deny && traced.result != Evaluated::False;
            assert!(!denies || !decision.outcome.is_allowed(), "{} is not denied", traced.rule.id());
        }
        if let Some(rule) = decision.rule.as_ref().filter(|_| decision.outcome.is_allowed()) {
            let result = enforced().find(|traced| traced.rule.id() == rule.id()).map(|traced| &traced.result);
            assert_eq!(result, Some(&Evaluated::True), "{} allows", rule.id());
        }
    }
}

/// A block list, and a token's claims behind a NUL. What is refused has a place in the file. Whoever an entry names is found, the index finds
/// what comparing one entry after the other finds, and the file can be changed without changing another entry.
pub fn block_list(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (file, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(b"{}"));
    let entries = match block_file::parse("b.yaml", file) {
        Ok(entries) => entries,
        Err(error) => {
            let lines = file.split(|byte| b"\r\n\x85\xa8\xa9".contains(byte)).count();
            let line = error.place.mark.map_or(0, |mark| mark.line as usize);
            assert!(line <= lines + 1, "line {line} of {lines}");
            return assert!(!error.message.is_empty() && !error.hint.is_empty());
        }
    };
    let each: Vec<&BlockEntry> = entries.iter().collect();
    for (place, entry) in each.iter().enumerate() {
        assert!(!entry.conditions.is_empty() && !entry.reason.is_empty());
        blocks_whom_it_names(&entries, place, entry);
    }
    if let Ok(claims) = Claims::parse(claims) {
        for name in [SubjectAlternativeName::Email("Dev@example.com".to_owned()), other_name("x")] {
            let issuer = claims.text("iss").unwrap_or("https://a.example");
            let candidate = Candidate { issuer, name: &name, claims: &claims, key_sha256: &KeyHash([0; 32]) };
            let one_by_one = each
                .iter()
                .find(|entry| BlockEntries::new(vec![(**entry).clone()]).find(&candidate, UNIX_EPOCH).is_some());
            assert_eq!(entries.find(&candidate, UNIX_EPOCH), one_by_one.copied());
        }
    }
    if let Ok(text) = std::str::from_utf8(file) {
        can_be_edited(text, &each);
    }
}

fn other_name(name: &str) -> SubjectAlternativeName {
    SubjectAlternativeName::OtherName(name.to_owned())
}

/// Somebody with exactly the entry's name, claims, issuer and key is blocked: by it, or by one before it.
fn blocks_whom_it_names(entries: &BlockEntries, place: usize, entry: &BlockEntry) {
    let conditions = &entry.conditions;
    let members = conditions.claims.iter().map(|(name, value)| (name.clone(), as_claim(value)));
    let claims = serde_json::Value::Object(members.collect()).to_string();
    let Ok(claims) = Claims::parse(claims.as_bytes()) else { return };
    let name = other_name(conditions.san.as_deref().unwrap_or("x"));
    let issuer = conditions.issuer.as_deref().unwrap_or("https://a.example");
    let key_sha256 = &conditions.key_sha256.unwrap_or(KeyHash([0; 32]));
    let candidate = Candidate { issuer, name: &name, claims: &claims, key_sha256 };
    if entry.is_in_effect(UNIX_EPOCH) {
        let found = entries.find(&candidate, UNIX_EPOCH);
        let found = found.and_then(|found| entries.iter().position(|entry| entry == found));
        assert!(found.is_some_and(|found| found <= place), "{entry:?} does not block whom it names");
    }
}

fn as_claim(value: &ClaimValue) -> serde_json::Value {
    match value {
        ClaimValue::Scalar(written) => serde_json::Value::String(written.clone()),
        ClaimValue::Members(members) => members.iter().map(|(name, value)| (name.clone(), as_claim(value))).collect(),
    }
}

fn can_be_edited(text: &str, each: &[&BlockEntry]) {
    let read = |text: &str| block_file::parse("b.yaml", text.as_bytes()).expect("a file that was edited");
    let Some(first) = each.first() else { return };
    let more = BlockEntry { reason: "a reason that no other entry has".to_owned(), ..(*first).clone() };
    let added = block_file::add("b.yaml", text, &more).expect("an entry can be added");
    if let Some(added) = added {
        assert!(read(&added.text).iter().eq(each.iter().copied().chain([&more])));
    }
    let removed = block_file::remove("b.yaml", text, |entry| entry == *first).expect("an entry can be removed");
    let removed = removed.expect("the first entry is there");
    assert!(read(&removed.text).iter().eq(each.iter().copied().filter(|entry| entry != first)));
}
