//! Runs a script as a reader of the documentation would, with this build in front of PATH.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::blocks::root;

/// `sigmint`: what serves goes on until the script ends, and is awaited first.
const SIGMINT: &str = r#"#!/bin/bash
beside=
case "${1:-}" in serve|dev) beside=1 ;; esac
for word in "$@"; do case "$word" in --once|--help) beside= ;; esac; done
[ -n "$beside" ] || exec "$SIGMINT_REAL" "$@"
log=$(mktemp "$SIGMINT_BESIDE/XXXXXX")
"$SIGMINT_REAL" "$@" >"$log" 2>&1 &
echo $! >>"$SIGMINT_BESIDE/pids"
for _ in $(seq 300); do
    if grep -qE '(^|INFO +)listening|Ctrl-C ends' "$log"; then cat "$log" >&2; exit 0; fi
    kill -0 $! 2>/dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.1
done
echo "it does not serve:" >&2; cat "$log" >&2; exit 1
"#;

/// `cargo run .. -- WORDS`: this build, if the profile and the features are there; `.ci/run` builds for itself.
const CARGO: &str = r#"#!/bin/bash
[ "$1" = run ] || { echo "only cargo run is known here" >&2; exit 1; }
while [ "$1" != -- ]; do
    case "$1" in --profile) shift; grep -q "^\[profile.$1\]" "$SIGMINT_ROOT/Cargo.toml" || exit 1 ;; esac
    shift
done
shift
exec sigmint "$@"
"#;

/// `apt-get install`: the packages must be there already.
const APT_GET: &str = r#"#!/bin/bash
[ "$1" = install ] || exit 1
shift
for package in "$@"; do case "$package" in -*) ;; *) dpkg -s "$package" >/dev/null || exit 1 ;; esac; done
"#;

/// The script between the beginning and the end of its servers.
const FRAME: &str = r#"trap 'while read -r pid; do kill "$pid" 2>/dev/null && tail --pid="$pid" -f /dev/null; done <"$SIGMINT_BESIDE/pids"' EXIT
"#;

/// Runs it in a new folder; what it said, if it fails.
pub fn run(script: &str) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let (work, bin, beside) = (place.path().join("work"), place.path().join("bin"), place.path().join("beside"));
    for folder in [&work, &bin, &beside, &place.path().join("tokens")] {
        fs::create_dir(folder).unwrap();
    }
    fs::write(beside.join("pids"), "").unwrap();
    symlink(root().join("config"), work.join("config")).unwrap();
    for (name, text) in [("sigmint", SIGMINT), ("cargo", CARGO), ("apt-get", APT_GET)] {
        fs::write(bin.join(name), text).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let softhsm = place.path().join("softhsm2.conf");
    fs::write(&softhsm, format!("directories.tokendir = {}\n", place.path().join("tokens").display())).unwrap();
    let file = place.path().join("script");
    fs::write(&file, format!("{FRAME}{script}")).unwrap();
    let output = shell(&file)
        .current_dir(&work)
        .env_clear()
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .env("HOME", place.path())
        .env("TMPDIR", place.path())
        .env("SOFTHSM2_CONF", softhsm)
        .env("SIGMINT_REAL", env!("CARGO_BIN_EXE_sigmint"))
        .env("SIGMINT_BESIDE", &beside)
        .env("SIGMINT_ROOT", root())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(said()) }
}

/// In a network of its own, where the system lets us: the ports that the documents name are free there.
fn shell(script: &Path) -> Command {
    static OWN_NETWORK: OnceLock<bool> = OnceLock::new();
    let up = ["-rn", "sh", "-c", "ip link set lo up"];
    let own = *OWN_NETWORK.get_or_init(|| {
        Command::new("unshare").args(up).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    });
    let mut command = Command::new(if own { "unshare" } else { "bash" });
    if own {
        command.args(["-rn", "sh", "-c", "ip link set lo up && exec bash \"$@\"", "sh"]);
    }
    command.args(["-euo", "pipefail"]).arg(script);
    command
}
