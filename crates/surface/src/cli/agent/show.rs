//! `affiant agent get AGENT`.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use crate::cli::{
    Context, Exit, Failure,
    output::{Data, plain, text},
    terminal::safe_line,
};

pub(super) fn arguments(command: Command) -> Command {
    command.arg(Arg::new("agent").value_name("AGENT[@VERSION]").help("The agent").required(true))
}

pub(super) async fn get(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let agent = matches.get_one::<String>("agent").expect("required");
    let mut input = json!({ "agentKey": agent });
    if let Some((key, version)) = agent.split_once('@') {
        input = json!({ "agentKey": key, "version": version });
    }
    let value = context.client()?.query("agent.describe", "v1", &input).await?;
    let id = format!("{}@{}", text(&value, "agentKey"), text(&value, "agentVersion"));
    context.print(Data::One { text: page(&value), value, id })?;
    Ok(Exit::Done)
}

/// An agent for people: what it is for, what it takes, what it may do, and how it decides.
fn page(agent: &Value) -> String {
    let of = |field: &str| safe_line(&text(agent, field));
    let planner = safe_line(&text(&agent["planner"], "label"));
    let mut page = format!("{}@{}   {planner}   {}\n", of("agentKey"), of("agentVersion"), of("stability"));
    page += &format!("  {}\n\n", of("description"));
    page += &rows("input", members(&agent["input"]));
    page += &rows("tools", agent["tools"].as_array().into_iter().flatten().map(tool));
    let packs = agent["packs"].as_array().into_iter().flatten();
    page += &rows("reads", packs.map(|pack| (safe_line(&text(pack, "pack")), String::new())));
    let limits = &agent["limits"];
    let far = format!("{} steps, {} at once, {} s", limits["steps"], limits["parallel"], limits["deadlineSeconds"]);
    page += &rows("limits", [(far, String::new())]);
    page += &rows("rules", agent["rules"].as_array().into_iter().flatten().map(rule));
    page += "  the first rule whose condition holds decides; each decision is recorded with the facts it read\n";
    page + &format!("  digest   {}\n", of("digest"))
}

fn members(schema: &Value) -> Vec<(String, String)> {
    let fields = schema["properties"].as_object().into_iter().flatten();
    let required = |field: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|name| name == field));
    let told = |(field, schema): (&String, &Value)| {
        let usual = schema.get("default").map(|usual| format!(" (usually {})", plain(usual))).unwrap_or_default();
        let star = if required(field) { "*" } else { "" };
        (format!("{}{star}", safe_line(field)), safe_line(format!("{}{usual}", text(schema, "description")).trim()))
    };
    fields.map(told).collect()
}

/// A tool, and what policy says of it when the caller starts a run.
pub(in crate::cli) fn tool(tool: &Value) -> (String, String) {
    let words = [("readOnly", "reads only"), ("destructive", "may overwrite")];
    let mut said: Vec<&str> = words.iter().filter(|(field, _)| tool[*field] == true).map(|(_, word)| *word).collect();
    said.extend(match tool["decision"].as_str() {
        Some("needs_approval") => Some("ASKS A PERSON FIRST"),
        Some("deny") => Some("DENIED TO YOU"),
        Some(_) => None,
        None => (tool["approval"] == true).then_some("ASKS A PERSON FIRST"),
    });
    (safe_line(&text(tool, "operation")), said.join(", "))
}

fn rule(rule: &Value) -> (String, String) {
    let when = rule["when"].as_str().map(|when| format!("when {}", safe_line(when.trim())));
    let does = safe_line(&text(rule, "does"));
    (safe_line(&text(rule, "id")), format!("{does}   {}", when.unwrap_or_else(|| "always".to_owned())))
}

/// Rows under a word that stands beside the first.
pub(in crate::cli) fn rows(title: &str, rows: impl IntoIterator<Item = (String, String)>) -> String {
    let rows: Vec<(String, String)> = rows.into_iter().collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let line = |(at, (name, said)): (usize, &(String, String))| {
        let title = if at == 0 { title } else { "" };
        format!("  {title:<8} {name:<width$}  {said}").trim_end().to_owned() + "\n"
    };
    rows.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_read_as_a_page() {
        let agent = json!({
            "agentKey": "hello", "agentVersion": "1.0.0", "description": "Says hello.", "stability": "experimental",
            "planner": { "kind": "rules", "label": "rules, no model" }, "digest": "sha256:00",
            "input": { "required": ["name"], "properties": { "name": { "description": "Whom" }, "n": { "default": 1 } } },
            "tools": [
                { "operation": "fs.write@1.0.0", "destructive": true, "approval": true, "decision": "needs_approval" },
                { "operation": "key.list@1.0.0", "readOnly": true, "approval": false, "decision": "deny" },
            ],
            "packs": [],
            "limits": { "steps": 10, "parallel": 1, "deadlineSeconds": 60 },
            "rules": [{ "id": "write", "when": "count == 0", "does": "calls fs.write" }, { "id": "done", "does": "ends" }],
        });
        insta::assert_snapshot!(page(&agent), @"
        hello@1.0.0   rules, no model   experimental
          Says hello.

          input    name*  Whom
                   n      (usually 1)
          tools    fs.write@1.0.0  may overwrite, ASKS A PERSON FIRST
                   key.list@1.0.0  reads only, DENIED TO YOU
          limits   10 steps, 1 at once, 60 s
          rules    write  calls fs.write   when count == 0
                   done   ends   always
          the first rule whose condition holds decides; each decision is recorded with the facts it read
          digest   sha256:00
        ");
    }
}
