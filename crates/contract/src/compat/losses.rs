//! What values one schema accepts and another may refuse, found keyword by keyword.
//!
//! The walk is cautious: where it finds nothing, nothing is lost; where it finds something, it may be wrong, and the
//! caller looks for a value that proves it.

use serde_json::{Map, Value};

use crate::{model::Schema, schema::resolve, yaml::join};

/// One step from a value into a part of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Field(String),
    Item,
}

/// Something that may be lost, and where.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Loss {
    /// The way to the value.
    pub(super) steps: Vec<Step>,
    /// Where the schema that refuses stands, as a JSON pointer.
    pub(super) pointer: String,
    pub(super) what: Lost,
}

/// What may be lost.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lost {
    /// Values of these types.
    Types(Vec<&'static str>),
    /// One value of a list of values.
    Choice(Value),
    /// Every value that is not in this list.
    Others(Vec<Value>),
    /// Objects with this field.
    Field(String),
    /// Objects with fields that are not named.
    Unnamed,
    /// Objects without this field.
    Without(String),
    /// Values beyond a limit, by keyword: the limit of the schema that accepts, if any, and that of the other.
    Limit(&'static str, Option<Value>, Value),
    /// Texts that do not have this pattern or format.
    Form(&'static str, Value),
    /// Whatever this keyword refuses; its meaning is not looked into.
    Other(String),
}

/// The two documents, for their references.
#[derive(Clone, Copy)]
pub(super) struct Roots<'a> {
    pub(super) from: &'a Schema,
    pub(super) to: &'a Schema,
}

/// Everything that `roots.from` may accept and `roots.to` may refuse.
pub(super) fn losses(roots: Roots<'_>) -> Vec<Loss> {
    let mut walk = Walk { roots, seen: Vec::new(), found: Vec::new() };
    walk.schema(roots.from, roots.to, &[], "");
    walk.found
}

struct Walk<'a> {
    roots: Roots<'a>,
    seen: Vec<(*const Schema, *const Schema)>,
    found: Vec<Loss>,
}

/// The types of values.
pub(super) const TYPES: &[&str] = &["null", "boolean", "integer", "number", "string", "array", "object"];

impl<'a> Walk<'a> {
    fn schema(&mut self, from: &'a Schema, to: &'a Schema, steps: &[Step], pointer: &str) {
        let (from, to) = (resolve(self.roots.from, from), resolve(self.roots.to, to));
        // A pair that is met again inside itself loses nothing new.
        let pair = (std::ptr::from_ref(from), std::ptr::from_ref(to));
        if self.seen.contains(&pair) || *to == Value::Bool(true) || *from == Value::Bool(false) {
            return;
        }
        self.seen.push(pair);
        static ANYTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let from = from.as_object().unwrap_or(&ANYTHING);
        match to.as_object() {
            Some(to) => self.keywords(from, to, steps, pointer),
            None => self.add(steps, pointer, Lost::Other("false".into())),
        }
    }

    fn keywords(&mut self, from: &'a Map<String, Value>, to: &'a Map<String, Value>, steps: &[Step], pointer: &str) {
        if let Some(choices) = choices(from) {
            return self.choices(&choices, to, steps, pointer);
        }
        if let Some(allowed) = choices(to) {
            self.add(steps, pointer, Lost::Others(allowed.into_iter().cloned().collect()));
        }
        self.types(from, to, steps, pointer);
        self.limits(from, to, steps, pointer);
        for keyword in ["pattern", "format"] {
            if let Some(form) = to.get(keyword).filter(|form| from.get(keyword) != Some(form)) {
                self.add(steps, &join(pointer, keyword), Lost::Form(keyword, form.clone()));
            }
        }
        self.objects(from, to, steps, pointer);
        self.lists(from, to, steps, pointer);
        self.combined(from, to, steps, pointer);
    }

