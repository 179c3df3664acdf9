//! The authority over real HTTP, against what sigstore's timestamp-authority answered to the same requests (tests/e2e/tsa/record.py wrote it
//! down) and against `openssl ts`.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::signed_data::SignedData;
use der::asn1::{AnyRef, OctetString};
use der::{Decode as _, Encode as _, Tagged as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::messages::{FailureInfo, TimeStampReq, TimeStampResp};
use super::request::TimestampRequest;
use super::token::TokenError;
use super::*;
use crate::text::pem;

/// Where this authority is stricter, and with which failure it says so. RFC 3161 section 2.4.1 has version 1 and no other members; RFC 5754
/// section 2 has no parameters but NULL.
const STRICTER: [(&str, FailureInfo); 6] = [
    ("parameters that are not NULL", FailureInfo::BadAlgorithm),
    ("version 0", FailureInfo::BadRequest),
    ("version 2", FailureInfo::BadRequest),
    ("version -1", FailureInfo::BadRequest),
    ("members in another order", FailureInfo::BadDataFormat),
    ("a member too many", FailureInfo::BadDataFormat),
];
/// Whose answer has another imprint: the request's own, where the real one adds a NULL.
const IMPRINT_AS_SENT: &str = "sigstore-java: nonce, AlgorithmIdentifier without NULL";

const FAILURES: [(&str, FailureInfo); 12] = [
    ("SHA-1", FailureInfo::BadAlgorithm),
    ("SHA3-256", FailureInfo::BadAlgorithm),
    ("a digest that is too short", FailureInfo::BadDataFormat),
    ("a digest of another length", FailureInfo::BadDataFormat),
    ("another policy", FailureInfo::UnacceptedPolicy),
    ("a policy below this authority's", FailureInfo::UnacceptedPolicy),
    ("a nonce that is not minimal", FailureInfo::BadDataFormat),
    ("an extension", FailureInfo::UnacceptedExtension),
    ("a critical extension", FailureInfo::UnacceptedExtension),
    ("not DER", FailureInfo::BadDataFormat),
    ("bytes after the request", FailureInfo::BadDataFormat),
    ("JSON said to be DER", FailureInfo::BadDataFormat),
];

struct Running {
    description: TimestampDescription,
    base: String,
}

async fn start() -> Running {
    let authority = DevTimestampAuthority::bind(0, None, SystemTime::now()).await.unwrap();
    let running = Running { description: authority.description(), base: authority.base() };
    tokio::spawn(authority.run());
    running
}

impl Running {
    async fn ask(&self, content_type: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
        let request = client().post(&self.description.url).header("content-type", content_type).body(body);
        let answer = request.send().await.unwrap();
        let told = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), told, answer.bytes().await.unwrap().to_vec())
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn recorded() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/timestamp-requests.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn body(row: &Value) -> Vec<u8> {
    let Some(text) = row["body"].as_str() else {
        let mut body = hex::decode(row["body"]["repeat"][0].as_str().unwrap()).unwrap();
        body.resize(usize::try_from(row["body"]["repeat"][1].as_u64().unwrap()).unwrap(), 0);
        return body;
    };
    hex::decode(text).unwrap()
}

fn named(name: &str) -> Vec<u8> {
    body(recorded().iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is not recorded")))
}

fn signed_data(answer: &[u8]) -> SignedData {
    let token = TimeStampResp::from_der(answer).unwrap().time_stamp_token.unwrap();
    SignedData::from_der(&token.content.to_der().unwrap()).unwrap()
}

fn tst_info(signed: &SignedData) -> Vec<u8> {
    let content = signed.encap_content_info.econtent.as_ref().unwrap();
    content.decode_as::<OctetString>().unwrap().as_bytes().to_vec()
}

/// As record.py writes them down.
fn facts(answer: &[u8]) -> Value {
    let der_hex = |value: &dyn Fn() -> der::Result<Vec<u8>>| hex::encode(value().unwrap());
    let signed = signed_data(answer);
    let content = tst_info(&signed);
    let members = Vec::<AnyRef<'_>>::from_der(&content).unwrap();
    let tags: Vec<u8> = members.iter().map(|member| member.to_der().unwrap()[0]).collect();
    let by = &signed.signer_infos.0.as_slice()[0];
    let mut attributes: Vec<String> =
        by.signed_attrs.as_ref().unwrap().iter().map(|attribute| hex::encode(attribute.oid.as_bytes())).collect();
    attributes.sort();
    let nonce = members[5..].iter().find(|member| member.tag() == der::Tag::Integer);
    json!({
        "pkiStatus": TimeStampResp::from_der(answer).unwrap().status.status,
        "signedDataVersion": signed.version as u8,
        "certificates": signed.certificates.as_ref().map_or(0, |set| set.0.len()),
        "signedAttributes": attributes,
        "digestAlgorithm": der_hex(&|| by.digest_alg.oid.to_der()),
        "policy": der_hex(&|| members[1].to_der()),
        "imprint": der_hex(&|| members[2].to_der()),
        "tags": tags,
        "timeLength": members[4].to_der().unwrap().len(),
        "accuracy": der_hex(&|| members[5].to_der()),
        "nonce": nonce.map(|nonce| hex::encode(nonce.to_der().unwrap())),
    })
}

#[tokio::test]
async fn it_answers_as_sigstores_timestamp_authority_or_is_stricter_where_it_says_so() {
    let authority = start().await;
    let rows = recorded();
    assert!(rows.len() > 70 && rows.iter().filter(|row| row["status"] == 200).count() > 20);
    for row in &rows {
        let name = row["name"].as_str().unwrap();
        let content_type = row["contentType"].as_str().unwrap();
        let (status, told, answer) = authority.ask(content_type, body(row)).await;
        if let Some((_, failure)) = STRICTER.iter().find(|(stricter, _)| *stricter == name) {
            assert_eq!((status, &row["status"]), (400, &json!(200)), "{name}");
            assert_eq!(failure_of(&answer), *failure as usize, "{name}");
            continue;
        }
        assert_eq!(json!(status), row["status"], "{name}: {}", String::from_utf8_lossy(&answer));
        if status == 200 {
            let mut expected = row["answer"].clone();
            if name == IMPRINT_AS_SENT {
                let request = TimeStampReq::from_der(&body(row)).unwrap();
                expected["imprint"] = hex::encode(request.message_imprint.to_der().unwrap()).into();
                assert_ne!(expected["imprint"], row["answer"]["imprint"]);
            }
            assert_eq!((told.as_str(), facts(&answer)), ("application/timestamp-reply", expected), "{name}");
        }
    }
    for (name, _) in STRICTER {
        assert!(rows.iter().any(|row| row["name"] == name), "{name}");
    }
}

/// The one bit that is set.
fn failure_of(answer: &[u8]) -> usize {
    let status = TimeStampResp::from_der(answer).unwrap();
    assert!(status.time_stamp_token.is_none() && status.status.status == 2, "a rejection");
    let bits = status.status.fail_info.unwrap();
    let set: Vec<usize> = bits.bits().enumerate().filter(|(_, bit)| *bit).map(|(index, _)| index).collect();
    assert_eq!(bits.bit_len(), set[0] + 1, "no zero bits behind it");
    assert_eq!(set.len(), 1);
    set[0]
}

#[tokio::test]
async fn a_refusal_has_its_failure_bit_or_is_json_for_json() {
    let authority = start().await;
    for (name, failure) in FAILURES {
        let (status, told, answer) = authority.ask("application/timestamp-query", named(name)).await;
        assert_eq!((status, told.as_str()), (400, "application/timestamp-reply"), "{name}");
        assert_eq!(failure_of(&answer), failure as usize, "{name}");
    }
    let (status, told, answer) = authority.ask("application/json", named("JSON: another policy")).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, told.as_str(), &answer["code"]), (400, "application/json", &json!(400)));
    assert!(answer["message"].as_str().unwrap().contains("1.3.6.1.4.1.57264.2"));
}

