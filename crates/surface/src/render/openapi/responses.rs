//! Every answer that an operation can give. Those that many operations share stand once in the components.

use affiant_contract::{Contract, Idempotency, Kind, Operation};
use serde_json::{Value, json};

use super::document::{Components, Example, Header, Media, Named, OrRef, Response};
use crate::{
    events,
    problem::TYPE_BASE,
    render::{
        errors::{ErrorFact, errors_of},
        names::operation_id,
    },
};

/// The answers of one operation, by status.
pub(super) fn responses(
    contract: &Contract,
    operation: &Operation,
    components: &mut Components,
) -> Named<OrRef<Response>> {
    let mut responses = Named::new();
    for status in success_statuses(contract) {
        responses.insert(status.to_string(), OrRef::Here(success(*status, contract, operation)));
    }
    if &*contract.meta.key == events::OPERATION {
        responses.insert("204".to_owned(), OrRef::Here(nothing_follows()));
    }
    let facts = errors_of(contract);
    for same_status in facts.chunk_by(|one, next| one.status == next.status) {
        responses.insert(same_status[0].status.to_string(), problem(same_status, components));
    }
    responses
}

/// The statuses of a call that succeeds. A call that starts a run is accepted, not done: 202, with the run's place.
pub fn success_statuses(contract: &Contract) -> &'static [u16] {
    let starts_a_run =
        |operation: &Operation| operation.emits.iter().any(|emits| &*emits.event.key == "agent.run.started");
    let may_only_plan = |operation: &Operation| operation.input.pointer("/properties/dryRun").is_some();
    match contract.operation() {
        Some(operation) if starts_a_run(operation) && may_only_plan(operation) => &[200, 202],
        Some(operation) if starts_a_run(operation) => &[202],
        _ => &[200],
    }
}

fn success(status: u16, contract: &Contract, operation: &Operation) -> Response {
    let mut headers = Named::new();
    let keyed = operation.idempotency == Idempotency::Keyed && contract.meta.kind == Kind::Command;
    let names = [("Contract-Version", true), ("Location", status == 202), ("Idempotency-Replayed", keyed)];
    for (name, _) in names.into_iter().filter(|(_, present)| *present) {
        headers.insert(name.to_owned(), OrRef::component("headers", name));
    }
    let examples = operation.examples.iter().map(|example| (example.title.as_str(), json!(example.output)));
    let media = Media {
        schema: json!({ "$ref": format!("#/components/schemas/{}", output_name(contract)) }),
        examples: named_examples(examples),
    };
    let description = if status == 202 { "Accepted and durable; the work goes on." } else { "Done." };
    let mut content = Named::from([("application/json".into(), media)]);
    if &*contract.meta.key == events::OPERATION {
        content.insert(events::MEDIA_TYPE.into(), stream());
    }
    Response { description: description.into(), headers, content }
}

/// The events as they happen, for callers that accept a stream.
fn stream() -> Media {
    let says = "Server-sent events: `id` is the event's `seq`, `event` its type, `data` its exact bytes. `Last-Event-ID` \
                or `after` say where to go on.";
    Media { schema: json!({ "type": "string", "description": says }), examples: Named::new() }
}

fn nothing_follows() -> Response {
    let description = "For callers that accept a stream: the run has ended and nothing follows.".to_owned();
    Response { description, headers: Named::new(), content: Named::new() }
}

/// The component that holds an operation's output.
pub(super) fn output_name(contract: &Contract) -> String {
    format!("{}-output", operation_id(&contract.reference()))
}

/// Examples by the words of their titles.
pub(super) fn named_examples<'a>(examples: impl Iterator<Item = (&'a str, Value)>) -> Named<Example> {
    examples.map(|(title, value)| (slug(title), Example { summary: title.to_owned(), value })).collect()
}

/// `Draft release notes` as `draft-release-notes`.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// The answer for errors of one status. Errors that the contract names are its own answer; the others are shared.
fn problem(facts: &[ErrorFact], components: &mut Components) -> OrRef<Response> {
    if facts.iter().any(|fact| fact.declared) {
        return OrRef::Here(problem_response(facts));
    }
    let name = facts.iter().map(|fact| fact.code.as_str()).collect::<Vec<_>>().join(".");
    let reference = OrRef::component("responses", &name);
    components.responses.entry(name).or_insert_with(|| problem_response(facts));
    reference
}

