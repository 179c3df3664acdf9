//! The variables that the clouds' programs read, as people's secrets and charts set them.
//!
//! Owns that a variable with nothing in it is not set, and that blanks and line ends around a value do not count: a file's last line end
//! often comes along. Knows no variable by name.

use std::env;

/// The value of a variable, unless there is nothing in it.
pub(crate) fn variable(name: &str) -> Option<String> {
    cleaned(env::var(name).ok())
}

/// The first of these variables that is set to nothing, or to something with blanks around: a library that reads them itself takes that
/// as it stands.
pub(crate) fn unclean(names: &[&'static str]) -> Option<&'static str> {
    let is_unclean = |name: &&&str| {
        let value = env::var(name).ok();
        value.is_some() && cleaned(value.clone()) != value
    };
    names.iter().find(is_unclean).copied()
}

/// The first of these variables that has blanks around its value.
pub(crate) fn padded(names: &[&'static str]) -> Option<&'static str> {
    names.iter().find(|name| variable(name).is_some() && unclean(&[*name]).is_some()).copied()
}

/// What is said of such a variable.
pub(crate) fn unclean_problem(name: &str) -> String {
    format!("{name} is set and empty, or has blanks around its value: write it without, or unset it")
}

/// What counts of a value.
pub(crate) fn cleaned(value: Option<String>) -> Option<String> {
    value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_value_does_not_count_and_nothing_is_no_value() {
        let of = |text: &str| cleaned(Some(text.to_owned()));
        assert_eq!(of("AKID\n").as_deref(), Some("AKID"));
        assert_eq!(of(" a b\r\n").as_deref(), Some("a b"));
        assert_eq!((of(""), of(" \n"), cleaned(None)), (None, None, None));
    }
}
