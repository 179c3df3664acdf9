//! The check of a condition when the policy is loaded: names, types and bounds. What passes is compiled on the way.

mod calls;
mod macros;
mod operators;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

use super::node::{Fact, Node};
use super::parse::Parsed;
use super::types::Type;
use super::{Fault, Uses};
use crate::crypto::KeyKind;
use crate::identity::IdentityKind;
use crate::policy::catalogue::{Claim, ClaimType, Presence, Vocabulary};
use crate::text::hint;

/// Operations of one condition.
const MAX_NODES: usize = 1000;
/// Operations within each other.
const MAX_DEPTH: usize = 300;

const VARIABLES: [&str; 6] = ["claims", "principal", "issuer", "audience", "key", "now"];
const PRINCIPAL: [(&str, Fact, Type); 2] =
    [("kind", Fact::PrincipalKind, Type::Word(IdentityKind::NAMES)), ("san", Fact::PrincipalSan, Type::String)];
const KEY: [(&str, Fact, Type); 3] = [
    ("kind", Fact::KeyKind, Type::Word(&KeyKind::NAMES)),
    ("bits", Fact::KeyBits, Type::Int),
    ("sha256", Fact::KeySha256, Type::String),
];

type Checked = Result<(Node, Type), Fault>;

/// Checks and compiles a condition that must be of a type.
pub(super) fn check(parsed: &Parsed<'_>, vocabulary: &Vocabulary<'_>, wanted: &Type) -> Result<(Node, Uses), Fault> {
    let uses = Uses { is_constant: true, ..Uses::default() };
    let mut checker = Checker { parsed, vocabulary, elements: Vec::new(), uses, nodes: 0, depth: 0 };
    let (node, found) = checker.node(&parsed.tree)?;
    if found == Type::Any || !found.fits(wanted) {
        let fault = Fault::new(checker.at(&parsed.tree), format!("the condition is {found}, not {wanted}"));
        return Err(match (&found, wanted) {
            (Type::Any | Type::String | Type::Word(_), Type::Bool) => {
                fault.hint("compare it with something: .. == \"true\"")
            }
            (_, Type::Bool) => fault.hint("compare it with something"),
            (_, Type::Duration) => fault.hint("write duration(\"15m\")"),
            _ => fault,
        });
    }
    Ok((node, checker.uses))
}

struct Checker<'a> {
    parsed: &'a Parsed<'a>,
    vocabulary: &'a Vocabulary<'a>,
    /// The elements of the comprehensions around, the outermost first.
    elements: Vec<(String, Type)>,
    uses: Uses,
    nodes: usize,
    depth: usize,
}

