//! Turns `ci-issuer-metadata` into compiled providers.
//!
//! Knows nothing of issuers or of tokens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::shape::{self, METADATA};
use crate::config::document::{ConfigError, Field, Foreign, Record, Shape, unknown_key};
use crate::identity::extensions::ExtensionId;
use crate::identity::kind::{CiProvider, ValueTemplate};
use crate::identity::template::Template;

/// What helps against names that two identities could share.
const HINT: &str = "name the identity by one claim, or by ids and by claims whose values cannot contain the separator";

/// Every provider by its name. Of a broken one, what is wrong: the issuers that name it are as broken.
pub(super) type Providers = BTreeMap<String, Result<Arc<CiProvider>, ConfigError>>;

/// Compiles every entry, used or not.
pub(super) fn providers(field: &Field<'_>, warnings: &RefCell<Vec<ConfigError>>) -> Result<Providers, ConfigError> {
    let provider = |(name, entry)| (String::from(name), provider(name, &entry, warnings).map(Arc::new));
    Ok(field.entries()?.into_iter().map(provider).collect())
}

fn provider(name: &str, entry: &Field<'_>, warnings: &RefCell<Vec<ConfigError>>) -> Result<CiProvider, ConfigError> {
    let record = Record::read(entry, METADATA, Foreign::Told(warnings))?;
    let text =
        |(key, field): (&str, Field<'_>)| Shape::Text.check(&field).map(|()| (key.to_owned(), field.text().to_owned()));
    let defaults: BTreeMap<String, String> = match record.get("default-template-values") {
        Some(values) => values.entries()?.into_iter().map(text).collect::<Result<_, _>>()?,
        None => BTreeMap::new(),
    };
    let key = "subject-alternative-name-template";
    let subject_alternative_name = match record.get(key) {
        Some(name_template) if !name_template.text().trim().is_empty() => {
            let compiled = template(name_template)?;
            if let ValueTemplate::Template(template) = &compiled {
                let ambiguities = template.ambiguities(&|key| defaults.contains_key(key));
                let warning =
                    |found| name_template.place.fault(format!("two identities may get one name: {found}"), HINT);
                warnings.borrow_mut().extend(ambiguities.into_iter().map(warning));
            }
            compiled
        }
        _ => {
            let message = format!("{} is missing", record.spelled(key));
            return Err(record.place_of(key).fault(message, "give the template of the certificate's name, a URI"));
        }
    };
    let extensions = match record.get("extension-templates") {
        Some(templates) => extensions(templates, warnings)?,
        None => Vec::new(),
    };
    Ok(CiProvider { name: name.to_owned(), defaults, subject_alternative_name, extensions })
}

/// In certificate order. A blank template leaves its extension out.
fn extensions(
    templates: &Field<'_>,
    warnings: &RefCell<Vec<ConfigError>>,
) -> Result<Vec<(ExtensionId, ValueTemplate)>, ConfigError> {
    let mut extensions = Vec::new();
    for (key, field) in templates.entries_spelled(|key| shape::extension(key).map_or(key, |id| id.yaml_name()))? {
        match shape::extension(key) {
            None => {
                let known = shape::templated().map(|id| (id.yaml_name(), id.json_name()));
                unknown_key(&field, key, known, Foreign::Told(warnings))?;
            }
            // Fulcio has these keys, but what they say never reaches a certificate: the token does.
            Some(ExtensionId::Issuer | ExtensionId::Subject) => {}
            Some(id) => {
                Shape::Text.check(&field)?;
                if !field.text().trim().is_empty() {
                    extensions.push((id, template(&field)?));
                }
            }
        }
    }
    extensions.sort_by_key(|(id, _)| *id);
    Ok(extensions)
}

fn template(field: &Field<'_>) -> Result<ValueTemplate, ConfigError> {
    let text = field.text();
    if !text.contains("{{") {
        return Ok(ValueTemplate::Key(text.to_owned()));
    }
    Template::parse(text).map(ValueTemplate::Template).map_err(|error| {
        let hint = format!("counted from the first character of the value: column {}", error.column);
        field.place.fault(format!("broken template: {}", error.message), hint)
    })
}
