//! Files for clients: the documents, PEM, objects for Kubernetes, and the commands that read them.
//!
//! Owns the files' names. `tests/e2e/trust/run.sh` has clients read the documents; the commands are parsed by a shell only.

mod commands;
mod kubernetes;

use serde_json::Value;

use super::Deployment;

/// One file of the folder that clients are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFile {
    pub name: &'static str,
    pub content: String,
}

/// The documents that clients are given by name.
pub const TRUSTED_ROOT: &str = "trusted_root.json";
pub const SIGNING_CONFIG: &str = "signing_config.json";

impl Deployment {
    /// Every file that a client of this deployment can need. A key that the deployment has none of is not there.
    pub fn client_files(&self) -> Vec<ClientFile> {
        let pem = |keys: Vec<String>| Some(keys.concat()).filter(|text| !text.is_empty());
        let files = [
            (TRUSTED_ROOT, Some(pretty(&self.trusted_root()))),
            (SIGNING_CONFIG, Some(pretty(&self.signing_config()))),
            ("client_trust_config.json", Some(pretty(&self.client_trust_config()))),
            ("roots.pem", Some(self.roots_pem())),
            ("chains.pem", Some(self.chains_pem())),
            ("ctlog.pub", pem(self.ct_logs.iter().map(|log| log.key.to_pem()).collect())),
            ("rekor.pub", pem(self.rekor_logs.iter().map(|log| log.key.to_pem()).collect())),
            ("tsa.pem", pem(self.timestamp_authorities.iter().map(|one| one.chain.to_pem()).collect())),
            ("policy-controller.json", Some(pretty(&kubernetes::trust_root(self)))),
            ("kyverno.json", Some(pretty(&kubernetes::kyverno_policy(self)))),
            ("clients.md", Some(commands::markdown(self))),
        ];
        files.into_iter().filter_map(|(name, content)| Some(ClientFile { name, content: content? })).collect()
    }
}

/// Values made of text always have a JSON form.
fn pretty(document: &Value) -> String {
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests;
