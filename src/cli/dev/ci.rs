//! `sigmint dev --ci`: what a job's later steps need, as environment variables.
//!
//! Owns their names and the env file, whose presence says that everything serves. Knows no server.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::super::error::CommandError;
use super::clients::{Signer, quoted};
use super::folder_error;
use crate::dev::{Deployment, Folder};

/// In the folder; a shell reads it with `set -a; . sigmint-dev.env`.
pub(super) const FILE: &str = "sigmint-dev.env";
/// GitHub Actions' variable: the file whose lines are the environment of a job's later steps.
pub(super) const GITHUB_ENV: &str = "GITHUB_ENV";

/// Variables, in the order that they are written in.
pub(super) struct Environment(Vec<(&'static str, Zeroizing<String>)>);

impl Environment {
    /// For a deployment whose files are in the folder at `path`.
    pub(super) fn new(
        path: &Path,
        deployment: &Deployment,
        signer: &Signer,
        token: &SecretString,
    ) -> Result<Self, CommandError> {
        let folder = path.to_str().filter(|path| !path.contains(char::is_control)).ok_or_else(|| {
            CommandError::usage(format!("the path {} cannot be in an env file", path.display()))
                .hint("choose a folder with another name with --dir")
        })?;
        let (trusted_root, signing_config) =
            (format!("{folder}/trusted_root.json"), format!("{folder}/signing_config.json"));
        let variables = [
            ("SIGMINT_DEV_PID", &*std::process::id().to_string()),
            ("SIGMINT_DEV_FOLDER", folder),
            ("SIGMINT_DEV_ISSUER", &signer.issuer_base),
            ("SIGMINT_DEV_LOG_URL", &deployment.log.url),
            ("SIGMINT_DEV_REKOR_URL", &deployment.rekor.url),
            ("SIGMINT_DEV_TSA_URL", &deployment.timestamp_authority.url),
            ("SIGMINT_DEV_TRUSTED_ROOT", &trusted_root),
            ("SIGMINT_DEV_SIGNING_CONFIG", &signing_config),
            // Whom verifiers have to be told.
            ("SIGMINT_DEV_IDENTITY", &signer.identity),
            ("SIGMINT_DEV_IDENTITY_ISSUER", &signer.token_issuer),
            // What `sigmint request` reads.
            ("SIGMINT_URL", &deployment.authority),
            // What cosign takes for its flags.
            ("COSIGN_TRUSTED_ROOT", &trusted_root),
            ("COSIGN_SIGNING_CONFIG", &signing_config),
            ("COSIGN_USE_SIGNED_TIMESTAMPS", "true"),
            ("COSIGN_YES", "true"),
            // What cosign, sigstore-js and `sigmint request` read.
            ("SIGSTORE_ID_TOKEN", token.expose_secret()),
        ];
        Ok(Self(variables.map(|(name, value)| (name, Zeroizing::new(value.to_owned()))).to_vec()))
    }

    /// Tells GitHub Actions, if `github` names its file, and then everybody who waits for the folder's file.
    pub(super) fn announce(&self, folder: &Folder, github: Option<&Path>) -> Result<(), CommandError> {
        if let Some(path) = github {
            // Every line as it is: the runner removes no quotes.
            self.append(path).map_err(|error| {
                CommandError::failed(format!("cannot write {}, which {GITHUB_ENV} names: {error}", path.display()))
            })?;
        }
        folder.put_whole(FILE, self.lines(quoted).as_bytes()).map_err(|error| folder_error(&error))
    }

    fn append(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        file.write_all(self.lines(ToOwned::to_owned).as_bytes())
    }

    fn lines(&self, form: impl Fn(&str) -> String) -> Zeroizing<String> {
        let lines = self.0.iter().map(|(name, value)| Zeroizing::new(format!("{name}={}\n", form(value))));
        Zeroizing::new(lines.fold(String::new(), |text, line| text + &line))
    }
}

/// What is said of it.
pub(super) fn words(folder: &Path) -> String {
    format!(
        "For the steps of this job, valid for a day:\n\n  \
          set -a; . {}; set +a        # GitHub Actions has it already, by ${GITHUB_ENV}\n  \
          cosign sign-blob --bundle hello.sigstore.json hello.txt\n  \
          cosign verify-blob --certificate-identity \"$SIGMINT_DEV_IDENTITY\" \\\n    \
          --certificate-oidc-issuer \"$SIGMINT_DEV_IDENTITY_ISSUER\" --bundle hello.sigstore.json hello.txt\n",
        quoted(&folder.join(FILE).display().to_string())
    )
}
