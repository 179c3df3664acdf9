//! `sigmint policy replay`: says which recorded requests would meet another decision under a policy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use serde_json::{Value, json};

use super::load;
use crate::cli::display::{json_text, visible};
use crate::cli::error::{CommandError, FAILED};
use crate::cli::files::{print, shown};
use crate::policy::View;
use crate::policy::replay::{Decided, Example, Question, RecordedClaims, Report, Row, Table, replay};

/// What a file is read in, in bytes.
const BUFFER: usize = 1024 * 1024;

/// Say what recorded requests would meet under a policy.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Reads audit logs (--audit-path of `sigmint serve`) and decides on each recorded
request by another policy, at the time of the record.

A record has only the claims that --audit-claims chose. If a rule looks at one
that is not there, nothing is guessed: the request is undecidable, unless
--claims-recorded says that the claim would be there if the token had it.

Exit code: 0 when all records were read, 1 if some could not be read or with
--fail-on-change a decision changes or is undecidable, 2 if the command or the
policy makes no sense.")]
pub(super) struct ReplayArgs {
    /// The policy to try: a file, or a folder of them
    #[arg(long, value_name = "PATH")]
    policy: PathBuf,
    /// Audit logs, the oldest first; - reads standard input
    #[arg(value_name = "AUDIT", required = true)]
    audit: Vec<PathBuf>,
    /// Which claims the records have: `all` (--audit-claims all), or the policy that was loaded then
    #[arg(long, value_name = "all|POLICY")]
    claims_recorded: Option<PathBuf>,
    /// Take rules in shadow mode for enforced
    #[arg(long)]
    as_enforced: bool,
    /// Fail if a decision changes or is undecidable
    #[arg(long)]
    fail_on_change: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode, CommandError> {
    let policy = load(&args.policy)?;
    let claims = match &args.claims_recorded {
        None => RecordedClaims::Unknown,
        Some(all) if all.as_os_str() == "all" => RecordedClaims::All,
        Some(path) => RecordedClaims::Named(load(path)?.claims_named().clone()),
    };
    let view = if args.as_enforced { View::ShadowEnforced } else { View::Enforced };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let files = args.audit.iter().map(open);
    let report = replay(&Question { policy: &policy, view, claims }, files, workers).map_err(|(file, error)| {
        let name = args.audit.get(file).map(|path| shown(path)).unwrap_or_default();
        CommandError::failed(format!("cannot read {name}: {error}"))
    })?;
    print(&if args.json { in_json(&report, &args.audit)? } else { in_words(&report, &args.audit) })?;
    let is_changed = report.changed.total() + report.undecidable.total() > 0;
    let is_good = report.unreadable == 0 && !(args.fail_on_change && is_changed);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn open(path: &PathBuf) -> io::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, io::stdin())));
    }
    Ok(Box::new(BufReader::with_capacity(BUFFER, File::open(path)?)))
}

/// A record's place: file and line.
fn place(files: &[PathBuf], file: usize, line: u64) -> String {
    format!("{}:{line}", files.get(file).map(|path| shown(path)).unwrap_or_default())
}

fn in_words(report: &Report, files: &[PathBuf]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} decisions: {} change, {} undecidable, {} the same by another rule, {} unchanged",
        report.decisions(),
        report.changed.total(),
        report.undecidable.total(),
        report.moved.total(),
        report.unchanged
    );
    transitions(&mut text, "Changed", &report.changed, files);
    rows(&mut text, "Undecidable", &report.undecidable, files, |(rule, missing)| format!("rule \"{rule}\": {missing}"));
    transitions(&mut text, "The same answer by another rule", &report.moved, files);
    if !report.refused_before.is_empty() {
        let listed = report.refused_before.iter().map(|(reason, count)| format!("{} {count}", visible(reason)));
        let _ = writeln!(
            text,
            "\nRefused before a policy is asked, not replayed: {}",
            listed.collect::<Vec<_>>().join(", ")
        );
    }
    if report.unreadable > 0 {
        let _ = writeln!(text, "\nUnreadable: {} lines", report.unreadable);
        for (file, line, why) in &report.named_unreadable {
            let _ = writeln!(text, "  {}: {}", place(files, *file, *line), visible(why));
        }
    }
    text
}

fn transitions(text: &mut String, heading: &str, table: &Table<(Decided, Decided)>, files: &[PathBuf]) {
    rows(text, heading, table, files, |(was, would_be)| format!("{} -> {}", words(was), words(would_be)));
}

fn words(decided: &Decided) -> String {
    let rule = decided.rule.as_ref().map_or_else(String::new, |id| format!(" by \"{id}\""));
    format!("{}{rule}", decided.outcome)
}

fn rows<K: std::hash::Hash + Ord>(
    text: &mut String,
    heading: &str,
    table: &Table<K>,
    files: &[PathBuf],
    describe: impl Fn(&K) -> String,
) {
    if table.total() == 0 {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{heading}: {}", table.total());
    for (key, Row { count, examples }) in table.sorted() {
        let _ = writeln!(text, "{count:>10}  {}", visible(&describe(key)));
        for Example { file, line, time, issuer, san } in examples {
            let who = san.as_deref().unwrap_or("(name not recorded)");
            let record = format!("{time} {who} of {issuer}");
            let _ = writeln!(text, "            {} {}", place(files, *file, *line), visible(&record));
        }
    }
    if table.beyond > 0 {
        let _ = writeln!(text, "{:>10}  others", table.beyond);
    }
}

fn in_json(report: &Report, files: &[PathBuf]) -> Result<String, CommandError> {
    let decided = |decided: &Decided| json!({"outcome": decided.outcome, "rule": decided.rule});
    let transitions = |table: &Table<(Decided, Decided)>| {
        json_rows(table, files, |(was, would_be)| vec![("was", decided(was)), ("would-be", decided(would_be))])
    };
    let unreadable = report
        .named_unreadable
        .iter()
        .map(|(file, line, why)| json!({"place": place(files, *file, *line), "problem": why}))
        .collect::<Vec<_>>();
    let value = json!({
        "decisions": report.decisions(),
        "unchanged": report.unchanged,
        "changed": transitions(&report.changed),
        "undecidable": json_rows(&report.undecidable, files, |(rule, missing)| {
            vec![("rule", json!(rule)), ("missing", json!(missing))]
        }),
        "same-by-another-rule": transitions(&report.moved),
        "refused-before": report.refused_before,
        "unreadable": {"lines": report.unreadable, "first": unreadable},
    });
    let text = json_text(&value).map_err(|error| CommandError::failed(error.to_string()))?;
    Ok(format!("{text}\n"))
}

fn json_rows<K: std::hash::Hash + Ord>(
    table: &Table<K>,
    files: &[PathBuf],
    describe: impl Fn(&K) -> Vec<(&'static str, Value)>,
) -> Value {
    let row = |(key, Row { count, examples }): (&K, &Row)| {
        let mut members: BTreeMap<&str, Value> = describe(key).into_iter().collect();
        let example = |one: &Example| json!({"place": place(files, one.file, one.line), "time": one.time, "issuer": one.issuer, "san": one.san});
        members.insert("count", json!(count));
        members.insert("examples", examples.iter().map(example).collect());
        json!(members)
    };
    json!({"total": table.total(), "rows": table.sorted().into_iter().map(row).collect::<Vec<_>>()})
}
