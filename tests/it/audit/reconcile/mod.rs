//! `sigmint audit reconcile` against a log that shows what it should, and logs that do not, over both ways to read one.

mod broken;
mod later_runs;
mod matching;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SanType, SerialNumber,
};
use serde_json::{Value, json};
use sigmint::certificate::logged_tbs;
use tempfile::TempDir;

use crate::support::certificate::{hex, parse};
use crate::support::read_log::{Api, Content, ReadLog};

const DAY: u64 = 24 * 60 * 60 * 1000;
const HOUR: u64 = DAY / 24;

/// What `sigmint audit reconcile` ends with.
const MATCHED: i32 = 0;
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const ALARM: i32 = 3;
const NOTICE: i32 = 4;

/// Milliseconds since 1970.
fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

struct Ca {
    params: CertificateParams,
    key: KeyPair,
}

impl Ca {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn certificate(&self) -> rcgen::Certificate {
        self.params.self_signed(&self.key).unwrap()
    }

    /// A certificate for somebody, with this serial number.
    fn issue(&self, serial: u8, address: &str, is_poisoned: bool) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.serial_number = Some(SerialNumber::from_slice(&[0x11, 0x22, serial]));
        params.subject_alt_names = vec![SanType::Rfc822Name(Ia5String::try_from(address.to_owned()).unwrap())];
        if is_poisoned {
            let mut poison = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 3], vec![5, 0]);
            poison.set_criticality(true);
            params.custom_extensions.push(poison);
        }
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    /// A precertificate as a log shows it, and the hash of what was logged.
    fn precertificate(&self, serial: u8, address: &str) -> (Content, String) {
        let der = self.issue(serial, address, true);
        let tbs = logged_tbs(parse(&der).tbs_certificate.as_ref()).unwrap();
        let issuer_key_hash = sha256(parse(self.certificate().der()).public_key().raw);
        let hash = hex(&sha256(&tbs));
        (Content::Precertificate { issuer_key_hash, tbs, precertificate: der }, hash)
    }
}

/// A log, a CA, and audit files.
struct Scene {
    log: ReadLog,
    ca: Ca,
    /// The CA's certificate as it was given, DER.
    root: Vec<u8>,
    folder: TempDir,
    records: String,
}

impl Scene {
    fn new(api: Api) -> Self {
        let ca = Ca::new("our CA");
        let scene = Self {
            log: ReadLog::start(api, now()),
            root: ca.certificate().der().to_vec(),
            ca,
            folder: tempfile::tempdir().unwrap(),
            records: String::new(),
        };
        let spki = pem::encode(&pem::Pem::new("PUBLIC KEY", scene.log.spki.clone()));
        scene.put("log.pem", spki.as_bytes());
        scene.put("chain.pem", pem::encode(&pem::Pem::new("CERTIFICATE", scene.root.clone())).as_bytes());
        std::fs::create_dir(scene.path("audit")).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes a record, at a time in milliseconds.
    fn record(&mut self, time: u64, mut members: Value) {
        let time = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::from_millis(time));
        let common =
            json!({"v": 1, "chain": "0011223344556677", "seq": 1, "prev": "00".repeat(32), "time": time.to_string()});
        members.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        writeln!(self.records, "{members}").unwrap();
        self.put("audit/audit.jsonl", self.records.as_bytes());
    }

    fn intent(&mut self, time: u64, serial: u8, tbs: &str) {
        self.record(
            time,
            json!({"type": "intent", "serial": format!("1122{serial:02x}"), "tbs_sha256": tbs,
            "request_id": format!("request-{serial}"), "issuer": "https://issuer.example",
            "san": {"type": "email", "value": format!("recorded-{serial}@example.com")}}),
        );
    }

    fn outcome(&mut self, time: u64, serial: u8) {
        let log_id = hex(&sha256(&self.log.spki));
        self.record(
            time,
            json!({"type": "outcome", "serial": format!("1122{serial:02x}"),
            "certificate_sha256": "aa".repeat(32), "scts": ["bb".repeat(32), log_id]}),
        );
    }

    /// A precertificate in the log, with its intent and its outcome.
    fn issue(&mut self, time: u64, serial: u8) {
        let (content, tbs) = self.ca.precertificate(serial, "recorded@example.com");
        self.log.add(time, content);
        self.intent(time, serial, &tbs);
        self.outcome(time, serial);
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.current_dir(self.folder.path()).env_clear().args(["audit", "reconcile"]);
        if !more.contains(&"--ct-log") {
            command.args(["--ct-log", &self.log.url()]);
        }
        command.args(["--chain=chain.pem", "--ct-log-public-key-path=log.pem"]).args(more);
        command
    }

    /// Runs it on the folder of audit files and wants this exit code; what it printed.
    fn run(&self, code: i32, more: &[&str]) -> String {
        ended(self.command(more).arg("audit").output().unwrap(), code)
    }

    fn json(&self, code: i32, more: &[&str]) -> Value {
        serde_json::from_str(&self.run(code, &[&["--json"], more].concat())).unwrap()
    }
}

/// What was printed, and what was told of errors.
fn ended(output: Output, code: i32) -> String {
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn kinds(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
}
