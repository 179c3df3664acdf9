//! A block list's YAML, read into entries.
//!
//! The only file here that knows the YAML library.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::SystemTime;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{BlockFileError, EntryProblem, check};
use crate::blocklist::{BlockEntry, ClaimValue, Conditions, KeyHash};
use crate::config::issuer_file::hint::for_unknown;

const FILE_KEYS: [&str; 1] = ["entries"];
const ENTRY_KEYS: [&str; 6] = ["issuer", "san", "claims", "key-sha256", "reason", "until"];
/// How deep the members of a claim go.
const MAX_DEPTH: usize = 8;
/// Stands between a message and its hint on their way through the library.
const HINT: &str = "\u{1f}hint: ";

/// Reads all entries.
pub(super) fn entries(file: &str, text: &[u8]) -> Result<Vec<BlockEntry>, BlockFileError> {
    let unusable = |place: String, message: &str, hint: &str| BlockFileError::Content {
        place,
        message: message.to_owned(),
        hint: hint.to_owned(),
    };
    let text = std::str::from_utf8(text)
        .map_err(|_| unusable(file.to_owned(), "not UTF-8", "save the file as UTF-8"))?
        .trim_start_matches('\u{feff}');
    if says_nothing(text) {
        return Err(unusable(file.to_owned(), "the block list is empty", "if nobody is blocked, say so: entries: []"));
    }
    serde_yaml::from_str::<Document>(text).map(|document| document.0).map_err(|error| {
        let place = error
            .location()
            .map_or_else(|| file.to_owned(), |location| format!("{file}:{}:{}", location.line(), location.column()));
        let said = error.to_string();
        let (message, hint) = said.split_once(HINT).unwrap_or((&said, "look at the indentation, colons and quotes"));
        let without_place = |text: &str| text.split(" at line ").next().unwrap_or_default().to_owned();
        BlockFileError::Content { place, message: without_place(message), hint: without_place(hint) }
    })
}

/// Blank lines, comments, and the marks of documents.
fn says_nothing(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---" || line == "...")
}

fn problem<E: de::Error>(message: impl fmt::Display, hint: impl fmt::Display) -> E {
    E::custom(format_args!("{message}{HINT}{hint}"))
}

fn unknown_key<E: de::Error>(key: &str, known: &[&str]) -> E {
    problem(format_args!("unknown key {key:?}"), for_unknown(key, known.iter().copied()))
}

/// Takes a key's value, once.
fn put<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    key: &str,
    slot: &mut Option<T>,
    map: &mut A,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(problem(format_args!("duplicate key {key:?}"), "leave out one of the two"));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// Declares how a mapping is read: by a function of its own, and not from anything else.
macro_rules! mapping {
    ($type:ident, $expecting:literal, $read:path) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;
                impl<'de> Visitor<'de> for Reader {
                    type Value = $type;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str($expecting)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        $read(map)
                    }
                }
                deserializer.deserialize_map(Reader)
            }
        }
    };
}

struct Document(Vec<BlockEntry>);

mapping!(Document, "the mapping entries: [..]", read_document);

fn read_document<'de, A: MapAccess<'de>>(mut map: A) -> Result<Document, A::Error> {
    let mut entries = None;
    while let Some(Text(key)) = map.next_key()? {
        match key.as_str() {
            "entries" => put::<List<Entry>, _>(&key, &mut entries, &mut map)?,
            _ => return Err(unknown_key(&key, &FILE_KEYS)),
        }
    }
    let entries =
        entries.ok_or_else(|| problem("the key \"entries\" is missing", "list who is blocked below entries:"))?;
    Ok(Document(entries.0.into_iter().map(|entry| entry.0).collect()))
}

struct Entry(BlockEntry);

mapping!(Entry, "an entry with issuer, san, claims or key-sha256, and a reason", read_entry);