    /// Few values: each is refused by what stands beside it, or it is not. The other keywords of `from` can only make
    /// them fewer, which a witness will show.
    fn choices(&mut self, choices: &[&Value], to: &Map<String, Value>, steps: &[Step], pointer: &str) {
        let mut schema = Value::Object(to.clone());
        if let (Some(keywords), Some(definitions)) = (schema.as_object_mut(), self.roots.to.get("$defs")) {
            keywords.entry("$defs").or_insert_with(|| definitions.clone());
        }
        for choice in choices.iter().filter(|choice| crate::validate::validate_schema(&schema, choice).is_err()) {
            self.add(steps, pointer, Lost::Choice((*choice).clone()));
        }
    }

    fn types(&mut self, from: &Map<String, Value>, to: &Map<String, Value>, steps: &[Step], pointer: &str) {
        let Some(allowed) = types(to) else { return };
        let covers = |kind: &&&str| allowed.contains(kind) || (**kind == "integer" && allowed.contains(&"number"));
        let lost: Vec<&str> = match types(from) {
            Some(kinds) => kinds.iter().filter(|kind| !covers(kind)).copied().collect(),
            None => TYPES.iter().filter(|kind| !covers(kind)).copied().collect(),
        };
        if !lost.is_empty() {
            self.add(steps, &join(pointer, "type"), Lost::Types(lost));
        }
    }

