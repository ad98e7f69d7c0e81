//! Agents that do what their model says, as the harnesses give them to the real server.

/// The file of such an agent. `more` are further lines of its planner.
pub(crate) fn agent(key: &str, model: &str, tools: &[&str], more: &[&str]) -> String {
    let tools: String = tools.iter().map(|tool| format!("\n  - operation: {tool}")).collect();
    let more: String = more.iter().map(|line| format!("  {line}\n")).collect();
    format!(
        "\
kind: agent
key: {key}
version: 1.0.0
title: Does what its model says
description: Carries out whatever the model of a harness wants, and nothing else.
goal: Show what a server does with what models want.
context: Runs only while a harness runs.
domain: harness
owners: [harness]
tags: [test]
stability: experimental
input:
  type: object
  additionalProperties: false
tools:{tools}
limits: {{ steps: 1000 }}
planner:
  kind: model
  model: {model}
  instructions: Do what you are told.
{more}"
    )
}
