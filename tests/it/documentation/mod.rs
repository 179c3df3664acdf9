//! What the documentation tells people to type: every shell block of README.md, docs/ and config/ is run or, where it needs what a test
//! does not have, read by the command line and run against the counterpart.
//!
//! The word behind the fence's `sh` says what to do with a block:
//! - nothing: it is run, as it stands, by `bash -euo pipefail` in a new folder that holds what a clone holds (`config/`);
//! - `continues`: it is run behind the block before it, in the same shell;
//! - `needs=WHAT`: it is not run. Each of its `sigmint` lines is parsed by the real command line, and what has a counterpart is run.
//!
//! `sigmint` is a wrapper of this build: `serve` and `dev` go on beside the block until it ends, as in another terminal. `cargo run` runs
//! the same build (`.ci/run` has the real one), `apt-get install` checks that the package is there. Where the system allows it, each
//! block has a network of its own, so that its ports are free.

mod blocks;
mod shell;
use std::path::Path;
use std::process::Command;

use blocks::{Block, commands, documents};
use shell::run;

/// What is not run, by file and need. A new one is a new line here, with how its commands are tried instead.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "hours", "it runs this test"),
    (
        "docs/audit-reconcile.md",
        "log",
        "parsed; tests/it/audit/reconcile and tests/e2e/clients/tesseract_e2e.sh run it",
    ),
    ("docs/signers.md", "aws", "run against the counterpart below"),
    ("docs/signers.md", "gcp", "parsed; tests/it/signer/gcp_kms.rs opens such keys"),
    ("docs/signers.md", "azure", "parsed; tests/it/signer/azure.rs opens such keys"),
    ("docs/signers.md", "vault", "run against the counterpart below"),
    ("docs/signers.md", "tinkey", "parsed; tests/it/signer/tink.rs opens such keysets"),
    ("docs/signers.md", "googleca", "parsed; tests/it/authority/google_ca.rs opens such pools"),
];

#[test]
fn every_block_that_can_be_run_ends_well_as_it_stands() {
    let mut failed = Vec::new();
    for script in blocks::scripts() {
        if let Err(said) = run(&script.text) {
            failed.push(format!("{}:{}\n{}\n--\n{said}", script.file, script.line, script.text));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n====\n"));
}

#[test]
fn what_is_not_run_is_listed() {
    let blocks = documents().into_iter().filter_map(|block| Some((block.file.clone(), block.need()?.to_owned())));
    let found: Vec<(String, String)> = blocks.collect();
    for (file, need) in &found {
        let how = NOT_RUN.iter().find(|(known, what, _)| known == file && what == need);
        let (_, _, how) =
            how.unwrap_or_else(|| panic!("{file} has a block that needs {need}: say in NOT_RUN how it is tried"));
        println!("not run: {file}, needs {need}: {how}");
    }
    for (file, need, _) in NOT_RUN {
        assert!(
            found.iter().any(|(known, what)| known == file && what == need),
            "{file} has no block that needs {need}"
        );
    }
}

/// Every line that begins with our name, in blocks, in running text and in the examples of `--help`.
#[test]
fn every_command_line_is_taken() {
    let mut count = 0;
    let mut refused = Vec::new();
    let blocks = documents().into_iter().map(|block| (format!("{}:{}", block.file, block.line), block.text));
    for (place, text) in blocks.chain(blocks::inline()).chain(blocks::help(&sigmint::cli::command())) {
        for words in commands(&text) {
            count += 1;
            if let Err(error) = sigmint::cli::command().try_get_matches_from(&words)
                && error.exit_code() != 0
            {
                refused.push(format!("{place}: {}\n{error}", words.join(" ")));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(count > 30, "{count} command lines were found");
}

/// `ca init` as it is written, and what `serve` is told handed to `ca check`, which opens the CA in the same way.
fn run_against(need: &str, variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for block in documents().iter().filter(|block| block.need() == Some(need)) {
        for mut words in commands(&block.text) {
            if words[1] == "serve" {
                words.splice(1..2, ["ca".to_owned(), "check".to_owned()]);
            }
            let output = against(folder.path(), &words, variables);
            assert!(output.status.success(), "{need}: {words:?}: {}", String::from_utf8_lossy(&output.stderr));
            count += 1;
        }
    }
    assert!(count >= 2, "{need}: {count}");
}

fn against(folder: &Path, words: &[String], variables: &[(&str, &str)]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(&words[1..]).current_dir(folder).env("SIGMINT_CA_PASSWORD", "a long one").env("NO_PROXY", "127.0.0.1");
    command.envs(variables.iter().copied()).output().unwrap()
}

#[cfg(feature = "aws-kms")]
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_aws_kms_work_against_its_counterpart() {
    use crate::support::aws_kms::{Counterpart, OPERATOR, REGION};
    let service = Counterpart::start();
    let key = service.signing_key("ECC_NIST_P384").await;
    let id = key.rsplit('/').next().unwrap();
    service.administrator().create_alias().alias_name("alias/sigmint").target_key_id(id).send().await.unwrap();
    let endpoint = service.endpoint();
    run_against(
        "aws",
        &[
            ("AWS_ENDPOINT_URL_KMS", &endpoint),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", OPERATOR.0),
            ("AWS_SECRET_ACCESS_KEY", OPERATOR.1),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_vault_work_against_its_counterpart() {
    use crate::support::vault::{FakeVault, TOKEN};
    let server = FakeVault::start();
    server.make_key("fulcio", "ecdsa-p384");
    run_against("vault", &[("VAULT_ADDR", &server.url), ("VAULT_TOKEN", TOKEN)]);
}

#[test]
fn markers_are_known() {
    for Block { file, line, marks, .. } in documents() {
        for mark in &marks {
            assert!(mark == "continues" || mark.starts_with("needs="), "{file}:{line}: {mark}");
        }
    }
}

#[test]
fn a_block_that_fails_is_noticed() {
    for (script, expected) in [
        ("false\necho not reached\n", ""),
        ("sigmint serve --ca vault\n", "--ca"),
        ("sigmint dev --once --no-such-flag\n", "--no-such-flag"),
        ("sigmint inspect nothing.pem | cat\n", "nothing.pem"),
        ("apt-get install no-such-package-here\n", "no-such-package-here"),
    ] {
        let said = run(script).expect_err(script);
        assert!(said.contains(expected) && !said.contains("not reached"), "{script}: {said}");
    }
}
