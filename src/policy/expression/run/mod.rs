//! The evaluation: one pass, strict, within a budget of steps.
//!
//! `&&`, `||` and `?:` go from left to right and look no further than they must, so that `has(claims.x) && claims.x == ..` guards; an error
//! that is met is the result, whatever stands on the other side.

mod operators;
mod trouble;

use std::borrow::Cow;

pub(crate) use trouble::Trouble;

use super::node::{Fact, Iteration, Macro, Node, Search};
use super::value::{List, Members, Value};
use crate::policy::facts::Facts;

/// The most steps that one condition takes. A node is a step, and so are 32 bytes of a string that is looked through.
const MAX_STEPS: usize = 20_000;
/// The most elements of a list that is gone through.
const MAX_ELEMENTS: usize = 1000;
/// The longest string that is put together, in bytes.
const MAX_STRING: usize = 16 * 1024;
/// Bytes of a string that are one step.
const BYTES_A_STEP: usize = 32;
/// Comprehensions within each other: see `check`.
pub(super) const MAX_LEVELS: usize = 2;

type Result<'f> = std::result::Result<Value<'f>, Trouble<'f>>;

pub(super) struct Run<'f> {
    facts: &'f Facts<'f>,
    steps: usize,
    elements: [Option<Value<'f>>; MAX_LEVELS],
}

impl<'f> Run<'f> {
    pub(super) const fn new(facts: &'f Facts<'f>) -> Self {
        Self { facts, steps: MAX_STEPS, elements: [const { None }; MAX_LEVELS] }
    }

    pub(super) fn value(&mut self, node: &'f Node) -> Result<'f> {
        self.step(1)?;
        match node {
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Int(value) => Ok(Value::Int(*value)),
            Node::String(text) => Ok(Value::String(Cow::Borrowed(text))),
            Node::Timestamp(time) => Ok(Value::Timestamp(*time)),
            Node::Duration(length) => Ok(Value::Duration(*length)),
            Node::List(nodes) => {
                let values = nodes.iter().map(|node| self.value(node)).collect::<std::result::Result<_, _>>()?;
                Ok(Value::List(List::Own(values)))
            }
            Node::Map(entries) => {
                let entries = entries.iter().map(|(name, node)| Ok((name.as_ref(), self.value(node)?)));
                Ok(Value::Map(Members::Own(entries.collect::<std::result::Result<_, _>>()?)))
            }
            Node::Fact(fact) => self.fact(*fact),
            Node::Claim(name, kind) => {
                let claim = self.facts.claims.get(name.as_ref()).ok_or(Trouble::Absent(name))?;
                Value::of_claim(name, claim, *kind)
            }
            Node::HasClaim(name) => {
                Ok(Value::Bool(self.facts.claims.get(name.as_ref()).is_some_and(|claim| !claim.is_null())))
            }
            Node::Element(level) => self.elements.get(*level).cloned().flatten().ok_or(Trouble::NoSuchElement),
            Node::Member(object, name, kind) => match self.members(object)? {
                Members::Json(members) => {
                    Value::of_claim(name, members.get(name.as_ref()).ok_or(Trouble::Absent(name))?, *kind)
                }
                own @ Members::Own(_) => own.get(name).unwrap_or(Err(Trouble::Absent(name))),
            },
            Node::HasMember(object, name) => Ok(Value::Bool(self.members(object)?.get(name).is_some())),
            Node::Index(object, index) => self.index(object, index),
            Node::Not(node) => Ok(Value::Bool(!self.bool(node)?)),
            Node::And(one, other) => Ok(Value::Bool(self.bool(one)? && self.bool(other)?)),
            Node::Or(one, other) => Ok(Value::Bool(self.bool(one)? || self.bool(other)?)),
            Node::If(condition, then, otherwise) => {
                if self.bool(condition)? {
                    self.value(then)
                } else {
                    self.value(otherwise)
                }
            }
            Node::Negate(node) => operators::negate(self.value(node)?),
            Node::Equal(one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                self.equal(&one, &other).map(Value::Bool)
            }
            Node::Compare(order, one, other) => {
                operators::compare(*order, &self.value(one)?, &self.value(other)?).map(Value::Bool)
            }
            Node::Compute(operator, one, other) => {
                let result = operators::compute(*operator, self.value(one)?, self.value(other)?, MAX_STRING)?;
                if let Value::String(text) = &result {
                    self.step(text.len() / BYTES_A_STEP)?;
                }
                Ok(result)
            }
            Node::In(one, other) => self.is_in(one, other),
            Node::InWords(node, words) => {
                let text = self.string(node)?;
                Ok(Value::Bool(words.binary_search_by(|word| word.as_ref().cmp(&text)).is_ok()))
            }
            Node::Search(search, text, part) => {
                let (text, part) = (self.string(text)?, self.string(part)?);
                self.step((text.len() + part.len()) / BYTES_A_STEP)?;
                Ok(Value::Bool(match search {
                    Search::Start => text.starts_with(part.as_ref()),
                    Search::End => text.ends_with(part.as_ref()),
                    Search::Anywhere => text.contains(part.as_ref()),
                }))
            }
            Node::Matches(text, pattern) => {
                let text = self.string(text)?;
                self.step(text.len())?;
                Ok(Value::Bool(pattern.is_match(&text)))
            }
            Node::Convert(conversion, node) => {
                let value = self.value(node)?;
                if let Value::String(text) = &value {
                    self.step(text.len() / BYTES_A_STEP)?;
                }
                operators::convert(*conversion, value)
            }
            Node::Iterate(iteration) => self.iterate(iteration),
        }
    }

    fn step(&mut self, steps: usize) -> std::result::Result<(), Trouble<'f>> {
        self.steps = self.steps.checked_sub(steps).ok_or(Trouble::TooMuchWork)?;
        Ok(())
    }

