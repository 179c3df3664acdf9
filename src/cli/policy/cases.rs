//! `sigmint policy test`: runs files of cases against a policy, and says which rules they do not show in full.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use super::load;
use crate::cli::display::{visible, visible_lines};
use crate::cli::error::{CommandError, FAILED};
use crate::cli::files::tell;
use crate::cli::inspect::print;
use crate::policy::cases::{Case, Coverage, Tried, read};
use crate::policy::{Evaluated, Policy, Rule, Traced, View};
use crate::text::hint;

/// Run test cases against a policy.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A file of cases says of requests what shall come of them:

  defaults: {issuer: https://gitlab.example.com, kind: gitlab-pipeline}
  cases:
    - name: a protected branch may sign
      claims: {namespace_id: \"42\", ref_protected: \"true\"}
      expect: allow
      rule: our-group

Exit code: 0 if all cases come out as expected (with --require-coverage: and
every rule is seen both true and false), 1 if not, 2 if a file or the command
makes no sense.")]
pub(super) struct TestArgs {
    /// The policy: a file, or a folder of them
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// Files of cases
    #[arg(value_name = "CASES", required = true)]
    cases: Vec<PathBuf>,
    /// Fail if a rule was never true or never false
    #[arg(long)]
    require_coverage: bool,
    /// Take rules in shadow mode for enforced
    #[arg(long)]
    as_enforced: bool,
}

pub(super) fn run(args: &TestArgs) -> Result<ExitCode, CommandError> {
    let policy = load(&args.policy)?;
    let view = if args.as_enforced { View::ShadowEnforced } else { View::Enforced };
    let now = SystemTime::now();
    let mut cases = Vec::new();
    for path in &args.cases {
        cases.extend(read(path, now).map_err(|error| CommandError::usage(visible_lines(&error.to_string())))?);
    }
    must_name_rules(&cases, &policy)?;
    let mut coverage = Coverage::default();
    let tried: Vec<Tried> = cases.iter().map(|case| case.run(&policy, view, &mut coverage)).collect();
    let failed = tried.iter().filter(|tried| tried.failure.is_some()).count();
    let mut text = String::new();
    for one in &tried {
        describe(&mut text, one);
    }
    let gaps = coverage.gaps(&policy);
    for gap in &gaps {
        let place = gap.rule.place();
        let (path, line, id) = (place.path.display(), place.line, gap.rule.id());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{path}:{line}: rule \"{id}\" {}", gap.gap);
    }
    let rules = policy.rules().len();
    let _ = writeln!(text, "{} cases, {failed} failed; {} of {rules} rules covered", tried.len(), rules - gaps.len());
    print(&visible_lines(&text))?;
    if args.require_coverage && !gaps.is_empty() {
        tell("sigmint: the cases do not show every rule both true and false (--require-coverage)");
    }
    let is_good = failed == 0 && (gaps.is_empty() || !args.require_coverage);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// A case that waits for a rule that is not there fails for the wrong reason.
fn must_name_rules(cases: &[Case], policy: &Policy) -> Result<(), CommandError> {
    let ids = || policy.rules().iter().map(|rule| rule.id());
    for case in cases {
        if let Some(id) = case.rule().filter(|id| !ids().any(|known| known == *id)) {
            let message = format!("{} ({:?}): the policy has no rule \"{id}\"", case.place, case.name);
            return Err(CommandError::usage(visible(&message)).hint(hint::for_unknown(id, ids())));
        }
    }
    Ok(())
}

fn describe(text: &mut String, tried: &Tried) {
    let name = visible(&tried.name);
    // Writing to a String cannot fail.
    let Some(failure) = &tried.failure else {
        let _ = writeln!(text, "ok      {name}");
        return;
    };
    let _ = writeln!(text, "FAILED  {name} ({})", tried.place);
    let _ = writeln!(text, "        expected: {}", failure.expected);
    let _ = writeln!(text, "        found:    {}", failure.found);
    for Traced { rule, result } in &failure.rules {
        let _ = writeln!(text, "          {}: {}", rule_shown(rule), value_shown(result));
    }
}

fn rule_shown(rule: &Rule) -> String {
    format!("{} \"{}\"", rule.effect().name(), rule.id())
}

fn value_shown(result: &Evaluated) -> String {
    match result {
        Evaluated::True => "true".to_owned(),
        Evaluated::False => "false".to_owned(),
        Evaluated::Lifetime(length) => humantime::format_duration(*length).to_string(),
        Evaluated::Error(problem) => format!("could not be evaluated: {}", visible(problem)),
    }
}
