//! Slips of the hand that would switch a protection off without a word: a blank after `--name=`, a list of nothing but commas, an
//! environment variable with a name that nobody reads.
//!
//! Owns finding them. What a setting means is its reader's business.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::document::{ConfigError, Place, hint};
use super::flags::{self, Flag, Values};

/// What the names of environment variables begin with.
pub(crate) const PREFIX: &str = "FULCIO_SERVE_";

/// The values of a boolean flag that stand behind a blank.
const TRUTHS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "0", "1", "t", "f"];

/// Refuses `--name= value`, `--name "" value` and `--flag false`: the value would be a stray word, and those are not read.
///
/// Neither message repeats the word: it may be a password.
pub(super) fn check_command_line(matches: &ArgMatches) -> Result<(), ConfigError> {
    let words = words(matches);
    for flag in flags::all() {
        if matches.value_source(flag.name) != Some(ValueSource::CommandLine) {
            continue;
        }
        let (Some(text), Some(index)) =
            (matches.get_one::<String>(flag.name), matches.indices_of(flag.name).and_then(Iterator::last))
        else {
            continue;
        };
        let Some((_, word)) = words.iter().find(|(place, _)| *place == index + 1) else { continue };
        let name = format!("--{}", flag.name);
        let place = Place::of(&name);
        if text.trim().is_empty() {
            let hint = format!("remove the blank after {name}=, or the word if nothing was meant");
            return Err(place.fault("is empty, and a word that belongs to no flag follows it", hint));
        }
        if flag.is_truth() && TRUTHS.contains(&word.to_ascii_lowercase().as_str()) {
            let hint = format!("write {name}={word}");
            return Err(place.fault(format!("is {text:?}, and the word {word:?} follows it"), hint));
        }
    }
    Ok(())
}

/// The words that belong to no flag, with their places on the command line.
fn words(matches: &ArgMatches) -> Vec<(usize, &str)> {
    let places = matches.indices_of("words").into_iter().flatten();
    let words = matches.get_many::<String>("words").into_iter().flatten();
    places.zip(words.map(String::as_str)).collect()
}

/// What to say of words that belong to no flag and look as if they were to be one.
pub(crate) fn misspelled_flags(matches: &ArgMatches) -> Vec<String> {
    let named = words(matches).into_iter().filter_map(|(_, word)| {
        let dashed =
            word.trim_start_matches(['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}']);
        let name = dashed.split('=').next().unwrap_or_default();
        let flag = flags::find(name).filter(|_| dashed.len() < word.len() || dashed.contains('='))?;
        Some(format!("a word on the command line is not read: did you mean --{}?", flag.name))
    });
    named.collect()
}

/// Refuses lists of blanks and commas: they would count as empty, and nobody wrote `none`.
pub(super) fn check_lists(values: &Values) -> Result<(), ConfigError> {
    for flag in flags::all().filter(|flag| values.is_set(flag.name)) {
        if values.text(flag.name).chars().all(|character| character == ',' || character.is_whitespace()) {
            let hint = format!("write a value, or --{}=\"\" if nothing is meant", flag.name);
            return Err(values.fault(flag.name, "has nothing but blanks and commas", hint));
        }
    }
    Ok(())
}

/// What to say of the variables that look like settings of ours and are not read.
pub(crate) fn unread_variables(variables: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut said: Vec<String> = variables
        .filter_map(|(name, value)| {
            let setting = name.strip_prefix(PREFIX)?;
            if flags::deprecated(setting).is_some() {
                return Some(flags::is_deprecated(&name));
            }
            match flags::all().find(|flag| flag.variables().any(|known| known == setting)) {
                Some(flag) if value.is_empty() && flag.restricts() => {
                    Some(format!("{name} is empty and counts as not set: {}", flag.when_empty()))
                }
                Some(flag) if flag.is_service_link(&value) => Some(format!("{name} {SERVICE_LINK}")),
                Some(_) => None,
                // The others of the same service.
                None if is_of_service_link(setting, &value) => None,
                None => Some(format!("{name} is not read: {}", suggestion(setting))),
            }
        })
        .collect();
    said.sort();
    said
}

const SERVICE_LINK: &str = "is not read: it is Kubernetes' link to a service of that name. Set enableServiceLinks: false, or rename the service";

/// Whether Kubernetes sets this variable beside the link to a service.
fn is_of_service_link(setting: &str, value: &str) -> bool {
    let of_port = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    flags::is_service_link(value)
        || setting.ends_with("SERVICE_HOST")
        || setting.contains("SERVICE_PORT")
        || setting.split("PORT_").skip(1).any(of_port)
}

fn suggestion(setting: &str) -> String {
    match nearest(setting) {
        Some(flag) => format!("did you mean {PREFIX}{}?", flag.variable()),
        None => "`sigmint serve --help` lists the settings".to_owned(),
    }
}

/// The flag that a name misspells: two edits away at most, and half of the name.
pub(super) fn misspelled(name: &str) -> Option<&'static Flag> {
    let edits = 2.min(name.len() / 2);
    hint::within(name, flags::all().map(|flag| flag.name), edits).and_then(flags::find)
}

/// The flag that was probably meant: one that begins with the name, or one of nearly the same name.
pub(super) fn nearest(name: &str) -> Option<&'static Flag> {
    let plain = name.to_ascii_lowercase().replace(['_', '.'], "-");
    let longer = flags::all().find(|flag| plain.len() > 3 && flag.name.starts_with(&plain));
    longer.or_else(|| hint::nearest(name, flags::all().map(|flag| flag.name)).and_then(flags::find))
}

#[cfg(test)]
mod tests;