#[tokio::test]
async fn other_paths_and_methods_are_answered_as_the_real_one_does() {
    let authority = start().await;
    let get = |path: &str| client().get(format!("{}{path}", authority.base)).send();
    let chain = get("/api/v1/timestamp/certchain").await.unwrap();
    assert_eq!(chain.headers()["content-type"], "application/pem-certificate-chain");
    let expected: String = authority.description.chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
    assert_eq!((chain.status().as_u16(), chain.text().await.unwrap()), (200, expected));
    assert_eq!(get("/ping").await.unwrap().text().await.unwrap(), ".");
    for (path, status) in [("/api/v1/timestamp", 405), ("/api/v1/timestamps", 404), ("/", 404)] {
        assert_eq!(get(path).await.unwrap().status().as_u16(), status, "{path}");
    }
    let elsewhere = client().post(&authority.description.url).header("host", "evil.example").send().await.unwrap();
    assert_eq!(elsewhere.status(), 403);
}

/// A folder with the chain of an authority.
struct Place(tempfile::TempDir);

impl Place {
    fn new(description: &TimestampDescription) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.put("leaf.pem", pem("CERTIFICATE", &description.chain[0]).as_bytes());
        place.put("root.pem", pem("CERTIFICATE", &description.chain[1]).as_bytes());
        place
    }

    fn put(&self, name: &str, content: &[u8]) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    fn openssl_ts(&self, words: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        command.arg("ts").args(words).current_dir(self.0.path()).output().expect("openssl is installed")
    }

    /// Whether openssl verifies answer.tsr for what these words say.
    fn verifies(&self, of: &[&str]) -> bool {
        let words = ["-verify", "-in", "answer.tsr", "-CAfile", "root.pem", "-untrusted", "leaf.pem"];
        let output = self.openssl_ts(&[&words[..], of].concat());
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("Verification: OK")
    }
}

