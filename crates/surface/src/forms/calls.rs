//! The call that a form makes, in every language.

use affiant_contract::{BoundOperation, Registry};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::render::{names::is_newest, reference::examples::Request};

/// The same call for a shell, our command line, Python and TypeScript.
#[derive(Debug, Serialize)]
pub(crate) struct Calls {
    pub(crate) curl: String,
    pub(crate) cli: String,
    pub(crate) python: String,
    pub(crate) typescript: String,
}

/// The call of an operation with this input.
pub(crate) fn calls(registry: &Registry, operation: &BoundOperation, input: &Map<String, Value>) -> Calls {
    let contract = operation.contract();
    let request = Request { contract, newest: is_newest(registry, contract), input };
    Calls { curl: request.curl(), cli: request.cli(), python: request.python(), typescript: request.typescript() }
}
