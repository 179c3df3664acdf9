//! Values while a condition is evaluated: borrowed from the claims and the condition where that is possible.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::{Map, Number, Value as Json};

use super::run::Trouble;
use super::time::Nanos;
use crate::policy::catalogue::ClaimType;

/// Numbers from here on are not whole: a float has every whole number below in full.
const BEYOND_WHOLE: f64 = 9_007_199_254_740_992.0;

#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Int(i64),
    String(Cow<'a, str>),
    Timestamp(Nanos),
    Duration(Nanos),
    List(List<'a>),
    Map(Members<'a>),
}

#[derive(Clone, Debug)]
pub(crate) enum List<'a> {
    Json(&'a [Json]),
    Own(Rc<[Value<'a>]>),
}

#[derive(Clone, Debug)]
pub(crate) enum Members<'a> {
    Json(&'a Map<String, Json>),
    Own(Rc<[(&'a str, Value<'a>)]>),
}

impl<'a> Value<'a> {
    /// A value of a token. Null is no value, and neither is a number that is not whole.
    pub(super) fn of_json(json: &'a Json) -> Result<Self, Trouble<'a>> {
        match json {
            Json::Null => Err(Trouble::Null),
            Json::Bool(value) => Ok(Self::Bool(*value)),
            Json::Number(number) => whole(number).map(Self::Int).ok_or(Trouble::NotWhole),
            Json::String(text) => Ok(Self::String(Cow::Borrowed(text))),
            Json::Array(list) => Ok(Self::List(List::Json(list))),
            Json::Object(members) => Ok(Self::Map(Members::Json(members))),
        }
    }

    /// A value of a token that must be of this type.
    pub(super) fn of_claim(name: &'a str, json: &'a Json, wanted: ClaimType) -> Result<Self, Trouble<'a>> {
        let value = Self::of_json(json).map_err(|trouble| match trouble {
            Trouble::Null => Trouble::Absent(name),
            other => other,
        })?;
        let fits = match (wanted, &value) {
            (ClaimType::Any, _)
            | (ClaimType::String, Self::String(_))
            | (ClaimType::Int, Self::Int(_))
            | (ClaimType::Bool, Self::Bool(_))
            | (ClaimType::Object(_), Self::Map(_)) => true,
            (ClaimType::Strings, Self::List(List::Json(list))) => list.iter().all(Json::is_string),
            _ => false,
        };
        if fits { Ok(value) } else { Err(Trouble::Claim { name, found: value.kind(), wanted: wanted.name() }) }
    }

    /// The type in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a number",
            Self::String(_) => "a string",
            Self::Timestamp(_) => "a timestamp",
            Self::Duration(_) => "a duration",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(list) => list.len(),
            Self::Own(list) => list.len(),
        }
    }

    /// The element at an index, if there is one.
    pub(super) fn get(&self, index: usize) -> Option<Result<Value<'a>, Trouble<'a>>> {
        match self {
            Self::Json(list) => list.get(index).map(Value::of_json),
            Self::Own(list) => list.get(index).cloned().map(Ok),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Result<Value<'a>, Trouble<'a>>> + use<'a> {
        let list = self.clone();
        (0..list.len()).filter_map(move |index| list.get(index))
    }
}

impl<'a> Members<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(members) => members.values().filter(|member| !member.is_null()).count(),
            Self::Own(members) => members.len(),
        }
    }

    /// The member of this name. One that is null is absent.
    pub(super) fn get(&self, name: &str) -> Option<Result<Value<'a>, Trouble<'a>>> {
        match self {
            Self::Json(members) => members.get(name).filter(|json| !json.is_null()).map(Value::of_json),
            Self::Own(members) => members.iter().find(|(key, _)| *key == name).map(|(_, value)| Ok(value.clone())),
        }
    }

    /// The names, as a comprehension over a map has them.
    pub(super) fn names(&self) -> List<'a> {
        let of = |name: &'a str| Value::String(Cow::Borrowed(name));
        List::Own(match self {
            Self::Json(members) => {
                members.iter().filter(|(_, member)| !member.is_null()).map(|(name, _)| of(name)).collect()
            }
            Self::Own(members) => members.iter().map(|(name, _)| of(name)).collect(),
        })
    }
}

fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < BEYOND_WHOLE)?;
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        Some(float as i64)
    })
}
