//! Functions: which there are, and what they take.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use regex::{Regex, RegexBuilder};

use super::{Checked, Checker};
use crate::policy::expression::Fault;
use crate::policy::expression::names::Comparison;
use crate::policy::expression::node::{Conversion, Node, Part, Search};
use crate::policy::expression::time;
use crate::policy::expression::types::Type;
use crate::text::hint;

/// The most that a compiled pattern takes, in bytes.
const MAX_PATTERN: usize = 256 * 1024;

/// Every function, for "did you mean".
const FUNCTIONS: &[&str] = &[
    "all",
    "contains",
    "duration",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getFullYear",
    "getHours",
    "getMinutes",
    "getMonth",
    "has",
    "int",
    "lowerAscii",
    "map",
    "matches",
    "size",
    "startsWith",
    "string",
    "timestamp",
];
/// What other dialects of CEL have.
const ELSEWHERE: &[&str] = &[
    "base64.decode",
    "bool",
    "bytes",
    "charAt",
    "double",
    "dyn",
    "format",
    "indexOf",
    "join",
    "lastIndexOf",
    "optional",
    "replace",
    "reverse",
    "split",
    "substring",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "getMilliseconds",
    "getSeconds",
    "getDayOfYear",
];

impl Checker<'_> {
    pub(super) fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Checked {
        let (name, args) = (call.func_name.as_str(), call.args.as_slice());
        match &call.target {
            None => {
                if let Some(checked) = self.operator(expression, name, args) {
                    return checked;
                }
                self.function(expression, name, args)
            }
            Some(target) => self.method(expression, target, name, args),
        }
    }

    fn function(&mut self, expression: &IdedExpr, name: &str, args: &[IdedExpr]) -> Checked {
        match (name, args) {
            ("has", [one]) => self.has(one),
            ("size", [one]) => self.size(one),
            ("string", [one]) => self.conversion(one, Conversion::String, Type::String, &STRINGS),
            ("int", [one]) => self.conversion(one, Conversion::Int, Type::Int, &INTS),
            ("timestamp", [one]) => self.conversion(one, Conversion::Timestamp, Type::Timestamp, &TIMESTAMPS),
            ("duration", [one]) => self.conversion(one, Conversion::Duration, Type::Duration, &DURATIONS),
            ("matches", [text, pattern]) => self.matches(text, pattern),
            ("has" | "size" | "string" | "int" | "timestamp" | "duration" | "matches", _) => {
                Err(self.wrong_count(expression, name, args.len()))
            }
            _ if FUNCTIONS.contains(&name) => Err(self
                .name_fault(expression, format!("{name} is written behind a value"))
                .hint(format!("value.{name}(..)"))),
            _ => Err(self.unknown(expression, name)),
        }
    }

    fn method(&mut self, expression: &IdedExpr, target: &IdedExpr, name: &str, args: &[IdedExpr]) -> Checked {
        match (name, args) {
            ("startsWith", [part]) => self.search(target, part, Search::Start),
            ("endsWith", [part]) => self.search(target, part, Search::End),
            ("contains", [part]) => self.search(target, part, Search::Anywhere),
            ("matches", [pattern]) => self.matches(target, pattern),
            ("size", []) => self.size(target),
            ("lowerAscii", []) => {
                let node = self.of_type(target, &Type::String)?;
                Ok((Node::Convert(Conversion::LowerAscii, Box::new(node)), Type::String))
            }
            ("all" | "exists" | "exists_one" | "existsOne" | "filter" | "map", _) => {
                self.comprehension(expression, target, name, args)
            }
            (_, []) if part(name).is_some() => {
                let node = self.of_type(target, &Type::Timestamp)?;
                let part = part(name).unwrap_or(Part::Year);
                Ok((Node::Convert(Conversion::Part(part), Box::new(node)), Type::Int))
            }
            (_, [_]) if part(name).is_some() => {
                Err(self.name_fault(expression, format!("{name} takes no time zone")).hint("times are in UTC"))
            }
            ("startsWith" | "endsWith" | "contains" | "matches" | "size" | "lowerAscii", _) => {
                Err(self.wrong_count(expression, name, args.len()))
            }
            _ if FUNCTIONS.contains(&name) => Err(self
                .name_fault(expression, format!("{name} is not written behind a value"))
                .hint(format!("{name}(value)"))),
            _ => Err(self.unknown(expression, name)),
        }
    }

    fn wrong_count(&self, expression: &IdedExpr, name: &str, count: usize) -> Fault {
        self.name_fault(expression, format!("{name} does not take {count} arguments")).hint(format!("{}", usage(name)))
    }

    fn unknown(&self, expression: &IdedExpr, name: &str) -> Fault {
        let fault = self.name_fault(expression, format!("unknown function \"{name}\""));
        match hint::nearest(name, FUNCTIONS.iter().copied()) {
            Some(near) => fault.hint(format!("did you mean \"{near}\"?")),
            None if ELSEWHERE.contains(&name) => {
                Fault { message: format!("the function \"{name}\" is not part of the policy language"), ..fault }
                    .hint(format!("known are {}", FUNCTIONS.join(", ")))
            }
            None => fault.hint(format!("known are {}", FUNCTIONS.join(", "))),
        }
    }

    fn has(&mut self, one: &IdedExpr) -> Checked {
        let Expr::Select(select) = &one.expr else {
            return Err(self
                .fault(one, "has takes a claim or a member")
                .hint("has(claims.x); for other names \"x/y\" in claims"));
        };
        if matches!(&select.operand.expr, Expr::Ident(name) if name == "claims" && !self.is_element(name)) {
            return self.has_claim(one, &select.field);
        }
        if matches!(&select.operand.expr, Expr::Ident(name) if ["principal", "key"].contains(&name.as_str()) && !self.is_element(name))
        {
            return Err(self.fault(one, "principal and key are always there").hint("leave out has()"));
        }
        let (object, kind) = self.node(&select.operand)?;
        self.member(one, &kind, &select.field)?;
        Ok((Node::HasMember(Box::new(object), select.field.as_str().into()), Type::Bool))
    }

    pub(super) fn has_claim(&mut self, expression: &IdedExpr, name: &str) -> Checked {
        self.known_claim(expression, name)?;
        self.uses.guarded.insert(name.to_owned());
        Ok((Node::HasClaim(name.into()), Type::Bool))
    }

    fn size(&mut self, one: &IdedExpr) -> Checked {
        let (node, kind) = self.node(one)?;
        match kind {
            Type::String | Type::Word(_) | Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Any => {
                Ok((Node::Convert(Conversion::Size, Box::new(node)), Type::Int))
            }
            other => Err(self.fault(one, format!("{other} has no size"))),
        }
    }

    fn conversion(&mut self, one: &IdedExpr, to: Conversion, kind: Type, from: &[Type]) -> Checked {
        let (node, found) = self.node(one)?;
        if !from.iter().any(|accepted| accepted.fits(&found)) {
            return Err(self.fault(one, format!("{found} cannot be read as {kind}")));
        }
        let Node::String(text) = &node else { return Ok((Node::Convert(to, Box::new(node)), kind)) };
        let refused = |hint: &str| self.fault(one, format!("{text:?} is not {kind}")).hint(hint);
        let constant = match to {
            Conversion::Timestamp => {
                Node::Timestamp(time::parse_timestamp(text).ok_or_else(|| refused("2026-11-28T00:00:00Z"))?)
            }
            Conversion::Duration => {
                Node::Duration(time::parse_duration(text).ok_or_else(|| refused("write 10m, 1h30m or 90s"))?)
            }
            Conversion::Int => Node::Int(text.parse().map_err(|_| refused("write the number itself"))?),
            _ => node,
        };
        Ok((constant, kind))
    }

    fn search(&mut self, target: &IdedExpr, part: &IdedExpr, search: Search) -> Checked {
        let (text, kind) = self.node(target)?;
        if !kind.is_text() {
            let fault = self.fault(target, format!("it is {kind}, not a string"));
            return Err(match kind {
                Type::List(_) => fault.hint("write \"..\" in list, or list.exists(x, x.startsWith(..))"),
                _ => fault,
            });
        }
        let part_node = self.of_type(part, &Type::String)?;
        let comparison = if search == Search::End { Comparison::End } else { Comparison::Part };
        self.note(target, comparison, Some(part));
        Ok((Node::Search(search, Box::new(text), Box::new(part_node)), Type::Bool))
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Checked {
        let node = self.of_type(text, &Type::String)?;
        let Expr::Literal(LiteralValue::String(source)) = &pattern.expr else {
            return Err(self
                .fault(pattern, "a pattern must stand in the condition")
                .hint("matches(\"^v[0-9]+$\"): it is compiled when the policy is loaded"));
        };
        let regex = compile(source.inner()).map_err(|(message, hint)| self.fault(pattern, message).hint(hint))?;
        self.note(text, Comparison::Part, None);
        if !is_anchored(source.inner()) {
            let at = self.at(pattern);
            self.uses.loose_patterns.push(at);
        }
        Ok((Node::Matches(Box::new(node), Box::new(regex)), Type::Bool))
    }
}

