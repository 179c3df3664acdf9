//! The log client against a log that speaks real HTTP and misbehaves in every way that matters. Whatever a log does, the client
//! answers within its deadline, names the log, and gives out no timestamp that it should not.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, SystemTime};

use crate::support::ct_log::{CERTIFICATE, FakeLog, LEAF_INDEX, Manner, TBS, serve, spki};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sigmint::ct::{
    LogEntry, LogFault, LogKey, LogSettings, LogSetupError, Logs, LogsOptions, Sct, Submission, TransparencyError,
};
use tokio::net::TcpListener;
use tokio::time::Instant;

const ISSUER: &[u8] = b"issuer";
const DEADLINE: Duration = Duration::from_secs(4);

fn logs(settings: Vec<LogSettings>, quorum: usize) -> Logs {
    let quorum = NonZeroUsize::new(quorum).unwrap();
    Logs::new(settings, &LogsOptions { quorum, deadline: DEADLINE, ..LogsOptions::new(SystemTime::now) }).unwrap()
}

fn precertificate() -> Submission<'static> {
    let entry = LogEntry::Precertificate { issuer_key_hash: [7; 32], tbs: TBS };
    Submission { chain: vec![CERTIFICATE, ISSUER], entry }
}

/// Submits to one log and gives what became of it, which must not take longer than the deadline.
async fn one(settings: LogSettings) -> Result<Sct, LogFault> {
    let address = settings.url.split_once("://").unwrap().1.to_owned();
    let (logs, start) = (logs(vec![settings], 1), Instant::now());
    let result = logs.submit(precertificate()).await;
    assert!(start.elapsed() < DEADLINE * 2, "took {:?}", start.elapsed());
    match result {
        Ok(mut scts) => {
            assert_eq!(scts.len(), 1);
            Ok(scts.remove(0))
        }
        Err(error) => {
            assert!(error.to_string().contains(&address), "names no log: {error}");
            assert_eq!(error.obtained_of(), (0, 1));
            let faults: Vec<_> = error.faults().map(|(_, fault)| fault.clone()).collect();
            assert_eq!(error.label(), faults[0].label());
            Err(faults[0].clone())
        }
    }
}

async fn fault(manner: Manner) -> LogFault {
    one(FakeLog::start(manner).await.settings()).await.unwrap_err()
}

