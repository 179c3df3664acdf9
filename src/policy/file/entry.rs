//! One entry of `rules`, from its YAML to a checked rule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::FileReader;
use super::yaml::{self, Key, Mark, Node, Value};
use crate::identity::IdentityKind;
use crate::identity::issuers::{IssuerAddress, MetaPattern};
use crate::policy::catalogue::{ClaimType, Vocabulary};
use crate::policy::expression::{Expression, Type, parse_duration};
use crate::policy::{Effect, Mode, Place, Rule, lint};
use crate::text::{has_control_character, hint};

/// The longest id, in bytes.
const MAX_ID: usize = 64;
/// The longest message for clients, in bytes.
const MAX_MESSAGE: usize = 200;
/// The longest `issuers` entry, in bytes.
const MAX_ISSUER: usize = 1024;
const KEYS: [&str; 9] =
    ["id", "description", "issuers", "identities", "mode", "allow", "deny", "max-lifetime", "message"];
const EFFECTS: [(&str, Effect); 3] =
    [("allow", Effect::Allow), ("deny", Effect::Deny), ("max-lifetime", Effect::MaxLifetime)];
/// What the certificate profile allows: a constant outside is a slip.
const LIFETIMES: std::ops::RangeInclusive<Duration> = Duration::from_mins(10)..=Duration::from_mins(20);

type Entries = [(Key, Node)];

fn find<'e>(entries: &'e Entries, name: &str) -> Option<&'e Node> {
    entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
}

