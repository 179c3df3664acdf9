//! What is said of a denial, and that the decision travels with whom it admits.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use p256::pkcs8::EncodePublicKey as _;
use serde_json::json;

use super::*;
use crate::identity::Claims;
use crate::identity::issuers::Issuers;
use crate::possession::PublicKey;

const ISSUER: &str = "https://issuer.example.com";

fn admitted(policy: Option<&str>) -> Result<AdmittedPrincipal, Denied> {
    let file = format!("oidc-issuers:\n  {ISSUER}:\n    client-id: sigstore\n    type: email\n");
    let issuers = Issuers::parse("test.yaml", &file).unwrap();
    let issuer = Arc::clone(issuers.find(ISSUER).first().unwrap());
    let claims = json!({"iss": ISSUER, "aud": ["other", "sigstore"], "sub": "1", "exp": 1, "email": "dev@example.com", "email_verified": true});
    let claims = VerifiedClaims::for_test(Claims::parse(claims.to_string().as_bytes()).unwrap(), issuer);
    let principal = Principal::from_claims(&claims).unwrap();
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap().verifying_key().to_public_key_der().unwrap();
    let key = ProvenKey::for_test(PublicKey::parse(key.as_bytes()).unwrap());
    let policy = policy.map(|text| Policy::parse(Path::new("p.yaml"), text).unwrap().0);
    admit(policy.as_ref(), &claims, principal, key, UNIX_EPOCH + Duration::from_hours(498_840))
}

#[test]
fn without_a_policy_everybody_is_admitted_and_nothing_was_decided() {
    let admitted = admitted(None).unwrap();
    assert!(admitted.decision().is_none());
    assert_eq!(admitted.lifetime(Duration::from_mins(20), Duration::from_mins(10)), Duration::from_mins(20));
}

#[test]
fn rules_see_what_the_pipeline_verified() {
    let rule = "rules: [{id: all, allow: \"issuer == claims.iss && audience == 'sigstore' && principal.kind == 'email' && \
        principal.san == claims.email && key.kind == 'ecdsa-p256' && key.bits == 256 && size(key.sha256) == 64 && \
        key.sha256.matches('^[0-9a-f]+$') && now == timestamp('2026-11-28T00:00:00Z')\"}]";
    let admitted = admitted(Some(rule)).unwrap();
    let decision = admitted.decision().unwrap();
    assert_eq!((decision.outcome, decision.rule.as_ref().unwrap().id()), (Outcome::Allowed, "all"));
}

#[test]
fn a_denial_names_the_rule_and_the_claim_and_no_value() {
    let said = |rules: &str| {
        let denied = admitted(Some(rules)).unwrap_err();
        (denied.to_string(), denied.rule().map(|rule| rule.id().to_owned()))
    };
    for (rules, text, rule) in [
        ("rules: [{id: d, deny: \"claims.sub == '1'\"}]", "the policy's rule \"d\" denies it", Some("d")),
        (
            "rules: [{id: d, deny: \"claims.hd == 'x'\"}]",
            "the policy's rule \"d\" denies it, because it could not be evaluated: the claim \"hd\" is absent",
            Some("d"),
        ),
        ("rules: [{id: a, allow: \"claims.sub == '2'\"}]", "no rule of the policy allows it", None),
        (
            "rules: [{id: a, allow: \"claims.hd == 'x'\"}, {id: b, allow: \"claims.tid == 'x'\"}]",
            "no rule of the policy allows it; could not be evaluated: \"a\": the claim \"hd\" is absent, \"b\": the claim \"tid\" is absent",
            None,
        ),
    ] {
        assert_eq!(said(rules), (text.to_owned(), rule.map(str::to_owned)));
        assert!(!text.contains("dev@"));
    }
}