#[tokio::test]
async fn a_good_log_gets_the_chain_and_its_promise_is_taken() {
    let log = FakeLog::start(Manner::Good).await;
    let sct = one(log.settings()).await.unwrap();
    assert_eq!((sct.log_id(), sct.extensions()), (log.key().id(), &[][..]));
    let (head, body) = log.last.lock().unwrap().clone();
    assert!(head.starts_with("POST /log/ct/v1/add-pre-chain HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\ncontent-type: application/json\r\n"), "{head}");
    assert_eq!(body, format!(r#"{{"chain":["{}","{}"]}}"#, STANDARD.encode(CERTIFICATE), STANDARD.encode(ISSUER)));
}

#[tokio::test]
async fn a_certificate_goes_to_add_chain() {
    let log = FakeLog::start(Manner::Good).await;
    let submission = Submission { chain: vec![CERTIFICATE], entry: LogEntry::X509(CERTIFICATE) };
    assert_eq!(logs(vec![log.settings()], 1).submit(submission).await.unwrap().len(), 1);
    assert!(log.last.lock().unwrap().0.starts_with("POST /log/ct/v1/add-chain HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_static_logs_leaf_index_is_signed_and_kept() {
    let sct = one(FakeLog::start(Manner::Static).await.settings()).await.unwrap();
    assert_eq!(sct.extensions(), LEAF_INDEX);
}

#[tokio::test]
async fn the_origin_is_the_host_header() {
    let log = FakeLog::start(Manner::Good).await;
    one(LogSettings { origin: Some("ct.example".into()), ..log.settings() }).await.unwrap();
    let head = log.last.lock().unwrap().0.to_lowercase();
    assert_eq!(head.matches("\r\nhost: ").count(), 1);
    assert!(head.contains("\r\nhost: ct.example\r\n"), "{head}");
}

#[tokio::test]
async fn one_connection_serves_one_submission_after_another() {
    let log = FakeLog::start(Manner::Good).await;
    let logs = logs(vec![log.settings()], 1);
    for _ in 0..5 {
        logs.submit(precertificate()).await.unwrap();
    }
    assert_eq!((log.requests.load(SeqCst), log.connections.load(SeqCst)), (5, 1));
}

#[tokio::test]
async fn a_log_that_is_silent_or_drips_times_out() {
    assert_eq!(fault(Manner::Slow(Duration::from_mins(1))).await, LogFault::Timeout);
    assert_eq!(fault(Manner::Drips).await, LogFault::Timeout);
    assert!(one(FakeLog::start(Manner::Slow(Duration::from_millis(300))).await.settings()).await.is_ok());
}

#[tokio::test]
async fn rubbish_is_a_bad_answer_and_is_not_quoted() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n<html>secret</html>",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{\"sct_version\":\"secret\",\"timestamp\":1}",
    ] {
        let fault = fault(Manner::Says(answer)).await;
        assert!(matches!(fault, LogFault::BadAnswer(_)), "{fault:?}");
        assert!(!fault.to_string().contains("secret"), "{fault}");
    }
    let fault = fault(Manner::Says("SSH-2.0-OpenSSH\r\n\r\n")).await;
    assert!(matches!(fault, LogFault::Unreachable(_)), "{fault:?}");
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    let log = FakeLog::start(Manner::Huge).await;
    let LogFault::BadAnswer(why) = one(log.settings()).await.unwrap_err() else { panic!("not a bad answer") };
    assert!(why.contains("longer than 65536 bytes"), "{why}");
    assert_eq!(log.requests.load(SeqCst), 1, "must not be asked again");
}

#[tokio::test]
async fn a_promise_that_the_key_did_not_make_is_refused() {
    assert_eq!(fault(Manner::SignsAnother).await.label(), "wrong_signature");
    assert_eq!(fault(Manner::ClaimsAnotherId).await.label(), "wrong_signature");
    let (log, other) = (FakeLog::start(Manner::Good).await, FakeLog::start(Manner::Good).await);
    let fault = one(LogSettings { public_key: Some(other.key()), ..log.settings() }).await.unwrap_err();
    assert!(fault.to_string().contains("not of the log with the configured key"), "{fault}");
}

#[tokio::test]
async fn another_version_is_a_bad_answer() {
    assert!(fault(Manner::OtherVersion).await.to_string().contains("version 1"));
}

#[tokio::test]
async fn a_timestamp_may_differ_from_our_clock_by_a_minute_with_or_without_a_key() {
    for manner in [Manner::Ahead(70_000), Manner::Behind(70_000), Manner::Ahead(600_000), Manner::Behind(86_400_000)] {
        let log = FakeLog::start(manner).await;
        for settings in [log.settings(), log.without_key()] {
            let fault = one(settings).await.unwrap_err();
            assert_eq!(fault.label(), "clock", "{manner:?}");
            assert!(fault.to_string().contains("compare both clocks"), "{fault}");
        }
    }
    for manner in [Manner::Good, Manner::Ahead(50_000), Manner::Behind(50_000)] {
        let log = FakeLog::start(manner).await;
        for settings in [log.settings(), log.without_key()] {
            assert!(one(settings).await.is_ok(), "{manner:?}");
        }
    }
}

#[tokio::test]
async fn the_skew_of_each_log_is_known_and_its_bound_can_be_set() {
    let (ahead, behind) = (FakeLog::start(Manner::Ahead(50_000)).await, FakeLog::start(Manner::Behind(20_000)).await);
    let settings = || vec![ahead.settings(), behind.settings()];
    let both = logs(settings(), 2);
    assert!(both.clock_skews().all(|(_, skew)| skew == sigmint::ct::Skew::default()));
    assert_eq!(both.submit(precertificate()).await.unwrap().len(), 2);
    let skews: Vec<f64> = both.clock_skews().map(|(_, skew)| skew.as_secs_f64()).collect();
    assert!((skews[0] - 50.0).abs() < 2.0 && (skews[1] + 20.0).abs() < 2.0, "{skews:?}");

    let options = LogsOptions { clock_skew: Duration::from_secs(30), ..LogsOptions::new(SystemTime::now) };
    let strict = Logs::new(settings(), &LogsOptions { quorum: NonZeroUsize::new(2).unwrap(), ..options }).unwrap();
    let error = strict.submit(precertificate()).await.unwrap_err();
    assert!(error.is_about_clocks(), "{error}");
    // One of the two is enough then.
    assert_eq!(Logs::new(settings(), &options).unwrap().submit(precertificate()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_key_only_form_and_time_are_checked() {
    for manner in [Manner::Good, Manner::SignsAnother, Manner::ClaimsAnotherId] {
        assert!(one(FakeLog::start(manner).await.without_key()).await.is_ok(), "{manner:?}");
    }
    assert_eq!(one(FakeLog::start(Manner::OtherVersion).await.without_key()).await.unwrap_err().label(), "bad_answer");
}

#[tokio::test]
async fn a_busy_log_is_asked_again_when_it_says() {
    for head in ["429 Slow Down\r\nRetry-After: 1", "503 Busy\r\nRetry-After: 1"] {
        let (log, start) = (FakeLog::start(Manner::BusyAtFirst(1, head)).await, Instant::now());
        assert!(one(log.settings()).await.is_ok(), "{head}");
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(log.requests.load(SeqCst), 2);
    }
    let log = FakeLog::start(Manner::BusyAtFirst(2, "503 Busy")).await;
    assert!(one(log.settings()).await.is_ok());
    assert_eq!(log.requests.load(SeqCst), 3);
}

#[tokio::test]
async fn a_log_that_stays_busy_is_given_up() {
    let log = FakeLog::start(Manner::BusyAtFirst(usize::MAX, "503 Busy")).await;
    assert_eq!(refused_with(one(log.settings()).await), 503);
    assert!((2..=5).contains(&log.requests.load(SeqCst)), "{}", log.requests.load(SeqCst));

    let log = FakeLog::start(Manner::BusyAtFirst(usize::MAX, "503 Busy")).await;
    let (options, start) = (LogsOptions::new(SystemTime::now), Instant::now());
    assert!(Logs::new(vec![log.settings()], &options).unwrap().submit(precertificate()).await.is_err());
    assert_eq!(log.requests.load(SeqCst), 5, "however long the deadline");
    assert!(start.elapsed() < options.deadline, "{:?}", start.elapsed());

    let (log, start) = (FakeLog::start(Manner::BusyAtFirst(9, "429 No\r\nRetry-After: 3600")).await, Instant::now());
    assert_eq!(refused_with(one(log.settings()).await), 429);
    assert!(start.elapsed() < DEADLINE / 2, "waited for what cannot come: {:?}", start.elapsed());
    assert_eq!(log.requests.load(SeqCst), 1);
}

#[tokio::test]
async fn other_refusals_and_redirects_are_final() {
    for (head, status) in [
        ("400 Bad Request", 400),
        ("404 Not Found", 404),
        ("201 Created", 201),
        ("301 Moved\r\nLocation: /log/ct/v1/add-pre-chain", 301),
        ("307 Moved\r\nLocation: http://localhost/log/ct/v1/add-pre-chain", 307),
        ("307 Moved\r\nLocation: http://user:secret@127.0.0.1/log", 307),
        ("308 Moved", 308),
    ] {
        // A second request would be answered well.
        let log = FakeLog::start(Manner::BusyAtFirst(1, head)).await;
        assert_eq!(refused_with(one(log.settings()).await), status, "{head}");
        assert_eq!(log.requests.load(SeqCst), 1, "{head}");
    }
}

fn refused_with(answer: Result<Sct, LogFault>) -> u16 {
    match answer {
        Err(LogFault::Refused { status, .. }) => status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_log_says_when_it_refuses_is_told_up_to_a_bound() {
    let why = "x509: certificate signed by unknown authority";
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 45\r\n\r\nx509: certificate signed by unknown authority";
    assert_eq!(fault(Manner::Says(answer)).await.to_string(), format!("answered 400: {why}"));
    let long: &'static str =
        format!("HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n{}", "\u{1b}x".repeat(50_000)).leak();
    let told = fault(Manner::Says(long)).await.to_string();
    assert!(told.len() < 330 && !told.contains('\u{1b}'), "{told}");
    let unfinished = "HTTP/1.1 400 Bad Request\r\nContent-Length: 9999\r\n\r\nbecause";
    assert_eq!(fault(Manner::Says(unfinished)).await.to_string(), "answered 400: because");
}

#[tokio::test]
async fn a_log_that_has_moved_gets_the_submission_where_it_is_now() {
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let new = FakeLog::start(Manner::Good).await;
        let to = format!(
            "HTTP/1.1 {status}\r\nLocation: http://{}/log/ct/v1/add-pre-chain\r\nContent-Length: 0\r\n\r\n",
            new.address
        );
        let old = FakeLog::start(Manner::Says(to.leak())).await;
        let settings = LogSettings { public_key: Some(new.key()), ..old.without_key() };
        assert!(one(settings).await.is_ok(), "{status}");
        let (head, body) = new.last.lock().unwrap().clone();
        assert!(head.starts_with("POST ") && body.starts_with("{\"chain\""), "{head}{body}");
    }
    // In a circle it goes round three times.
    let log = FakeLog::start(Manner::Says("HTTP/1.1 308 Moved\r\nLocation: /log\r\nContent-Length: 0\r\n\r\n")).await;
    assert_eq!(refused_with(one(log.settings()).await), 308);
    assert_eq!(log.requests.load(SeqCst), 4);
}

#[tokio::test]
async fn a_proxy_whose_log_restarts_is_asked_once_more() {
    for (head, status) in
        [("408 Request Timeout", 408), ("500 Oops", 500), ("502 Bad Gateway", 502), ("504 Gateway Timeout", 504)]
    {
        let log = FakeLog::start(Manner::BusyAtFirst(1, head)).await;
        assert!(one(log.settings()).await.is_ok(), "{head}");
        let log = FakeLog::start(Manner::BusyAtFirst(usize::MAX, head)).await;
        assert_eq!(refused_with(one(log.settings()).await), status);
        assert_eq!(log.requests.load(SeqCst), 2, "{head}");
    }
}

/// What is warned of when a log answers get-roots like this.
async fn warned_of(answer: Option<&'static str>, chain: &[Vec<u8>]) -> String {
    let settings = match answer {
        Some(answer) => FakeLog::start(Manner::Says(answer)).await.settings(),
        None => nobody(),
    };
    let (log, _guard) = crate::support::log::Log::of_this_thread(tracing::Level::WARN);
    logs(vec![settings], 1).compare_roots(chain).await;
    log.text()
}

#[tokio::test]
async fn a_log_that_will_refuse_the_ca_is_warned_of_at_the_start() {
    let ca = |name: &str| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    };
    let (ours, other) = (ca("ours"), ca("other"));
    let listing = |roots: &[&Vec<u8>]| -> &'static str {
        let list: Vec<_> = roots.iter().map(|der| format!("\"{}\"", STANDARD.encode(der))).collect();
        let body = format!("{{\"certificates\":[{}]}}", list.join(","));
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).leak()
    };
    let chain = [b"an intermediate".to_vec(), ours.clone()];
    assert_eq!(warned_of(Some(listing(&[&other, &ours])), &chain).await, "");
    assert_eq!(warned_of(Some("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"), &chain).await, "");
    for roots in [&[][..], &[&other]] {
        let warned = warned_of(Some(listing(roots)), &chain).await;
        assert!(warned.contains("add the root to the log's accepted roots"), "{warned}");
    }
    let warned = warned_of(None, &chain).await;
    assert!(warned.contains("cannot be asked for its roots") && warned.lines().count() == 1, "{warned}");
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_once() {
    let log = FakeLog::start(Manner::ClosesAtFirst(1)).await;
    assert!(one(log.settings()).await.is_ok());
    let log = FakeLog::start(Manner::ClosesAtFirst(usize::MAX)).await;
    assert_eq!(one(log.settings()).await.unwrap_err().label(), "unreachable");
    assert_eq!(log.requests.load(SeqCst), 2);
}

#[tokio::test]
async fn a_log_that_does_not_listen_is_unreachable() {
    let fault = one(nobody()).await.unwrap_err();
    assert!(matches!(&fault, LogFault::Unreachable(why) if why.contains("refused")), "{fault:?}");
}

/// Settings of a log where nobody listens.
fn nobody() -> LogSettings {
    let [address] = crate::support::ports::free_addresses();
    LogSettings { url: format!("http://{address}/log"), origin: None, public_key: None, tls_ca: None }
}

#[tokio::test]
async fn an_origin_keeps_to_http_1() {
    // HTTP/2 would send the URL's name as `:authority`.
    let (settings, ca) = https(&["h2", "http/1.1"]).await;
    let settings = LogSettings { tls_ca: Some(ca), origin: Some("ct.example".into()), ..settings };
    assert!(one(settings).await.is_ok());
}

/// A good log over TLS, which speaks HTTP/1.1 whatever protocols it offers, and its server certificate, PEM.
async fn https(protocols: &[&str]) -> (LogSettings, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der().try_into().unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/log", listener.local_addr().unwrap());
    let pair = Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap());
    let public_key = Some(LogKey::from_spki_der(&spki(&pair)).unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(serve(stream, Manner::Good, pair.clone(), Arc::default(), Arc::default()));
            }
        }
    });
    (LogSettings { url, origin: None, public_key, tls_ca: None }, made.cert.pem().into_bytes())
}