impl FileReader<'_> {
    /// Reads one rule, and notes it if nothing is wrong with it.
    pub(super) fn rule(&mut self, node: &Node, file_mode: Mode, extra: &BTreeMap<String, ClaimType>) {
        let Value::Map(entries) = &node.value else {
            let hint = "write - id: name, and its allow:, deny: or max-lifetime:".to_owned();
            return self.refuse(node.at, format!("a rule is {}, not a mapping", node.value.name()), Some(hint));
        };
        for (key, _) in entries.iter().filter(|(key, _)| !KEYS.contains(&key.text.as_str())) {
            self.refuse(
                key.at,
                format!("unknown key {:?}", key.text),
                Some(hint::for_unknown(&key.text, KEYS.into_iter())),
            );
        }
        let id = self.id(node.at, entries);
        let issuers = self.issuers(find(entries, "issuers"));
        let kinds = self.kinds(find(entries, "identities"));
        let mode = find(entries, "mode").map_or(Some(Mode::Enforce), |node| self.mode(node));
        let description = find(entries, "description").and_then(|node| self.text(node, "description"));
        let effect = self.effect(node.at, entries);
        let message = self.message(find(entries, "message"), effect.as_ref().map(|(effect, _)| *effect));
        let (Some(issuers), Some(kinds), Some((effect, condition))) = (issuers, kinds, effect) else { return };
        let Some((source, expression)) = self.condition(condition, effect, &kinds, extra) else { return };
        let (Some(id), Some(mode)) = (id, mode) else { return };
        let mode = if file_mode == Mode::Shadow { Mode::Shadow } else { mode };
        let place = Place { path: Arc::clone(&self.path), line: node.at.line };
        let rule = Rule { id, description, effect, mode, issuers, kinds, message, source, expression, place };
        self.warn(condition, &rule, extra);
        self.all.rules.push(rule);
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            Value::Text { text, .. } if !text.is_empty() => Some(text.clone()),
            Value::Text { .. } => {
                self.refuse(node.at, format!("{what} is empty"), None);
                None
            }
            other => {
                self.refuse(node.at, format!("{what} is {}, not a string", other.name()), None);
                None
            }
        }
    }

    fn id(&mut self, at: Mark, entries: &Entries) -> Option<String> {
        let Some(node) = find(entries, "id") else {
            self.refuse(at, "the rule has no id", Some("id: a short name, which logs and clients see".to_owned()));
            return None;
        };
        let id = self.text(node, "id")?;
        let is_name = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_name || id.len() > MAX_ID {
            let hint = format!("letters, digits, - _ and ., at most {MAX_ID}");
            self.refuse(node.at, "the id is not a name", Some(hint));
            return None;
        }
        let here = (Arc::clone(&self.path), node.at.line);
        if let Some((path, line)) = self.all.ids.insert(id.clone(), here) {
            let hint = format!("the other one is at {}:{line}", path.display());
            self.refuse(node.at, format!("the id {id:?} is a duplicate"), Some(hint));
            return None;
        }
        Some(id)
    }

    /// The values of a list of strings, or the one that stands in its place.
    fn strings<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n str, Mark)>> {
        let nodes = match &node.value {
            Value::List(nodes) if !nodes.is_empty() => nodes.as_slice(),
            Value::Text { text, .. } if !text.is_empty() && text != "~" => std::slice::from_ref(node),
            Value::List(_) | Value::Text { .. } => {
                self.refuse(node.at, format!("{what} is empty"), Some(format!("leave out {what} for all of them")));
                return None;
            }
            Value::Map(_) => {
                self.refuse(node.at, format!("{what} is a mapping, not a list"), Some(format!("write {what}: [..]")));
                return None;
            }
        };
        let mut strings = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.value {
                Value::Text { text, .. } => strings.push((text.as_str(), node.at)),
                other => {
                    self.refuse(node.at, format!("an entry of {what} is {}", other.name()), None);
                    return None;
                }
            }
        }
        Some(strings)
    }

    fn issuers(&mut self, node: Option<&Node>) -> Option<Vec<IssuerAddress>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let mut issuers = Vec::new();
        for (text, at) in self.strings(node, "issuers")? {
            match address(text) {
                Ok(address) => issuers.push(address),
                Err((message, hint)) => {
                    self.refuse(at, format!("the issuer {text:?} {message}"), Some(hint.to_owned()));
                    return None;
                }
            }
        }
        Some(issuers)
    }

    fn kinds(&mut self, node: Option<&Node>) -> Option<Vec<IdentityKind>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let mut kinds = Vec::new();
        for (text, at) in self.strings(node, "identities")? {
            let Some(kind) = IdentityKind::from_name(text) else {
                let hint = hint::for_unknown(text, IdentityKind::NAMES.iter().copied());
                self.refuse(at, format!("unknown identity kind {text:?}"), Some(hint));
                return None;
            };
            kinds.push(kind);
        }
        Some(kinds)
    }

    /// The one effect, with its condition.
    fn effect<'e>(&mut self, at: Mark, entries: &'e Entries) -> Option<(Effect, &'e Node)> {
        let mut found = EFFECTS.iter().filter_map(|(name, effect)| find(entries, name).map(|node| (*effect, node)));
        match (found.next(), found.next()) {
            (Some(effect), None) => Some(effect),
            (None, _) => {
                self.refuse(at, "the rule has no condition", Some("write one of allow, deny, max-lifetime".to_owned()));
                None
            }
            (Some((first, _)), Some((second, node))) => {
                let message = format!("the rule has {} and {}", first.name(), second.name());
                self.refuse(node.at, message, Some("make two rules of it".to_owned()));
                None
            }
        }
    }

    fn message(&mut self, node: Option<&Node>, effect: Option<Effect>) -> Option<String> {
        let node = node?;
        let text = self.text(node, "message")?;
        let text = text.trim();
        if effect.is_some_and(|effect| effect != Effect::Deny) {
            self.refuse(node.at, "message belongs to deny rules", Some("nobody reads it of another rule".to_owned()));
            return None;
        }
        if has_control_character(text) || text.chars().any(is_invisible) {
            self.refuse(
                node.at,
                "the message has a character that is not printed",
                Some("write it on one line".to_owned()),
            );
            return None;
        }
        if text.len() > MAX_MESSAGE {
            self.refuse(node.at, format!("the message is longer than {MAX_MESSAGE} bytes"), None);
            return None;
        }
        Some(text.to_owned())
    }

    fn condition(
        &mut self,
        node: &Node,
        effect: Effect,
        kinds: &[IdentityKind],
        extra: &BTreeMap<String, ClaimType>,
    ) -> Option<(String, Expression)> {
        let Value::Text { text, is_block, .. } = &node.value else {
            let message = format!("{} is {}, not a CEL expression", effect.name(), node.value.name());
            self.refuse(
                node.at,
                message,
                Some("put the condition in quotes, or on a line of its own behind |".to_owned()),
            );
            return None;
        };
        let (wanted, source) = match effect {
            Effect::Allow | Effect::Deny => (Type::Bool, text.clone()),
            Effect::MaxLifetime => (Type::Duration, self.lifetime(node.at, text)?),
        };
        match Expression::compile(&source, &Vocabulary::new(kinds, extra), &wanted) {
            Ok(expression) => Some((text.trim().to_owned(), expression)),
            Err(fault) => {
                let place = if source == *text {
                    yaml::place(self.text, node.at, *is_block, text, fault.at)
                } else {
                    (node.at.line, node.at.column)
                };
                let finding = self.finding(place, format!("{}: {}", effect.name(), fault.message), fault.hint);
                self.all.findings.push(finding);
                None
            }
        }
    }

    /// A plain duration stands for the constant.
    fn lifetime(&mut self, at: Mark, text: &str) -> Option<String> {
        let plain = text.trim();
        let Some(nanos) = parse_duration(plain) else { return Some(text.to_owned()) };
        let length = u64::try_from(nanos).map(Duration::from_nanos).ok();
        if length.is_some_and(|length| LIFETIMES.contains(&length)) {
            return Some(format!("duration(\"{plain}\")"));
        }
        self.refuse(at, format!("max-lifetime is {plain}"), Some("certificates live between 10m and 20m".to_owned()));
        None
    }

    fn warn(&mut self, condition: &Node, rule: &Rule, extra: &BTreeMap<String, ClaimType>) {
        let Value::Text { text, is_block, .. } = &condition.value else { return };
        for lint::Note { at, message, hint } in lint::rule(rule, &Vocabulary::new(&rule.kinds, extra)) {
            let place = yaml::place(self.text, condition.at, *is_block, text, at);
            let warning = self.finding(place, format!("rule {:?}: {message}", rule.id), Some(hint));
            self.all.warnings.push(warning);
        }
    }
}

/// A URL or a pattern, or why it is neither.
fn address(text: &str) -> Result<IssuerAddress, (&'static str, &'static str)> {
    if text.len() > MAX_ISSUER || text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(("is not a URL", "write the issuer as the token's iss has it"));
    }
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return Err(("is not a URL", "write the issuer as the token's iss has it, with https://"));
    }
    let is_pattern = text.contains('*');
    if Url::parse(&text.replace('*', "x")).map_or(true, |url| url.host_str().is_none_or(str::is_empty)) {
        return Err(("is not a URL", "write the issuer as the token's iss has it"));
    }
    if text.contains("**") {
        return Err((
            "has two * side by side",
            "* stands for one or more letters, digits, - and _, and never for a dot or a slash",
        ));
    }
    if text.contains(['^', '$', '(', '[', '\\', '+']) {
        return Err((
            "looks like a regular expression",
            "* stands for one or more letters, digits, - and _, and never for a dot or a slash",
        ));
    }
    Ok(if is_pattern { IssuerAddress::Pattern(MetaPattern::new(text)) } else { IssuerAddress::Url(text.to_owned()) })
}

/// Characters that change how text is shown and are not seen themselves.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
