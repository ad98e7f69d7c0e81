//! A new run: a form that is made from the agent's own input and from the contract of `agent.run`.

use affiant_contract::{BoundOperation, Issue, Pick, validate_schema};
use axum::{extract::Path, http::StatusCode};
use serde_json::{Map, Value, json};

use super::{
    Shown, agents,
    page::{Halt, Show},
    run,
    session::Sent,
};
use crate::{
    forms::{Builder, Field, calls, lay, read, wrong},
    problem::{Problem, Refusal},
    render::reference::examples::SERVER,
    rest::query::escape,
};

/// What of `agent.run` is asked for beside the agent's input, in this order.
const MORE: &[&str] = &["prompt", "mode", "priority", "deadline", "contextSnapshotId", "budget", "notify"];

/// Why a form is empty that was to be filled in like another run.
const UNSEEN: &str =
    "What that run was given is not filled in: it is too long for a form, was erased, or is not for you to see.";

/// The form; parameters that are named like its fields fill it in, and so does what a run was given that is to be had
/// again.
pub(super) async fn form(show: Show, Path(name): Path<String>) -> Shown {
    let agent = agents::describe(&show, &name).await?;
    let given = show.query.iter().any(|(name, _)| name.starts_with('/')).then_some(&show.query[..]);
    let like = show.asked("like").filter(|_| given.is_none());
    let was = match like {
        Some(run) => run::given(&show, run).await,
        None => None,
    };
    let mut fields = fields(&show, &agent, given, was.as_ref())?;
    let input = value(&agent, &name, &mut fields);
    // Nobody is told what is wrong with what they have not entered yet.
    for field in &mut fields {
        forget(field);
    }
    let wrong = (like.is_some() && was.is_none()).then(|| UNSEEN.to_owned());
    page(&show, &name, &agent, Filled { fields, input, status: StatusCode::OK, wrong, issues: Vec::new() }).await
}

/// Starts a run, or shows the form again with what is wrong; nothing that was typed is lost.
pub(super) async fn start(Path(name): Path<String>, sent: Sent) -> Shown {
    let show = &sent.show;
    let agent = agents::describe(show, &name).await?;
    let mut fields = fields(show, &agent, Some(sent.all()), None)?;
    let input = value(&agent, &name, &mut fields);
    let mut filled = Filled { fields, input, status: StatusCode::OK, wrong: None, issues: Vec::new() };
    if sent.field("add").is_some() || sent.field("check").is_none() && sent.field("start").is_none() {
        filled.fields.iter_mut().for_each(forget);
        return page(show, &name, &agent, filled).await;
    }
    filled.check(operation(show)?, &agent["input"]);
    if sent.field("start").is_none() || filled.is_wrong() {
        filled.status = if filled.is_wrong() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        return page(show, &name, &agent, filled).await;
    }
    match show.try_tell("agent.run", filled.input.clone(), sent.field("once")).await {
        Ok(run) => show.on_to(&format!("/studio/runs/{}", escape(run["runId"].as_str().unwrap_or_default()))),
        Err(problem) => {
            filled.status = show.mendable(&problem)?;
            filled.refuse(&problem);
            page(show, &name, &agent, filled).await
        }
    }
}

/// A form with what was entered.
struct Filled {
    fields: Vec<Field>,
    input: Value,
    status: StatusCode,
    wrong: Option<String>,
    /// What is wrong with none of the fields.
    issues: Vec<Issue>,
}

impl Filled {
    /// Holds the input against both contracts, so that everything is said at once.
    fn check(&mut self, operation: &BoundOperation, schema: &Value) {
        let mut issues = operation.validate_input(&self.input).err().unwrap_or_default();
        let none = json!({});
        let inner = validate_schema(schema, self.input.get("input").unwrap_or(&none)).err().unwrap_or_default();
        issues.extend(inner.into_iter().map(|issue| Issue { path: format!("/input{}", issue.path), ..issue }));
        self.issues = lay(&mut self.fields, issues);
    }