#[tokio::test]
async fn https_is_trusted_by_the_configured_ca_alone() {
    let (unknown, ca) = https(&[]).await;
    assert!(one(LogSettings { tls_ca: Some(ca), ..unknown.clone() }).await.is_ok());
    let other = LogSettings { tls_ca: Some(https(&[]).await.1), ..unknown.clone() };
    for settings in [unknown, other] {
        let fault = one(settings).await.unwrap_err();
        assert!(matches!(&fault, LogFault::Unreachable(why) if why.contains("certificate")), "{fault:?}");
    }
}

#[tokio::test]
async fn dead_logs_cost_nothing_while_the_quorum_lives() {
    let (first, second) =
        (FakeLog::start(Manner::Slow(Duration::from_millis(200))).await, FakeLog::start(Manner::Good).await);
    for dead in [nobody(), FakeLog::start(Manner::Slow(Duration::from_mins(1))).await.settings()] {
        let logs = logs(vec![dead, first.settings(), second.settings()], 2);
        let start = Instant::now();
        let ids: Vec<_> = logs.submit(precertificate()).await.unwrap().iter().map(Sct::log_id).collect();
        assert!(start.elapsed() < DEADLINE / 2, "{:?}", start.elapsed());
        assert_eq!(ids, [first.key().id(), second.key().id()], "in configured order");
    }
}

