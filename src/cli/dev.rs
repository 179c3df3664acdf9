//! `sigmint dev`: everything at once, for trying out: an issuer of tokens, a throw-away CA, the API, and a first certificate.
//!
//! Owns the order of the demonstration and its words. The server is the real one; the certificate comes over real HTTP.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Url;

use super::error::CommandError;
use super::request::{self, RequestKeyKind};
use super::with_sources;
use crate::app::{self, HttpOptions, Server};
use crate::authority::AuthoritySource;
use crate::authority::ephemeral::{KeyKind, root_and_intermediate};
use crate::certificate::ValidityPolicy;
use crate::config::issuers::Issuers;
use crate::dev::{self, DevIdentity, DevIssuer};
use crate::possession::PermittedAlgorithms;
use crate::telemetry::{self, LogFormat};

/// Try it out: a certificate authority, an issuer of identity tokens, and a first certificate, all on this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  Start everything, show a certificate, keep serving until Ctrl-C:
    sigmint dev

  Show a certificate for a GitHub Actions workflow, and stop:
    sigmint dev --once --identity github-workflow

  Let the system choose free ports:
    sigmint dev --port 0 --issuer-port 0

FOR DEVELOPMENT ONLY. The issuer gives anybody on this machine a token for any
identity, and the CA's key is forgotten at the end. Both listen on 127.0.0.1
and nowhere else.")]
pub struct DevArgs {
    /// The certificate authority's port; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 5555)]
    port: u16,
    /// The development issuer's port; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 5556)]
    issuer_port: u16,
    /// Show one certificate and stop
    #[arg(long)]
    once: bool,
    /// Whom the first certificate is for
    #[arg(long, value_name = "TYPE", value_enum, default_value = "email")]
    identity: DevIdentity,
}

/// Runs `sigmint dev`.
///
/// # Errors
/// When a port is taken, or something that should never fail does.
pub async fn run(args: DevArgs) -> Result<ExitCode, CommandError> {
    telemetry::start_log(LogFormat::Dev);
    start(args).await
}

async fn start(args: DevArgs) -> Result<ExitCode, CommandError> {
    say(&format!("{}\n", dev::WARNING));
    let issuer =
        DevIssuer::bind(args.issuer_port).map_err(|error| start_error(&error, "--issuer-port", args.issuer_port))?;
    let issuer_base = issuer.base();
    let server = bind_server(&issuer_base, args.port).await?;
    let address = server.local_addr();
    let issuer = tokio::spawn(issuer.run());
    let server = tokio::spawn(server.run());
    say(&demonstrate(&issuer_base, address, args.identity).await?);
    if args.once {
        return Ok(ExitCode::SUCCESS);
    }
    say(&what_next(&issuer_base, address, args.identity));
    let ended = tokio::select! {
        outcome = server => outcome.map(|outcome| outcome.map_err(|error| with_sources(&error))),
        outcome = issuer => outcome.map(|outcome| outcome.map_err(|error| with_sources(&error))),
    };
    match ended {
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(problem)) => Err(CommandError::failed(problem)),
        Err(_) => Err(CommandError::failed("a server ended unexpectedly")),
    }
}

