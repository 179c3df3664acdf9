//! `sigmint ca`: what it makes is what `serve` takes and openssl accepts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery staple";

/// Runs the tool in a folder.
fn sigmint(folder: &TempDir, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.current_dir(folder).args(words).env_clear().env("SIGMINT_CA_PASSWORD", PASSWORD);
    command.env("FULCIO_SERVE_FILECA_KEY_PASSWD", PASSWORD).output().unwrap()
}

/// Runs it and wants it to succeed.
fn done(folder: &TempDir, words: &[&str]) -> String {
    let output = sigmint(folder, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it and wants this exit code and these words.
fn fails(folder: &TempDir, words: &[&str], code: i32, expected: &str) {
    let output = sigmint(folder, words);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    assert!(text.contains(expected), "{words:?}: {text}");
    assert!(!text.contains(PASSWORD));
}

fn check(folder: &TempDir, chain: &str, key: &str) -> Output {
    sigmint(folder, &["ca", "check", "--ca=fileca", "--fileca-cert", chain, "--fileca-key", key])
}

fn openssl(folder: &TempDir, words: &[&str]) -> String {
    let output = Command::new("openssl").current_dir(folder).args(words).output().expect("openssl is installed");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn init_makes_a_ca_that_signs_and_that_openssl_accepts() {
    for algorithm in ["p256", "p384", "p521", "rsa3072", "ed25519"] {
        let folder = tempfile::tempdir().unwrap();
        let name = "O=Example\\, Inc.,CN=Code signing";
        done(&folder, &["ca", "init", "--subject", name, "--algorithm", algorithm]);
        openssl(&folder, &["verify", "-x509_strict", "-CAfile", "ca/root.pem", "ca/chain.pem"]);
        let text = openssl(&folder, &["x509", "-in", "ca/chain.pem", "-noout", "-text"]);
        for line in [
            "CA:TRUE, pathlen:0",
            "Code Signing",
            "Certificate Sign, CRL Sign",
            "O = \"Example, Inc.\", CN = Code signing",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let pass = format!("pass:{PASSWORD}");
        openssl(&folder, &["pkey", "-in", "ca/intermediate.key", "-passin", &pass, "-noout"]);
        assert!(fs::read_to_string(folder.path().join("ca/root.key")).unwrap().contains("ENCRYPTED"));
        let mode = |file: &str| fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("ca/root.key"), mode("ca/intermediate.key"), mode("ca/chain.pem")), (0o600, 0o600, 0o644));
        let output = check(&folder, "ca/chain.pem", "ca/intermediate.key");
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("CN=Code signing"));
    }
}

#[test]
fn the_password_of_a_ca_files_key_comes_from_the_environment_or_from_the_entrys_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let put = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    done(&folder, &["ca", "init", "--out", "one"]);
    put("own.pw", "another password\n");
    done(&folder, &["ca", "init", "--out", "two", "--password-file", "own.pw"]);
    let entry = |ca: &str, more: &str| {
        format!("{{ca: fileca, fileca-cert: {ca}/chain.pem, fileca-key: {ca}/intermediate.key{more}}}")
    };
    let own = entry("two", ", fileca-key-passwd-file: own.pw");
    put("ca.yaml", &format!("active: {}\nnext: [{own}]\n", entry("one", "")));
    done(&folder, &["ca", "check", "--ca-config", "ca.yaml"]);
    put("ca.yaml", &format!("active: {own}\n"));
    done(&folder, &["ca", "check", "--ca-config", "ca.yaml"]);
    put("ca.yaml", &format!("active: {}\n", entry("two", "")));
    fails(&folder, &["ca", "check", "--ca-config", "ca.yaml"], 1, "the password is wrong");
    put("break.pw", "another password\n\n");
    put("ca.yaml", &format!("active: {}\n", entry("two", ", fileca-key-passwd-file: break.pw")));
    fails(&folder, &["ca", "check", "--ca-config", "ca.yaml"], 1, "ends in a line break");
}

