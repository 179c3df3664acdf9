//! What clients are told to trust: whether it can be made, as a start makes it.

use super::super::trust::served::of_files;
use super::{Findings, Severity};
use crate::authority::AuthoritySource;
use crate::config::settings::Settings;
use crate::failure::with_sources;

const ABOUT: &str = "trust documents";

pub(super) fn look(settings: &Settings, authority: Option<&AuthoritySource>, found: &mut Findings<'_>) {
    let Some(path) = &settings.trust else { return };
    let Some(authority) = authority else {
        return found.add(Severity::Skipped, ABOUT, format!("{}: the CA was not opened", path.display()));
    };
    match of_files(path, settings.logs.clone(), &authority.all()) {
        Ok(_) => found.add(Severity::Fine, ABOUT, format!("{} can be used", path.display())),
        Err(error) => found.refuse(ABOUT, &with_sources(&error)),
    }
}
