use super::*;

fn write(folder: &std::path::Path, name: &str) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("c.pem"), key: folder.join("k.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

#[tokio::test]
async fn a_replacement_is_served_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), "one.test");
    let served = ServerCertificate::load(files.clone()).unwrap();
    let first = served.current.load_full();
    assert_eq!(served.reload().await.unwrap(), Reload::Unchanged);

    std::fs::write(&files.key, "no key").unwrap();
    assert!(matches!(served.reload().await, Err(TlsError::Pem { .. })));
    assert!(Arc::ptr_eq(&first, &served.current.load_full()));

    write(folder.path(), "two.test");
    assert_eq!(served.reload().await.unwrap(), Reload::Replaced);
    assert_ne!(first.cert, served.current.load().cert);
}

#[test]
fn one_file_with_key_and_certificate_and_a_comment_in_latin_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), "one.test");
    let both = [std::fs::read(&files.key).unwrap(), std::fs::read(&files.certificate).unwrap()];
    let combined = folder.path().join("both.pem");
    std::fs::write(&combined, [b"\xef\xbb\xbfM\xfcnchen\n", both.concat().as_slice()].concat()).unwrap();
    ServerCertificate::load(TlsFiles { certificate: combined.clone(), key: combined }).unwrap();
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), "one.test");
    let other = tempfile::tempdir().unwrap();
    let others = write(other.path(), "two.test");
    let mixed = TlsFiles { certificate: files.certificate.clone(), key: others.key };
    assert!(matches!(ServerCertificate::load(mixed), Err(TlsError::Unusable { .. })));
    let key = std::fs::read_to_string(&files.key).unwrap();
    for (content, part) in [
        ("-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n".to_owned(), "other PEM blocks"),
        (key.replace("PRIVATE", "ENCRYPTED PRIVATE"), "openssl pkey"),
        (key.replace("PRIVATE", "OPENSSH PRIVATE"), "openssl pkey"),
    ] {
        std::fs::write(&files.key, content).unwrap();
        let error = ServerCertificate::load(files.clone()).unwrap_err().to_string();
        assert!(error.contains("k.pem") && error.contains(part), "{error}");
    }
    std::fs::write(&files.key, key).unwrap();
    std::fs::write(&files.certificate, "").unwrap();
    assert!(matches!(ServerCertificate::load(files.clone()), Err(TlsError::Unusable { .. })));
    std::fs::remove_file(&files.certificate).unwrap();
    let error = ServerCertificate::load(files).unwrap_err();
    assert!(matches!(error, TlsError::File(_)) && error.to_string().contains("c.pem"));
}