const STRINGS: [Type; 4] = [Type::String, Type::Int, Type::Bool, Type::Timestamp];
const INTS: [Type; 3] = [Type::Int, Type::String, Type::Timestamp];
const TIMESTAMPS: [Type; 3] = [Type::Timestamp, Type::String, Type::Int];
const DURATIONS: [Type; 2] = [Type::Duration, Type::String];

fn part(name: &str) -> Option<Part> {
    Some(match name {
        "getFullYear" => Part::Year,
        "getMonth" => Part::Month,
        "getDate" => Part::Date,
        "getDayOfMonth" => Part::DayOfMonth,
        "getDayOfWeek" => Part::DayOfWeek,
        "getHours" => Part::Hours,
        "getMinutes" => Part::Minutes,
        _ => return None,
    })
}

fn usage(name: &str) -> &'static str {
    match name {
        "has" => "has(claims.x)",
        "size" => "size(value)",
        "string" => "string(value)",
        "int" => "int(value)",
        "timestamp" => "timestamp(\"2026-11-28T00:00:00Z\")",
        "duration" => "duration(\"10m\")",
        "startsWith" => "text.startsWith(\"..\")",
        "endsWith" => "text.endsWith(\"..\")",
        "contains" => "text.contains(\"..\")",
        "matches" => "text.matches(\"^..$\")",
        "lowerAscii" => "text.lowerAscii()",
        _ => "see docs/policy.md",
    }
}

/// The library's patterns take time in proportion to the text; what would not is no pattern to it.
fn compile(pattern: &str) -> Result<Regex, (String, &'static str)> {
    let built = RegexBuilder::new(pattern).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            ("the pattern is too large".to_owned(), "use smaller repetitions, or startsWith and endsWith")
        }
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let hint = if reason.contains("look-around") || reason.contains("backreference") {
                "patterns are RE2's: write two conditions with &&"
            } else {
                "patterns are RE2's; a backslash is written twice, or in r\"..\""
            };
            (format!("the pattern is not valid: {reason}"), hint)
        }
    })
}

fn is_anchored(pattern: &str) -> bool {
    let ends = pattern.ends_with('$') && !pattern.ends_with("\\$") || pattern.ends_with("\\z");
    // An alternative at the top would be anchored on one side only.
    let mut depth = 0_usize;
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return false,
            _ => {}
        }
    }
    ends && (pattern.starts_with('^') || pattern.starts_with("\\A"))
}
