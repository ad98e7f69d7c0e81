//! Which facts an expression may read, found in its text alone.

use std::{collections::BTreeSet, fmt};

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

/// A fact that an expression reads: `steps.log.result.count`, or whether it is there: `has(steps.log)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The fact's name and the fields below it, as far as they stand in the text.
    pub path: Vec<String>,
    /// Whether only its presence is read.
    pub presence: bool,
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join(".");
        if self.presence { write!(f, "has({path})") } else { f.write_str(&path) }
    }
}

/// The facts that an expression reads, in order.
pub(super) fn reads(expression: &IdedExpr) -> BTreeSet<Read> {
    let mut found = Found::default();
    found.walk(expression);
    found.reads
}

/// The names that an expression's loops bind.
pub(super) fn bound(expression: &IdedExpr) -> BTreeSet<String> {
    let mut found = Found::default();
    found.walk(expression);
    found.ever_bound
}

#[derive(Default)]
struct Found {
    reads: BTreeSet<Read>,
    bound: Vec<String>,
    ever_bound: BTreeSet<String>,
}

impl Found {
    fn walk(&mut self, expression: &IdedExpr) {
        if let Some(path) = path(expression) {
            return self.add(path, false);
        }
        match &expression.expr {
            Expr::Select(select) if select.test => match path(&select.operand) {
                Some(mut path) => {
                    path.push(select.field.clone());
                    self.add(path, true);
                }
                None => self.walk(&select.operand),
            },
            Expr::Select(select) => self.walk(&select.operand),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => list.elements.iter().for_each(|element| self.walk(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(made) => made.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => (),
        }
    }

    fn call(&mut self, call: &CallExpr) {
        if let Some(target) = &call.target {
            self.walk(target);
        }
        call.args.iter().for_each(|argument| self.walk(argument));
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.walk(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.walk(&entry.key);
                self.walk(&entry.value);
            }
        }
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) {
        self.walk(&it.iter_range);
        self.walk(&it.accu_init);
        let names = [Some(&it.iter_var), it.iter_var2.as_ref(), Some(&it.accu_var)];
        let before = self.bound.len();
        self.bound.extend(names.into_iter().flatten().cloned());
        self.ever_bound.extend([&it.iter_var].into_iter().chain(&it.iter_var2).cloned());
        self.walk(&it.loop_cond);
        self.walk(&it.loop_step);
        self.walk(&it.result);
        self.bound.truncate(before);
    }

    fn add(&mut self, path: Vec<String>, presence: bool) {
        if !self.bound.contains(&path[0]) {
            self.reads.insert(Read { path, presence });
        }
    }
}

/// The path that an expression spells: `a.b`, `a["b"]`.
fn path(expression: &IdedExpr) -> Option<Vec<String>> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = path(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(key)), .. }] => {
                let mut path = path(operand)?;
                path.push(key.inner().to_owned());
                Some(path)
            }
            _ => None,
        },
        _ => None,
    }
}