    fn limits(&mut self, from: &Map<String, Value>, to: &Map<String, Value>, steps: &[Step], pointer: &str) {
        const LOWER: &[&str] = &["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
        const UPPER: &[&str] = &["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
        for keyword in LOWER.iter().chain(UPPER) {
            let Some(limit) = to.get(*keyword) else { continue };
            let before = from.get(*keyword);
            let order = before.and_then(Value::as_f64).zip(limit.as_f64()).and_then(|(a, b)| a.partial_cmp(&b));
            let kept = match order {
                Some(order) if LOWER.contains(keyword) => order.is_ge(),
                Some(order) => order.is_le(),
                None => false,
            };
            if !kept {
                self.add(steps, &join(pointer, keyword), Lost::Limit(keyword, before.cloned(), limit.clone()));
            }
        }
        for keyword in ["multipleOf", "uniqueItems"] {
            let Some(limit) = to.get(keyword).filter(|limit| from.get(keyword) != Some(limit)) else { continue };
            if *limit != Value::Bool(false) {
                self.add(
                    steps,
                    &join(pointer, keyword),
                    Lost::Limit(keyword, from.get(keyword).cloned(), limit.clone()),
                );
            }
        }
    }

    fn objects(&mut self, from: &'a Map<String, Value>, to: &'a Map<String, Value>, steps: &[Step], pointer: &str) {
        for name in strings(to, "required").filter(|name| !strings(from, "required").any(|known| known == *name)) {
            self.add(steps, &join(pointer, "required"), Lost::Without(name.to_owned()));
        }
        let (before, after) = (fields(from), fields(to));
        // A name that a pattern matches is not among the rest, and it may be any name.
        let by_pattern = from.contains_key("patternProperties");
        let rest_before = from.get("additionalProperties").filter(|_| !by_pattern).unwrap_or(&Value::Bool(true));
        let rest_after = to.get("additionalProperties").unwrap_or(&Value::Bool(true));
        for (name, field) in before {
            let at = join(&join(pointer, "properties"), name);
            match fields(to).find(|(known, _)| *known == name) {
                Some((_, allowed)) => self.schema(field, allowed, &into(steps, name), &at),
                None if *rest_after == Value::Bool(false) && *field != Value::Bool(false) => {
                    self.add(steps, &at, Lost::Field(name.clone()));
                }
                None => self.schema(field, rest_after, &into(steps, name), &at),
            }
        }
        for (name, allowed) in after.filter(|(name, _)| !fields(from).any(|(known, _)| known == *name)) {
            let at = join(&join(pointer, "properties"), name);
            self.schema(rest_before, allowed, &into(steps, name), &at);
        }
        match (rest_before, rest_after) {
            (Value::Bool(false), _) => {}
            (_, Value::Bool(false)) => self.add(steps, &join(pointer, "additionalProperties"), Lost::Unnamed),
            _ => self.schema(rest_before, rest_after, &into(steps, "other"), &join(pointer, "additionalProperties")),
        }
        let patterns_fall_back = by_pattern && *rest_after != Value::Bool(true);
        if patterns_fall_back && from.get("patternProperties") != to.get("patternProperties") {
            self.add(steps, pointer, Lost::Other("patternProperties".into()));
        }
    }

    fn lists(&mut self, from: &'a Map<String, Value>, to: &'a Map<String, Value>, steps: &[Step], pointer: &str) {
        if from.get("prefixItems") != to.get("prefixItems") {
            self.add(steps, &join(pointer, "prefixItems"), Lost::Other("prefixItems".into()));
        }
        if let Some(allowed) = to.get("items") {
            let items = from.get("items").unwrap_or(&Value::Bool(true));
            let steps: Vec<Step> = steps.iter().cloned().chain([Step::Item]).collect();
            self.schema(items, allowed, &steps, &join(pointer, "items"));
        }
    }

    fn combined(&mut self, from: &'a Map<String, Value>, to: &'a Map<String, Value>, steps: &[Step], pointer: &str) {
        let list = |map: &'a Map<String, Value>, keyword| map.get(keyword).and_then(Value::as_array);
        let before = list(from, "allOf").map(Vec::as_slice).unwrap_or_default();
        for (index, branch) in list(to, "allOf").into_iter().flatten().enumerate() {
            let branch = resolve(self.roots.to, branch);
            if let (false, Some(branch)) = (before.contains(branch), branch.as_object()) {
                self.keywords(from, branch, steps, &format!("{pointer}/allOf/{index}"));
            }
        }
        if let Some(branches) = list(to, "anyOf") {
            let kept = list(from, "anyOf").is_some_and(|known| known.iter().all(|branch| branches.contains(branch)));
            if !kept || self.refers() {
                self.add(steps, &join(pointer, "anyOf"), Lost::Other("anyOf".into()));
            }
        }
        const OPAQUE: &[&[&str]] = &[
            &["oneOf"],
            &["not"],
            &["if", "then", "else"],
            &["propertyNames"],
            &["patternProperties"],
            &["dependentRequired"],
            &["dependentSchemas"],
            &["contains", "minContains", "maxContains"],
            &["unevaluatedProperties"],
            &["unevaluatedItems"],
            &["$ref"],
            &["$dynamicRef"],
        ];
        for group in OPAQUE {
            let there = to.contains_key(group[0]);
            let same = group.iter().all(|keyword| from.get(*keyword) == to.get(*keyword));
            if there && (!same || self.refers()) {
                self.add(steps, &join(pointer, group[0]), Lost::Other(group[0].into()));
            }
        }
    }

    /// Whether equal texts may mean different schemas, because what they refer to differs.
    fn refers(&self) -> bool {
        self.roots.from.get("$defs") != self.roots.to.get("$defs")
    }

    fn add(&mut self, steps: &[Step], pointer: &str, what: Lost) {
        self.found.push(Loss { steps: steps.to_vec(), pointer: pointer.to_owned(), what });
    }
}

fn into(steps: &[Step], name: &str) -> Vec<Step> {
    steps.iter().cloned().chain([Step::Field(name.to_owned())]).collect()
}

fn choices(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one]),
        (None, Some(Value::Array(several))) => Some(several.iter().collect()),
        _ => None,
    }
}

fn types(schema: &Map<String, Value>) -> Option<Vec<&'static str>> {
    let known = |name: &str| TYPES.iter().copied().find(|known| *known == name);
    match schema.get("type")? {
        Value::String(one) => Some(known(one).into_iter().collect()),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).filter_map(known).collect()),
        _ => None,
    }
}

fn strings<'a>(schema: &'a Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    schema.get(keyword).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn fields(schema: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}