#[tokio::test]
async fn openssl_verifies_every_timestamp_for_its_request_alone() {
    let (authority, other) = (start().await, start().await);
    let (place, other_place) = (Place::new(&authority.description), Place::new(&other.description));
    let (_, _, elsewhere) = other.ask("application/timestamp-query", named("witness: certReq")).await;
    other_place.put("answer.tsr", &elsewhere);
    let stricter = |row: &Value| STRICTER.iter().any(|(name, _)| row["name"] == *name);
    for row in recorded().iter().filter(|row| row["status"] == 200 && !stricter(row)) {
        let content_type = row["contentType"].as_str().unwrap();
        let (_, _, answer) = authority.ask(content_type, body(row)).await;
        place.put("answer.tsr", &answer);
        if content_type == "application/json" {
            let request: Value = serde_json::from_slice(&body(row)).unwrap();
            let digest = hex::encode(STANDARD.decode(request["artifactHash"].as_str().unwrap()).unwrap());
            assert!(place.verifies(&["-digest", &digest]), "{}", row["name"]);
            assert!(!place.verifies(&["-digest", &digest.replace('5', "6")]), "{}", row["name"]);
        } else {
            place.put("request.tsq", &body(row));
            assert!(place.verifies(&["-queryfile", "request.tsq"]), "{}", row["name"]);
        }
    }
    place.put("answer.tsr", &elsewhere);
    place.put("request.tsq", &named("witness: certReq"));
    other_place.put("request.tsq", &named("witness: certReq"));
    assert!(other_place.verifies(&["-queryfile", "request.tsq"]));
    assert!(!place.verifies(&["-queryfile", "request.tsq"]), "below another root");
    let (_, _, answer) =
        authority.ask("application/timestamp-query", named("sigstore-python: nonce and certReq")).await;
    place.put("answer.tsr", &answer);
    place.put("request.tsq", &named("sigstore-java: nonce, AlgorithmIdentifier without NULL"));
    assert!(!place.verifies(&["-queryfile", "request.tsq"]), "the nonce of another request");
    place.put("request.tsq", &named("sigstore-python: nonce and certReq"));
    assert!(place.verifies(&["-queryfile", "request.tsq"]));
    let mut forged = answer;
    *forged.last_mut().unwrap() ^= 1;
    place.put("answer.tsr", &forged);
    assert!(!place.verifies(&["-queryfile", "request.tsq"]), "a forged signature");
}

