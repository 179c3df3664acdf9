//! Comprehensions: `list.exists(x, ..)` and its kin, nested once at most.

use cel::common::ast::{Expr, IdedExpr};

use super::{Checked, Checker, VARIABLES};
use crate::policy::expression::node::{Iteration, Macro, Node};
use crate::policy::expression::run::MAX_LEVELS;
use crate::policy::expression::types::Type;

impl Checker<'_> {
    pub(super) fn comprehension(&mut self, at: &IdedExpr, target: &IdedExpr, name: &str, args: &[IdedExpr]) -> Checked {
        let macro_ = match name {
            "all" => Macro::All,
            "exists" => Macro::Exists,
            "filter" => Macro::Filter,
            "map" => Macro::Map,
            _ => Macro::ExistsOne,
        };
        let (variable, filter, body) = match (macro_, args) {
            (Macro::Map, [variable, filter, body]) => (variable, Some(filter), body),
            (_, [variable, body]) => (variable, None, body),
            _ => {
                return Err(self
                    .name_fault(at, format!("{name} does not take {} arguments", args.len()))
                    .hint(format!("list.{name}(x, ..)")));
            }
        };
        let Expr::Ident(variable_name) = &variable.expr else {
            return Err(self
                .fault(variable, "the first argument is a name for the element")
                .hint(format!("list.{name}(x, ..)")));
        };
        if VARIABLES.contains(&variable_name.as_str()) || self.is_element(variable_name) {
            return Err(self
                .fault(variable, format!("\"{variable_name}\" has a meaning already"))
                .hint("choose another name"));
        }
        let (range, kind) = self.node(target)?;
        let element = match kind {
            Type::List(element) => *element,
            Type::Map(_) | Type::Object(_) => Type::String,
            Type::Any => Type::Any,
            other => return Err(self.fault(target, format!("{other} has no elements"))),
        };
        let level = self.elements.len();
        if level >= MAX_LEVELS {
            return Err(self.name_fault(at, "comprehensions are nested once at most").hint("make several rules of it"));
        }
        self.elements.push((variable_name.clone(), element.clone()));
        let filter = filter.map(|filter| self.of_type(filter, &Type::Bool)).transpose()?;
        let (body, result) = if macro_ == Macro::Map {
            let (body, found) = self.node(body)?;
            (body, Type::list(found))
        } else {
            let result = if macro_ == Macro::Filter { Type::list(element) } else { Type::Bool };
            (self.of_type(body, &Type::Bool)?, result)
        };
        self.elements.pop();
        Ok((Node::Iterate(Box::new(Iteration { macro_, range, level, filter, body })), result))
    }
}
