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

struct Fork {
    run: String,
    head: Value,
    at: u64,
    fields: Vec<Field>,
    input: Value,
    plan: Option<Value>,
    wrong: Option<String>,
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
        let mut fields = Vec::new();
        if let Ok(agent) = agent {
            // What is left out keeps its value, so nothing of it is needed here.
            let mut schema = agent["input"].clone();
            for keyword in ["required", "if", "then", "else", "minProperties"] {
                schema.as_object_mut().map(|schema| schema.shift_remove(keyword));
            }
            let mut input = Builder::new(typed).field(&schema, &schema, "/input", false, None);
            input.label = "Input: what is left empty keeps its value".into();
            for field in &mut input.fields {
                field.placeholder = None;
            }
            fields.push(input);
        }
        fields.extend(person::fields(show, "agent.fork", &["budget", "reason"], typed));
        let mut input = json!({ "runId": run, "fromStep": at });
        for field in &mut fields {
            if let Some(value) = read(field) {
                input[field.key.as_str()] = value;
            }
        }
        Ok(Self { run: run.to_owned(), head, at, fields, input, plan: None, wrong: None })
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
            "wrong": self.wrong,
        });
        let title = format!("Fork {}", super::words::tail(&self.run));
        show.answer(status, "studio/fork.html", &title, "runs", facts).await
    }
}
