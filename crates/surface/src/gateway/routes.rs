//! Every operation with who carries it out, worked out once when the server starts.

use std::{collections::HashMap, fmt, sync::Arc};

use affiant_contract::{Auth, BoundOperation, FieldClass, Idempotency, Kind, Pick, Registry};
use affiant_engine::ports::Tools;
use bytes::Bytes;
use serde_json::Value;

use super::handlers::{Handler, Handlers, NoHandler};

/// One operation as the door sees it.
pub struct Route {
    /// The operation.
    pub operation: Arc<BoundOperation>,
    /// `key@version`.
    pub name: Arc<str>,
    /// The version alone.
    pub version: Arc<str>,
    /// Whether it is a query.
    pub reads_only: bool,
    pub(super) carrier: Carrier,
    pub(super) keyed: bool,
    pub(super) checks_identity: bool,
    pub(super) index: usize,
    secrets: Vec<String>,
}

/// Who carries an operation out.
pub(super) enum Carrier {
    /// Code in this binary.
    Handler(Arc<Handler>),
    /// A tool, a service or a program.
    Tools,
    /// Nobody here.
    Nobody,
}

impl Route {
    /// Where it is reached over HTTP, with its exact version: `/agent/run/v1.0.0`.
    pub fn path(&self) -> String {
        format!("/{}/v{}", self.operation.contract().meta.key.replace('.', "/"), self.version)
    }

    /// Whether anybody carries it out.
    pub fn is_bound(&self) -> bool {
        !matches!(self.carrier, Carrier::Nobody)
    }

    /// Whether its handler keeps its reply under the caller's key itself.
    pub(super) fn keeps(&self) -> bool {
        matches!(&self.carrier, Carrier::Handler(handler) if handler.keeps)
    }

    /// An output without the fields that are shown only once.
    pub(super) fn without_secrets(&self, body: &Bytes) -> Bytes {
        if self.secrets.is_empty() {
            return body.clone();
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(mut fields)) => {
                fields.retain(|name, _| !self.secrets.contains(name));
                Bytes::from(Value::Object(fields).to_string())
            }
            _ => body.clone(),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Every operation, by key.
pub(super) struct Routes {
    by_key: HashMap<Arc<str>, Vec<Arc<Route>>>,
    all: Vec<Arc<Route>>,
}

impl Routes {
    pub(super) fn new(registry: &Registry, handlers: Handlers, tools: &dyn Tools) -> Result<Self, NoHandler> {
        let handlers: Vec<Arc<Handler>> = handlers.into_vec().into_iter().map(Arc::new).collect();
        let idle = handlers
            .iter()
            .filter(|handler| !registry.operations().any(|operation| handler.carries(&operation.reference())));
        let idle: Vec<_> = idle.map(|handler| format!("{handler:?}")).collect();
        if !idle.is_empty() {
            return Err(NoHandler(idle));
        }
        let mut routes = Self { by_key: HashMap::new(), all: Vec::new() };
        for (index, operation) in registry.operations().enumerate() {
            let route = Arc::new(route(operation, index, &handlers, tools));
            routes.by_key.entry(operation.contract().meta.key.clone()).or_default().push(route.clone());
            routes.all.push(route);
        }
        Ok(routes)
    }

    /// The newest version that is meant; the registry gives them in ascending order.
    pub(super) fn find(&self, key: &str, pick: &Pick) -> Option<&Arc<Route>> {
        let versions = self.by_key.get(key)?;
        versions.iter().rev().find(|route| pick.admits(&route.operation.contract().meta.version))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.all.iter()
    }
}

fn route(operation: &Arc<BoundOperation>, index: usize, handlers: &[Arc<Handler>], tools: &dyn Tools) -> Route {
    let (contract, reference) = (operation.contract(), operation.reference());
    let said = operation.operation();
    let carrier = match handlers.iter().find(|handler| handler.carries(&reference)) {
        Some(handler) => Carrier::Handler(handler.clone()),
        None if tools.carries(contract) => Carrier::Tools,
        None => Carrier::Nobody,
    };
    let secret = |(path, class): (&String, &FieldClass)| (*class == FieldClass::Secret).then(|| path.clone());
    Route {
        operation: operation.clone(),
        name: reference.to_string().into(),
        version: reference.version.to_string().into(),
        reads_only: contract.meta.kind == Kind::Query,
        carrier,
        keyed: contract.meta.kind == Kind::Command && said.idempotency == Idempotency::Keyed,
        checks_identity: said.policy.auth != Auth::Anonymous,
        index,
        secrets: said.policy.classes.iter().filter_map(secret).collect(),
    }
}
