//! Header fields, from text.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::HttpError;

/// Header fields that a caller has set.
pub(crate) type Headers = HeaderMap;

/// Fields that belong to the connection, not to the caller.
const RESERVED: [&str; 10] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-authorization",
    "expect",
];

/// Reads names and values. What is wrong is told without the value, which may be a secret.
pub(crate) fn headers<'h>(fields: impl IntoIterator<Item = (&'h str, String)>) -> Result<Headers, HttpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let wrong = |why| HttpError::Unusable(format!("header `{}` {why}", crate::display::escape(name)));
        if RESERVED.contains(&&*name.to_ascii_lowercase()) {
            return Err(wrong("is set by the connection itself"));
        }
        let key = HeaderName::try_from(name).map_err(|_| wrong("has a name that is none"))?;
        let mut value =
            HeaderValue::try_from(value).map_err(|_| wrong("has a value with a character it cannot hold"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// As [`headers`]; a value `env:NAME` is read from the environment of this process.
pub(crate) fn from_environment<'h>(
    fields: impl IntoIterator<Item = (&'h str, &'h str)>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Headers, HttpError> {
    let read = |(name, value): (&'h str, &'h str)| match value.strip_prefix("env:") {
        None => Ok((name, value.to_owned())),
        Some(variable) => match environment(variable) {
            Some(value) => Ok((name, value.trim().to_owned())),
            None => Err(HttpError::Unusable(format!(
                "header `{name}` is read from {variable}, which the server's environment does not have"
            ))),
        },
    };
    headers(fields.into_iter().map(read).collect::<Result<Vec<_>, _>>()?)
}
