//! Operators: which types they take, and which names they compare.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::{Checked, Checker};
use crate::policy::expression::Fault;
use crate::policy::expression::names::{Comparison, NameMatch};
use crate::policy::expression::node::{Arithmetic, Node, Order};
use crate::policy::expression::types::Type;
use crate::text::hint;

impl Checker<'_> {
    /// The operator of this name, if it is one.
    pub(super) fn operator(&mut self, expression: &IdedExpr, name: &str, args: &[IdedExpr]) -> Option<Checked> {
        let two = |order| match args {
            [one, other] => Some((order, one, other)),
            _ => None,
        };
        Some(match (name, args) {
            (operators::LOGICAL_AND, [one, other]) => self.logic(one, other, Node::And),
            (operators::LOGICAL_OR, [one, other]) => self.logic(one, other, Node::Or),
            (operators::LOGICAL_NOT, [one]) => {
                self.of_type(one, &Type::Bool).map(|node| (Node::Not(Box::new(node)), Type::Bool))
            }
            (operators::CONDITIONAL, [condition, then, otherwise]) => self.choice(condition, then, otherwise),
            (operators::EQUALS, [one, other]) => self.equality(expression, one, other),
            (operators::NOT_EQUALS, [one, other]) => {
                self.equality(expression, one, other).map(|(node, kind)| (Node::Not(Box::new(node)), kind))
            }
            (operators::LESS, _) => self.order(expression, two(Order::Less)?),
            (operators::LESS_EQUALS, _) => self.order(expression, two(Order::LessOrEqual)?),
            (operators::GREATER, _) => self.order(expression, two(Order::Greater)?),
            (operators::GREATER_EQUALS, _) => self.order(expression, two(Order::GreaterOrEqual)?),
            (operators::ADD, [one, other]) => self.arithmetic(expression, Arithmetic::Add, one, other),
            (operators::SUBSTRACT, [one, other]) => self.arithmetic(expression, Arithmetic::Subtract, one, other),
            (operators::MULTIPLY, [one, other]) => self.arithmetic(expression, Arithmetic::Multiply, one, other),
            (operators::DIVIDE, [one, other]) => self.arithmetic(expression, Arithmetic::Divide, one, other),
            (operators::MODULO, [one, other]) => self.arithmetic(expression, Arithmetic::Remainder, one, other),
            (operators::NEGATE, [one]) => self.negation(one),
            (operators::INDEX, [object, index]) => self.indexed(expression, object, index),
            (operators::IN, [one, other]) => self.membership(expression, one, other),
            _ => return None,
        })
    }

    /// An operand that must be of a type.
    pub(super) fn of_type(&mut self, expression: &IdedExpr, wanted: &Type) -> Result<Node, Fault> {
        let (node, found) = self.node(expression)?;
        if found.fits(wanted) {
            return Ok(node);
        }
        let fault = self.fault(expression, format!("it is {found}, not {wanted}"));
        Err(match (&found, wanted) {
            (Type::String | Type::Word(_), Type::Bool) => fault.hint("compare it with something: .. == \"true\""),
            (_, Type::Bool) => fault.hint("compare it with something"),
            _ => fault,
        })
    }

    fn logic(&mut self, one: &IdedExpr, other: &IdedExpr, node: fn(Box<Node>, Box<Node>) -> Node) -> Checked {
        let (one, other) = (self.of_type(one, &Type::Bool)?, self.of_type(other, &Type::Bool)?);
        Ok((node(Box::new(one), Box::new(other)), Type::Bool))
    }

    fn choice(&mut self, condition: &IdedExpr, then: &IdedExpr, otherwise: &IdedExpr) -> Checked {
        let condition = self.of_type(condition, &Type::Bool)?;
        let ((then, kind), (other, other_kind)) = (self.node(then)?, self.node(otherwise)?);
        if !kind.fits(&other_kind) {
            return Err(self.fault(otherwise, format!("one side of the ?: is {kind}, the other {other_kind}")));
        }
        Ok((Node::If(Box::new(condition), Box::new(then), Box::new(other)), kind.or(other_kind)))
    }

    fn equality(&mut self, expression: &IdedExpr, one: &IdedExpr, other: &IdedExpr) -> Checked {
        let ((left, left_kind), (right, right_kind)) = (self.node(one)?, self.node(other)?);
        self.comparable(expression, (one, &left_kind), (other, &right_kind))?;
        if matches!(left_kind, Type::Map(_) | Type::Object(_)) {
            return Err(self.fault(expression, "maps are not compared").hint("compare their members"));
        }
        self.known_word(&left_kind, other)?;
        self.known_word(&right_kind, one)?;
        self.note(one, Comparison::Whole, Some(other));
        self.note(other, Comparison::Whole, Some(one));
        Ok((Node::Equal(Box::new(left), Box::new(right)), Type::Bool))
    }

    fn comparable(&self, at: &IdedExpr, one: (&IdedExpr, &Type), other: (&IdedExpr, &Type)) -> Result<(), Fault> {
        let ((one, left), (other, right)) = (one, other);
        if left.fits(right) {
            return Ok(());
        }
        let fault = self.fault(at, format!("{left} is compared with {right}"));
        let written =
            [(one, right), (other, left)].into_iter().find_map(|(literal, wanted)| match (&literal.expr, wanted) {
                (Expr::Literal(LiteralValue::Int(number)), Type::String) => {
                    Some(format!("write \"{}\", in quotes", number.inner()))
                }
                (Expr::Literal(LiteralValue::Boolean(value)), Type::String) => {
                    Some(format!("the claim is a string: write \"{}\", in quotes", value.inner()))
                }
                (Expr::Literal(LiteralValue::String(text)), Type::Int) => {
                    Some(format!("write {}, without quotes", text.inner()))
                }
                (Expr::Literal(LiteralValue::String(text)), Type::Bool) => {
                    Some(format!("write {}, without quotes", text.inner()))
                }
                (Expr::Literal(LiteralValue::String(text)), Type::List(_)) => {
                    Some(format!("write \"{}\" in ..", text.inner()))
                }
                (Expr::Literal(LiteralValue::String(text)), Type::Timestamp) => {
                    Some(format!("write timestamp(\"{}\")", text.inner()))
                }
                (Expr::Literal(LiteralValue::String(text)), Type::Duration) => {
                    Some(format!("write duration(\"{}\")", text.inner()))
                }
                (Expr::Literal(LiteralValue::Int(_)), Type::Timestamp) => Some("write timestamp(..)".to_owned()),
                (Expr::Literal(LiteralValue::Int(_)), Type::Duration) => Some("write duration(\"10m\")".to_owned()),
                (_, Type::Timestamp) if matches!((left, right), (Type::Int, _) | (_, Type::Int)) => {
                    Some("seconds since 1970 become a timestamp by timestamp(..)".to_owned())
                }
                _ => None,
            });
        Err(match written {
            Some(hint) => fault.hint(hint),
            None => fault,
        })
    }

    /// Refuses a constant that is none of the words that it is compared with.
    fn known_word(&self, kind: &Type, other: &IdedExpr) -> Result<(), Fault> {
        let (Type::Word(words), Expr::Literal(LiteralValue::String(text))) = (kind, &other.expr) else { return Ok(()) };
        if words.contains(&text.inner()) {
            return Ok(());
        }
        let fault = self.fault(other, format!("{:?} is none of the words that it can be", text.inner()));
        Err(fault.hint(hint::for_unknown(text.inner(), words.iter().copied())))
    }

    fn order(&mut self, expression: &IdedExpr, (order, one, other): (Order, &IdedExpr, &IdedExpr)) -> Checked {
        let ((left, left_kind), (right, right_kind)) = (self.node(one)?, self.node(other)?);
        self.comparable(expression, (one, &left_kind), (other, &right_kind))?;
        for (operand, kind) in [(one, &left_kind), (other, &right_kind)] {
            if !matches!(kind, Type::Int | Type::String | Type::Timestamp | Type::Duration | Type::Any) {
                return Err(self.fault(operand, format!("{kind} has no order")));
            }
        }
        Ok((Node::Compare(order, Box::new(left), Box::new(right)), Type::Bool))
    }

    fn arithmetic(&mut self, at: &IdedExpr, operator: Arithmetic, one: &IdedExpr, other: &IdedExpr) -> Checked {
        let ((left, left_kind), (right, right_kind)) = (self.node(one)?, self.node(other)?);
        let kind = match (operator, &left_kind, &right_kind) {
            (_, Type::Int, Type::Int) => Type::Int,
            (Arithmetic::Add, one, other)
                if one.is_text() && other.is_text() && (one, other) != (&Type::Any, &Type::Any) =>
            {
                Type::String
            }
            (Arithmetic::Add, Type::Timestamp, Type::Duration)
            | (Arithmetic::Add, Type::Duration, Type::Timestamp)
            | (Arithmetic::Subtract, Type::Timestamp, Type::Duration) => Type::Timestamp,
            (Arithmetic::Subtract, Type::Timestamp, Type::Timestamp)
            | (Arithmetic::Add | Arithmetic::Subtract, Type::Duration, Type::Duration) => Type::Duration,
            (_, Type::Any, Type::Any | Type::Int | Type::Timestamp | Type::Duration)
            | (_, Type::Int | Type::Timestamp | Type::Duration, Type::Any) => Type::Any,
            _ => {
                let fault = self
                    .fault(at, format!("the operator takes no {left_kind} with {right_kind}").replace("no a", "no"));
                return Err(fault.hint(
                    "ints are computed with, strings are joined, and durations and timestamps are added and subtracted",
                ));
            }
        };
        Ok((Node::Compute(operator, Box::new(left), Box::new(right)), kind))
    }

    fn negation(&mut self, one: &IdedExpr) -> Checked {
        let (node, kind) = self.node(one)?;
        if !matches!(kind, Type::Int | Type::Duration | Type::Any) {
            return Err(self.fault(one, format!("{kind} cannot be negated")));
        }
        Ok((Node::Negate(Box::new(node)), kind))
    }

    fn indexed(&mut self, expression: &IdedExpr, object: &IdedExpr, index: &IdedExpr) -> Checked {
        let constant = match &index.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
            _ => None,
        };
        if matches!(&object.expr, Expr::Ident(name) if name == "claims" && !self.is_element(name)) {
            return match constant {
                Some(name) => self.claim(expression, name),
                None => Err(self
                    .fault(index, "the name of a claim must stand in the condition")
                    .hint("claims[\"name\"]: so it is known which claims a rule looks at")),
            };
        }
        let (node, kind) = self.node(object)?;
        if let Some(name) = constant
            && !matches!(kind, Type::List(_))
        {
            let (member, member_kind) = self.member(expression, &kind, name)?;
            return Ok((Node::Member(Box::new(node), name.into(), member), member_kind));
        }
        let (wanted, element) = match &kind {
            Type::List(element) => (Type::Int, (**element).clone()),
            Type::Map(member) => (Type::String, (**member).clone()),
            Type::Object(_) => {
                return Err(self.fault(index, "the name of a member must stand in the condition"));
            }
            Type::Any => (Type::Any, Type::Any),
            other => return Err(self.fault(object, format!("{other} has no elements"))),
        };
        let index = self.of_type(index, &wanted)?;
        Ok((Node::Index(Box::new(node), Box::new(index)), element))
    }

    fn membership(&mut self, expression: &IdedExpr, one: &IdedExpr, other: &IdedExpr) -> Checked {
        if let (Expr::Literal(LiteralValue::String(name)), Expr::Ident(variable)) = (&one.expr, &other.expr)
            && variable == "claims"
            && !self.is_element(variable)
        {
            return self.has_claim(expression, name.inner());
        }
        let ((left, kind), (right, list)) = (self.node(one)?, self.node(other)?);
        match &list {
            Type::List(element) => {
                self.comparable(expression, (one, &kind), (other, element))
                    .map_err(|fault| Fault { message: format!("{kind} is looked for in {list}"), ..fault })?;
            }
            Type::Map(_) | Type::Object(_) if kind.is_text() => {}
            Type::Any => {}
            other_kind => {
                let fault = self.fault(other, format!("it is {other_kind}, not a list"));
                return Err(match (&kind, other_kind) {
                    (Type::String | Type::Word(_), Type::String | Type::Word(_)) => {
                        fault.hint("write .contains(..), or a list: in [\"..\"]")
                    }
                    _ => fault.hint("write a list: in [\"..\"]"),
                });
            }
        }
        if let Expr::List(list) = &other.expr {
            for element in &list.elements {
                self.known_word(&kind, element)?;
                self.note(one, Comparison::Whole, Some(element));
            }
        }
        self.note(other, Comparison::Whole, Some(one));
        Ok((constants(left, right), Type::Bool))
    }

    /// Notes that a claim is compared with something.
    pub(super) fn note(&mut self, expression: &IdedExpr, comparison: Comparison, with: Option<&IdedExpr>) {
        let Some(claim) = claim_name(expression) else { return };
        let constant = with.and_then(|other| match &other.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
            _ => None,
        });
        let at = self.at(expression);
        self.uses.matches.push(NameMatch { claim: claim.to_owned(), comparison, constant, at });
    }
}

