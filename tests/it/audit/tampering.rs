//! `sigmint audit verify` finds what was done to a log, and nothing in one that nobody touched.

use std::fs;
use std::path::PathBuf;

use crate::support::audit::{head_key, log_in, options, scene, sign_head};
use sigmint::audit::Audit;
use sigmint::audit::head::SignedHead;
use sigmint::audit::verify::{ProblemKind, Report, VerifyOptions, verify};
use sigmint::crypto::signature_check::SignatureCheck;
use std::time::SystemTime;

/// A log of two processes with a head over all but the last certificate's records.
struct Recorded {
    folder: tempfile::TempDir,
    lines: Vec<String>,
    /// The line of the last head, from 0.
    head: usize,
    key: SignatureCheck,
    anchor: PathBuf,
}

impl Recorded {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = log_in(&folder);
        let (key, verification) = head_key();
        let mut last: Option<SignedHead> = None;
        for _ in 0..2 {
            let audit = Audit::open(options(&path)).unwrap();
            let (scene, _) = scene(&audit).await;
            for _ in 0..3 {
                assert_eq!(scene.ask(&scene.token()).await.status, 200);
            }
            last = Some(sign_head(&audit, &key).await);
            assert_eq!(scene.ask(&scene.token()).await.status, 200);
            assert!(audit.close());
        }
        let anchor = folder.path().join("heads");
        fs::write(&anchor, last.unwrap().to_line(SystemTime::now())).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let head = lines.iter().rposition(|line| line.contains("\"type\":\"head\"")).unwrap();
        Self { folder, lines, head, key: verification, anchor }
    }

    fn verify_with(&self, content: &str, options: &VerifyOptions) -> Report {
        let path = self.folder.path().join("changed");
        fs::write(&path, content).unwrap();
        verify(&[path], options).unwrap()
    }

    fn options(&self) -> VerifyOptions {
        VerifyOptions { keys: vec![self.key.clone()], ..VerifyOptions::default() }
    }

    /// The kinds of what is found when the lines are changed.
    fn found(&self, change: impl FnOnce(&mut Vec<String>)) -> Vec<ProblemKind> {
        let mut lines = self.lines.clone();
        change(&mut lines);
        let report = self.verify_with(&(lines.join("\n") + "\n"), &self.options());
        report.problems.into_iter().map(|problem| problem.kind).collect()
    }
}

#[tokio::test]
async fn an_untouched_log_is_good_and_says_what_is_not_covered() {
    let log = Recorded::new().await;
    let report = log.verify_with(&(log.lines.join("\n") + "\n"), &log.options());
    assert!(report.is_good(), "{:?}", report.problems);
    assert_eq!((report.records, report.chains, report.heads), (log.lines.len() as u64, 2, 2));
    // One certificate's intent and outcome.
    assert_eq!(report.uncovered, 2);
    let anchored = VerifyOptions { anchors: vec![log.anchor.clone()], ..log.options() };
    let report = log.verify_with(&(log.lines.join("\n") + "\n"), &anchored);
    assert!(report.is_good() && report.anchors == 1, "{:?}", report.problems);
}

#[tokio::test]
async fn every_change_before_the_last_head_is_found() {
    let log = Recorded::new().await;
    let none: Vec<ProblemKind> = Vec::new();
    assert_eq!(log.found(|_| {}), none);
    for at in 0..log.head {
        // One byte, in the record's content.
        let edited = log.found(|lines| lines[at] = lines[at].replacen("Z\"", "X\"", 1));
        assert!(!edited.is_empty(), "line {at}: an edit");
        assert!(!log.found(|lines| drop(lines.remove(at))).is_empty(), "line {at}: removed");
        assert!(!log.found(|lines| lines.swap(at, at + 1)).is_empty(), "line {at}: swapped");
        assert!(!log.found(|lines| lines.insert(at, lines[at].clone())).is_empty(), "line {at}: twice");
        assert!(!log.found(|lines| lines[at].truncate(40)).is_empty(), "line {at}: cut short");
        assert!(!log.found(|lines| drop(lines.drain(at..log.head))).is_empty(), "line {at}: cut before the head");
    }
}