fn read_entry<'de, A: MapAccess<'de>>(mut map: A) -> Result<Entry, A::Error> {
    let (mut issuer, mut san, mut claims, mut key, mut reason, mut until) = (None, None, None, None, None, None);
    while let Some(Text(name)) = map.next_key()? {
        match name.as_str() {
            "issuer" => put::<Text, _>(&name, &mut issuer, &mut map)?,
            "san" => put::<Text, _>(&name, &mut san, &mut map)?,
            "claims" => put::<Claims, _>(&name, &mut claims, &mut map)?,
            "key-sha256" => put::<Key, _>(&name, &mut key, &mut map)?,
            "reason" => put::<Text, _>(&name, &mut reason, &mut map)?,
            "until" => put::<Until, _>(&name, &mut until, &mut map)?,
            _ => return Err(unknown_key(&name, &ENTRY_KEYS)),
        }
    }
    let text = |value: Option<Text>| value.map(|text| text.0);
    let conditions = Conditions {
        issuer: text(issuer),
        san: text(san),
        claims: claims.map(|claims| claims.0).unwrap_or_default(),
        key_sha256: key.map(|key| key.0),
    };
    let entry = BlockEntry { conditions, reason: text(reason).unwrap_or_default(), until: until.map(|until| until.0) };
    check(&entry).map_err(|wrong| problem(&wrong.message, wrong.hint))?;
    Ok(Entry(entry))
}

struct Claims(BTreeMap<String, ClaimValue>);

mapping!(Claims, "claims as NAME: VALUE", read_claims);

fn read_claims<'de, A: MapAccess<'de>>(map: A) -> Result<Claims, A::Error> {
    let members = read_members(map, 0)?;
    if members.is_empty() {
        Err(problem("claims is empty", "write NAME: VALUE, or leave it out"))
    } else {
        Ok(Claims(members))
    }
}

fn read_members<'de, A: MapAccess<'de>>(mut map: A, depth: usize) -> Result<BTreeMap<String, ClaimValue>, A::Error> {
    let mut members = BTreeMap::new();
    while let Some(Text(name)) = map.next_key()? {
        let value = map.next_value_seed(ClaimReader { depth })?;
        if members.insert(name.clone(), value).is_some() {
            return Err(problem(format_args!("duplicate key {name:?}"), "leave out one of the two"));
        }
    }
    Ok(members)
}

struct ClaimReader {
    depth: usize,
}

impl<'de> de::DeserializeSeed<'de> for ClaimReader {
    type Value = ClaimValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ClaimValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ClaimReader {
    type Value = ClaimValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a claim's value")
    }

    fn visit_str<E>(self, text: &str) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Scalar(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Scalar(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Scalar(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Scalar(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<ClaimValue, E> {
        Err(problem("a claim's number has a fraction or too many digits", "put it in quotes, as the token writes it"))
    }

    fn visit_unit<E: de::Error>(self) -> Result<ClaimValue, E> {
        Err(problem("a claim has no value", "write NAME: VALUE; put null in quotes if it is a name"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<ClaimValue, A::Error> {
        Err(problem(
            "a claim has one value",
            "write one entry for each; an entry's value is found in a claim that is a list",
        ))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClaimValue, A::Error> {
        if self.depth >= MAX_DEPTH {
            return Err(problem("a claim's members are nested too deep", "eight levels are read"));
        }
        read_members(map, self.depth + 1).map(ClaimValue::Members)
    }
}

/// A string, which need not be in quotes if it looks like a number.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// A list that is there: `entries:` with nothing behind it may be what is left of a file that was cut off.
struct List<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = List<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of entries")
            }

            fn visit_unit<E: de::Error>(self) -> Result<List<T>, E> {
                Err(problem("entries has no value", "if nobody is blocked, say so: entries: []"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = sequence.next_element()? {
                    list.push(element);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

struct Key(KeyHash);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let hint = "openssl pkey -pubin -in key.pem -outform DER | sha256sum; in quotes if all are decimal digits";
        digits.parse().map(Self).map_err(|error| problem(format_args!("key-sha256 is {error}"), hint))
    }
}

struct Until(SystemTime);

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |EntryProblem { message, hint }| problem(format_args!("until is {message}"), hint);
        time(&text).map(Self).map_err(wrong)
    }
}

/// Reads a time of RFC 3339.
pub(crate) fn time(text: &str) -> Result<SystemTime, EntryProblem> {
    OffsetDateTime::parse(text, &Rfc3339).map(Into::into).map_err(|_| EntryProblem {
        message: "not a time of RFC 3339".to_owned(),
        hint: "write it like 2026-12-24T18:00:00Z or 2026-12-24T19:00:00+01:00, or leave it out",
    })
}

/// Reads a claim's value from JSON.
pub(crate) fn claim_of_json(text: &str) -> Result<ClaimValue, EntryProblem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = de::DeserializeSeed::deserialize(ClaimReader { depth: 0 }, &mut deserializer);
    let said = match read.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => return Ok(value),
        Err(error) => error.to_string(),
    };
    let message = said.split(HINT).next().unwrap_or_default().to_owned();
    Err(EntryProblem { message, hint: "write one object of JSON" })
}