/// The real server, with a CA that dies with it, trusting the development issuers only.
async fn bind_server(issuer_base: &str, port: u16) -> Result<Server, CommandError> {
    let failed = |error: &(dyn std::error::Error + 'static)| CommandError::failed(with_sources(error));
    let issuers =
        Issuers::parse("development issuers", &dev::issuers_file(issuer_base)).map_err(|error| failed(&error))?;
    let authority =
        root_and_intermediate(KeyKind::EcdsaP256, SystemTime::now()).await.map_err(|error| failed(&error))?;
    let authority = AuthoritySource::Fixed(Arc::new(authority));
    let issuance = app::issuance(issuers, authority, PermittedAlgorithms::default(), ValidityPolicy::default());
    let issuance = issuance.map_err(|error| failed(&error))?;
    let options = HttpOptions { port, ..HttpOptions::default() };
    Server::bind(issuance, &options).map_err(|error| start_error(&error, "--port", port))
}

/// A port that is taken is the one thing that often goes wrong: the flag that chooses another is named.
fn start_error(error: &(dyn std::error::Error + 'static), flag: &str, port: u16) -> CommandError {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let kind = causes.find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::AddrInUse) => CommandError::failed(format!("port {port} is taken"))
            .hint(format!("choose another one with {flag}; {flag} 0 takes any that is free")),
        Some(io::ErrorKind::PermissionDenied) => {
            CommandError::failed(format!("port {port} may not be used by this user"))
                .hint(format!("choose one above 1023 with {flag}"))
        }
        _ => CommandError::failed(with_sources(error)),
    }
}

/// One certificate, over real HTTP from end to end.
async fn demonstrate(issuer_base: &str, address: SocketAddr, identity: DevIdentity) -> Result<String, CommandError> {
    let no_url = |error| CommandError::failed(format!("{issuer_base} or {address}: {error}"));
    let issuer: Url = issuer_base.parse().map_err(no_url)?;
    let url: Url = format!("http://{address}").parse().map_err(no_url)?;
    let token = request::from_dev_issuer(&issuer, identity, &[]).await?;
    let obtained = request::obtain(&url, &token, RequestKeyKind::P256).await?;
    Ok(format!("{}\n{}\n", obtained.chain, obtained.report))
}

fn what_next(issuer: &str, address: SocketAddr, identity: DevIdentity) -> String {
    let identity = identity.name();
    format!(
        "Serving the certificate authority at http://{address} and tokens at {issuer}. Ctrl-C ends both.\n\n\
        Try next, in another terminal:\n\
        \n  # a certificate for somebody else, explained\n  \
          sigmint request --url http://{address} --dev-issuer {issuer} --claim email=me@example.com | sigmint inspect -\n\
        \n  # a certificate and its key in files\n  \
          sigmint request --url http://{address} --dev-issuer {issuer} --identity {identity} --out signing\n\
        \n  # a token, for another client\n  \
          curl -s '{issuer}/{identity}/token'\n\
        \n  # what to trust: the CA's chain\n  \
          curl -s http://{address}/api/v2/trustBundle\n"
    )
}

fn say(text: &str) {
    // Nobody is there to be told.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole way for every identity type, over real sockets.
    #[tokio::test]
    async fn every_identity_type_gets_a_certificate_over_http() {
        let issuer = DevIssuer::bind(0).unwrap();
        let base = issuer.base();
        let server = bind_server(&base, 0).await.unwrap();
        let address = server.local_addr();
        assert!(address.ip().is_loopback());
        tokio::spawn(issuer.run());
        tokio::spawn(server.run());
        for identity in DevIdentity::ALL {
            let text =
                demonstrate(&base, address, identity).await.unwrap_or_else(|error| panic!("{identity:?}: {error}"));
            assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n"), "{text}");
            for expected in [
                format!("{base}/{}", identity.name()).as_str(),
                "signed by certificate 2: the signature is right",
                "CN=sigmint development root",
            ] {
                assert!(text.contains(expected), "{identity:?}: {expected}\n{text}");
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_servers_words() {
        let issuer = DevIssuer::bind(0).unwrap();
        let base = issuer.base();
        let server = bind_server(&base, 0).await.unwrap();
        let url: Url = format!("http://{}", server.local_addr()).parse().unwrap();
        tokio::spawn(issuer.run());
        tokio::spawn(server.run());
        let claims = ["aud=other".parse().unwrap()];
        let token = request::from_dev_issuer(&base.parse().unwrap(), DevIdentity::Email, &claims).await.unwrap();
        let error = request::obtain(&url, &token, RequestKeyKind::P384).await.err().unwrap().to_string();
        for expected in [
            "HTTP 400",
            "There was an error processing the identity token",
            "TOKEN_AUDIENCE_MISMATCH",
            "expectedAudience: sigstore",
            "request id: ",
        ] {
            assert!(error.contains(expected), "{expected}\n{error}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_names_its_flag() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let args = |port, issuer_port| DevArgs { port, issuer_port, once: true, identity: DevIdentity::Email };
        let error = start(args(0, port)).await.unwrap_err().to_string();
        assert!(error.contains("--issuer-port") && error.contains(&port.to_string()), "{error}");
        let error = start(args(port, 0)).await.unwrap_err().to_string();
        assert!(error.contains("with --port") && error.contains(&port.to_string()), "{error}");
    }
}
