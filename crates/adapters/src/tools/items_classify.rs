//! `items.classify`: sorts items into sections by ordered rules.

use std::collections::BTreeMap;

use affiant_engine::ports::{ToolCall, ToolFailure};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{arguments, output};
use crate::{
    display::{escape, shorten},
    failure::{cancelled, refuse},
};

/// Memory for one compiled pattern. Matching takes time in proportion to the text, whatever the pattern.
const LARGEST_PATTERN: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    items: Vec<Value>,
    #[serde(default = "subject")]
    field: String,
    parse: Option<String>,
    #[serde(default)]
    ignore_case: bool,
    rules: Vec<Rule>,
    #[serde(default)]
    order: Vec<String>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    section: String,
    pattern: String,
    field: Option<String>,
}

#[derive(Serialize)]
struct Output<'i> {
    items: Vec<Decision<'i>>,
    sections: Vec<Section<'i>>,
    unmatched: Vec<Unmatched<'i>>,
    counts: Counts,
}

#[derive(Serialize)]
struct Decision<'i> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<&'i str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'i str>,
}

#[derive(Serialize)]
struct Section<'i> {
    section: &'i str,
    items: Vec<Matched<'i>>,
}

#[derive(Serialize)]
struct Matched<'i> {
    index: usize,
    rule: &'i str,
    captures: Captures,
    item: &'i Value,
}

#[derive(Serialize)]
struct Unmatched<'i> {
    index: usize,
    item: &'i Value,
}

#[derive(Serialize)]
struct Counts {
    total: usize,
    matched: usize,
    unmatched: usize,
}

fn subject() -> String {
    "subject".into()
}

pub(super) fn run(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let rules = Rules::new(&input)?;
    let mut sections = sections(&input);
    let mut unmatched = Vec::new();
    let mut decisions = Vec::with_capacity(input.items.len());
    for (index, item) in input.items.iter().enumerate() {
        if call.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let Some((rule, captures)) = rules.first_match(item) else {
            unmatched.push(Unmatched { index, item });
            decisions.push(Decision { index, section: None, rule: None });
            continue;
        };
        decisions.push(Decision { index, section: Some(&rule.section), rule: Some(&rule.id) });
        let matched = Matched { index, rule: &rule.id, captures, item };
        if let Some(section) = sections.iter_mut().find(|section| section.section == rule.section) {
            section.items.push(matched);
        }
    }
    sections.retain(|section| !section.items.is_empty());
    let (total, unmatched_count) = (decisions.len(), unmatched.len());
    let counts = Counts { total, matched: total - unmatched_count, unmatched: unmatched_count };
    output(Output { items: decisions, sections, unmatched, counts })
}

/// Every section that a rule names, in the wished order, then as the rules name them.
fn sections(input: &Input) -> Vec<Section<'_>> {
    let named = || input.rules.iter().map(|rule| rule.section.as_str());
    let wished = input.order.iter().map(String::as_str).filter(|wish| named().any(|name| name == *wish));
    let mut sections: Vec<Section<'_>> = Vec::new();
    for section in wished.chain(named()) {
        if !sections.iter().any(|known| known.section == section) {
            sections.push(Section { section, items: Vec::new() });
        }
    }
    sections
}

type Captures = BTreeMap<String, String>;

/// The rules, ready to be tried.
struct Rules<'i> {
    field: &'i str,
    parse: Option<Regex>,
    rules: Vec<(&'i Rule, Regex)>,
}

impl<'i> Rules<'i> {
    fn new(input: &'i Input) -> Result<Self, ToolFailure> {
        let compile = |name: &str, pattern: &str| {
            let built =
                RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).case_insensitive(input.ignore_case).build();
            built.map_err(|error| invalid(name, pattern, &error))
        };
        let parse = input.parse.as_deref().map(|pattern| compile("`parse`", pattern)).transpose()?;
        let rules =
            input.rules.iter().map(|rule| Ok((rule, compile(&format!("rule `{}`", escape(&rule.id)), &rule.pattern)?)));
        Ok(Self { field: &input.field, parse, rules: rules.collect::<Result<_, ToolFailure>>()? })
    }

    fn first_match(&self, item: &Value) -> Option<(&'i Rule, Captures)> {
        let text = |field: &str| item.get(field).and_then(Value::as_str);
        let parsed = self.parse.as_ref().and_then(|parse| captures(parse, text(self.field)?)).unwrap_or_default();
        self.rules.iter().find_map(|(rule, pattern)| {
            let field = rule.field.as_deref().unwrap_or(self.field);
            let found = captures(pattern, text(field).or_else(|| parsed.get(field).map(String::as_str))?)?;
            let mut all = parsed.clone();
            all.extend(found);
            Some((*rule, all))
        })
    }
}

/// What the named groups of a pattern matched; none when it did not match.
fn captures(pattern: &Regex, text: &str) -> Option<Captures> {
    let found = pattern.captures(text)?;
    let named = pattern.capture_names().flatten().filter_map(|name| Some((name, found.name(name)?)));
    Some(named.map(|(name, part)| (name.to_owned(), part.as_str().to_owned())).collect())
}

fn invalid(name: &str, pattern: &str, error: &regex::Error) -> ToolFailure {
    let why = error.to_string();
    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    refuse("pattern-invalid", format!("{name}: `{}`: {why}", shorten(&escape(pattern), 200)))
}
