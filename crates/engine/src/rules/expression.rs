//! One CEL expression, compiled once.

use std::collections::BTreeSet;

use cel::{
    Context, ExecutionError, Value as Cel,
    common::{ast::IdedExpr, types::CelBool, value::Val},
};
use serde_json::Value;

use super::{
    Facts, bounds,
    facts::NAMES,
    reads::{self, Read},
    values,
};

/// An expression that is ready to be evaluated.
#[derive(Debug)]
pub struct Expression {
    tree: IdedExpr,
    reads: BTreeSet<Read>,
}

/// Why an expression gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unevaluated {
    /// It reads a fact that is not there.
    #[error("there is no `{0}`")]
    Missing(String),
    /// Anything else.
    #[error("{0}")]
    Broken(String),
}

impl From<ExecutionError> for Unevaluated {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::NoSuchKey(key) => Self::Missing(key.to_string()),
            // The library's messages hold whole values, which may be personal.
            ExecutionError::NoSuchOverload(overload) => Self::Broken(overload.to_string()),
            ExecutionError::UndeclaredReference(name) => Self::Broken(format!("`{name}` is not known here")),
            ExecutionError::FunctionError { function, message } => Self::Broken(format!("{function}: {message}")),
            ExecutionError::UnexpectedType { got, want } => Self::Broken(format!("a {got} stands where a {want} must")),
            ExecutionError::InternalError(message) => Self::Broken(message),
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
                Self::Broken("division by zero".into())
            }
            ExecutionError::Overflow(..) => Self::Broken("a number is too large".into()),
            ExecutionError::IndexOutOfBounds(_) => Self::Broken("an index is out of bounds".into()),
            _ => Self::Broken("the types do not fit".into()),
        }
    }
}

impl Expression {
    /// Compiles an expression and checks what can be checked without facts.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.len() > bounds::MAX_TEXT {
            return Err(format!("the expression has {} bytes; at most {} are allowed", text.len(), bounds::MAX_TEXT));
        }
        let mut tree = parse(text)?;
        let reads = reads::reads(&tree);
        if let Some(unknown) = reads.iter().map(|read| &read.path[0]).find(|name| !known(name)) {
            return Err(format!("`{unknown}` is not a fact; the facts are {}", NAMES.join(", ")));
        }
        if let Some(name) = reads::bound(&tree).iter().find(|name| NAMES.contains(&name.as_str())) {
            return Err(format!("a loop cannot use the name `{name}`, because it is a fact"));
        }
        bounds::with_tolls(&mut tree)?;
        Ok(Self { tree, reads })
    }

    /// Whether a text is an expression: what lint asks of every one that it finds.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn check(text: &str) -> Result<(), String> {
        Self::compile(text).map(drop)
    }

    /// The facts it may read.
    pub fn reads(&self) -> &BTreeSet<Read> {
        &self.reads
    }

    /// Whether the condition holds. A condition that reads what is not there does not hold.
    pub fn holds(&self, facts: &Facts) -> Result<bool, Unevaluated> {
        let found = self.with(facts, |value| match value.downcast_ref::<CelBool>() {
            Some(flag) => Ok(*flag.inner()),
            None => Err(Unevaluated::Broken(format!("the condition gives a {}, not a bool", value.get_type().name()))),
        });
        match found {
            Err(Unevaluated::Missing(_)) => Ok(false),
            found => found,
        }
    }

    /// The value as JSON.
    pub fn json(&self, facts: &Facts) -> Result<Value, Unevaluated> {
        self.with(facts, |value| values::to_json(value).map_err(|error| Unevaluated::Broken(error.to_string())))
    }

    /// The value as text.
    pub fn text(&self, facts: &Facts) -> Result<String, Unevaluated> {
        self.with(facts, |value| values::to_text(value).map_err(|error| Unevaluated::Broken(error.to_string())))
    }

    fn with<T>(&self, facts: &Facts, take: impl FnOnce(&dyn Val) -> Result<T, Unevaluated>) -> Result<T, Unevaluated> {
        let mut context = Context::with_env(bounds::environment());
        context.set_variable_resolver(facts);
        let value = Cel::resolve_val(&self.tree, &context)?;
        take(&*value)
    }
}

/// Parses on a stack of its own: the parser takes tens of kilobytes for each level of nesting.
fn parse(text: &str) -> Result<IdedExpr, String> {
    const STACK: usize = 64 << 20;
    let parse = || {
        let parser = bounds::environment().parser().max_recursion_depth(bounds::MAX_DEPTH);
        let tree = parser.parse(text).map_err(|errors| first_line(&errors))?;
        bounds::is_shallow(&tree).then_some(tree).ok_or_else(|| "the expression nests too deep".to_owned())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
        let parsed = thread.map_err(|error| format!("no thread to read it on: {error}"))?.join();
        parsed.unwrap_or_else(|_| Err("it cannot be read".to_owned()))
    })
}

fn known(name: &str) -> bool {
    // Names of types, such as `int`, are identifiers too.
    const TYPES: &[&str] =
        &["bool", "bytes", "double", "int", "uint", "string", "list", "map", "null_type", "type", "optional"];
    NAMES.contains(&name) || TYPES.contains(&name)
}

fn first_line(errors: &cel::ParseErrors) -> String {
    let text = errors.to_string();
    let line = text.lines().next().unwrap_or("it cannot be read");
    line.trim_start_matches("ERROR: <input>:").to_owned()
}