#[tokio::test]
async fn openssl_asks_and_reads_refusals() {
    let authority = start().await;
    let place = Place::new(&authority.description);
    place.put("data", b"hello\n");
    for (hash, more) in [("-sha256", "-cert"), ("-sha384", "-no_nonce"), ("-sha512", "-cert")] {
        assert!(place.openssl_ts(&["-query", "-data", "data", hash, more, "-out", "request.tsq"]).status.success());
        let query = std::fs::read(place.0.path().join("request.tsq")).unwrap();
        let (_, _, answer) = authority.ask("application/timestamp-query", query).await;
        place.put("answer.tsr", &answer);
        assert!(place.verifies(&["-queryfile", "request.tsq"]) && place.verifies(&["-data", "data"]), "{hash}");
    }
    place.openssl_ts(&["-query", "-data", "data", "-sha256", "-tspolicy", "1.2.3.4", "-out", "request.tsq"]);
    let query = std::fs::read(place.0.path().join("request.tsq")).unwrap();
    let (_, _, answer) = authority.ask("application/timestamp-query", query).await;
    place.put("answer.tsr", &answer);
    let told = place.openssl_ts(&["-reply", "-in", "answer.tsr", "-text"]);
    let told = String::from_utf8(told.stdout).unwrap();
    for expected in ["Rejected", "the policy 1.3.6.1.4.1.57264.2 only", "the requested TSA policy is not supported"] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}

#[tokio::test]
async fn outside_of_its_certificates_time_it_signs_nothing() {
    let chain = TimestampingChain::open(None, SystemTime::now()).await.unwrap();
    let (not_before, not_after) = (chain.not_before, chain.not_after);
    let stamper = Stamper::new(chain).unwrap();
    let request = TimestampRequest::from_der(&named("witness: certReq")).unwrap();
    let second = Duration::from_secs(1);
    for when in [not_before, not_after] {
        let answer = stamper.answer(request.clone(), when).await.unwrap();
        let content = tst_info(&signed_data(&answer));
        let time = super::messages::TstInfo::from_der(&content).unwrap().gen_time.to_system_time();
        assert_eq!(time, when);
    }
    for when in [not_before - second, not_after + second] {
        let error = stamper.answer(request.clone(), when).await.unwrap_err();
        assert!(matches!(error, TokenError::Clock));
        assert_eq!(error.failure_info(), FailureInfo::TimeNotAvailable);
    }
}

#[tokio::test]
async fn no_serial_number_is_given_twice_nor_longer_than_160_bits() {
    let stamper = Stamper::new(TimestampingChain::open(None, SystemTime::now()).await.unwrap()).unwrap();
    let request = TimestampRequest::from_der(&named("witness: certReq")).unwrap();
    let mut serials = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let answer = stamper.answer(request.clone(), SystemTime::now()).await.unwrap();
        let content = tst_info(&signed_data(&answer));
        let serial = super::messages::TstInfo::from_der(&content).unwrap().serial_number.as_bytes().to_vec();
        assert!(serial.len() <= 20);
        assert!(serials.insert(serial));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = TimestampRequest::from_der(&bytes);
        let _ = TimestampRequest::from_json(&bytes);
    }

    /// One byte of a right request is another one: what is still accepted keeps to the rules.
    #[test]
    fn no_change_of_a_request_gets_around_the_checks(index in 0_usize..70, byte in any::<u8>()) {
        let mut changed = named("sigstore-python: nonce and certReq");
        let index = index % changed.len();
        changed[index] = byte;
        if let Ok(request) = TimestampRequest::from_der(&changed) {
            let digest = request.imprint.hashed_message.as_bytes().len();
            prop_assert!([32, 48, 64].contains(&digest));
            let read_back = TimeStampReq::from_der(&changed).unwrap();
            prop_assert_eq!(read_back.version, 1);
            prop_assert_eq!(read_back.to_der().unwrap(), changed);
        }
    }

    #[test]
    fn no_json_makes_it_panic(nonce in "-?[0-9]{1,900}|[a-z\"{]{0,8}", hash in ".{0,60}", name in "(?i)sha(1|256|384|512)|.{0,8}") {
        let body = format!(r#"{{"artifactHash": {}, "hashAlgorithm": {}, "nonce": {nonce}}}"#, json!(hash), json!(name));
        let _ = TimestampRequest::from_json(body.as_bytes());
    }
}
