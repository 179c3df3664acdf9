//! docs/audit.schema.json says what is written, and no more.

use std::sync::Arc;
use std::time::SystemTime;

use crate::support::adapters::{ask_all, good};
use crate::support::audit::{head_key, log_in, options, records, scene, sign_head};
use serde_json::{Value, json};
use sigmint::audit::Audit;

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Judges records by the schema, as far as JSON Schema is used there; what is not known here stops the test.
struct Judge {
    schema: Value,
}

impl Judge {
    fn new() -> Self {
        Self { schema: schema() }
    }

    fn refusal(&self, record: &Value) -> Option<String> {
        self.judge(&self.schema, record).err()
    }

    fn judge(&self, schema: &Value, value: &Value) -> Result<(), String> {
        for (keyword, rule) in schema.as_object().unwrap() {
            if !self.holds(keyword, rule, schema, value) {
                return Err(format!("{keyword} {rule} does not hold for {value}"));
            }
        }
        Ok(())
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        self.judge(schema, value).is_ok()
    }

    fn holds(&self, keyword: &str, rule: &Value, schema: &Value, value: &Value) -> bool {
        let list = || rule.as_array().unwrap().iter();
        let members = value.as_object();
        match keyword {
            "$schema" | "$id" | "$defs" | "title" | "description" | "contentEncoding" | "then" => true,
            "type" if rule.is_array() => list().any(|kind| is_of_type(kind, value)),
            "type" => is_of_type(rule, value),
            "const" => rule == value,
            "enum" => list().any(|one| one == value),
            "pattern" => value.as_str().is_none_or(|text| matches_pattern(rule.as_str().unwrap(), text)),
            "minimum" => value.as_u64().is_none_or(|number| number >= rule.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.len() as u64 <= rule.as_u64().unwrap()),
            "required" => members.is_none_or(|members| list().all(|name| members.contains_key(name.as_str().unwrap()))),
            "properties" => members.is_none_or(|members| {
                let rules = rule.as_object().unwrap();
                members.iter().all(|(name, value)| rules.get(name).is_none_or(|rule| self.fits(rule, value)))
            }),
            "additionalProperties" => members.is_none_or(|members| {
                let known = |name: &String| schema["properties"].get(name).is_some();
                let more = members.iter().filter(|(name, _)| !known(name));
                match rule {
                    Value::Bool(false) => more.count() == 0,
                    rule => more.map(|(_, value)| value).all(|value| self.fits(rule, value)),
                }
            }),
            "items" => value.as_array().is_none_or(|list| list.iter().all(|one| self.fits(rule, one))),
            "allOf" => list().all(|rule| self.fits(rule, value)),
            "oneOf" => list().filter(|rule| self.fits(rule, value)).count() == 1,
            "if" => !self.fits(rule, value) || self.fits(&schema["then"], value),
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                self.fits(&self.schema["$defs"][name], value)
            }
            other => panic!("the schema says {other}, which is not known here"),
        }
    }
}

fn is_of_type(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}

fn matches_pattern(pattern: &str, text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match pattern {
        "^[0-9a-f]{16}$" => text.len() == 16 && is_hex(text),
        "^[0-9a-f]{64}$" => text.len() == 64 && is_hex(text),
        "^([0-9a-f]{2}){1,20}$" => (2..=40).contains(&text.len()) && text.len().is_multiple_of(2) && is_hex(text),
        "^[A-Z][A-Z0-9_]*$" => {
            text.starts_with(|first: char| first.is_ascii_uppercase())
                && text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
        }
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$" => {
            text.len() == 24 && text.ends_with('Z') && humantime::parse_rfc3339(text).is_ok()
        }
        other => panic!("the schema has the pattern {other}, which is not known here"),
    }
}

#[tokio::test]
async fn every_record_fits_the_schema_and_has_no_member_that_it_does_not_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let (key, _) = head_key();
    let audit = Audit::open(options(&path)).unwrap();
    let (scene, _) = scene(&audit).await;
    for token in [scene.token(), String::new()] {
        ask_all(&scene, &token, &good(&scene.key)).await;
    }
    ask_all(&scene, &scene.token(), &crate::support::adapters::Material::SigningRequest(String::new())).await;
    scene.server.signer().fail();
    ask_all(&scene, &scene.token(), &good(&scene.key)).await;
    audit.summarize(SystemTime::now());
    sign_head(&audit, &key).await;
    audit.end().await;
    assert!(audit.close());
    drop(Arc::new(scene));
    let mut options = options(&path);
    options.head_key = Some(key.spki_sha256());
    assert!(Audit::open(options).unwrap().close());

    let (judge, schema) = (Judge::new(), schema());
    let mut kinds = std::collections::BTreeSet::new();
    for record in records(&path) {
        assert_eq!(judge.refusal(&record), None, "{record}");
        for name in record.as_object().unwrap().keys() {
            assert!(schema["properties"].get(name).is_some(), "{name} is not in the schema: {record}");
        }
        kinds.insert(record["type"].as_str().unwrap().to_owned());
    }
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, ["end", "head", "intent", "outcome", "refusal", "start", "unverified"]);
}

#[test]
fn the_schema_refuses_what_is_not_a_record() {
    let judge = Judge::new();
    let start = json!({"v": 1, "type": "start", "chain": "0123456789abcdef", "seq": 0, "prev": "0".repeat(64),
        "time": "2026-11-28T10:00:00.000Z", "last": null, "version": "0.1.0"});
    assert_eq!(judge.refusal(&start), None);
    for (member, value) in [
        ("v", json!(2)),
        ("type", json!("other")),
        ("seq", json!(1)),
        ("prev", json!("00")),
        ("time", json!("yesterday")),
        ("reason", json!("lower")),
        ("serial", json!("0")),
    ] {
        let mut changed = start.clone();
        changed[member] = value;
        assert!(judge.refusal(&changed).is_some(), "{changed}");
    }
}