/// The claim that an expression is, when it is one.
fn claim_name(expression: &IdedExpr) -> Option<&str> {
    let is_claims = |of: &IdedExpr| matches!(&of.expr, Expr::Ident(name) if name == "claims");
    match &expression.expr {
        Expr::Select(select) if is_claims(&select.operand) => Some(&select.field),
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [object, IdedExpr { expr: Expr::Literal(LiteralValue::String(name)), .. }] if is_claims(object) => {
                Some(name.inner())
            }
            _ => None,
        },
        // claims.email.lowerAscii() is compared as claims.email is.
        Expr::Call(call) if call.func_name == "lowerAscii" => call.target.as_deref().and_then(claim_name),
        _ => None,
    }
}

/// `in` a list of string constants is a look-up.
fn constants(one: Node, other: Node) -> Node {
    let Node::List(elements) = other else { return Node::In(Box::new(one), Box::new(other)) };
    if elements.is_empty() || !elements.iter().all(|element| matches!(element, Node::String(_))) {
        return Node::In(Box::new(one), Box::new(Node::List(elements)));
    }
    let words = elements.into_iter().filter_map(|element| match element {
        Node::String(text) => Some(text),
        _ => None,
    });
    let mut words: Vec<Box<str>> = words.collect();
    words.sort_unstable();
    words.dedup();
    Node::InWords(Box::new(one), words)
}