    fn fact(&self, fact: Fact) -> Result<'f> {
        let facts = self.facts;
        let recorded = |value: Option<&'f str>, what| {
            value.map(|text| Value::String(Cow::Borrowed(text))).ok_or(Trouble::NotRecorded(what))
        };
        let key = || facts.key.as_ref().ok_or(Trouble::NotRecorded("the key"));
        match fact {
            Fact::Issuer => Ok(Value::String(Cow::Borrowed(facts.issuer))),
            Fact::Audience => recorded(facts.audience, "the audience"),
            Fact::Now => Ok(Value::Timestamp(super::time::of_system(facts.now))),
            Fact::PrincipalKind => Ok(Value::String(Cow::Borrowed(facts.kind.name()))),
            Fact::PrincipalSan => recorded(facts.san, "the subject alternative name"),
            Fact::KeyKind => Ok(Value::String(Cow::Borrowed(key()?.kind().name()))),
            Fact::KeyBits => Ok(Value::Int(i64::from(key()?.kind().bits()))),
            Fact::KeySha256 => recorded(key()?.sha256(), "the key's SHA-256"),
        }
    }

    fn bool(&mut self, node: &'f Node) -> std::result::Result<bool, Trouble<'f>> {
        match self.value(node)? {
            Value::Bool(value) => Ok(value),
            other => Err(Trouble::WrongType { found: other.kind(), wanted: "true or false" }),
        }
    }

    fn string(&mut self, node: &'f Node) -> std::result::Result<Cow<'f, str>, Trouble<'f>> {
        match self.value(node)? {
            Value::String(text) => Ok(text),
            other => Err(Trouble::WrongType { found: other.kind(), wanted: "a string" }),
        }
    }

    fn members(&mut self, node: &'f Node) -> std::result::Result<Members<'f>, Trouble<'f>> {
        match self.value(node)? {
            Value::Map(members) => Ok(members),
            other => Err(Trouble::WrongType { found: other.kind(), wanted: "a map" }),
        }
    }

    fn index(&mut self, object: &'f Node, index: &'f Node) -> Result<'f> {
        match (self.value(object)?, self.value(index)?) {
            (Value::List(list), Value::Int(index)) => {
                usize::try_from(index).ok().and_then(|index| list.get(index)).unwrap_or(Err(Trouble::NoSuchElement))
            }
            (Value::Map(members), Value::String(name)) => members.get(&name).unwrap_or(Err(Trouble::NoSuchMember)),
            (Value::List(_), other) => Err(Trouble::WrongType { found: other.kind(), wanted: "an int" }),
            (Value::Map(_), other) => Err(Trouble::WrongType { found: other.kind(), wanted: "a string" }),
            (other, _) => Err(Trouble::WrongType { found: other.kind(), wanted: "a list or a map" }),
        }
    }

    /// Values of different types are an error: the claim is not what the rule takes it for.
    fn equal(&mut self, one: &Value<'f>, other: &Value<'f>) -> std::result::Result<bool, Trouble<'f>> {
        self.step(1)?;
        match (one, other) {
            (Value::List(one), Value::List(other)) => {
                if one.len() != other.len() {
                    return Ok(false);
                }
                let mut are_equal = true;
                for (one, other) in one.iter().zip(other.iter()) {
                    are_equal &= self.equal(&one?, &other?)?;
                }
                Ok(are_equal)
            }
            (Value::String(one), Value::String(other)) => {
                self.step(one.len().min(other.len()) / BYTES_A_STEP)?;
                Ok(one == other)
            }
            (one, other) => operators::equal(one, other),
        }
    }

    fn is_in(&mut self, one: &'f Node, other: &'f Node) -> Result<'f> {
        let one = self.value(one)?;
        let list = match self.value(other)? {
            Value::List(list) => list,
            Value::Map(members) => {
                let Value::String(name) = &one else {
                    return Err(Trouble::WrongType { found: one.kind(), wanted: "a string" });
                };
                return Ok(Value::Bool(members.get(name).is_some()));
            }
            other => return Err(Trouble::WrongType { found: other.kind(), wanted: "a list or a map" }),
        };
        let mut is_in = false;
        for element in self.elements_of(&list)? {
            is_in |= self.equal(&one, &element?)?;
        }
        Ok(Value::Bool(is_in))
    }

    fn elements_of(
        &self,
        list: &List<'f>,
    ) -> std::result::Result<impl Iterator<Item = Result<'f>> + use<'f>, Trouble<'f>> {
        if list.len() > MAX_ELEMENTS { Err(Trouble::TooLong) } else { Ok(list.iter()) }
    }

    fn iterate(&mut self, iteration: &'f Iteration) -> Result<'f> {
        let list = match self.value(&iteration.range)? {
            Value::List(list) => list,
            Value::Map(members) => members.names(),
            other => return Err(Trouble::WrongType { found: other.kind(), wanted: "a list or a map" }),
        };
        let (mut found, mut kept) = (0_usize, Vec::new());
        for element in self.elements_of(&list)? {
            let element = element?;
            if let Some(slot) = self.elements.get_mut(iteration.level) {
                *slot = Some(element.clone());
            }
            if let Some(filter) = &iteration.filter
                && !self.bool(filter)?
            {
                continue;
            }
            match iteration.macro_ {
                Macro::Map => kept.push(self.value(&iteration.body)?),
                Macro::Filter if self.bool(&iteration.body)? => kept.push(element),
                Macro::Exists if self.bool(&iteration.body)? => return Ok(Value::Bool(true)),
                Macro::All if !self.bool(&iteration.body)? => return Ok(Value::Bool(false)),
                Macro::ExistsOne if self.bool(&iteration.body)? => found += 1,
                Macro::Filter | Macro::Exists | Macro::All | Macro::ExistsOne => {}
            }
        }
        Ok(match iteration.macro_ {
            Macro::Map | Macro::Filter => Value::List(List::Own(kept.into())),
            Macro::Exists => Value::Bool(false),
            Macro::All => Value::Bool(true),
            Macro::ExistsOne => Value::Bool(found == 1),
        })
    }
}
