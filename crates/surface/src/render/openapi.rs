//! The OpenAPI 3.1 document of every operation in the registry, ours and the user's.
//!
//! Each version of an operation stands under its exact path. The shorter paths (`/agent/run/v1`) lead to the newest
//! match and are named in `x-affiant-aliases`, so that a client generated from this document never changes its
//! meaning by itself.

mod document;
mod operations;
mod responses;

use affiant_contract::{Contract, Kind, Registry};
use serde_json::json;

pub use document::Document;
use document::{Components, Contact, Info, License, Named, PathItem, Server, Tag};
pub use responses::success_statuses;

use super::names::{USER_FEATURE, exact_path, feature_of, is_newest};

const DESCRIPTION: &str = "\
Every operation that this server knows, rendered from its contracts.

Commands are posted as JSON; queries are got, with their input as flat parameters or whole as `?input=` with a JSON \
object. A path names one exact version; `/v1` and `/v1.0` in its place lead to the newest match, and the reply's \
`Contract-Version` says which one that was. Errors are RFC 9457 problems with a stable `code`; `/docs/errors/CODE` \
says what to do about each.";

/// The document of every operation.
pub fn document(registry: &Registry) -> Document {
    let mut components = Components {
        schemas: Named::from([("Problem".to_owned(), responses::problem_schema())]),
        headers: responses::headers(),
        parameters: Named::from([("Idempotency-Key".to_owned(), operations::idempotency_key())]),
        security_schemes: Named::from([("bearer".to_owned(), bearer())]),
        ..Components::default()
    };
    let mut paths = Named::new();
    for bound in registry.operations() {
        let contract = bound.contract();
        let item = operations::operation(contract, bound.operation(), is_newest(registry, contract), &mut components);
        let path = match contract.meta.kind {
            Kind::Query => PathItem { get: Some(item), post: None },
            _ => PathItem { get: None, post: Some(item) },
        };
        paths.insert(exact_path(&contract.reference()), path);
    }
    Document {
        openapi: "3.1.0",
        info: info(),
        servers: vec![Server { url: "/", description: "The server that rendered this document." }],
        security: vec![Named::from([("bearer".to_owned(), Vec::new())])],
        tags: tags(registry),
        paths,
        components,
    }
}

fn info() -> Info {
    Info {
        title: "Affiant",
        version: env!("CARGO_PKG_VERSION"),
        summary: "Runs agents in the background and leaves a record that anybody can verify.",
        description: DESCRIPTION,
        contact: Contact { name: "Affiant", url: env!("CARGO_PKG_REPOSITORY") },
        license: License { name: "Apache License 2.0", identifier: "Apache-2.0" },
    }
}

fn bearer() -> serde_json::Value {
    json!({
        "type": "http",
        "scheme": "bearer",
        "description": "An API key. `affiant key create` makes one; operations marked `x-affiant-auth: admin` need one \
                        with the admin role.",
    })
}

/// A tag for every feature that has an operation, described by the feature's own contract.
fn tags(registry: &Registry) -> Vec<Tag> {
    let mut names: Vec<_> = registry.operations().map(|bound| feature_of(bound.contract()).to_owned()).collect();
    names.sort();
    names.dedup();
    let describe = |name: &str| registry.resolve(name, &affiant_contract::Pick::Newest).map(|feature| words(feature));
    names.into_iter().map(|name| Tag { description: describe(&name).unwrap_or_else(|| unnamed(&name)), name }).collect()
}

fn words(feature: &Contract) -> String {
    format!("{}: {}", feature.meta.title, feature.meta.description)
}

fn unnamed(name: &str) -> String {
    match name {
        USER_FEATURE => "Contracts of this project that name no feature.".to_owned(),
        _ => format!("Contracts of the feature `{name}`."),
    }
}
