//! What must not come back from a program or a service that was given it.

use affiant_engine::ports::ToolFailure;
use serde_json::Value;

/// The shortest text that is taken for a secret: shorter ones would tear holes into ordinary words.
const SHORTEST: usize = 6;
/// What stands in its place.
const GONE: &str = "[secret]";
/// Words of an `Authorization` header that are no secret.
const SCHEMES: [&str; 4] = ["Basic", "Bearer", "Digest", "ApiKey"];
/// What the name of an environment variable that holds a secret has in it.
const MARKS: [&str; 7] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL"];

/// Words in the names of header fields that carry a secret, beside those.
const FIELDS: [&str; 2] = ["AUTH", "COOKIE"];
/// Fields whose names look as if they did.
const HARMLESS: [&str; 2] = ["idempotency-key", "sec-websocket-key"];
/// Names of query parameters that carry a secret. Only what is hardly ever anything else: `pageToken` is none.
const PARAMETERS: [&str; 6] = ["apikey", "accesstoken", "authtoken", "clientsecret", "password", "secret"];

/// Whether a header field of this name carries a secret.
pub(crate) fn is_secret_field(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let named = MARKS.iter().chain(&FIELDS).any(|mark| upper.contains(mark));
    named && !HARMLESS.iter().any(|harmless| harmless.eq_ignore_ascii_case(name))
}

/// Whether a query parameter of this name carries a secret.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    PARAMETERS.iter().any(|secret| plain.eq_ignore_ascii_case(secret))
}

/// The secrets of one server.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Remembers a value and, for headers such as `Bearer abc`, its words.
    pub(crate) fn add(&mut self, value: &str) {
        let is_scheme = |word: &&str| SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word));
        let words = value.split_whitespace().filter(|word| !is_scheme(word)).chain([value.trim()]);
        self.0.extend(words.filter(|word| word.len() >= SHORTEST).map(str::to_owned));
        // Longer ones first, so that no rest of a secret is left beside one that it contains.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.0.dedup();
    }

    /// Remembers the value of an environment variable, where its name says that it is a secret.
    pub(crate) fn add_named(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_uppercase();
        if MARKS.iter().any(|mark| name.contains(mark)) {
            self.add(value);
        }
    }

    /// What came of a call, without any secret.
    pub(crate) fn hide_from(&self, ended: Result<Value, ToolFailure>) -> Result<Value, ToolFailure> {
        match ended {
            Ok(value) => Ok(self.hide_in(value)),
            Err(failure) => Err(ToolFailure { message: self.hide(&failure.message), ..failure }),
        }
    }

    /// The text without any secret.
    pub(crate) fn hide(&self, text: &str) -> String {
        let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
        let found = |rest: &str| {
            let places = self.0.iter().filter_map(|secret| Some((rest.find(secret.as_str())?, secret.len())));
            places.min_by_key(|(at, length)| (*at, std::cmp::Reverse(*length)))
        };
        while let Some((at, length)) = found(rest) {
            shown += &rest[..at];
            shown += GONE;
            rest = &rest[at + length..];
        }
        shown + rest
    }

    /// The value without any secret in its texts and names.
    pub(crate) fn hide_in(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.hide(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.hide_in(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.hide(&name), self.hide_in(value))).collect()
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_and_the_words_of_a_header_are_taken_out_wherever_they_stand() {
        let mut secrets = Secrets::default();
        secrets.add("Bearer tok-12345");
        secrets.add("yes");
        let said = json!({ "a": ["x tok-12345 y", 1], "tok-12345": "Bearer tok-12345", "yes": "yes" });
        let expected = json!({ "a": ["x [secret] y", 1], "[secret]": "[secret]", "yes": "yes" });
        assert_eq!(secrets.hide_in(said), expected);
        assert_eq!(secrets.hide("a Bearer of bad news"), "a Bearer of bad news");
    }

    #[test]
    fn a_variable_holds_a_secret_when_its_name_says_so() {
        let mut secrets = Secrets::default();
        for (name, value) in [("HOME", "/home/ana"), ("GITHUB_TOKEN", "ghp_1234"), ("db_password", "hunter22")] {
            secrets.add_named(name, value);
        }
        assert_eq!(secrets.hide("/home/ana ghp_1234 hunter22"), "/home/ana [secret] [secret]");
    }
}
