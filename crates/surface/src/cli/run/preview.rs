//! `affiant run start AGENT --check`: what a run would be held to, before there is one.

use affiant_contract::validate_schema;
use serde_json::{Value, json};

use crate::cli::{
    Context, Exit, Failure,
    agent::{rows, tool},
    client::Client,
    output::text,
    terminal::safe_line,
};

/// Holds the agent's input against its contract, and says which tools the run may call and what policy says of each.
/// Nothing is started.
pub(super) async fn run(context: &Context<'_>, client: &Client, request: Value) -> Result<Exit, Failure> {
    let mut asked = json!({ "agentKey": request["agentKey"] });
    if let Some(version) = request.get("agentVersion") {
        asked["version"] = version.clone();
    }
    let agent = client.query("agent.describe", "v1", &asked).await?;
    if let Err(issues) = validate_schema(&agent["input"], &request["input"]) {
        let mut failure = Failure::usage(format!("this is no input of {}", text(&agent, "agentKey")));
        failure.details = issues.iter().map(|issue| format!("{} {}", issue.path, issue.message)).collect();
        return Err(failure.next(format!("affiant agent get {}    says what it takes", text(&agent, "agentKey"))));
    }
    let said = page(&agent);
    let value = json!({
        "agentKey": agent["agentKey"], "agentVersion": agent["agentVersion"], "request": request, "tools": agent["tools"],
        "limits": agent["limits"],
    });
    super::print(context, value, "agentKey", said)?;
    Ok(Exit::Done)
}

fn page(agent: &Value) -> String {
    let of = |field: &str| safe_line(&text(agent, field));
    let planner = safe_line(&text(&agent["planner"], "label"));
    let mut page = format!("{}@{}   {planner}   nothing was started\n", of("agentKey"), of("agentVersion"));
    page += "  input    as its contract wants it\n";
    let tools: Vec<&Value> = agent["tools"].as_array().into_iter().flatten().collect();
    page += &rows("tools", tools.iter().map(|it| tool(it)));
    let asks = tools.iter().filter(|tool| tool["decision"] == "needs_approval").count();
    let denied = tools.iter().filter(|tool| tool["decision"] == "deny").count();
    page + &format!("  policy   asks a person before {asks} of {} tools, denies {denied}\n", tools.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_policy_would_ask_is_said_before_anything_is_started() {
        let agent = json!({
            "agentKey": "notes", "agentVersion": "1.0.0", "planner": { "label": "rules, no model" },
            "tools": [
                { "operation": "fs.read@1.0.0", "readOnly": true, "decision": "allow" },
                { "operation": "fs.write@1.0.0", "destructive": true, "decision": "needs_approval" },
            ],
        });
        insta::assert_snapshot!(page(&agent), @"
        notes@1.0.0   rules, no model   nothing was started
          input    as its contract wants it
          tools    fs.read@1.0.0   reads only
                   fs.write@1.0.0  may overwrite, ASKS A PERSON FIRST
          policy   asks a person before 1 of 2 tools, denies 0
        ");
    }
}
