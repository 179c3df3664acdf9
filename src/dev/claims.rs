//! The claims of a development token: ready-made ones, with the caller's laid over them.
//!
//! Owns how overrides are read. Knows neither keys nor HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::AUDIENCE;
use crate::identity::IdentityKind;

/// How long a token is valid, unless `exp` says otherwise.
pub const TOKEN_LIFETIME: Duration = Duration::from_mins(10);

/// Overrides that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the body is not a JSON object with claims: {0}")]
pub(super) struct ClaimsError(serde_json::Error);

/// The claims of a new token: what every token has, what the type needs, the query's, the body's.
pub(super) fn compose(
    identity: IdentityKind,
    issuer: &str,
    query: &[(String, String)],
    body: &[u8],
    now: SystemTime,
) -> Result<Map<String, Value>, ClaimsError> {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut claims = super::identity::claims(identity);
    claims.insert("iss".to_owned(), issuer.into());
    claims.insert("aud".to_owned(), AUDIENCE.into());
    claims.insert("iat".to_owned(), seconds.into());
    claims.insert("exp".to_owned(), (seconds + TOKEN_LIFETIME.as_secs()).into());
    for (name, text) in query {
        let value = typed(text, claims.get(name));
        claims.insert(name.clone(), value);
    }
    for (name, value) in overrides(body)? {
        // As in a JSON merge patch (RFC 7396), null takes a claim away.
        match value {
            Value::Null => drop(claims.remove(&name)),
            value => drop(claims.insert(name, value)),
        }
    }
    Ok(claims)
}

fn overrides(body: &[u8]) -> Result<Map<String, Value>, ClaimsError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(ClaimsError)
}

/// A text from a query string: text where the ready-made claim is text, else JSON where it is JSON. So `run_id=7` stays the text that
/// GitHub's tokens have there, and `email_verified=false` is not a string.
fn typed(text: &str, ready_made: Option<&Value>) -> Value {
    match ready_made {
        Some(Value::String(_)) => text.into(),
        _ => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compose_at_1000(identity: IdentityKind, query: &[(&str, &str)], body: &str) -> Result<Value, ClaimsError> {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        compose(identity, "http://127.0.0.1:1/email", &query, body.as_bytes(), now).map(Value::Object)
    }

    #[test]
    fn ready_made_claims_live_ten_minutes() {
        let claims = compose_at_1000(IdentityKind::Email, &[], "").unwrap();
        assert_eq!(
            claims,
            json!({"iss": "http://127.0.0.1:1/email", "aud": "sigstore", "iat": 1000, "exp": 1600, "sub": "dev@example.com",
                "email": "dev@example.com", "email_verified": true})
        );
    }

    #[test]
    fn a_query_keeps_the_type_of_what_it_replaces() {
        let query = [("run_id", "7"), ("aud", "12"), ("exp", "5"), ("new", "[1]"), ("other", "word")];
        let claims = compose_at_1000(IdentityKind::GithubWorkflow, &query, "").unwrap();
        assert_eq!((&claims["run_id"], &claims["aud"], &claims["exp"]), (&json!("7"), &json!("12"), &json!(5)));
        assert_eq!((&claims["new"], &claims["other"]), (&json!([1]), &json!("word")));
        let claims = compose_at_1000(IdentityKind::Email, &[("email_verified", "false")], "").unwrap();
        assert_eq!(claims["email_verified"], json!(false));
    }

    #[test]
    fn a_body_lies_over_everything_and_null_takes_away() {
        let claims =
            compose_at_1000(IdentityKind::Email, &[("sub", "query")], r#"{"sub": 7, "email": null, "iss": "other"}"#)
                .unwrap();
        assert_eq!((&claims["sub"], claims.get("email"), &claims["iss"]), (&json!(7), None, &json!("other")));
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in ["[]", "7", "email=a", "{", r#"{"a":1}x"#] {
            assert!(compose_at_1000(IdentityKind::Email, &[], body).is_err(), "{body}");
        }
        assert!(compose_at_1000(IdentityKind::Email, &[], " \n").is_ok());
    }
}
