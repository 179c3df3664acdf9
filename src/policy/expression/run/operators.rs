//! What operators and conversions make of values. Integers are checked, never wrapped.

use std::borrow::Cow;

use super::Trouble;
use crate::policy::expression::node::{Arithmetic, Conversion, Order};
use crate::policy::expression::time::{self, SECOND};
use crate::policy::expression::value::Value;

type Result<'f, T = Value<'f>> = std::result::Result<T, Trouble<'f>>;

pub(super) fn negate(value: Value<'_>) -> Result<'_> {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(Trouble::OutOfRange),
        Value::Duration(length) => Ok(Value::Duration(-length)),
        other => Err(Trouble::WrongType { found: other.kind(), wanted: "an int or a duration" }),
    }
}

/// Of values that are neither lists nor maps.
pub(super) fn equal<'f>(one: &Value<'f>, other: &Value<'f>) -> Result<'f, bool> {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => Ok(one == other),
        (Value::Int(one), Value::Int(other)) => Ok(one == other),
        (Value::String(one), Value::String(other)) => Ok(one == other),
        (Value::Timestamp(one), Value::Timestamp(other)) | (Value::Duration(one), Value::Duration(other)) => {
            Ok(one == other)
        }
        (one, other) => Err(Trouble::Unlike { one: one.kind(), other: other.kind() }),
    }
}

pub(super) fn compare<'f>(order: Order, one: &Value<'f>, other: &Value<'f>) -> Result<'f, bool> {
    let ordering = match (one, other) {
        (Value::Int(one), Value::Int(other)) => one.cmp(other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Timestamp(one), Value::Timestamp(other)) | (Value::Duration(one), Value::Duration(other)) => {
            one.cmp(other)
        }
        (one, other) => return Err(Trouble::Unlike { one: one.kind(), other: other.kind() }),
    };
    Ok(match order {
        Order::Less => ordering.is_lt(),
        Order::LessOrEqual => ordering.is_le(),
        Order::Greater => ordering.is_gt(),
        Order::GreaterOrEqual => ordering.is_ge(),
    })
}

pub(super) fn compute<'f>(operator: Arithmetic, one: Value<'f>, other: Value<'f>, longest: usize) -> Result<'f> {
    use Value::{Duration, Int, String, Timestamp};
    let timestamp = |nanos| time::timestamp(nanos).map(Timestamp).ok_or(Trouble::OutOfRange);
    let duration = |nanos| time::duration(nanos).map(Duration).ok_or(Trouble::OutOfRange);
    match (operator, one, other) {
        (operator, Int(one), Int(other)) => compute_ints(operator, one, other),
        (Arithmetic::Add, String(one), String(other)) => {
            if one.len() + other.len() > longest {
                return Err(Trouble::TooLong);
            }
            Ok(String(one + other))
        }
        (Arithmetic::Add, Timestamp(time), Duration(length)) | (Arithmetic::Add, Duration(length), Timestamp(time)) => {
            timestamp(time + length)
        }
        (Arithmetic::Add, Duration(one), Duration(other)) => duration(one + other),
        (Arithmetic::Subtract, Timestamp(one), Timestamp(other)) => duration(one - other),
        (Arithmetic::Subtract, Timestamp(time), Duration(length)) => timestamp(time - length),
        (Arithmetic::Subtract, Duration(one), Duration(other)) => duration(one - other),
        (_, one, other) => Err(Trouble::Unlike { one: one.kind(), other: other.kind() }),
    }
}

fn compute_ints<'f>(operator: Arithmetic, one: i64, other: i64) -> Result<'f> {
    let result = match operator {
        Arithmetic::Add => one.checked_add(other),
        Arithmetic::Subtract => one.checked_sub(other),
        Arithmetic::Multiply => one.checked_mul(other),
        Arithmetic::Divide | Arithmetic::Remainder if other == 0 => return Err(Trouble::DivisionByZero),
        Arithmetic::Divide => one.checked_div(other),
        Arithmetic::Remainder => one.checked_rem(other),
    };
    result.map(Value::Int).ok_or(Trouble::OutOfRange)
}

pub(super) fn convert(conversion: Conversion, value: Value<'_>) -> Result<'_> {
    let refused = |wanted| Trouble::NotConvertible { wanted };
    match (conversion, value) {
        (Conversion::String, text @ Value::String(_)) => Ok(text),
        (Conversion::String, Value::Int(value)) => Ok(Value::String(Cow::Owned(value.to_string()))),
        (Conversion::String, Value::Bool(value)) => {
            Ok(Value::String(Cow::Borrowed(if value { "true" } else { "false" })))
        }
        (Conversion::String, Value::Timestamp(time)) => {
            time::display(time).map(|text| Value::String(Cow::Owned(text))).ok_or(Trouble::OutOfRange)
        }
        (Conversion::Int, value @ Value::Int(_)) => Ok(value),
        (Conversion::Int, Value::String(text)) => text.parse().map(Value::Int).map_err(|_| refused("an int")),
        (Conversion::Int, Value::Timestamp(time)) => {
            i64::try_from(time.div_euclid(SECOND)).map(Value::Int).map_err(|_| Trouble::OutOfRange)
        }
        (Conversion::Timestamp, time @ Value::Timestamp(_)) => Ok(time),
        (Conversion::Timestamp, Value::Int(seconds)) => {
            time::timestamp(time::Nanos::from(seconds) * SECOND).map(Value::Timestamp).ok_or(Trouble::OutOfRange)
        }
        (Conversion::Timestamp, Value::String(text)) => {
            time::parse_timestamp(&text).map(Value::Timestamp).ok_or(refused("a timestamp"))
        }
        (Conversion::Duration, length @ Value::Duration(_)) => Ok(length),
        (Conversion::Duration, Value::String(text)) => {
            time::parse_duration(&text).map(Value::Duration).ok_or(refused("a duration"))
        }
        (Conversion::Size, Value::String(text)) => size(text.chars().count()),
        (Conversion::Size, Value::List(list)) => size(list.len()),
        (Conversion::Size, Value::Map(members)) => size(members.len()),
        (Conversion::LowerAscii, Value::String(text)) => Ok(Value::String(lower(text))),
        (Conversion::Part(part), Value::Timestamp(time)) => {
            time::part(time, part).map(Value::Int).ok_or(Trouble::OutOfRange)
        }
        (_, other) => Err(Trouble::WrongType { found: other.kind(), wanted: "another type" }),
    }
}

fn size<'f>(size: usize) -> Result<'f> {
    i64::try_from(size).map(Value::Int).map_err(|_| Trouble::OutOfRange)
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { text }
}
