//! Owns the chains of a pool: which authorities there are, and which of them may be believed today.
//!
//! Asks as Fulcio does, so that its permissions are enough. `fetchCaCerts` would not tell which authorities issue.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;

use super::{Parent, certificates_of};
use crate::certificate::chain::{ChainError, IssuingChain};
use crate::signer::google::{CallError, GoogleApi};
use crate::signer::remote::{OpenError, RemoteError};
use crate::text::peer_text::PeerText;

/// Pages of authorities that are read; a pool has a handful.
const MAX_PAGES: usize = 20;

/// `certificateAuthorities.list`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Authorities {
    certificate_authorities: Vec<Authority>,
    next_page_token: Option<String>,
}

/// `CertificateAuthority`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Authority {
    name: String,
    state: String,
    pem_ca_certificates: Vec<String>,
}

/// The chains, those of authorities that issue first; empty if none issues.
pub(super) async fn fetch(
    api: &GoogleApi,
    parent: &Parent,
    now: SystemTime,
) -> Result<Vec<Arc<IssuingChain>>, CallError> {
    let authorities = match parent.authority() {
        Some(authority) => {
            vec![api.get(&format!("{}/certificateAuthorities/{authority}", parent.pool()), &[]).await?]
        }
        None => list(api, parent).await?,
    };
    let (issuing, resting): (Vec<_>, Vec<_>) =
        authorities.into_iter().partition(|authority| authority.state == "ENABLED");
    let issuing = believed(issuing, now)?;
    if issuing.is_empty() {
        return Ok(issuing);
    }
    // Certificates of an authority that has been disabled are valid until they end.
    Ok(issuing.into_iter().chain(believed(resting, now)?).collect())
}

async fn list(api: &GoogleApi, parent: &Parent) -> Result<Vec<Authority>, CallError> {
    let path = format!("{}/certificateAuthorities", parent.pool());
    let (mut found, mut page) = (Vec::new(), String::new());
    for _ in 0..MAX_PAGES {
        let answer: Authorities = api.get(&path, &[("pageToken", page.as_str())]).await?;
        found.extend(answer.certificate_authorities);
        match answer.next_page_token.filter(|token| !token.is_empty()) {
            Some(token) => page = token,
            None => return Ok(found),
        }
    }
    Err(RemoteError::Unusable(format!("the pool has more than {MAX_PAGES} pages of authorities").into()).into())
}

/// The chains that pass our own checks. One that is expired or unfit must not take the others with it.
fn believed(authorities: Vec<Authority>, now: SystemTime) -> Result<Vec<Arc<IssuingChain>>, RemoteError> {
    let mut chains = Vec::new();
    for authority in authorities.into_iter().filter(|authority| !authority.pem_ca_certificates.is_empty()) {
        let ders = certificates_of(&authority.pem_ca_certificates.concat())?;
        match IssuingChain::from_der(&ders, now) {
            Ok(chain) => chains.push(Arc::new(chain)),
            Err(error) => passed_over(&authority.name, &error),
        }
    }
    Ok(chains)
}

fn passed_over(authority: &str, error: &ChainError) {
    let (authority, error) = (PeerText::of(authority), PeerText::of_error(error));
    let (authority, error) = (authority.as_str(), error.as_str());
    tracing::warn!(authority, error, "a certificate authority of the pool is passed over");
}

/// What to fix when the authorities cannot be read.
pub(super) fn hint(status: &str, parent: &Parent) -> Option<String> {
    Some(match status {
        "PERMISSION_DENIED" => format!(
            "gcloud privateca pools add-iam-policy-binding {} --member serviceAccount:ACCOUNT --role \
             roles/privateca.certificateManager",
            parent.flags()
        ),
        "NOT_FOUND" => format!(
            "see which authorities there are: gcloud privateca roots list --pool {0}; gcloud \
             privateca subordinates list --pool {0}",
            parent.flags()
        ),
        _ => return None,
    })
}

pub(super) fn none_issues(name: &str, parent: &Parent) -> OpenError {
    OpenError {
        key: name.to_owned(),
        problem: RemoteError::Refused("no certificate authority here is enabled and fit to issue".into()),
        hint: format!(
            "enable one: gcloud privateca roots enable CA --pool {} (or subordinates); the log says why others are \
             passed over. A subordinate needs the extended key usage codeSigning",
            parent.flags()
        ),
    }
}
