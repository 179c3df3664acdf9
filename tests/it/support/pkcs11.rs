//! PKCS#11 tokens for tests: SoftHSM, and a second module over a software TPM, each with the shim that breaks it.
//!
//! A module reads its environment when it is loaded, once a process. So each test runs in a process of its own, with its
//! own token: [`alone`] starts the test binary again for just this test.

use super::again::path_of;
use sigmint::crypto::KeyKind;
use std::fs;
use std::future::Future;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session, UserType};
use secrecy::SecretString;
use sigmint::signer::pkcs11::{KeySelector, Login, Pkcs11Options, TokenSelector, leave_modules};

/// The token's label, and the PINs of its user and its security officer.
pub const TOKEN: &str = "test token";
pub const PIN: &str = "user-9752";
pub const OFFICER_PIN: &str = "officer-9752";

/// Where Debian, Ubuntu and Fedora have SoftHSM.
const SOFTHSM: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

/// The modules that the tests run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    SoftHsm,
    Tpm,
}

impl Kind {
    /// What this module cannot do: libtpms has no larger RSA keys, TPMs have no Ed25519, and tpm2-pkcs11 1.9 encodes
    /// P-521 points so that it cannot read them itself.
    pub fn lacks(self, key: KeyKind) -> bool {
        self == Self::Tpm && matches!(key, KeyKind::P521 | KeyKind::Rsa4096 | KeyKind::Ed25519)
    }
}

/// Runs a test's body in a process of its own, in which the environment names a fresh token.
pub fn alone<F: Future<Output = ()>>(test: &str, kind: Kind, body: impl FnOnce(Bench) -> F) {
    match std::env::var_os("SIGMINT_PKCS11_FOLDER") {
        Some(folder) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async { body(Bench::new(kind, PathBuf::from(folder))).await });
            // As the server does at its end; without it, a module that is still called crashes the process.
            leave_modules(super::DEADLINE);
        }
        // Modules have been seen to crash in their destructors after a test had passed, once in four runs of all tests.
        // That is tried again, with a new token; a test that fails is not.
        None if start_again(test, kind) == Ended::AfterwardsCrashed => {
            eprintln!("{test}: passed, and the module crashed at the end of the process; once more");
            assert_eq!(start_again(test, kind), Ended::Well, "the module crashed at the end of the process, twice");
        }
        None => {}
    }
}

/// How a test's own process ended, whose test passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    AfterwardsCrashed,
}

fn start_again(test: &str, kind: Kind) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("tokens")).unwrap();
    fs::write(at("fault"), "").unwrap();
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/pkcs11/shim.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(at("shim.so")).arg(shim).args(["-ldl", "-lpthread"]);
    assert!(compiler.status().expect("a C compiler is installed").success());

    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([path_of(test), "--exact", "--include-ignored", "--nocapture"]);
    child.env("SIGMINT_PKCS11_FOLDER", folder.path());
    child.env("SHIM_FAULT", at("fault")).env("SHIM_LOG", at("logins")).env("SHIM_MODULE", module_path(kind));
    let _tpm = match kind {
        Kind::SoftHsm => {
            let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", at("tokens").display());
            fs::write(at("softhsm2.conf"), settings).unwrap();
            child.env("SOFTHSM2_CONF", at("softhsm2.conf"));
            None
        }
        Kind::Tpm => {
            child.env("TPM2_PKCS11_STORE", at("tokens")).env("TPM2_PKCS11_LOG_LEVEL", "0");
            child.env("TPM2_PKCS11_TCTI", format!("swtpm:path={}", at("tpm").display()));
            child.env("TSS2_LOG", "all+none").env("LD_LIBRARY_PATH", second_module().join("lib"));
            Some(Tpm::start(folder.path()))
        }
    };
    let output = child.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.signal().is_some() && out.contains("1 passed; 0 failed") {
        return Ended::AfterwardsCrashed;
    }
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "the test of this name was not found:\n{out}");
    Ended::Well
}

/// The module's path; a test that cannot run must fail, not pass.
fn module_path(kind: Kind) -> PathBuf {
    match kind {
        Kind::SoftHsm => {
            let found = SOFTHSM.iter().map(Path::new).find(|path| path.exists());
            found.expect("SoftHSM is missing: install softhsm2, as scripts/test.sh does").to_owned()
        }
        Kind::Tpm => {
            let path = second_module().join("lib/libtpm2_pkcs11.so.1");
            assert!(path.exists(), "{} is missing: run tests/e2e/pkcs11/second_module.sh", path.display());
            path
        }
    }
}