#[test]
fn a_key_and_its_chain_in_one_file_in_any_order_are_a_ca() {
    let folder = tempfile::tempdir().unwrap();
    let read = |file: &str| fs::read(folder.path().join(file)).unwrap();
    done(&folder, &["ca", "init"]);
    done(&folder, &["ca", "init", "--out", "other"]);
    let comment = b"\xef\xbb\xbfM\xfcnchen\n".to_vec();
    let parts =
        [comment, read("ca/root.pem"), read("other/root.pem"), read("ca/intermediate.key"), read("ca/chain.pem")];
    fs::write(folder.path().join("all.pem"), parts.concat()).unwrap();
    let output = check(&folder, "all.pem", "all.pem");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("2 certificates") && text.contains("warning: certificates that are not part of the chain"),
        "{text}"
    );
    assert!(text.contains("private key too"), "{text}");
}

#[test]
fn nothing_is_overwritten_and_no_key_is_left_bare_unasked() {
    let folder = tempfile::tempdir().unwrap();
    done(&folder, &["ca", "init"]);
    let before = fs::read(folder.path().join("ca/root.key")).unwrap();
    fails(&folder, &["ca", "init"], 2, "is there already");
    assert_eq!(fs::read(folder.path().join("ca/root.key")).unwrap(), before);

    let words = ["ca", "init", "--out", "bare"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    let output = command.current_dir(&folder).args(words).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SIGMINT_CA_PASSWORD"));
    assert!(!folder.path().join("bare").exists(), "nothing is left behind");
    done(&folder, &["ca", "init", "--out", "bare", "--unencrypted"]);
    assert!(fs::read_to_string(folder.path().join("bare/root.key")).unwrap().starts_with("-----BEGIN PRIVATE KEY"));
}

#[test]
fn an_intermediate_is_renewed_below_the_same_root_by_key_or_by_request() {
    let folder = tempfile::tempdir().unwrap();
    done(&folder, &["ca", "init"]);
    let root = ["--existing-root", "ca/root.pem", "--root-key", "ca/root.key"];
    done(&folder, &[&["ca", "init", "--out", "next"], &root[..]].concat());
    openssl(&folder, &["verify", "-x509_strict", "-CAfile", "ca/root.pem", "next/chain.pem"]);
    assert!(check(&folder, "next/chain.pem", "next/intermediate.key").status.success());
    fails(&folder, &[&["ca", "init", "--out", "late", "--lifetime", "4000d"], &root[..]].concat(), 1, "ends before");
    let other = ["--existing-root", "ca/root.pem", "--root-key", "ca/intermediate.key", "--out", "other"];
    fails(&folder, &[&["ca", "init"], &other[..]].concat(), 1, "would be refused");

    done(&folder, &["ca", "csr", "--key", "third.key", "--subject", "O=Example,CN=Third", "--out", "third.csr"]);
    openssl(&folder, &["req", "-in", "third.csr", "-verify", "-noout"]);
    let sign = ["ca", "sign", "--request", "third.csr", "--out", "third.pem", "--lifetime", "20d"];
    done(&folder, &[&sign, &root[..]].concat());
    let output = check(&folder, "third.pem", "third.key");
    assert_eq!(output.status.code(), Some(3), "it ends soon");
    assert!(String::from_utf8_lossy(&output.stdout).contains("CN=Third"));
    let misfit = check(&folder, "third.pem", "next/intermediate.key");
    assert_eq!(misfit.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&misfit.stderr).contains("do not belong together"));
}

#[test]
fn a_request_that_was_changed_and_wrong_passwords_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    done(&folder, &["ca", "init"]);
    done(&folder, &["ca", "csr", "--key", "new.key", "--out", "new.csr"]);
    let path = folder.path().join("new.csr");
    let mut der = pem::parse(fs::read(&path).unwrap()).unwrap().into_contents();
    let place = der.windows(7).position(|window| window == b"sigmint").unwrap();
    der[place] = b'S';
    fs::write(&path, pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der))).unwrap();
    let root = ["--existing-root", "ca/root.pem", "--root-key", "ca/root.key"];
    fails(&folder, &[&["ca", "sign", "--request", "new.csr"], &root[..]].concat(), 2, "not signed with its own key");
    fs::write(folder.path().join("wrong"), "wrong\n").unwrap();
    let words = ["ca", "init", "--out", "next", "--password-file", "wrong"];
    fails(&folder, &[&words, &root[..]].concat(), 2, "password is wrong");
    fails(&folder, &["ca", "init", "--out", "x", "--subject", "nonsense"], 1, "is not a name");
    fails(&folder, &["ca", "init", "--out", "x", "--key", "other://key"], 2, "neither the name of a key");
    assert!(!Path::new(&folder.path().join("x")).exists(), "nothing is left behind");
}

