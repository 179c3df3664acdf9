//! Who may call, and what each may do; and the two services that hand out credentials over HTTP.

use axum::body::Bytes;
use axum::http::StatusCode;
use fakecloud_core::auth::{
    ConditionContext, CredentialResolver, IamAction, IamDecision, IamPolicyEvaluator, Principal, PrincipalType,
    ResolvedCredential,
};

use crate::ACCOUNT;

/// Access key, secret, and the actions allowed (`*` for all).
const CALLERS: [(&str, &str, &[&str]); 3] = [
    ("AKIAOPERATOR", "the operator's secret", &["*"]),
    ("AKIAREADER", "the reader's secret", &["GetPublicKey"]),
    ("AKIASTRANGER", "the stranger's secret", &[]),
];
const EXPIRED: &str = "ASIAEXPIRED";
const WEB_IDENTITY_TOKEN: &str = "a.web.identity";

pub struct Callers;

impl CredentialResolver for Callers {
    fn resolve(&self, access_key_id: &str) -> Option<ResolvedCredential> {
        let (id, secret, _) = CALLERS.iter().find(|(id, ..)| *id == access_key_id)?;
        Some(ResolvedCredential {
            secret_access_key: (*secret).to_owned(),
            session_token: None,
            principal: Principal {
                arn: format!("arn:aws:iam::{ACCOUNT}:user/{id}"),
                user_id: (*id).to_owned(),
                account_id: ACCOUNT.to_owned(),
                principal_type: PrincipalType::User,
                source_identity: None,
                tags: None,
            },
            session_policies: Vec::new(),
            mfa_present: false,
            token_issued_at: None,
            federated_provider: None,
        })
    }

    fn is_expired(&self, access_key_id: &str) -> bool {
        access_key_id == EXPIRED
    }
}

impl IamPolicyEvaluator for Callers {
    fn evaluate(
        &self,
        principal: &Principal,
        action: &IamAction,
        _: &ConditionContext,
        _: &[String],
        _: Option<&[String]>,
    ) -> IamDecision {
        let allowed = CALLERS.iter().find(|(id, ..)| *id == principal.user_id).map_or(&[][..], |(.., allowed)| allowed);
        if allowed.contains(&"*") || allowed.contains(&action.action) {
            IamDecision::Allow
        } else {
            IamDecision::ImplicitDeny
        }
    }

    fn evaluate_with_resource_policy(
        &self,
        principal: &Principal,
        action: &IamAction,
        context: &ConditionContext,
        _: Option<&str>,
        _: &str,
        session: &[String],
        scps: Option<&[String]>,
    ) -> IamDecision {
        self.evaluate(principal, action, context, session, scps)
    }
}

/// What a container's credential service answers.
pub async fn container_credentials() -> String {
    let (id, secret, _) = CALLERS[0];
    format!(
        r#"{{"AccessKeyId":"{id}","SecretAccessKey":"{secret}","Token":"a session","Expiration":"2099-01-01T00:00:00Z"}}"#
    )
}

/// What STS answers to a web identity, or to one that it does not know.
pub async fn assume_role_with_web_identity(form: Bytes) -> (StatusCode, String) {
    let form = String::from_utf8_lossy(&form);
    if !form.contains("Action=AssumeRoleWithWebIdentity") || !form.contains(WEB_IDENTITY_TOKEN) {
        let error = "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>unknown token</Message></Error></ErrorResponse>";
        return (StatusCode::BAD_REQUEST, error.to_owned());
    }
    let (id, secret, _) = CALLERS[0];
    let answer = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>\
         <AssumedRoleUser><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/ca/x</Arn><AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>a session</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    (StatusCode::OK, answer)
}