fn second_module() -> PathBuf {
    let folder = std::env::var_os("SIGMINT_PKCS11_SECOND");
    PathBuf::from(folder.expect("SIGMINT_PKCS11_SECOND is not set: see tests/e2e/pkcs11/second_module.sh"))
}

/// A software TPM on a socket in the test's folder.
struct Tpm(Child);

impl Tpm {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("tpm");
        let state = folder.join("state");
        fs::create_dir(&state).unwrap();
        let mut command = Command::new(second_module().join("bin/swtpm"));
        command.args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate"]);
        command.arg(format!("dir={}", state.display()));
        command.arg("--server").arg(format!("type=unixio,path={}", socket.display()));
        command.arg("--ctrl").arg(format!("type=unixio,path={}.ctrl", socket.display()));
        command.env("LD_LIBRARY_PATH", second_module().join("lib")).stdout(Stdio::null());
        let tpm = Self(command.spawn().expect("swtpm starts"));
        let deadline = std::time::Instant::now() + super::DEADLINE;
        while !socket.exists() {
            assert!(std::time::Instant::now() < deadline, "swtpm did not listen");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        tpm
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A fresh token, initialized with [`TOKEN`] and [`PIN`], behind the shim.
pub struct Bench {
    pub kind: Kind,
    folder: PathBuf,
    /// A way to the token beside the code under test.
    context: Pkcs11,
}

impl Bench {
    fn new(kind: Kind, folder: PathBuf) -> Self {
        let context = Pkcs11::new(folder.join("shim.so")).unwrap();
        context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let bench = Self { kind, folder, context };
        bench.initialize_token(TOKEN);
        bench
    }

    /// Whether the token holds several keys at once: a TPM without a resource manager has room for three objects.
    pub fn has_room(&self) -> bool {
        self.kind == Kind::SoftHsm
    }

    /// Initializes another token with this label and the same PINs.
    pub fn initialize_token(&self, label: &str) {
        let slots = self.context.get_slots_with_token().unwrap();
        let blank = |slot: &_| !self.context.get_token_info(*slot).unwrap().token_initialized();
        let slot = slots.into_iter().find(blank).expect("there is room for a token");
        self.context.init_token(slot, &OFFICER_PIN.to_owned().into(), label).unwrap();
        let session = self.context.open_rw_session(self.slot(label)).unwrap();
        session.login(UserType::So, Some(&OFFICER_PIN.to_owned().into())).unwrap();
        session.init_pin(&PIN.to_owned().into()).unwrap();
        session.logout().unwrap();
    }

    fn slot(&self, label: &str) -> cryptoki::slot::Slot {
        let mut slots = self.context.get_slots_with_token().unwrap().into_iter();
        let found = slots.rfind(|slot| self.context.get_token_info(*slot).unwrap().label() == label);
        found.expect("the token is there")
    }

    /// A session beside the code under test; logged in if nobody else is.
    pub fn session(&self) -> Session {
        let session = self.context.open_rw_session(self.slot(TOKEN)).unwrap();
        let _ = session.login(UserType::User, Some(&SecretString::from(PIN)));
        session
    }

    /// The key with this label in the token, behind the shim.
    pub fn options(&self, label: &str) -> Pkcs11Options {
        Pkcs11Options {
            module: self.folder.join("shim.so"),
            token: TokenSelector { label: Some(TOKEN.to_owned()), ..TokenSelector::default() },
            login: Login::User(SecretString::from(PIN)),
            key: KeySelector { label: Some(label.to_owned()), id: None },
            sessions: 8.try_into().unwrap(),
            opening: super::DEADLINE,
        }
    }

    /// Breaks the module as the shim's word says; the empty word fixes it.
    pub fn fault(&self, word: &str) {
        // Replaced in one step: the shim must not read half a word.
        let new = self.folder.join("fault.new");
        fs::write(&new, word).unwrap();
        fs::rename(new, self.folder.join("fault")).unwrap();
    }

    /// How many log-ins there were.
    pub fn logins(&self) -> usize {
        fs::read_to_string(self.folder.join("logins")).map_or(0, |text| text.lines().count())
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
