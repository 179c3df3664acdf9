//! Owns who we are towards Google: Application Default Credentials, kept fresh by Google's own library.
//!
//! Refuses to know what the tokens are for. The library's weak side is fixed here: it gives up for good after one error that it takes
//! for lasting, and waits without end for a token server that does not answer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::{
    CacheableResource, Credentials, external_account, impersonated, mds, service_account, user_account,
};
use hyper::http::{Extensions, HeaderMap};
use tokio::time::{Instant, timeout};

use crate::files::{self, MAX_FILE_BYTES};
use crate::signer::cloud_env::{unclean, unclean_problem, variable};
use crate::signer::remote::RemoteError;

/// How long credentials that give no token are kept, before they are made again.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the library reads where an identity at AWS stands for one at Google.
const OF_AWS: [&str; 5] =
    ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// The longest that one call waits for a token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// What a builder builds, for the project that the environment names: the builders have that alike, and no trait for it.
macro_rules! built {
    ($builder:expr) => {
        match variable("GOOGLE_CLOUD_QUOTA_PROJECT") {
            Some(project) => $builder.with_quota_project_id(project).build(),
            None => $builder.build(),
        }
    };
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialsSource {
    /// Application Default Credentials: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, gcloud's own file, or the metadata server.
    Default,
    /// A file as `GOOGLE_APPLICATION_CREDENTIALS` names: a service account's key, workload identity federation and the like.
    File(PathBuf),
}

pub(super) struct AccessTokens {
    source: CredentialsSource,
    held: Mutex<Held>,
}

/// Credentials, and since when they have been asked without an answer.
struct Held {
    credentials: Arc<Credentials>,
    unanswered: Option<Instant>,
}

impl AccessTokens {
    /// Reads the credentials. The first token is fetched beside, in a task of the library's.
    pub(super) fn new(source: CredentialsSource) -> Result<Self, RemoteError> {
        let held = Held { credentials: Arc::new(source.read()?), unanswered: None };
        Ok(Self { source, held: Mutex::new(held) })
    }

    /// The headers that make a request ours.
    pub(super) async fn headers(&self) -> Result<HeaderMap, RemoteError> {
        let credentials = self.ask()?;
        let answer = timeout(TOKEN_TIMEOUT, credentials.headers(Extensions::new())).await;
        let error = match answer {
            Ok(Ok(CacheableResource::New { data, .. })) => {
                self.answered(&credentials);
                return Ok(data);
            }
            Ok(Ok(CacheableResource::NotModified)) => return Err(RemoteError::Unusable("no access token".into())),
            Ok(Err(error)) => error,
            Err(_) => return Err(RemoteError::Unreachable("no access token: it took too long".into())),
        };
        let causes = super::printable(&causes(&error));
        let clock = if is_about_time(&causes) { "this machine's clock is wrong: " } else { "" };
        let text = format!("no access token: {clock}{causes}");
        Err(if error.is_transient() {
            RemoteError::Unreachable(text.into())
        } else {
            RemoteError::Refused(text.into())
        })
    }

    /// The credentials of the moment, made again if the last ones have been silent or failing for too long.
    ///
    /// The one that waits may be gone before the token server's time is up, so the silence is noted at the question.
    fn ask(&self) -> Result<Arc<Credentials>, RemoteError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *held.unanswered.get_or_insert_with(Instant::now);
        if since.elapsed() >= PATIENCE {
            *held = Held { credentials: Arc::new(self.source.read()?), unanswered: Some(Instant::now()) };
        }
        Ok(Arc::clone(&held.credentials))
    }

    fn answered(&self, credentials: &Arc<Credentials>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&held.credentials, credentials) {
            held.unanswered = None;
        }
    }
}

impl CredentialsSource {
    fn read(&self) -> Result<Credentials, RemoteError> {
        match self {
            Self::File(path) => read_file(path),
            Self::Default => match default_file(&variable) {
                Some(path) => read_file(&path),
                None => of_machine(),
            },
        }
    }
}

/// The file that the environment names, or gcloud's own. Looked for here, because the library takes a variable with nothing in it for a
/// file's name.
fn default_file(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let of_gcloud = || {
        let home = PathBuf::from(variable("HOME")?);
        Some(home.join(".config/gcloud/application_default_credentials.json")).filter(|file| file.exists())
    };
    variable("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from).or_else(of_gcloud)
}

/// Those that the metadata server gives.
fn of_machine() -> Result<Credentials, RemoteError> {
    let what = "the metadata server's credentials";
    refuse_unclean(what, &["GCE_METADATA_HOST"])?;
    built!(mds::Builder::default()).map_err(|error| unusable(what, &error))
}

/// The library reads these itself, as they stand.
fn refuse_unclean(what: &str, names: &[&'static str]) -> Result<(), RemoteError> {
    match unclean(names) {
        None => Ok(()),
        Some(name) => Err(RemoteError::Refused(format!("{what}: {}", unclean_problem(name)).into())),
    }
}

/// As the library reads the file of `GOOGLE_APPLICATION_CREDENTIALS`.
fn read_file(path: &Path) -> Result<Credentials, RemoteError> {
    let refused = |text: &str| RemoteError::Refused(format!("{}: {text}", path.display()).into());
    let text = files::read(path, MAX_FILE_BYTES).map_err(|error| refused(&error.problem.to_string()))?;
    // What serde_json says of a value may hold a part of the key.
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(|_| refused("no JSON"))?;
    let kind = json.get("type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned();
    if json.pointer("/credential_source/environment_id").is_some() {
        refuse_unclean(&path.display().to_string(), &OF_AWS)?;
    }
    let built = match kind.as_str() {
        "service_account" => built!(service_account::Builder::new(json)),
        "external_account" => built!(external_account::Builder::new(json)),
        "authorized_user" => built!(user_account::Builder::new(json)),
        "impersonated_service_account" => built!(impersonated::Builder::new(json)),
        _ => return Err(refused("not the JSON file of credentials: its `type` is none that is known")),
    };
    built.map_err(|error| unusable(&path.display().to_string(), &error))
}

/// Google refuses an assertion whose times are not near its own, with these words among others.
fn is_about_time(text: &str) -> bool {
    text.contains("reasonable timeframe") || text.contains("iat and exp")
}

fn unusable(what: &str, error: &BuildError) -> RemoteError {
    // A parsing error may quote the file.
    if error.is_parsing() {
        return RemoteError::Refused(format!("{what}: malformed, or a field is missing").into());
    }
    RemoteError::Refused(format!("{what}: {}", super::printable(&causes(error))).into())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
