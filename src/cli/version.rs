//! `sigmint version`: what this program is, in the form of Fulcio's command.
//!
//! Owns the text and the JSON. Fulcio's names are kept, for scripts that look for them; there is no Go here.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::CommandError;
use super::files::print;
use super::inspect::to_json;
use crate::telemetry::metrics::BuildInfo;

pub(super) fn command() -> Command {
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON, for programs");
    Command::new("version").about("Say which version this is").arg(json)
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    print(&describe(&BuildInfo::default(), matches.get_flag("json"))?)
}

fn describe(build: &BuildInfo, json: bool) -> Result<String, CommandError> {
    let platform = format!("{}/{}", std::env::consts::OS, go_architecture(std::env::consts::ARCH));
    let members = [
        ("GitVersion", "gitVersion", format!("v{}", build.version)),
        ("GitCommit", "gitCommit", build.revision.to_owned()),
        ("GitTreeState", "gitTreeState", "unknown".to_owned()),
        ("BuildDate", "buildDate", build.build_date.to_owned()),
        ("GoVersion", "goVersion", "none".to_owned()),
        ("Compiler", "compiler", "rustc".to_owned()),
        ("Platform", "platform", platform),
    ];
    if json {
        let object: serde_json::Map<_, _> =
            members.into_iter().map(|(_, name, value)| (name.to_owned(), value.into())).collect();
        return Ok(to_json(&object)? + "\n");
    }
    let lines = members.iter().map(|(name, _, value)| format!("{:<15}{value}\n", format!("{name}:")));
    Ok(format!("sigmint: {}\n\n{}", env!("CARGO_PKG_DESCRIPTION"), lines.collect::<String>()))
}

/// The architecture as container platforms call it.
fn go_architecture(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_fulcio_s() {
        let build = BuildInfo { version: "1.2.3", revision: "abc", build_date: "now" };
        let text = describe(&build, false).unwrap();
        assert!(text.contains("GitVersion:    v1.2.3\n") && text.contains("GitCommit:     abc\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&describe(&build, true).unwrap()).unwrap();
        assert_eq!((&json["gitVersion"], &json["buildDate"]), (&"v1.2.3".into(), &"now".into()));
    }
}
