//! The issuer file that trusts the development issuers.
//!
//! Owns its text. Reading it is the configuration's business.

use std::fmt::Write as _;

use super::AUDIENCE;
use crate::identity::IdentityKind;

/// What looks like GitHub Actions to the templates of `ci-provider`.
const METADATA: &str = r#"ci-issuer-metadata:
  development-ci:
    default-template-values: {url: "https://github.com"}
    extension-templates:
      github-workflow-trigger: event_name
      github-workflow-sha: sha
      github-workflow-name: workflow
      github-workflow-repository: repository
      github-workflow-ref: ref
      build-signer-uri: "{{ .url }}/{{ .job_workflow_ref }}"
      build-signer-digest: job_workflow_sha
      runner-environment: runner_environment
      source-repository-uri: "{{ .url }}/{{ .repository }}"
      source-repository-digest: sha
      source-repository-ref: ref
      source-repository-identifier: repository_id
      source-repository-owner-uri: "{{ .url }}/{{ .repository_owner }}"
      source-repository-owner-identifier: repository_owner_id
      build-config-uri: "{{ .url }}/{{ .workflow_ref }}"
      build-config-digest: workflow_sha
      build-trigger: event_name
      run-invocation-uri: "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}"
      source-repository-visibility-at-signing: repository_visibility
    subject-alternative-name-template: "{{ .url }}/{{ .job_workflow_ref }}"
"#;

/// An issuer file (YAML) that trusts every issuer of a development issuer at `base`, such as `http://127.0.0.1:5556`.
pub fn issuers_file(base: &str) -> String {
    let mut text =
        String::from("# For development only: these issuers give anybody a token for any identity.\noidc-issuers:\n");
    for &identity in IdentityKind::ALL {
        let name = identity.name();
        let more = match identity {
            IdentityKind::Uri => ", subject-domain: \"http://127.0.0.1\"",
            IdentityKind::Username => ", subject-domain: \"127.0.0.1\"",
            IdentityKind::Spiffe => ", spiffe-trust-domain: example.org",
            IdentityKind::CiProvider => ", ci-provider: development-ci",
            _ => "",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  \"{base}/{name}\": {{issuer-url: \"{base}/{name}\", client-id: {AUDIENCE}, type: {name}{more}}}"
        );
    }
    text + METADATA
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::issuers::Issuers;

    #[test]
    fn the_configuration_reads_it_and_trusts_every_type() {
        let issuers = Issuers::parse("development issuers", &issuers_file("http://127.0.0.1:5556")).unwrap();
        assert_eq!(issuers.len(), IdentityKind::ALL.len());
        for &identity in IdentityKind::ALL {
            let issuer = issuers.find(&format!("http://127.0.0.1:5556/{}", identity.name()));
            let issuer = issuer.first().unwrap();
            assert_eq!((issuer.identity.name(), issuer.audience.as_str()), (identity.name(), "sigstore"));
        }
    }
}