#[tokio::test]
async fn exactly_as_many_promises_as_the_quorum_says() {
    let three =
        [FakeLog::start(Manner::Good).await, FakeLog::start(Manner::Good).await, FakeLog::start(Manner::Good).await];
    for quorum in 1..=3 {
        let logs = logs(three.iter().map(FakeLog::settings).collect(), quorum);
        assert_eq!(logs.submit(precertificate()).await.unwrap().len(), quorum);
    }
}

#[tokio::test]
async fn one_log_under_two_names_counts_once() {
    let log = FakeLog::start(Manner::Good).await;
    let twin = FakeLog::with_key(Manner::Good, log.pair.clone()).await;
    let options = LogsOptions { quorum: NonZeroUsize::new(2).unwrap(), ..LogsOptions::new(SystemTime::now) };
    let refused = Logs::new(vec![log.settings(), twin.settings()], &options).unwrap_err();
    assert!(matches!(refused, LogSetupError::Quorum { quorum: 2, distinct: 1 }), "{refused}");

    // Without keys it shows only in the answers.
    for settings in [vec![log.settings(), twin.without_key()], vec![log.without_key(), twin.without_key()]] {
        let error = logs(settings, 2).submit(precertificate()).await.unwrap_err();
        assert_eq!(error.obtained_of(), (1, 2));
        assert_eq!(error.faults().map(|(_, fault)| fault.clone()).collect::<Vec<_>>(), [LogFault::SameLog]);
    }
    let error = logs(vec![log.settings(), twin.without_key(), nobody()], 2).submit(precertificate()).await;
    assert_eq!(error.unwrap_err().label(), "quorum_impossible");
}

