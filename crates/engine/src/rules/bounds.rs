//! How much an evaluation may cost. Expressions are rewritten once, when they are compiled, so that every loop, every
//! sum, every list and map that is made, and every regular expression pays for itself; when the purse is empty the
//! evaluation ends with an error. The same expression over the same facts always costs the same.

use std::{cell::Cell, sync::Arc};

use cel::{
    Env, ExecutionError,
    common::{
        ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue, operators},
        types::{CelList, CelMap, CelString, DYN_TYPE},
        value::{CowVal, Val},
    },
};

use super::values;

/// The longest expression, in bytes.
pub const MAX_TEXT: usize = 8 * 1024;
/// How deep an expression may nest.
pub const MAX_DEPTH: u16 = 48;
/// What one decision may cost: about this many elements looped over or made.
pub const PURSE: u64 = 2_000_000;
/// What a regular expression that stands in the text costs at each use.
const LITERAL_PATTERN: u64 = 100;
/// What a regular expression that is computed costs at each use, because nobody has seen it before.
const COMPUTED_PATTERN: u64 = PURSE / 20;
/// The largest regular expression, compiled, in bytes.
const MAX_PATTERN: usize = 256 * 1024;

const LOOP: &str = "@loop";
const MADE: &str = "@made";
const LITERAL: &str = "@literal";
const COMPUTED: &str = "@computed";

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Fills the purse for one decision. Evaluation never leaves its thread.
pub(super) fn fill() {
    LEFT.set(PURSE);
}

fn pay(price: u64) -> Result<(), ExecutionError> {
    match LEFT.get().checked_sub(price) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => {
            LEFT.set(0);
            Err(ExecutionError::InternalError("the expression is too costly".into()))
        }
    }
}

/// The standard library, and what rewritten expressions call.
pub(super) fn environment() -> Arc<Env> {
    static SHARED: std::sync::LazyLock<Arc<Env>> = std::sync::LazyLock::new(|| {
        let mut env = Env::stdlib();
        let tolls: [(&str, cel::common::functions::Function); 4] =
            [(LOOP, looped), (MADE, made), (LITERAL, literal), (COMPUTED, computed)];
        for (name, toll) in tolls {
            env.add_overload(name, name, vec![DYN_TYPE], toll).expect("the standard library has no such names");
        }
        Arc::new(env)
    });
    SHARED.clone()
}

fn only<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    arguments.into_iter().next().ok_or_else(|| ExecutionError::InternalError("a toll without a value".into()))
}

/// What is looped over. A map becomes the list of its keys in order, so that every evaluation sees the same order.
fn looped<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let range = only(arguments)?;
    pay(values::weight(&*range))?;
    let Some(members) = range.downcast_ref::<CelMap>() else { return Ok(range) };
    let mut keys: Vec<_> = members.inner().keys().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys.into_iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn made<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = only(arguments)?;
    pay(values::weight(&*value))?;
    Ok(value)
}

fn literal<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    pay(LITERAL_PATTERN)?;
    only(arguments)
}

fn computed<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    pay(COMPUTED_PATTERN)?;
    let pattern = only(arguments)?;
    match pattern.downcast_ref::<CelString>().map(|text| is_pattern(text.inner())) {
        Some(Err(because)) => Err(ExecutionError::function_error("matches", because)),
        _ => Ok(pattern),
    }
}

fn is_pattern(text: &str) -> Result<(), String> {
    let built = regex::RegexBuilder::new(text).size_limit(MAX_PATTERN).build();
    built.map(|_| ()).map_err(|error| format!("not a regular expression that can be used here: {error}"))
}

/// Whether an expression nests no deeper than [`MAX_DEPTH`]. A chain of operators nests, and a loop counts for three.
pub(super) fn is_shallow(expression: &IdedExpr) -> bool {
    let mut left = vec![(expression, 1)];
    while let Some((expression, depth)) = left.pop() {
        if depth > MAX_DEPTH {
            return false;
        }
        let step = if matches!(expression.expr, Expr::Comprehension(_)) { 3 } else { 1 };
        left.extend(children(expression).into_iter().map(|child| (child, depth + step)));
    }
    true
}

fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(it) => {
            vec![&it.iter_range, &it.accu_init, &it.loop_cond, &it.loop_step, &it.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(entry_children).collect(),
        Expr::Struct(made) => made.entries.iter().flat_map(entry_children).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn entry_children(entry: &IdedEntryExpr) -> Vec<&IdedExpr> {
    match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// Puts the tolls into an expression.
pub(super) fn with_tolls(expression: &mut IdedExpr) -> Result<(), String> {
    match &mut expression.expr {
        Expr::Call(call) => {
            if in_call(call)? {
                wrap(expression, MADE);
            }
        }
        Expr::Comprehension(comprehension) => in_loop(comprehension)?,
        Expr::List(list) => {
            list.elements.iter_mut().try_for_each(with_tolls)?;
            wrap(expression, MADE);
        }
        Expr::Map(map) => {
            map.entries.iter_mut().try_for_each(in_entry)?;
            wrap(expression, MADE);
        }
        Expr::Struct(made) => made.entries.iter_mut().try_for_each(in_entry)?,
        Expr::Select(select) => with_tolls(&mut select.operand)?,
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => (),
    }
    Ok(())
}

/// Puts the tolls into the parts of a call; says whether what it makes must be paid for.
fn in_call(call: &mut CallExpr) -> Result<bool, String> {
    if let Some(target) = &mut call.target {
        with_tolls(target)?;
    }
    call.args.iter_mut().try_for_each(with_tolls)?;
    if call.func_name == "matches"
        && let Some(pattern) = call.args.last_mut()
    {
        let toll = match &pattern.expr {
            Expr::Literal(LiteralValue::String(text)) => is_pattern(text.inner()).map(|()| LITERAL)?,
            _ => COMPUTED,
        };
        wrap(pattern, toll);
    }
    Ok(call.func_name == operators::ADD)
}

fn in_loop(comprehension: &mut ComprehensionExpr) -> Result<(), String> {
    with_tolls(&mut comprehension.iter_range)?;
    wrap(&mut comprehension.iter_range, LOOP);
    in_step(&mut comprehension.loop_step, &comprehension.accu_var)?;
    with_tolls(&mut comprehension.result)
}

/// The step of a loop that a macro wrote. The shape `@result + [x]` is kept, because CEL appends in place there.
fn in_step(step: &mut IdedExpr, accumulator: &str) -> Result<(), String> {
    let Expr::Call(call) = &mut step.expr else { return with_tolls(step) };
    let is_accumulator = |expression: &IdedExpr| matches!(&expression.expr, Expr::Ident(name) if name == accumulator);
    match (call.func_name.as_str(), call.args.as_mut_slice()) {
        (operators::ADD, [left, IdedExpr { expr: Expr::List(added), .. }]) if is_accumulator(left) => {
            added.elements.iter_mut().try_for_each(with_tolls)
        }
        (operators::CONDITIONAL, [guard, then, otherwise]) => {
            with_tolls(guard)?;
            in_step(then, accumulator)?;
            in_step(otherwise, accumulator)
        }
        _ => with_tolls(step),
    }
}

fn in_entry(entry: &mut IdedEntryExpr) -> Result<(), String> {
    match &mut entry.expr {
        EntryExpr::StructField(field) => with_tolls(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            with_tolls(&mut entry.key)?;
            with_tolls(&mut entry.value)
        }
    }
}

fn wrap(expression: &mut IdedExpr, toll: &str) {
    let id = expression.id;
    let inner = std::mem::take(expression);
    *expression =
        IdedExpr { id, expr: Expr::Call(CallExpr { func_name: toll.to_owned(), target: None, args: vec![inner] }) };
}