    /// Lays what the server refused beside the fields.
    fn refuse(&mut self, problem: &Problem) {
        self.wrong = Some(problem.detail().to_owned());
        self.issues = lay(&mut self.fields, problem.issues().to_vec());
    }

    fn is_wrong(&self) -> bool {
        !self.issues.is_empty() || !wrong(&self.fields).is_empty()
    }
}

fn operation(show: &Show) -> Result<&BoundOperation, Halt> {
    let found = show.studio.gateway.registry().operation("agent.run", &Pick::Major(1));
    found.map(|operation| &**operation).ok_or_else(|| show.refused(Refusal::plain("operation-not-found")))
}

fn fields(
    show: &Show,
    agent: &Value,
    typed: Option<&[(String, String)]>,
    was: Option<&Value>,
) -> Result<Vec<Field>, Halt> {
    let root = &operation(show)?.operation().input;
    let builder = Builder::new(typed);
    let mut input = builder.field(&agent["input"], &agent["input"], "/input", true, was.map(|was| &was["input"]));
    input.label = "Input".into();
    let mut fields = vec![input];
    for name in MORE {
        let mut field = builder.field(
            root,
            &root["properties"][*name],
            &format!("/{name}"),
            false,
            was.and_then(|was| was.get(*name)),
        );
        if *name == "prompt" {
            (field.widget, field.personal) = ("textarea", true);
        }
        fields.push(field);
    }
    let label = json!({ "type": "string", "description": "What the run is about, in a few words, for lists." });
    fields.push(builder.field(&label, &label, "/metadata/label", false, None));
    Ok(fields)
}

/// What was entered, as the input of `agent.run`.
fn value(agent: &Value, name: &str, fields: &mut [Field]) -> Value {
    let mut input = Map::from_iter([("agentKey".to_owned(), agent["agentKey"].clone())]);
    if name.contains('@') {
        input.insert("agentVersion".into(), agent["agentVersion"].clone());
    }
    for field in fields {
        let Some(value) = read(field) else { continue };
        match field.pointer.as_str() {
            "/metadata/label" => drop(input.insert("metadata".into(), json!({ "label": value }))),
            "/input" if value.as_object().is_some_and(Map::is_empty) => {}
            _ => drop(input.insert(field.key.clone(), value)),
        }
    }
    Value::Object(input)
}

fn forget(field: &mut Field) {
    field.issue = None;
    field.fields.iter_mut().for_each(forget);
}

/// The folders in which runs may work, where the viewer may know them: whoever names another gets a run that fails.
async fn folders(show: &Show) -> Value {
    show.try_ask("workspace.list", json!({})).await.map(|mut found| found["workspaces"].take()).unwrap_or_default()
}

async fn page(show: &Show, name: &str, agent: &Value, filled: Filled) -> Shown {
    let operation = operation(show)?;
    let nothing = Map::new();
    let input = filled.input.as_object().unwrap_or(&nothing);
    let mut said = json!(calls(show.studio.gateway.registry(), operation, input));
    for call in said.as_object_mut().into_iter().flat_map(Map::values_mut) {
        *call = call.as_str().unwrap_or_default().replace(SERVER, &show.studio.services.facts.address).into();
    }
    let mistakes: Vec<Value> = wrong(&filled.fields)
        .into_iter()
        .map(|(id, label, issue)| json!({ "id": id, "label": label, "issue": issue }))
        .chain(filled.issues.iter().map(|issue| json!({ "label": issue.path, "issue": issue.message })))
        .collect();
    let facts = json!({
        "agent": agent, "name": name, "fields": filled.fields, "input": filled.input, "mistakes": mistakes,
        "folders": folders(show).await, "wrong": filled.wrong, "calls": said, "policy": agents::policy(show, agent),
    });
    let title = format!("Run {}", agent["title"].as_str().unwrap_or_default());
    show.answer(filled.status, "studio/start.html", &title, "agents", facts).await
}