#[tokio::test]
async fn a_log_without_a_key_cannot_speak_for_one_with_a_key() {
    let log = FakeLog::start(Manner::Slow(Duration::from_millis(200))).await;
    let forger = FakeLog::with_key(Manner::SignsAnother, log.pair.clone()).await;
    let scts = logs(vec![forger.without_key(), log.settings()], 1).submit(precertificate()).await.unwrap();
    let entry = LogEntry::Precertificate { issuer_key_hash: [7; 32], tbs: TBS };
    assert_eq!(log.key().verify(&scts[0], &entry), Ok(()));
}

#[tokio::test]
async fn a_quorum_out_of_reach_ends_the_wait_and_names_each_log() {
    let slow = FakeLog::start(Manner::Slow(Duration::from_mins(1))).await;
    let (start, dead, wrong) = (Instant::now(), nobody(), FakeLog::start(Manner::SignsAnother).await);
    let error: TransparencyError =
        logs(vec![dead, wrong.settings(), slow.settings()], 2).submit(precertificate()).await.unwrap_err();
    assert!(start.elapsed() < DEADLINE / 2, "{:?}", start.elapsed());
    assert_eq!(error.faults().map(|(_, fault)| fault.label()).collect::<Vec<_>>(), ["unreachable", "wrong_signature"]);
    assert!(error.to_string().starts_with("0 of 2 timestamps; log 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn faults_are_told_in_configured_order() {
    let busy = FakeLog::start(Manner::BusyAtFirst(usize::MAX, "503 Busy")).await;
    let error = logs(vec![busy.settings(), nobody()], 1).submit(precertificate()).await.unwrap_err();
    assert_eq!(error.faults().map(|(_, fault)| fault.label()).collect::<Vec<_>>(), ["refused", "unreachable"]);
}

#[tokio::test]
async fn an_impossible_quorum_is_refused_at_once() {
    let error = Logs::new(Vec::new(), &LogsOptions::new(SystemTime::now)).unwrap_err();
    assert!(matches!(error, LogSetupError::Quorum { quorum: 1, distinct: 0 }), "{error}");
}

#[tokio::test]
async fn submissions_over_the_limit_wait_and_then_give_up() {
    let log = FakeLog::start(Manner::Slow(DEADLINE * 3 / 5)).await;
    let options =
        LogsOptions { max_in_flight: NonZeroUsize::MIN, deadline: DEADLINE, ..LogsOptions::new(SystemTime::now) };
    let logs = Logs::new(vec![log.settings()], &options).unwrap();
    let (first, second, third) =
        tokio::join!(logs.submit(precertificate()), logs.submit(precertificate()), logs.submit(precertificate()));
    let mut labels: Vec<_> =
        [&first, &second, &third].map(|one| one.as_ref().map_or_else(TransparencyError::label, |_| "ok")).into();
    labels.sort_unstable();
    assert_eq!(labels, ["busy", "ok", "timeout"]);
    assert!(log.requests.load(SeqCst) <= 2);
}

#[tokio::test]
async fn dropping_a_submission_frees_its_slot() {
    let (slow, other) =
        (FakeLog::start(Manner::Slow(Duration::from_millis(400))).await, FakeLog::start(Manner::Good).await);
    let options = LogsOptions {
        max_in_flight: NonZeroUsize::MIN,
        quorum: NonZeroUsize::new(2).unwrap(),
        deadline: DEADLINE,
        ..LogsOptions::new(SystemTime::now)
    };
    let logs = Logs::new(vec![slow.settings(), other.settings()], &options).unwrap();
    for _ in 0..20 {
        let dropped = tokio::time::timeout(Duration::from_millis(20), logs.submit(precertificate())).await;
        assert!(dropped.is_err());
    }
    assert_eq!(logs.submit(precertificate()).await.unwrap().len(), 2, "slots are free again");
}
