use super::*;
use actix_web::http::header::HOST;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A running issuer's base URL.
fn start() -> String {
    let issuer = DevIssuer::bind(0, None, None).unwrap();
    let base = issuer.base();
    tokio::spawn(issuer.run());
    base
}

async fn json_of(answer: reqwest::Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

async fn get(url: String) -> Value {
    json_of(reqwest::get(url).await.unwrap()).await
}

fn payload(answer: &Value) -> Value {
    let token = answer["id_token"].as_str().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn each_type_has_discovery_keys_and_tokens() {
    let base = start();
    assert!(base.starts_with("http://127.0.0.1:"));
    for &identity in IdentityKind::ALL {
        let issuer = format!("{base}/{}", identity.name());
        let document = get(format!("{issuer}/.well-known/openid-configuration")).await;
        assert_eq!((&document["issuer"], &document["warning"]), (&json!(issuer), &json!(WARNING)));
        let keys = get(document["jwks_uri"].as_str().unwrap().to_owned()).await;
        assert_eq!(keys["keys"][0]["alg"], "ES256");
        let claims = payload(&get(document["token_endpoint"].as_str().unwrap().to_owned()).await);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(issuer), &json!("sigstore")));
    }
}

#[tokio::test]
async fn claims_come_from_the_query_and_the_body() {
    let base = start();
    let claims = payload(&get(format!("{base}/email/token?email=me%40example.com&exp=5")).await);
    assert_eq!((&claims["email"], &claims["exp"]), (&json!("me@example.com"), &json!(5)));
    let url = format!("{base}/email/token");
    let post = |body: String| reqwest::Client::new().post(&url).body(body).send();
    let claims = payload(&json_of(post(r#"{"email_verified": false, "aud": ["a"]}"#.to_owned()).await.unwrap()).await);
    assert_eq!((&claims["email_verified"], &claims["aud"]), (&json!(false), &json!(["a"])));
    assert_eq!(post("email=x".to_owned()).await.unwrap().status(), 400);
    let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(MAX_BODY_BYTES));
    assert_eq!(post(long).await.unwrap().status(), 413);
}

#[tokio::test]
async fn the_bare_token_is_nothing_but_a_token() {
    let base = start();
    for &identity in IdentityKind::ALL {
        let url = format!("{base}/{}/jwt?aud=other", identity.name());
        let token = reqwest::get(url).await.unwrap().text().await.unwrap();
        let claims = payload(&json!({"id_token": token}));
        assert_eq!((claims["aud"].as_str(), token.trim(), token.split('.').count()), (Some("other"), &*token, 3));
    }
    assert_eq!(reqwest::get(format!("{base}/nobody/jwt")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn unknown_types_and_methods_are_not_found() {
    let base = start();
    for path in ["nobody/token", "nobody/keys", "nobody/.well-known/openid-configuration", "email", "email/tokens"] {
        assert_eq!(reqwest::get(format!("{base}/{path}")).await.unwrap().status(), 404, "{path}");
    }
    assert!(reqwest::get(base).await.unwrap().text().await.unwrap().starts_with("FOR DEVELOPMENT ONLY"));
}

#[tokio::test]
async fn other_hosts_are_refused() {
    let base = start();
    let url = format!("{base}/email/token");
    let status = |host: &'static str| {
        let request = reqwest::Client::new().get(&url).header(HOST.as_str(), host);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    for host in [
        "evil.example",
        "evil.example:5556",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "[::2]:1",
        "",
    ] {
        assert_ne!(status(host).await, 200, "{host}");
    }
    for host in ["localhost", "LOCALHOST:5556", "127.0.0.1", "127.0.0.2:80", "[::1]:80"] {
        assert_eq!(status(host).await, 200, "{host}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let first = DevIssuer::bind(0, None, None).unwrap();
    let port = first.address.port();
    let error = DevIssuer::bind(port, None, None).err().unwrap();
    assert!(
        matches!(&error, DevServerError::Listen { port: named, source } if *named == port && source.kind() == std::io::ErrorKind::AddrInUse)
    );
}
