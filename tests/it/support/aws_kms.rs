//! AWS KMS as tests see it: a program of its own (`tests/e2e/counterparts/aws-kms`), built here, started, killed and told to misbehave.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use aws_sdk_kms::Client;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use rustls::pki_types::PrivateKeyDer;
use sigmint::signer::aws_kms::AwsKmsOptions;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

/// Who may do everything.
pub const OPERATOR: (&str, &str) = ("AKIAOPERATOR", "the operator's secret");
/// Who may see public keys, and no more.
pub const READER: (&str, &str) = ("AKIAREADER", "the reader's secret");
/// Who may do nothing.
pub const STRANGER: (&str, &str) = ("AKIASTRANGER", "the stranger's secret");
/// The one region.
pub const REGION: &str = "eu-central-1";

/// A running service with its keys.
pub struct Counterpart {
    folder: TempDir,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Counterpart {
    /// Builds the program if need be, and starts it without keys.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (process, port) = run(folder.path(), 0);
        Self { folder, port, process: Mutex::new(Some(process)) }
    }

    /// Kills the program, as a crash would.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap().take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts the program again on the same port, with the same keys.
    pub fn start_again(&self) {
        let (process, port) = run(self.folder.path(), self.port);
        assert_eq!(port, self.port);
        *self.process.lock().unwrap() = Some(process);
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What an operator sets to use it.
    pub fn options(&self) -> AwsKmsOptions {
        self.options_of(OPERATOR)
    }

    /// The same, as another caller.
    pub fn options_of(&self, (id, secret): (&str, &str)) -> AwsKmsOptions {
        AwsKmsOptions {
            endpoint: Some(Url::parse(&self.endpoint()).unwrap()),
            region: Some(REGION.to_owned()),
            credentials: Some(SharedCredentialsProvider::new(Credentials::new(id, secret, None, None, "tests"))),
            ..AwsKmsOptions::default()
        }
    }

    /// Makes it misbehave; `none` ends that.
    pub async fn fault(&self, name: &str) {
        let answer = reqwest::Client::new().post(format!("{}/_fault/{name}", self.endpoint())).send().await.unwrap();
        assert_eq!(answer.status(), 204, "{name}");
    }

    /// A client of its own for what an administrator does.
    pub fn administrator(&self) -> Client {
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(self.endpoint())
            .credentials_provider(Credentials::new(OPERATOR.0, OPERATOR.1, None, None, "tests"));
        Client::from_conf(config.build())
    }

    /// Makes a key that signs, and answers its ARN.
    pub async fn signing_key(&self, spec: &str) -> String {
        self.key(spec, KeyUsageType::SignVerify).await
    }

    /// Makes a key, and answers its ARN.
    pub async fn key(&self, spec: &str, usage: KeyUsageType) -> String {
        let created = self.administrator().create_key().key_spec(KeySpec::from(spec)).key_usage(usage).send().await;
        created.unwrap().key_metadata.unwrap().arn.unwrap()
    }

    /// Has a key encrypt, as Tink does.
    pub async fn encrypt(&self, key: &str, plaintext: &[u8]) -> Vec<u8> {
        let encrypted = self.administrator().encrypt().key_id(key).plaintext(Blob::new(plaintext)).send().await;
        encrypted.unwrap().ciphertext_blob.unwrap().into_inner()
    }

    /// Listens with TLS in front of it, as `localhost`; answers the port and a file with the certificate to trust.
    pub async fn behind_tls(&self) -> (u16, PathBuf) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = self.folder.path().join("tls.pem");
        std::fs::write(&file, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config =
            config.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), self.port);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut inside = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut inside).await;
                    }
                });
            }
        });
        (port, file)
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn run(folder: &Path, port: u16) -> (Child, u16) {
    let mut command = Command::new(program());
    command.arg(port.to_string()).arg(folder.join("keys.json")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (process, line.trim().parse().expect("the counterpart tells its port"))
}

/// Built once, beside our own build: a test that cannot have it must fail, not pass.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("counterparts");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/counterparts/aws-kms/Cargo.toml");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&target);
        assert!(build.status().unwrap().success(), "the counterpart of AWS KMS does not build");
        target.join("debug/aws-kms-counterpart")
    })
}
