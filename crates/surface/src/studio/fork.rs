//! Another way from a known point: what a fork would reuse and do again, and the form that starts it.

use axum::{extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{
    Shown, agents,
    page::{Halt, Show},
    person, run,
    session::Sent,
};
use crate::{
    forms::{Builder, Field, lay, read, wrong},
    problem::Problem,
    rest::query::escape,
};

/// The plan of a fork from a step, and the form.
pub(super) async fn form(show: Show, Path(run): Path<String>) -> Shown {
    let head = run::head(&show, &run).await?;
    let at = show.asked("at").and_then(|at| at.parse().ok()).unwrap_or_else(|| last(&head));
    let mut fork = Fork::of(&show, &run, head, at, None).await?;
    fork.plan(&show).await;
    fork.page(&show, StatusCode::OK).await
}

/// The newest step, which is where a run that went wrong went wrong.
fn last(head: &Value) -> u64 {
    head["steps"].as_u64().unwrap_or_default().saturating_sub(1)
}

/// Starts the fork, or shows its plan with what was entered.
pub(super) async fn start(Path(run): Path<String>, sent: Sent) -> Shown {
    let show = &sent.show;
    let head = run::head(show, &run).await?;
    let at = sent.field("at").and_then(|at| at.trim().parse().ok()).unwrap_or_else(|| last(&head));
    let mut fork = Fork::of(show, &run, head, at, Some(sent.all())).await?;
    if sent.field("start").is_none() || fork.is_wrong() {
        fork.plan(show).await;
        let status = if fork.is_wrong() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        return fork.page(show, status).await;
    }
    match show.try_tell("agent.fork", fork.input.clone(), sent.field("once")).await {
        Ok(new) => show.on_to(&format!("/studio/runs/{}", escape(new["runId"].as_str().unwrap_or_default()))),
        Err(problem) => {
            let status = show.mendable(&problem)?;
            fork.refuse(&problem);
            fork.page(show, status).await
        }
    }
}

/// Takes out what is what the run was given anyway.
fn unchanged(input: &mut Value, kept: Option<&Value>) {
    let Some(fields) = input.get_mut("input").and_then(Value::as_object_mut) else { return };
    fields.retain(|name, value| kept.and_then(|kept| kept.get(name)) != Some(value));
    if fields.is_empty() {
        input.as_object_mut().map(|input| input.shift_remove("input"));
    }
}

struct Fork {
    run: String,
    head: Value,
    at: u64,
    fields: Vec<Field>,
    input: Value,
    plan: Option<Value>,
    wrong: Option<String>,
    /// Whether the fields hold what the run was given.
    filled: bool,
}

impl Fork {
    async fn of(
        show: &Show,
        run: &str,
        head: Value,
        at: u64,
        typed: Option<&[(String, String)]>,
    ) -> Result<Self, Halt> {
        let text = |name: &str| head[name].as_str().unwrap_or_default();
        let agent = agents::describe(show, &format!("{}@{}", text("agentKey"), text("agentVersion"))).await;
        let was = run::given(show, run).await.and_then(|given| given.get("input").cloned());
        let (mut fields, mut kept) = (Vec::new(), None);
        if let Ok(agent) = agent {
            // What is left out keeps its value, so nothing of it is needed here.
            let mut schema = agent["input"].clone();
            for keyword in ["required", "if", "then", "else", "minProperties"] {
                schema.as_object_mut().map(|schema| schema.shift_remove(keyword));
            }
            let mut input = Builder::new(typed).field(&schema, &schema, "/input", false, was.as_ref());
            input.label = "Input: what is left empty keeps its value".into();
            for field in &mut input.fields {
                field.placeholder = None;
            }
            // What the form says of the run's own input, so that only what was changed is sent.
            kept = was
                .as_ref()
                .and_then(|was| read(&mut Builder::new(None).field(&schema, &schema, "/input", false, Some(was))));
            fields.push(input);
        }
        fields.extend(person::fields(show, "agent.fork", &["budget", "reason"], typed));
        let mut input = json!({ "runId": run, "fromStep": at });
        for field in &mut fields {
            if let Some(value) = read(field) {
                input[field.key.as_str()] = value;
            }
        }
        unchanged(&mut input, kept.as_ref());
        Ok(Self { run: run.to_owned(), head, at, fields, input, plan: None, wrong: None, filled: was.is_some() })
    }

    /// Asks what the fork would do; that starts nothing.
    async fn plan(&mut self, show: &Show) {
        let mut asked = self.input.clone();
        asked["dryRun"] = true.into();
        match show.try_tell("agent.fork", asked, None).await {
            Ok(plan) => self.plan = Some(plan),
            Err(problem) => self.refuse(&problem),
        }
    }

    fn refuse(&mut self, problem: &Problem) {
        self.wrong = Some(problem.detail().to_owned());
        lay(&mut self.fields, problem.issues().to_vec());
    }

    fn is_wrong(&self) -> bool {
        !wrong(&self.fields).is_empty()
    }

    async fn page(&self, show: &Show, status: StatusCode) -> Shown {
        let facts = json!({
            "run": self.head, "tab": "fork", "at": self.at, "last": last(&self.head), "fields": self.fields, "plan": self.plan,
            "wrong": self.wrong, "filled": self.filled,
        });
        let title = format!("Fork {}", super::words::tail(&self.run));
        show.answer(status, "studio/fork.html", &title, "runs", facts).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_is_told_only_what_was_changed() {
        let of = |typed: Value, kept: Option<Value>| {
            let mut input = json!({ "runId": "run_1", "input": typed });
            unchanged(&mut input, kept.as_ref());
            input.get("input").cloned()
        };
        let was = json!({ "steps": 3, "value": [1] });
        assert_eq!(of(was.clone(), Some(was.clone())), None);
        assert_eq!(of(json!({ "steps": 4, "value": [1] }), Some(was.clone())), Some(json!({ "steps": 4 })));
        assert_eq!(of(json!({ "steps": 3 }), None), Some(json!({ "steps": 3 })));
        let mut without = json!({ "runId": "run_1" });
        unchanged(&mut without, Some(&was));
        assert_eq!(without, json!({ "runId": "run_1" }));
    }
}