impl Checker<'_> {
    fn at(&self, expression: &IdedExpr) -> usize {
        self.parsed.at(expression)
    }

    fn fault(&self, expression: &IdedExpr, message: impl Into<String>) -> Fault {
        Fault::new(self.at(expression), message)
    }

    /// About the name of a function or a member, rather than about the whole.
    fn name_fault(&self, expression: &IdedExpr, message: impl Into<String>) -> Fault {
        Fault::new(self.parsed.name_at(expression), message)
    }

    fn node(&mut self, expression: &IdedExpr) -> Checked {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > MAX_NODES || self.depth > MAX_DEPTH {
            return Err(self.fault(expression, "the condition is too complex").hint("make several rules of it"));
        }
        let checked = self.node_of(expression);
        self.depth -= 1;
        checked
    }

    fn node_of(&mut self, expression: &IdedExpr) -> Checked {
        match &expression.expr {
            Expr::Literal(literal) => self.literal(expression, literal),
            Expr::Ident(name) => self.variable(expression, name),
            Expr::Select(select) => self.select(expression, select),
            Expr::Call(call) => self.call(expression, call),
            Expr::List(list) => self.list(&list.elements),
            Expr::Map(map) => self.map(expression, map.entries.iter().map(|entry| &entry.expr)),
            Expr::Struct(_) => Err(self.fault(expression, "messages are not part of the policy language")),
            Expr::Comprehension(_) | Expr::Unspecified => Err(self.fault(expression, "the condition cannot be read")),
        }
    }

    fn literal(&self, expression: &IdedExpr, literal: &LiteralValue) -> Checked {
        match literal {
            LiteralValue::Boolean(value) => Ok((Node::Bool(*value.inner()), Type::Bool)),
            LiteralValue::Int(value) => Ok((Node::Int(*value.inner()), Type::Int)),
            LiteralValue::String(text) => Ok((Node::String(text.inner().into()), Type::String)),
            LiteralValue::Null => Err(self
                .fault(expression, "null is not part of the policy language")
                .hint("a claim that is null counts as absent: ask with has(claims.x)")),
            LiteralValue::Double(_) => Err(self.fault(expression, "numbers are whole").hint("leave out the fraction")),
            LiteralValue::UInt(_) => Err(self.fault(expression, "numbers have no suffix").hint("leave out the u")),
            LiteralValue::Bytes(_) => Err(self
                .fault(expression, "bytes are not part of the policy language")
                .hint("leave out the b before the quote")),
        }
    }

    fn variable(&mut self, expression: &IdedExpr, name: &str) -> Checked {
        if let Some((level, (_, kind))) = self.elements.iter().enumerate().rev().find(|(_, (known, _))| known == name) {
            return Ok((Node::Element(level), kind.clone()));
        }
        self.uses.is_constant = false;
        match name {
            "issuer" => Ok((Node::Fact(Fact::Issuer), Type::String)),
            "audience" => Ok((Node::Fact(Fact::Audience), Type::String)),
            "now" => Ok((Node::Fact(Fact::Now), Type::Timestamp)),
            "claims" => Err(self
                .fault(expression, "claims stands for all claims: name one")
                .hint("claims.sub, or claims[\"https://example.com/team\"]")),
            "principal" | "key" => {
                let members =
                    if name == "key" { "key.kind, key.bits, key.sha256" } else { "principal.kind, principal.san" };
                Err(self.fault(expression, format!("{name} is not a value")).hint(format!("known are {members}")))
            }
            _ => Err(self.unknown_variable(expression, name)),
        }
    }

    fn unknown_variable(&self, expression: &IdedExpr, name: &str) -> Fault {
        let fault = self.fault(expression, format!("unknown variable \"{name}\""));
        if self.vocabulary.find(name).is_some() {
            return fault.hint(format!("did you mean claims.{name}?"));
        }
        let known = VARIABLES.into_iter().chain(self.elements.iter().map(|(name, _)| name.as_str()));
        fault.hint(hint::for_unknown(name, known))
    }

    fn select(&mut self, expression: &IdedExpr, select: &SelectExpr) -> Checked {
        let field = select.field.as_str();
        match &select.operand.expr {
            Expr::Ident(name) if !self.is_element(name) => match name.as_str() {
                "claims" => return self.claim(expression, field),
                "principal" => return self.fact(expression, "principal", field, &PRINCIPAL),
                "key" => return self.fact(expression, "key", field, &KEY),
                _ => {}
            },
            _ => {}
        }
        let (object, kind) = self.node(&select.operand)?;
        let (member, member_kind) = self.member(expression, &kind, field)?;
        Ok((Node::Member(Box::new(object), field.into(), member), member_kind))
    }

    fn is_element(&self, name: &str) -> bool {
        self.elements.iter().any(|(known, _)| known == name)
    }

    fn fact(&mut self, expression: &IdedExpr, of: &str, field: &str, known: &[(&str, Fact, Type)]) -> Checked {
        self.uses.is_constant = false;
        match known.iter().find(|(name, ..)| *name == field) {
            Some((_, fact, kind)) => Ok((Node::Fact(*fact), kind.clone())),
            None => Err(self
                .name_fault(expression, format!("{of} has no \"{field}\""))
                .hint(hint::for_unknown(field, known.iter().map(|(name, ..)| *name)))),
        }
    }

    fn claim(&mut self, expression: &IdedExpr, name: &str) -> Checked {
        let known = self.known_claim(expression, name)?;
        if known.1 == Presence::Sometimes {
            self.uses.sometimes.push((name.to_owned(), self.at(expression)));
        }
        Ok((Node::Claim(name.into(), known.0), known.0.into()))
    }

    /// The type of a claim, which is noted as one that the condition names.
    fn known_claim(&mut self, expression: &IdedExpr, name: &str) -> Result<(ClaimType, Presence), Fault> {
        self.uses.is_constant = false;
        self.uses.claims.insert(name.to_owned());
        match self.vocabulary.find(name) {
            Some(known) => Ok((known.kind, known.presence)),
            None => Err(self.unknown_claim(expression, name)),
        }
    }

    fn unknown_claim(&self, expression: &IdedExpr, name: &str) -> Fault {
        let fault = self.fault(expression, format!("unknown claim \"{name}\""));
        let of_others: Vec<&str> = Vocabulary::kinds_with(name).map(IdentityKind::name).collect();
        if !of_others.is_empty() {
            return fault.hint(format!("tokens of {} have it: look at the rule's identities", of_others.join(", ")));
        }
        match hint::nearest(name, self.vocabulary.names()) {
            Some(near) => fault.hint(format!("did you mean \"{near}\"?")),
            None => fault.hint(format!("if the issuer does send it, declare it: extra-claims: {{{name}: string}}")),
        }
    }

    /// The member of a value of this type.
    fn member(&self, expression: &IdedExpr, of: &Type, name: &str) -> Result<(ClaimType, Type), Fault> {
        match of {
            Type::Any => Ok((ClaimType::Any, Type::Any)),
            Type::Map(kind) => Ok((ClaimType::Any, (**kind).clone())),
            Type::Object(members) => {
                let known: &[Claim] = members;
                match known.iter().find(|member| member.name == name) {
                    Some(member) => Ok((member.kind, member.kind.into())),
                    None => Err(self
                        .name_fault(expression, format!("unknown member \"{name}\""))
                        .hint(hint::for_unknown(name, known.iter().map(|member| member.name)))),
                }
            }
            other => Err(self.name_fault(expression, format!("{other} has no member \"{name}\""))),
        }
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Checked {
        let (mut nodes, mut kind) = (Vec::with_capacity(elements.len()), None::<Type>);
        for element in elements {
            let (node, found) = self.node(element)?;
            kind = Some(match kind {
                Some(first) if !found.fits(&first) => {
                    return Err(self
                        .fault(element, format!("a list with {first} has {found} in it"))
                        .hint("all elements of a list are of one type"));
                }
                Some(first) => first.or(found),
                None => found,
            });
            nodes.push(node);
        }
        Ok((Node::List(nodes), Type::list(kind.unwrap_or(Type::Any))))
    }

    fn map<'e>(&mut self, expression: &IdedExpr, entries: impl Iterator<Item = &'e EntryExpr>) -> Checked {
        let (mut nodes, mut kind) = (Vec::<(Box<str>, Node)>::new(), None::<Type>);
        for entry in entries {
            let EntryExpr::MapEntry(entry) = entry else {
                return Err(self.fault(expression, "messages are not part of the policy language"));
            };
            let Expr::Literal(LiteralValue::String(name)) = &entry.key.expr else {
                return Err(self.fault(&entry.key, "the keys of a map are strings").hint("{\"key\": value}"));
            };
            if nodes.iter().any(|(known, _)| **known == *name.inner()) {
                return Err(self.fault(&entry.key, format!("the key {:?} is a duplicate", name.inner())));
            }
            let (node, found) = self.node(&entry.value)?;
            if kind.as_ref().is_some_and(|first| !found.fits(first)) {
                return Err(self.fault(&entry.value, "all values of a map are of one type"));
            }
            kind = Some(kind.map_or(found.clone(), |first| first.or(found)));
            nodes.push((name.inner().into(), node));
        }
        Ok((Node::Map(nodes), Type::Map(Box::new(kind.unwrap_or(Type::Any)))))
    }
}
