//! An operation that is ready to be called: its contract with compiled schemas.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::{
    coerce,
    model::{Body, Contract, FieldClass, Operation, Ref},
    validate::{Checker, Issue},
};

/// A command or a query with its schemas, compiled when they are first needed.
#[derive(Debug)]
pub struct BoundOperation {
    contract: Arc<Contract>,
    input: OnceLock<Checker>,
    output: OnceLock<Checker>,
}

impl BoundOperation {
    /// The operation in a contract; `None` when the contract is of another kind.
    pub fn new(contract: Arc<Contract>) -> Option<Self> {
        contract.operation()?;
        Some(Self { contract, input: OnceLock::new(), output: OnceLock::new() })
    }

    /// The whole contract.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// What the contract says about the operation.
    pub fn operation(&self) -> &Operation {
        match &self.contract.body {
            Body::Operation(operation) => operation,
            _ => unreachable!("`new` takes no other kind"),
        }
    }

    /// `key@version`.
    pub fn reference(&self) -> Ref {
        self.contract.reference()
    }

    /// Whether the contract's input is satisfied.
    ///
    /// # Errors
    ///
    /// Every issue, at most a hundred. None of them holds a value.
    pub fn validate_input(&self, value: &Value) -> Result<(), Vec<Issue>> {
        let schema = &self.operation().input;
        self.input.get_or_init(|| Checker::new(schema, self.guarded())).check(schema, value)
    }

    /// Whether the contract's output is satisfied.
    ///
    /// # Errors
    ///
    /// Every issue, at most a hundred. None of them holds a value.
    pub fn validate_output(&self, value: &Value) -> Result<(), Vec<Issue>> {
        let schema = &self.operation().output;
        self.output.get_or_init(|| Checker::new(schema, self.guarded())).check(schema, value)
    }

    /// Flat parameters of a query string as an input object: integers, numbers and booleans by the schema, repeated
    /// parameters as arrays, JSON for objects. The result is not validated yet, so unknown fields are still in it.
    ///
    /// # Errors
    ///
    /// A parameter that cannot be read as what the schema asks for, or is given twice and no array.
    pub fn coerce_query(&self, parameters: &[(String, String)]) -> Result<Value, Vec<Issue>> {
        coerce::query(&self.operation().input, parameters)
    }

    /// Dotted paths of the fields that must not be shown: personal, sensitive and secret ones.
    pub fn guarded(&self) -> impl Iterator<Item = String> + '_ {
        let policy = &self.operation().policy;
        let closed = |class: &FieldClass| matches!(class, FieldClass::Pii | FieldClass::Sensitive | FieldClass::Secret);
        let classed = policy.classes.iter().filter(move |(_, class)| closed(class)).map(|(path, _)| path);
        policy.pii.iter().chain(classed).cloned()
    }
}