fn problem_response(facts: &[ErrorFact]) -> Response {
    let codes: Vec<_> = facts.iter().map(|fact| fact.code.as_str()).collect();
    let media = Media {
        schema: json!({ "allOf": [
            { "$ref": "#/components/schemas/Problem" },
            { "type": "object", "properties": { "code": { "type": "string", "enum": codes } } },
        ] }),
        examples: facts.iter().map(|fact| (fact.code.clone(), example(fact))).collect(),
    };
    let headers = facts.iter().flat_map(|fact| problem_headers(&fact.code));
    Response {
        description: facts.iter().map(describe).collect::<Vec<_>>().join("\n\n"),
        headers: headers.map(|name| ((*name).to_owned(), OrRef::component("headers", name))).collect(),
        content: Named::from([("application/problem+json".into(), media)]),
    }
}

fn describe(fact: &ErrorFact) -> String {
    format!("**{}** (`{}`). {} {}", fact.title, fact.code, fact.when, fact.remedy)
}

fn example(fact: &ErrorFact) -> Example {
    let mut value = json!({
        "type": format!("{TYPE_BASE}{}", fact.code),
        "title": fact.title,
        "status": fact.status,
        "code": fact.code,
        "detail": fact.when,
        "instance": "urn:affiant:call:0af7651916cd43dd8448eb211c80319c",
        "category": fact.category,
        "retryable": fact.retryable,
        "traceId": "0af7651916cd43dd8448eb211c80319c",
    });
    if fact.code == "input-invalid" {
        value["issues"] = json!([{ "path": "/limit", "code": "maximum", "message": "must be at most 500" }]);
    }
    Example { summary: fact.title.clone(), value }
}

fn problem_headers(code: &str) -> &'static [&'static str] {
    match code {
        "rate-limited" | "overloaded" | "storage-unavailable" => &["Retry-After"],
        "method-not-allowed" => &["Allow"],
        "unauthenticated" => &["WWW-Authenticate"],
        _ => &[],
    }
}

/// The headers that answers have.
pub(super) fn headers() -> Named<Header> {
    let text = |description| Header { description, schema: json!({ "type": "string" }) };
    Named::from([
        ("Contract-Version".into(), text("The exact version that answered, also where `/v1` was called.")),
        ("Location".into(), text("Where the new run is followed.")),
        ("Idempotency-Replayed".into(), text("`true` when this is the reply of an earlier call with the same key.")),
        ("Allow".into(), text("The methods that the path has.")),
        ("WWW-Authenticate".into(), text("The scheme that is asked for, `Bearer`.")),
        (
            "Retry-After".into(),
            Header {
                description: "Seconds to wait before the next try.",
                schema: json!({ "type": "integer", "minimum": 0 }),
            },
        ),
    ])
}

/// RFC 9457 with our members.
pub(super) fn problem_schema() -> Value {
    json!({
        "title": "Problem",
        "description": "An error, as RFC 9457 writes it, with a stable `code`.",
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "instance", "category", "retryable", "traceId"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "The page about this error." },
            "title": { "type": "string", "description": "A few words, the same for every occurrence." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status." },
            "code": { "type": "string", "description": "What programs compare; a code keeps its meaning." },
            "detail": { "type": "string", "description": "What happened this time." },
            "instance": { "type": "string", "format": "uri-reference", "description": "Names this occurrence." },
            "category": {
                "type": "string",
                "enum": ["request", "identity", "missing", "conflict", "limit", "binding", "server"],
                "description": "Who can do something about it.",
            },
            "retryable": { "type": "boolean", "description": "Whether the same call may succeed later, unchanged." },
            "traceId": { "type": "string", "description": "Finds this occurrence in the server's log." },
            "operation": {
                "type": "object",
                "description": "The operation that was called, once it is known.",
                "required": ["key", "version"],
                "properties": {
                    "key": { "type": "string", "description": "Its key." },
                    "version": { "type": "string", "description": "Its exact version." },
                },
            },
            "issues": {
                "type": "array",
                "description": "What is wrong with the input, field by field.",
                "items": {
                    "type": "object",
                    "required": ["path", "code", "message"],
                    "properties": {
                        "path": { "type": "string", "description": "JSON pointer to the field." },
                        "code": { "type": "string", "description": "`required`, `unknown-field`, or a schema keyword." },
                        "message": { "type": "string", "description": "What must hold." },
                    },
                },
            },
        },
    })
}
