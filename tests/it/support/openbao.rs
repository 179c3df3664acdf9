//! A real OpenBao server with its data in a folder of its own, that can be killed and brought back.
//!
//! The program is what `OPENBAO` names; `tests/e2e/vault/get_openbao.sh` builds it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};
use sigmint::signer::vault::VaultOptions;

use super::eventually;
use super::ports::free_port;

/// A running server, unsealed, with a transit engine at `transit/`.
pub struct OpenBao {
    /// Without TLS.
    pub url: String,
    /// The same server with TLS; its certificate is [`OpenBao::ca_file`].
    pub tls_url: String,
    pub root: String,
    unseal_key: String,
    folder: tempfile::TempDir,
    process: Mutex<Child>,
    client: reqwest::Client,
}

impl OpenBao {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, tls_port) = (free_port(), free_port());
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.path().join("tls.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("tls.key.pem"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("bao.hcl"), configuration(&folder, port, tls_port)).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut server = Self {
            url: format!("http://127.0.0.1:{port}"),
            tls_url: format!("https://localhost:{tls_port}"),
            root: String::new(),
            unseal_key: String::new(),
            process: Mutex::new(spawn(&folder)),
            folder,
            client,
        };
        server.wait_until_it_answers().await;
        let keys = server.expect("PUT", "sys/init", json!({"secret_shares": 1, "secret_threshold": 1})).await;
        server.root = keys["root_token"].as_str().unwrap().to_owned();
        server.unseal_key = keys["keys"][0].as_str().unwrap().to_owned();
        server.unseal().await;
        server.expect("POST", "sys/mounts/transit", json!({"type": "transit"})).await;
        server
    }

    /// Options with the root token.
    pub fn options(&self) -> VaultOptions {
        self.options_with(&self.root)
    }

    pub fn options_with(&self, token: &str) -> VaultOptions {
        VaultOptions { address: Some(self.url.clone()), token: Some(token.into()), ..VaultOptions::default() }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("tls.pem")
    }

    /// One call with the root token: status and body.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_in("", method, path, body).await
    }

    /// The same in a namespace.
    pub async fn call_in(&self, namespace: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}/v1/{path}", self.url));
        let request = request.header("x-vault-token", &self.root).header("x-vault-namespace", namespace);
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
    }

    /// A call that has to succeed.
    pub async fn expect(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    pub async fn make_key(&self, name: &str, kind: &str) {
        self.expect("POST", &format!("transit/keys/{name}"), json!({"type": kind})).await;
    }

    pub async fn rotate(&self, name: &str) {
        self.expect("POST", &format!("transit/keys/{name}/rotate"), json!({})).await;
    }

    /// A token with the default policy and these rules.
    pub async fn token(&self, policy: &str, rules: &str) -> String {
        self.expect("PUT", &format!("sys/policies/acl/{policy}"), json!({"policy": rules})).await;
        let made = self.expect("POST", "auth/token/create", json!({"policies": [policy], "ttl": "1h"})).await;
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    pub async fn revoke(&self, token: &str) {
        self.expect("POST", "auth/token/revoke", json!({"token": token})).await;
    }

    pub async fn seal(&self) {
        self.expect("PUT", "sys/seal", json!({})).await;
    }

    pub async fn unseal(&self) {
        self.expect("PUT", "sys/unseal", json!({"key": self.unseal_key})).await;
        eventually("the server being active", || async {
            (self.call("GET", "sys/health", json!({})).await.0 == 200).then_some(())
        })
        .await;
    }

    /// `kill -9`.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// The same data on the same port.
    pub async fn start_again(&self) {
        *self.process.lock().unwrap() = spawn(&self.folder);
        self.wait_until_it_answers().await;
        self.unseal().await;
    }

    async fn wait_until_it_answers(&self) {
        let health = format!("{}/v1/sys/seal-status", self.url);
        eventually("the server answering", || async { self.client.get(&health).send().await.ok() }).await;
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn spawn(folder: &tempfile::TempDir) -> Child {
    let program = std::env::var("OPENBAO").expect("OPENBAO is the path that tests/e2e/vault/get_openbao.sh prints");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.path().join("bao.log")).unwrap();
    let mut command = Command::new(program);
    command.arg("server").arg("-config").arg(folder.path().join("bao.hcl")).stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

fn configuration(folder: &tempfile::TempDir, port: u16, tls_port: u16) -> String {
    let path = folder.path().display();
    format!(
        r#"
api_addr = "http://127.0.0.1:{port}"
storage "file" {{ path = "{path}/data" }}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
listener "tcp" {{
  address = "127.0.0.1:{tls_port}"
  cluster_address = "127.0.0.1:0"
  tls_cert_file = "{path}/tls.pem"
  tls_key_file = "{path}/tls.key.pem"
}}
"#
    )
}
