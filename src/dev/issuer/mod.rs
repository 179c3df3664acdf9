//! The development OpenID Connect issuer: one HTTP server on the loopback address, with an issuer below it for each identity type.
//!
//! Owns discovery, keys and the token endpoint. Binds 127.0.0.1 and cannot be told another address.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::claims::compose;
use super::folder::Folder;
use super::kept_key;
use super::key::TokenKey;
use super::loopback::{DevServerError, listen, serve, text};
use super::{TOKEN_LIFETIME, WARNING, tuf};
use crate::identity::IdentityKind;

/// Its key in the folder.
const KEY_FILE: &str = "issuer-key.pem";
/// The longest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

const SERVER: &str = "issuer";

/// An issuer that is bound and ready to run.
pub struct DevIssuer {
    address: SocketAddr,
    server: actix_web::dev::Server,
}

struct Shared {
    base: String,
    key: TokenKey,
}

impl DevIssuer {
    /// Binds 127.0.0.1 with the key of the folder `kept`, or a new one; port 0 lets the system choose. The TUF repository of the folder
    /// `clients` is served, too.
    pub fn bind(port: u16, kept: Option<&Folder>, clients: Option<&Folder>) -> Result<Self, DevServerError> {
        let (listener, address) = listen(port)?;
        let key = kept_key::open(kept, KEY_FILE, |der| TokenKey::from_pkcs8(der).ok())
            .map_err(|source| DevServerError::Key { server: SERVER, source })?;
        let shared = web::Data::new(Shared { base: format!("http://{address}"), key });
        let clients = clients.map(|folder| folder.path().to_owned());
        let routes = move |service: &mut web::ServiceConfig| {
            if let Some(folder) = &clients {
                tuf::configure(service, folder);
            }
            service
                .app_data(shared.clone())
                .route("/", web::get().to(welcome))
                .route("/{type}/.well-known/openid-configuration", web::get().to(discovery))
                .route("/{type}/keys", web::get().to(keys))
                .route("/{type}/token", web::get().to(token))
                .route("/{type}/token", web::post().to(token))
                .route("/{type}/jwt", web::get().to(bare_token))
                .route("/{type}/jwt", web::post().to(bare_token));
        };
        Ok(Self { address, server: serve((listener, address), MAX_BODY_BYTES, routes)? })
    }

    /// Below which the issuers are: `http://127.0.0.1:5556`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until it is dropped.
    pub async fn run(self) -> Result<(), DevServerError> {
        tracing::warn!(address = %self.address, "{WARNING}");
        self.server.await.map_err(|problem| DevServerError::Run { server: SERVER, problem })
    }
}

async fn welcome(shared: web::Data<Shared>) -> HttpResponse {
    let base = &shared.base;
    let mut page = format!(
        "{WARNING}\n\n\
        A token:                     curl -s '{base}/email/jwt?email=me@example.com'\n\
        With claims as JSON:         curl -s -d '{{\"sub\": \"7\", \"email_verified\": false}}' {base}/email/jwt\n\
        Another audience or expiry:  curl -s '{base}/github-workflow/jwt?aud=other&exp=4000000000'\n\
        As a token endpoint answers: curl -s {base}/email/token\n\
        Discovery:                   curl {base}/email/.well-known/openid-configuration\n\n\
        Issuers, one for each identity type:\n"
    );
    for &identity in IdentityKind::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "  {base}/{}", identity.name());
    }
    text(StatusCode::OK, &page)
}

async fn discovery(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let Some(identity) = identity(&request) else { return unknown() };
    let issuer = format!("{}/{}", shared.base, identity.name());
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/keys"),
        // Required by OpenID Connect Discovery 1.0 section 3; nobody has to log in here.
        "authorization_endpoint": format!("{issuer}/token"),
        "token_endpoint": format!("{issuer}/token"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "warning": WARNING,
    }))
}

async fn keys(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    match identity(&request) {
        Some(_) => HttpResponse::Ok().json(shared.key.key_set()),
        None => unknown(),
    }
}

/// As a token endpoint answers (RFC 6749, section 5.1).
async fn token(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    make_token(&request, &body, &shared).map_or_else(std::convert::identity, |token| {
        HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({
            "id_token": token,
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME.as_secs(),
        }))
    })
}

/// The token and nothing else: what clients take in a file or a variable.
async fn bare_token(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    make_token(&request, &body, &shared).map_or_else(std::convert::identity, |token| {
        HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type("application/jwt").body(token)
    })
}

#[allow(clippy::result_large_err, reason = "the refusal is the answer, made once a request")]
fn make_token(request: &HttpRequest, body: &[u8], shared: &Shared) -> Result<String, HttpResponse> {
    let identity = identity(request).ok_or_else(unknown)?;
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let issuer = format!("{}/{}", shared.base, identity.name());
    let claims = compose(identity, &issuer, &query, body, SystemTime::now())
        .map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let unsigned = |_| refused(StatusCode::INTERNAL_SERVER_ERROR, "the token could not be signed");
    let token = shared.key.sign(&claims).map_err(unsigned)?;
    tracing::info!(identity = identity.name(), "gave out a development token");
    Ok(token)
}

fn identity(request: &HttpRequest) -> Option<IdentityKind> {
    IdentityKind::from_name(request.match_info().get("type")?)
}

fn unknown() -> HttpResponse {
    let known = IdentityKind::NAMES.join(", ");
    refused(StatusCode::NOT_FOUND, &format!("there is no such identity type; there are {known}"))
}

fn refused(status: StatusCode, problem: &str) -> HttpResponse {
    let body: Value = json!({"error": "invalid_request", "error_description": problem});
    HttpResponse::build(status).json(body)
}

#[cfg(test)]
mod tests;
