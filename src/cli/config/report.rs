//! The findings of [`crate::app::check`], for people and for programs.
//!
//! Owns the form. The first line is the verdict; errors come first, what is fine last.

use std::fmt;

use serde::Serialize;

use super::super::display::visible;
use crate::app::check::{Finding, Severity};
use crate::config::effective::ShownSetting;

/// As wide as the longest name of a severity.
const SEVERITY: usize = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verdict {
    Fine,
    Warnings,
    Errors,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    verdict: Verdict,
    errors: usize,
    warnings: usize,
    findings: Vec<FindingReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Vec<SettingReport>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingReport {
    severity: &'static str,
    about: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingReport {
    name: &'static str,
    value: String,
    /// The flag, the variable, or the file and the key.
    origin: String,
}

impl Report {
    pub(super) fn of(findings: &[Finding], settings: Option<&[ShownSetting]>) -> Self {
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let verdict = match (errors, warnings) {
            (0, 0) => Verdict::Fine,
            (0, _) => Verdict::Warnings,
            _ => Verdict::Errors,
        };
        let mut sorted: Vec<&Finding> = findings.iter().collect();
        sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Self {
            verdict,
            errors,
            warnings,
            findings: sorted.into_iter().map(finding).collect(),
            settings: settings.map(|list| list.iter().map(setting).collect()),
        }
    }

    pub(super) const fn verdict(&self) -> Verdict {
        self.verdict
    }
}

fn finding(finding: &Finding) -> FindingReport {
    let Finding { severity, about, message, hint } = finding;
    FindingReport { severity: severity.name(), about, message: message.clone(), hint: hint.clone() }
}

fn setting(setting: &ShownSetting) -> SettingReport {
    let ShownSetting { name, value, origin } = setting;
    SettingReport { name, value: value.clone(), origin: origin.clone().unwrap_or_else(|| "default".to_owned()) }
}

impl fmt::Display for Report {
    /// Ends without a line break.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Fine | Verdict::Warnings => "The configuration can be used",
            Verdict::Errors => "The configuration cannot be used as it is",
        };
        write!(out, "{verdict}: {}, {}", counted(self.errors, "error"), counted(self.warnings, "warning"))?;
        for FindingReport { severity, about, message, hint } in &self.findings {
            write!(out, "\n{severity:SEVERITY$}  {about}: {}", visible(message))?;
            if let Some(hint) = hint {
                write!(out, "\n{:SEVERITY$}  What to do: {}", "", visible(hint))?;
            }
        }
        if let Some(settings) = &self.settings {
            write!(out, "\n\nSettings in effect")?;
            for SettingReport { name, value, origin } in settings {
                write!(out, "\n  {name} = {}  ({})", visible(value), visible(origin))?;
            }
        }
        Ok(())
    }
}

fn counted(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
