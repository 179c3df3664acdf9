use super::*;

fn args() -> DevArgs {
    let (identity, dir) = (IdentityKind::Email, None);
    DevArgs {
        port: 0,
        issuer_port: 0,
        log_port: 0,
        tsa_port: 0,
        rekor_port: 0,
        once: true,
        issuer_only: false,
        ci: false,
        identity,
        dir,
    }
}

/// Everything started: the issuer's base and the authority's URL.
async fn serve() -> (String, String) {
    let bound = Bound::new(&args(), None, None).await.unwrap();
    let addresses = (bound.issuer.base(), bound.deployment.authority.clone());
    assert!(bound.server.local_addr().ip().is_loopback());
    bound.start();
    addresses
}

/// The whole way for every identity type, over real sockets.
#[tokio::test]
async fn every_identity_type_gets_a_certificate_over_http() {
    let (base, authority) = serve().await;
    for &identity in IdentityKind::ALL {
        let obtained =
            demonstrate(&base, &authority, identity).await.unwrap_or_else(|error| panic!("{identity:?}: {error}"));
        assert!(obtained.chain.starts_with("-----BEGIN CERTIFICATE-----\n"), "{}", obtained.chain);
        let text = obtained.report.to_string();
        for expected in [
            format!("{base}/{}", identity.name()).as_str(),
            "signed by certificate 2: the signature is right",
            "CN=sigmint development root",
            "Transparency log",
        ] {
            assert!(text.contains(expected), "{identity:?}: {expected}\n{text}");
        }
        assert!(obtained.report.timestamps.unwrap().well_formed, "{identity:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() {
    let (base, authority) = serve().await;
    let claims = ["aud=other".parse().unwrap()];
    let token = request::from_dev_issuer(&base.parse().unwrap(), IdentityKind::Email, &claims).await.unwrap();
    let refused = request::obtain(&authority.parse().unwrap(), &token, KeyKind::P384).await;
    let error = refused.err().unwrap().to_string();
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
    for (taken, flag) in [
        (DevArgs { issuer_port: port, ..args() }, "with --issuer-port"),
        (DevArgs { log_port: port, ..args() }, "with --log-port"),
        (DevArgs { tsa_port: port, ..args() }, "with --tsa-port"),
        (DevArgs { rekor_port: port, ..args() }, "with --rekor-port"),
        (DevArgs { port, ..args() }, "with --port"),
    ] {
        let error = start(taken).await.unwrap_err().to_string();
        assert!(error.contains(flag) && error.contains(&port.to_string()), "{error}");
    }
}
