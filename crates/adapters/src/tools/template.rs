//! Texts of bindings in which `{field}` takes a field of the input.

/// A text with places for fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(String),
}

impl Template {
    /// Reads a template. Braces around anything but a name stand for themselves, as in `jq '{a: .b}'`.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let (mut literal, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            match after.split_once('}').filter(|(name, _)| is_name(name)) {
                Some((name, after)) => {
                    parts.extend([Part::Text(std::mem::take(&mut literal)), Part::Field(name.to_owned())]);
                    rest = after;
                }
                None => {
                    literal.push('{');
                    rest = after;
                }
            }
        }
        parts.push(Part::Text(literal + rest));
        parts.retain(|part| *part != Part::Text(String::new()));
        Self { parts }
    }

    /// Whether braces stand for themselves somewhere.
    pub(super) fn has_braces(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['{', '}'])))
    }

    /// The text with every field in its place.
    pub(super) fn fill<E>(&self, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let pieces = self.parts.iter().map(|part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Field(field) => value(field),
        });
        pieces.collect()
    }

    /// Whether the field has a place.
    pub(super) fn names(&self, field: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Field(name) if name == field))
    }

    /// The field with which the text begins.
    pub(super) fn leading(&self) -> Option<&str> {
        match self.parts.first() {
            Some(Part::Field(name)) => Some(name),
            _ => None,
        }
    }

    /// The field that is the whole text.
    pub(super) fn whole(&self) -> Option<&str> {
        self.leading().filter(|_| self.parts.len() == 1)
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        Template::parse(text).fill(|field| Ok::<_, ()>(field.to_uppercase())).unwrap()
    }

    #[test]
    fn fields_take_their_places() {
        assert_eq!(filled("/refunds/{id}/{part_2}?x=1"), "/refunds/ID/PART_2?x=1");
        let template = Template::parse("/refunds/{id}");
        assert!(template.names("id") && !template.names("refunds") && !template.has_braces());
        assert_eq!(Template::parse("{a}").whole(), Some("a"));
        assert_eq!((Template::parse("{a}b").leading(), Template::parse("{a}b").whole()), (Some("a"), None));
    }

    #[test]
    fn braces_around_anything_else_stand_for_themselves() {
        for text in ["{", "}", "a{b", "{}", "{a b}", "{a: .b}", "{\"x\": 1}", "{1}"] {
            assert_eq!(filled(text), text);
            assert!(Template::parse(text).has_braces(), "{text}");
        }
        assert_eq!(filled("{{a}}"), "{A}");
    }
}