#[tokio::test]
async fn heads_are_believed_by_their_key_only() {
    let log = Recorded::new().await;
    // Another key.
    let (_, other) = head_key();
    let options = VerifyOptions { keys: vec![other], ..VerifyOptions::default() };
    let report = log.verify_with(&(log.lines.join("\n") + "\n"), &options);
    assert!(report.problems.iter().any(|problem| problem.kind == ProblemKind::Signature));
    // A signature that was changed.
    let forged = log.found(|lines| {
        let head = &mut lines[log.head];
        let at = head.find("\"signature\":\"").unwrap() + 20;
        let letter = if head.as_bytes()[at] == b'A' { "B" } else { "A" };
        head.replace_range(at..=at, letter);
    });
    assert!(forged.contains(&ProblemKind::Signature) || forged.contains(&ProblemKind::NotAHead), "{forged:?}");
    // None at all.
    let none = log.found(|lines| lines.retain(|line| !line.contains("\"type\":\"head\"")));
    assert!(none.contains(&ProblemKind::NoHead), "{none:?}");
}

/// Whoever can write the log but has no key computes all hashes again, and is found by the heads.
#[tokio::test]
async fn a_chain_that_was_written_again_does_not_fit_its_heads() {
    let log = Recorded::new().await;
    let mut previous = String::new();
    let rewritten: Vec<String> = log
        .lines
        .iter()
        .enumerate()
        .map(|(number, line)| {
            let mut line = if number == 2 { line.replacen("Z\"", "X\"", 1) } else { line.clone() };
            if !previous.is_empty() {
                let at = line.find("\"prev\":\"").unwrap() + 8;
                line.replace_range(at..at + 64, &previous);
            }
            previous = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, line.as_bytes()));
            line
        })
        .collect();
    let report = log.verify_with(&(rewritten.join("\n") + "\n"), &log.options());
    let kinds: Vec<_> = report.problems.iter().map(|problem| problem.kind.clone()).collect();
    assert_eq!(kinds, [ProblemKind::Head, ProblemKind::Head]);
    let unsigned = log.verify_with(&(rewritten.join("\n") + "\n"), &VerifyOptions::default());
    assert!(unsigned.problems.iter().all(|problem| problem.kind == ProblemKind::Head));
}

/// What a file alone cannot show: its end with the last head was cut off. A head that went elsewhere shows it.
#[tokio::test]
async fn a_cut_end_is_found_by_an_anchor_only() {
    let log = Recorded::new().await;
    let cut = log.lines[..log.head - 2].join("\n") + "\n";
    assert!(log.verify_with(&cut, &log.options()).is_good());
    let anchored = VerifyOptions { anchors: vec![log.anchor.clone()], ..log.options() };
    let report = log.verify_with(&cut, &anchored);
    assert!(report.problems.iter().any(|problem| problem.kind == ProblemKind::Cut), "{:?}", report.problems);
}

#[tokio::test]
async fn a_torn_line_is_accepted_if_the_next_start_names_the_record_before_it() {
    let log = Recorded::new().await;
    let path = log_in(&log.folder);
    let whole = log.lines.join("\n") + "\n";
    for torn in ["{\"v\":1,\"type\":\"inte", "{", &log.lines[3]] {
        fs::write(&path, whole.clone() + torn).unwrap();
        let report = verify(std::slice::from_ref(&path), &log.options()).unwrap();
        assert_eq!(report.problems.len(), 1, "no start after it: {torn}");
        assert_eq!(report.problems[0].kind, ProblemKind::Damaged);
        // Twice: the first start may be cut off as well.
        for _ in 0..2 {
            assert!(Audit::open(options(&path)).unwrap().close());
            let report = verify(std::slice::from_ref(&path), &log.options()).unwrap();
            assert!(report.is_good() && report.torn == 1, "{torn}: {:?}", report.problems);
        }
        // Another cut in its place is not what the start said.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen(&format!("\n{torn}\n"), "\n{\"v\":1,\"x\n", 1)).unwrap();
        assert!(!verify(std::slice::from_ref(&path), &log.options()).unwrap().is_good(), "{torn}");
    }
    // A start that was cut off behind what was cut off.
    fs::write(&path, whole.clone() + "{\"v\":1,\"type\":\"inte\n{\"v\":1,\"type\":\"sta").unwrap();
    assert!(Audit::open(options(&path)).unwrap().close());
    assert!(verify(std::slice::from_ref(&path), &log.options()).unwrap().is_good());
}
