//! What a run needs a person for, beside approvals: an answer to its question, the outcome that nobody saw, a higher
//! budget. Each is a form that is made from the contract of the operation that it calls.

use affiant_contract::{Issue, Pick, validate_schema};
use axum::{extract::Path, http::StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    Shown,
    page::{Halt, Show},
    run,
    session::Sent,
};
use crate::{
    forms::{Builder, Field, lay, read, wrong},
    problem::Problem,
    rest::query::escape,
};

/// Events in which a question is looked for, from the newest on.
const LOOKED: u64 = 2000;

/// One thing that is asked of a person.
struct Task {
    /// What is at the end of the page's address.
    name: &'static str,
    title: String,
    about: String,
    button: &'static str,
    fields: Vec<Field>,
    /// What a page says first when something is wrong.
    wrong: Option<String>,
    issues: Vec<Issue>,
}

impl Task {
    /// What was entered, below the field that each part belongs to.
    fn value(&mut self, input: Value) -> Value {
        let Value::Object(mut input) = input else { return input };
        for field in &mut self.fields {
            if let Some(value) = read(field) {
                input.insert(field.key.clone(), value);
            }
        }
        Value::Object(input)
    }

    fn refuse(&mut self, problem: &Problem) {
        self.wrong = Some(problem.detail().to_owned());
        self.issues = lay(&mut self.fields, problem.issues().to_vec());
    }

    async fn page(&self, show: &Show, run: &str, status: StatusCode) -> Shown {
        let head = run::head(show, run).await?;
        let mistakes = wrong(&self.fields).into_iter();
        let mistakes = mistakes.map(|(id, label, issue)| json!({ "id": id, "label": label, "issue": issue }));
        let others = self.issues.iter().map(|issue| json!({ "label": issue.path, "issue": issue.message }));
        let mistakes: Vec<Value> = mistakes.chain(others).collect();
        let facts = json!({
            "run": head, "tab": self.name, "task": self.name, "title": self.title, "about": self.about, "button": self.button,
            "fields": self.fields, "wrong": self.wrong, "mistakes": mistakes,
        });
        show.answer(status, "studio/person.html", &self.title, "runs", facts).await
    }