/// A SoftHSM token of its own in the folder, and the name of a key in it.
fn token(folder: &TempDir) -> impl Fn(&str) -> String {
    let path = |file: &str| folder.path().join(file).display().to_string();
    fs::create_dir(path("tokens")).unwrap();
    fs::write(path("softhsm2.conf"), format!("directories.tokendir = {}\n", path("tokens"))).unwrap();
    fs::write(path("pin"), "1234\n").unwrap();
    let mut command = Command::new("softhsm2-util");
    command.args(["--init-token", "--free", "--label", "fulcio", "--pin", "1234", "--so-pin", "5678"]);
    let made = command.env("SOFTHSM2_CONF", path("softhsm2.conf")).output().expect("softhsm2 is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let source = format!("module-path={MODULE}&pin-source=file:{}", path("pin"));
    move |label| format!("pkcs11:token=fulcio;object={label}?{source}")
}

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

fn in_token(folder: &TempDir, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.current_dir(folder).args(words).env_clear();
    command.env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf")).output().unwrap()
}

#[test]
fn keys_are_made_in_a_token_and_found_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let key = token(&folder);
    let (root, issuing) = (key("root"), key("issuing"));
    let output = in_token(&folder, &["ca", "init", "--root-key", &root, "--key", &issuing]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    openssl(&folder, &["verify", "-x509_strict", "-CAfile", "ca/root.pem", "ca/chain.pem"]);
    let check = |key: &str| {
        let (key, chain) = (format!("--kms-resource={key}"), "--kms-cert-chain-path=ca/chain.pem");
        in_token(&folder, &["ca", "check", "--ca=kmsca", &key, chain])
    };
    assert!(check(&issuing).status.success());
    let misfit = check(&root);
    assert!(String::from_utf8_lossy(&misfit.stderr).contains("does not belong"), "{misfit:?}");
    let absent = check(&key("absent"));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("no such private key"), "{absent:?}");

    // A new intermediate with the same root, whose key is in the token already.
    let again =
        ["ca", "init", "--out", "next", "--existing-root", "ca/root.pem", "--root-key", &root, "--key", &key("next")];
    assert!(in_token(&folder, &again).status.success());
    openssl(&folder, &["verify", "-x509_strict", "-CAfile", "ca/root.pem", "next/chain.pem"]);
}

#[test]
fn fulcios_createca_makes_a_root_that_its_flags_serve() {
    let folder = tempfile::tempdir().unwrap();
    let _ = token(&folder);
    let config = format!(r#"{{"Path": "{MODULE}", "TokenLabel": "fulcio", "Pin": "1234"}}"#);
    fs::write(folder.path().join("crypto11.conf"), config).unwrap();
    let create =
        ["createca", "--pkcs11-config-path=crypto11.conf", "--hsm-caroot-id=1", "--org=Example", "--out=root.pem"];
    let output = in_token(&folder, &create);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, fs::read(folder.path().join("root.pem")).unwrap());
    assert!(openssl(&folder, &["x509", "-in", "root.pem", "-noout", "-subject"]).contains("O = Example"));
    openssl(&folder, &["verify", "-x509_strict", "-CAfile", "root.pem", "root.pem"]);
    let serve = ["ca", "check", "--ca=pkcs11ca", "--pkcs11-config-path=crypto11.conf"];
    let found = in_token(&folder, &[&serve[..], &["--hsm-caroot-id=1"]].concat());
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let absent = in_token(&folder, &[&serve[..], &["--hsm-caroot-id=2"]].concat());
    assert!(String::from_utf8_lossy(&absent.stderr).contains("sigmint createca"), "{absent:?}");
    let again = in_token(&folder, &["createca", "--pkcs11-config-path=crypto11.conf", "--hsm-caroot-id=1"]);
    assert_eq!(again.status.code(), Some(2));
}
