//! Parameters of packs: checked, defaults filled in, and written into the places that name them.

use affiant_contract::{ContextPack, Issue, PackSource, Schema, SourceSpec, validate_schema};
use serde_json::{Map, Value};

/// Why parameters do not fit a pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFilled {
    /// They do not validate.
    #[error("the parameters do not fit the pack")]
    Invalid(Vec<Issue>),
    /// A source names a parameter that is neither given nor has a default.
    #[error("source `{source_key}` needs parameter `{parameter}`")]
    Missing {
        /// Key of the source.
        source_key: String,
        /// The parameter.
        parameter: String,
    },
}

/// The parameters with the defaults of the pack's schema, after checking them against it.
pub fn parameters_of(pack: &ContextPack, given: &Map<String, Value>) -> Result<Map<String, Value>, NotFilled> {
    let filled = pack.parameters.as_ref().map_or_else(|| given.clone(), |schema| with_defaults(schema, given));
    if let Some(schema) = &pack.parameters {
        validate_schema(schema, &Value::Object(filled.clone())).map_err(NotFilled::Invalid)?;
    }
    Ok(filled)
}

/// An object with the defaults of its schema's properties where it says nothing.
pub(crate) fn with_defaults(schema: &Schema, given: &Map<String, Value>) -> Map<String, Value> {
    let mut filled = given.clone();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(default) = property.get("default").filter(|_| !given.contains_key(name)) {
            filled.insert(name.clone(), default.clone());
        }
    }
    filled
}

/// The source with every `${parameters.NAME}` replaced by the parameter's text.
pub(super) fn fill(source: &PackSource, parameters: &Map<String, Value>) -> Result<PackSource, NotFilled> {
    let text = |text: &str| substitute(text, parameters).map_err(|parameter| missing(source, parameter));
    let from = match &source.from {
        SourceSpec::File { root, include, exclude } => {
            let all = |globs: &[String]| globs.iter().map(|glob| text(glob)).collect::<Result<Vec<_>, _>>();
            SourceSpec::File { root: text(root)?, include: all(include)?, exclude: all(exclude)? }
        }
        SourceSpec::Git { root, read, range, limit } => {
            let root = text(root)?;
            let range = range.as_deref().map(text).transpose()?;
            SourceSpec::Git { root, read: *read, range, limit: *limit }
        }
        SourceSpec::Text { text: body } => SourceSpec::Text { text: text(body)? },
        SourceSpec::Contract { contract } => SourceSpec::Contract { contract: text(contract)? },
        SourceSpec::Http { url } => SourceSpec::Http { url: text(url)? },
    };
    Ok(PackSource { from, ..source.clone() })
}

fn missing(source: &PackSource, parameter: String) -> NotFilled {
    NotFilled::Missing { source_key: source.key.clone(), parameter }
}

/// Replaces every `${parameters.NAME}`; the error is the name that is not there.
fn substitute(text: &str, parameters: &Map<String, Value>) -> Result<String, String> {
    const OPEN: &str = "${parameters.";
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((name, behind)) = after.split_once('}') else { break };
        filled.push_str(before);
        match parameters.get(name) {
            Some(Value::String(value)) => filled.push_str(value),
            Some(value) => filled.push_str(&value.to_string()),
            None => return Err(name.to_owned()),
        }
        rest = behind;
    }
    Ok(filled + rest)
}