    /// Has it carried out, or shows it again with what is wrong. Nothing that was typed is lost.
    async fn carry(mut self, sent: &Sent, run: &str, operation: &str, input: Value) -> Shown {
        let show = &sent.show;
        let input = self.value(input);
        if !wrong(&self.fields).is_empty() {
            return self.page(show, run, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        match show.try_tell(operation, input, sent.field("once")).await {
            Ok(done) => show.on_to(&format!("/studio/runs/{}", escape(done["runId"].as_str().unwrap_or(run)))),
            Err(problem) => {
                let status = show.mendable(&problem)?;
                self.refuse(&problem);
                self.page(show, run, status).await
            }
        }
    }
}

/// Fields of an operation's input by name.
pub(super) fn fields(show: &Show, operation: &str, names: &[&str], typed: Option<&[(String, String)]>) -> Vec<Field> {
    let found = show.studio.gateway.registry().operation(operation, &Pick::Major(1));
    let Some(root) = found.map(|bound| &bound.operation().input) else { return Vec::new() };
    let builder = Builder::new(typed);
    names.iter().map(|name| builder.field(root, &root["properties"][*name], &format!("/{name}"), false, None)).collect()
}

/// The question that a run asks.
#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "type")]
    kind: String,
    body: Option<Question>,
}

#[derive(Deserialize)]
struct Question {
    name: Option<String>,
    schema: Option<Value>,
}

async fn question(show: &Show, run: &str, typed: Option<&[(String, String)]>) -> Result<(Task, Value), Halt> {
    let head = run::head(show, run).await?;
    let waiting = &head["waitingFor"];
    let name = waiting["name"].as_str().unwrap_or_default();
    let schema = schema_of(show, run, name).await.unwrap_or_else(|| json!({}));
    let mut field = Builder::new(typed).field(&schema, &schema, "/answer", true, None);
    field.label = "Answer".into();
    let about = match waiting["question"].as_str() {
        Some(question) => question.to_owned(),
        None => "No question of this run is open any more.".to_owned(),
    };
    let task = Task {
        name: "answer",
        title: "Answer the run's question".into(),
        about,
        button: "Answer",
        fields: vec![field],
        wrong: None,
        issues: Vec::new(),
    };
    let mut input = json!({ "runId": run });
    if !name.is_empty() {
        input["name"] = name.into();
    }
    Ok((task, input))
}

/// The schema of the answer, as it stands in the event that asks.
async fn schema_of(show: &Show, run: &str, name: &str) -> Option<Value> {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    let status = show.bytes("agent.events", json!({ "runId": run, "limit": 1 })).await.ok()?;
    let last = serde_json::from_slice::<Value>(&status).ok()?["lastSeq"].as_u64()?;
    let after = i64::try_from(last.saturating_sub(LOOKED)).ok()? - 1;
    let reply = show.bytes("agent.events", json!({ "runId": run, "after": after, "limit": LOOKED + 1 })).await.ok()?;
    let reply: Reply<'_> = serde_json::from_slice(&reply).ok()?;
    let mut asked = reply.events.iter().rev().filter(|raw| raw.get().contains("\"input.requested\""));
    asked.find_map(|raw| {
        let asked: Asked = serde_json::from_str(raw.get()).ok()?;
        let question = asked.body.filter(|it| asked.kind == "input.requested" && it.name.as_deref() == Some(name))?;
        question.schema?.get("inline").cloned()
    })
}

/// The form that answers a run's question.
pub(super) async fn answer_form(show: Show, Path(run): Path<String>) -> Shown {
    let (task, _) = question(&show, &run, None).await?;
    task.page(&show, &run, StatusCode::OK).await
}

/// Answers it.
pub(super) async fn answer(Path(run): Path<String>, sent: Sent) -> Shown {
    let (mut task, input) = question(&sent.show, &run, Some(sent.all())).await?;
    if sent.field("add").is_some() {
        return task.page(&sent.show, &run, StatusCode::OK).await;
    }
    if read(&mut task.fields[0]).is_none() && task.fields[0].issue.is_none() {
        task.fields[0].issue = Some("is needed".into());
        return task.page(&sent.show, &run, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    // The operation says that the whole does not fit; the schema says where.
    if let Some(schema) = schema_of(&sent.show, &run, input["name"].as_str().unwrap_or_default()).await {
        let value = read(&mut task.fields[0]).unwrap_or_default();
        let issues = validate_schema(&schema, &value).err().unwrap_or_default();
        let within = |issue: Issue| Issue { path: format!("/answer{}", issue.path), ..issue };
        task.issues = lay(&mut task.fields, issues.into_iter().map(within).collect());
    }
    task.carry(&sent, &run, "agent.input", input).await
}

async fn unknown(show: &Show, run: &str, typed: Option<&[(String, String)]>) -> Result<(Task, Value), Halt> {
    let head = run::head(show, run).await?;
    let step = &head["waitingFor"]["stepNumber"];
    let about = match step.as_u64() {
        Some(step) => format!(
            "Step {step} was begun and nobody saw its end. Look at the outside world, then say what became of it: `happened` \
             with its result, `retry` to try it again, `fail` to give it up."
        ),
        None => "No step of this run waits for this any more.".to_owned(),
    };
    let task = Task {
        name: "resolve",
        title: "Say what became of a step".into(),
        about,
        button: "Record this",
        fields: fields(show, "agent.step.resolve", &["outcome", "result", "comment"], typed),
        wrong: None,
        issues: Vec::new(),
    };
    Ok((task, json!({ "runId": run, "stepNumber": step })))
}

/// The form that settles a step whose end nobody saw.
pub(super) async fn resolve_form(show: Show, Path(run): Path<String>) -> Shown {
    let (task, _) = unknown(&show, &run, None).await?;
    task.page(&show, &run, StatusCode::OK).await
}

/// Settles it.
pub(super) async fn resolve(Path(run): Path<String>, sent: Sent) -> Shown {
    let (task, input) = unknown(&sent.show, &run, Some(sent.all())).await?;
    task.carry(&sent, &run, "agent.step.resolve", input).await
}

/// The names of the fields with which a run is retried.
const RETRY: &[&str] = &["budget", "freshContext", "reason"];

fn again(show: &Show, typed: Option<&[(String, String)]>) -> Task {
    Task {
        name: "retry",
        title: "Retry this run".into(),
        about: "A new run with the same agent, input and context. With a budget it goes on where this one ended, and nothing is \
                paid for again; without one it begins anew and asks for approvals again."
            .into(),
        button: "Retry",
        fields: fields(show, "agent.retry", RETRY, typed),
        wrong: None,
        issues: Vec::new(),
    }
}

/// The form that retries a run with other terms.
pub(super) async fn retry_form(show: Show, Path(run): Path<String>) -> Shown {
    again(&show, None).page(&show, &run, StatusCode::OK).await
}

/// Runs again what has ended; what the form leaves empty stays as it was.
pub(super) async fn retry(Path(run): Path<String>, sent: Sent) -> Shown {
    let task = again(&sent.show, Some(sent.all()));
    task.carry(&sent, &run, "agent.retry", Value::Object(Map::from_iter([("runId".to_owned(), run.clone().into())])))
        .await
}
