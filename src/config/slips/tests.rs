use super::*;

fn matches(args: &[&str]) -> ArgMatches {
    flags::augment(clap::Command::new("serve")).try_get_matches_from(std::iter::once(&"serve").chain(args)).unwrap()
}

#[test]
fn a_blank_after_the_equals_sign_is_refused_for_every_flag() {
    for flag in flags::all().filter(|flag| !flag.is_truth()) {
        let empty = format!("--{}=", flag.name);
        for args in [
            &[empty.as_str(), "hunter2"][..],
            &["--port=1", &empty, "hunter2", "word"],
            &[&format!("--{}", flag.name), "", "hunter2"],
            &["word", &format!("--{}= ", flag.name), "hunter2"],
        ] {
            let found = matches(args);
            let error = check_command_line(&found).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--{}: is empty", flag.name)), "{args:?}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

#[test]
fn a_truth_after_a_blank_is_refused() {
    for args in [&["--builtin-issuers", "false"][..], &["--fileca-watch", "No"]] {
        let error = check_command_line(&matches(args)).unwrap_err().to_string();
        assert!(error.contains("write --"), "{error}");
    }
}

#[test]
fn other_stray_words_are_tolerated() {
    for args in [
        &["word", "--ct-log-url="][..],
        &["--ct-log-url=", "--port=1", "word"],
        &["--ct-log-url=http://a", "word"],
        &["--fileca-watch", "word"],
        &["--ct-log-url=", "word", "--ct-log-url=http://a"],
    ] {
        check_command_line(&matches(args)).unwrap();
    }
}

#[test]
fn a_flag_with_another_dash_is_pointed_out() {
    let said = |word: &str| misspelled_flags(&matches(&[word]));
    for word in ["\u{2014}ct-log-url=x", "\u{2013}ct-log-url", "ct-log-url=x", "CT_LOG_URL=x"] {
        assert_eq!(said(word), ["a word on the command line is not read: did you mean --ct-log-url?"], "{word}");
    }
    for word in ["port", "word", "a=b", "="] {
        assert!(said(word).is_empty(), "{word}");
    }
}

#[test]
fn variables_that_nobody_reads_are_named_with_what_was_meant() {
    let said = |name: &str, value: &str| unread_variables([(name.to_owned(), value.to_owned())].into_iter());
    for (name, meant) in [
        ("FULCIO_SERVE_CT_LOG_PUBLIC_KEY", "FULCIO_SERVE_CT_LOG_PUBLIC_KEY_PATH"),
        ("FULCIO_SERVE_RATE_LIMIT", "FULCIO_SERVE_RATE_LIMIT_PER_ADDRESS"),
        ("FULCIO_SERVE_GRPC_TLS_CERT", "FULCIO_SERVE_GRPC_TLS_CERTIFICATE"),
        ("FULCIO_SERVE_CTLOG_URL", "FULCIO_SERVE_CT_LOG_URL"),
    ] {
        assert_eq!(said(name, "x"), [format!("{name} is not read: did you mean {meant}?")]);
    }
    assert!(said("FULCIO_SERVE_WHATEVER_THIS_IS", "x")[0].contains("--help"));
    for known in ["CA", "CT_LOG_URL", "CT-LOG.TLS-CA-CERT", "CT_LOG_TLS_CA_CERT", "HTTP_PORT", "GCP_PRIVATE_CA_PARENT"]
    {
        assert!(said(&format!("FULCIO_SERVE_{known}"), "x").is_empty(), "{known}");
    }
    assert!(said("FULCIO_SERVE_RATE_LIMIT_PER_ADDRESS", "")[0].contains("counts as not set"));
    let link = said("FULCIO_SERVE_PORT", "tcp://10.0.0.1:80");
    assert!(link[0].contains("Kubernetes") && link[0].contains("enableServiceLinks"), "{link:?}");
    for (of_link, value) in [
        ("SERVICE_HOST", "10.0.0.1"),
        ("SERVICE_PORT_HTTP", "80"),
        ("PORT_80_TCP_ADDR", "10.0.0.1"),
        ("HTTP_ALT_PORT", "tcp://10.0.0.1:80"),
    ] {
        assert!(said(&format!("FULCIO_SERVE_{of_link}"), value).is_empty(), "{of_link}");
    }
    assert!(said("FULCIO_SERVE_GCP_PRIVATE_CA_VERSION", "v1")[0].contains("deprecated"));
    assert!(said("FULCIO_SERVE_HOST", "").is_empty() && said("PATH", "x").is_empty());
}
