//! Everything that is rendered from the registry. A rendering is a pure function: the same contracts give the same
//! bytes, which are committed under `surfaces/`, so that a reviewer sees every change that a caller will see.

pub mod errors;
pub mod json_schema;
pub mod mcp;
pub mod names;
pub mod openapi;
pub mod reference;
mod schema;

#[cfg(test)]
pub(crate) mod facts;

use affiant_contract::Registry;
use serde::Serialize;

/// One rendered file: its path below `surfaces/`, with forward slashes, and its bytes.
pub type File = (String, Vec<u8>);

/// One rendered surface.
#[derive(Clone, Copy, Debug)]
pub struct Surface {
    /// What it is called: the file or folder that it fills.
    pub name: &'static str,
    /// Renders all of its files.
    pub render: fn(&Registry) -> Vec<File>,
}

/// Every surface. To add one, write its file and name it here.
pub const SURFACES: &[Surface] = &[
    Surface { name: "openapi.json", render: |registry| vec![json("openapi.json", &openapi::document(registry))] },
    Surface { name: "mcp-tools.json", render: |registry| vec![json("mcp-tools.json", &mcp::tools(registry))] },
    Surface { name: "json-schema", render: json_schemas },
    Surface { name: "reference", render: reference::files },
];

fn json_schemas(registry: &Registry) -> Vec<File> {
    let file = |contract: &affiant_contract::Contract| {
        let schema = json_schema::schema_file(registry, contract)?;
        Some(json(&format!("json-schema/{}-{}.json", contract.meta.key, contract.meta.version), &schema))
    };
    registry.iter().filter_map(|contract| file(contract)).collect()
}

fn json(path: &str, value: &impl Serialize) -> File {
    (path.to_owned(), json_bytes(value))
}

/// A value as JSON that people can read and compare.
pub(crate) fn json_bytes(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("rendered documents have text keys alone");
    bytes.push(b'\n');
    bytes
}
