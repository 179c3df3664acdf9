//! The request of REST v1 in the protobuf JSON mapping.
//!
//! Owns its members. Unlike in v2 their only spelling is camelCase, a signing request counts more than a key beside it, and a key's
//! text is base64, so that it may be DER.

use serde::Deserialize;

use super::{Bytes, JsonProblem, read_message};
use crate::possession::KeyRequest;
use crate::text::json_object::JsonObject;

/// `CreateSigningCertificateRequest` of v1.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Body {
    public_key: Option<JsonObject<PublicKey>>,
    signed_email_address: Option<Bytes>,
    certificate_signing_request: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PublicKey {
    /// Read for its form and then ignored: the key says what it is.
    #[serde(rename = "algorithm")]
    _algorithm: Option<String>,
    content: Option<Bytes>,
}

impl Body {
    /// Reads a body. An empty one, or one of white space, is an empty message.
    pub fn parse(body: &[u8]) -> Result<KeyRequest, JsonProblem> {
        let message: Self = read_message(body)?;
        let bytes = |member: Option<Bytes>| member.unwrap_or_default().0;
        let request = bytes(message.certificate_signing_request);
        if !request.is_empty() {
            return Ok(KeyRequest::SigningRequest(request));
        }
        // No key at all is refused as one that cannot be read, once the token has been looked at.
        let content = bytes(message.public_key.and_then(|JsonObject(key)| key.content));
        Ok(KeyRequest::PublicKey { content, proof: bytes(message.signed_email_address) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(body: &str) -> (Vec<u8>, Vec<u8>) {
        match Body::parse(body.as_bytes()) {
            Ok(KeyRequest::PublicKey { content, proof }) => (content, proof),
            Ok(KeyRequest::SigningRequest(_)) => panic!("a signing request: {body}"),
            Err(problem) => panic!("{problem}: {body}"),
        }
    }

    #[test]
    fn a_key_and_its_proof_are_read() {
        let body =
            r#"{"publicKey":{"content":"AQI=","algorithm":"anything"},"signedEmailAddress":"Aw","credentials":7}"#;
        assert_eq!(key(body), (vec![1, 2], vec![3]));
    }

    #[test]
    fn a_signing_request_counts_more_than_a_key_unless_it_is_empty() {
        let body = r#"{"publicKey":{"content":"AQI="},"certificateSigningRequest":"BA=="}"#;
        let read = Body::parse(body.as_bytes()).ok();
        assert!(read == Some(KeyRequest::SigningRequest(vec![4])));
        assert_eq!(key(r#"{"publicKey":{"content":"AQI="},"certificateSigningRequest":""}"#), (vec![1, 2], vec![]));
    }

    #[test]
    fn null_nothing_and_the_other_spelling_are_absent() {
        for body in
            ["", "{}", r#"{"publicKey":null}"#, r#"{"public_key":{"content":"AQI="},"signed_email_address":"AQ"}"#]
        {
            assert_eq!(key(body), (vec![], vec![]), "{body}");
        }
    }

    #[test]
    fn wrong_types_and_duplicates_are_refused() {
        for body in [
            "null",
            "[]",
            r#"{"publicKey":"AQI="}"#,
            r#"{"publicKey":{"content":7}}"#,
            r#"{"publicKey":{"content":"*"}}"#,
            r#"{"publicKey":{"algorithm":2}}"#,
            r#"{"publicKey":{},"publicKey":{}}"#,
            r#"{"signedEmailAddress":["AQ"]}"#,
            r#"{"certificateSigningRequest":{}}"#,
        ] {
            assert!(Body::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
