//! The project of the crash harness: two operations of its own, and an agent that uses both.

use std::{fs, path::Path};

use anyhow::Result;

use crate::mind;

/// Writes the project folder; the operations call the service at `address`.
pub(crate) fn write(folder: &Path, address: &str) -> Result<()> {
    fs::create_dir_all(folder.join("contracts"))?;
    fs::write(folder.join("affiant.toml"), "contracts = [\"contracts\"]\n")?;
    fs::write(folder.join("contracts/effect.apply-1.0.0.yaml"), operation("effect.apply", "apply", true, address))?;
    fs::write(folder.join("contracts/effect.once-1.0.0.yaml"), operation("effect.once", "once", false, address))?;
    fs::write(folder.join("contracts/crash.effects-1.0.0.yaml"), CAPABILITY)?;
    fs::write(folder.join("contracts/crash-test-1.0.0.yaml"), AGENT)?;
    Ok(())
}

/// Adds the provider of models at `url`, and an agent that asks it.
pub(crate) fn write_mind(folder: &Path, url: &str) -> Result<()> {
    let providers =
        format!("contracts = [\"contracts\"]\n\n[providers.local]\nkind = \"openai-chat\"\nbase_url = \"{url}/v1\"\n");
    fs::write(folder.join("affiant.toml"), providers)?;
    let tools = ["effect.apply@1.0.0", "tool.echo@1.0.0"];
    fs::write(folder.join("contracts/crash-mind-1.0.0.yaml"), mind::agent("crash-mind", "local/one", &tools, &[]))?;
    Ok(())
}

fn operation(key: &str, path: &str, idempotent: bool, address: &str) -> String {
    format!(
        "\
kind: command
key: {key}
version: 1.0.0
title: Effect {path}
description: Leaves a mark that the crash harness counts.
goal: Show whether an effect happened once, twice or never.
context: Called by the agent of the crash harness, and by nobody else.
domain: crash
owners: [harness]
tags: [test]
stability: experimental
capability: crash.effects@1.0.0
input:
  type: object
  additionalProperties: false
  required: [name]
  properties:
    name: {{ type: string, description: Name of the run. }}
output:
  type: object
  additionalProperties: false
  required: [done]
  properties:
    done: {{ type: boolean, description: Whether the mark was left. }}
errors: [binding-failed]
policy: {{ auth: user }}
hints: {{ readOnly: false, destructive: false, idempotent: {idempotent} }}
examples:
  - title: Leave a mark
    input: {{ name: a }}
    output: {{ done: true }}
binding:
  kind: http
  url: http://{address}/{path}
  allowPrivate: true
"
    )
}

const CAPABILITY: &str = "\
kind: capability
key: crash.effects
version: 1.0.0
title: Effects that are counted
description: Two operations whose effects a process outside the server counts.
goal: Tell a repeated effect from a lost one.
context: Used while the server is killed again and again.
domain: crash
owners: [harness]
tags: [test]
stability: experimental
capabilityKind: integration
provides: [effect.apply@1.0.0, effect.once@1.0.0]
";

const AGENT: &str = "\
kind: agent
key: crash-test
version: 1.0.0
title: Agent of the crash harness
description: Takes an idempotent step, one that must not be repeated, and three that do nothing.
goal: Be interrupted at every possible moment.
context: Runs only while the harness kills the server.
domain: crash
owners: [harness]
tags: [test]
stability: experimental
input:
  type: object
  additionalProperties: false
  required: [name]
  properties:
    name: { type: string, description: Name of the run. }
tools:
  - operation: effect.apply@1.0.0
  - operation: effect.once@1.0.0
  - operation: tool.echo@1.0.0
planner:
  kind: rules
  rules:
    - id: apply
      when: '!has(steps.applied)'
      then: { call: { tool: effect.apply@1.0.0, as: applied, with: { name: '${input.name}' } } }
    - id: once
      when: '!has(steps.once)'
      then: { call: { tool: effect.once@1.0.0, as: once, with: { name: '${input.name}' } } }
    - id: idle
      when: count < 5
      then: { call: { tool: tool.echo@1.0.0, with: { value: '${input.name}' } } }
    - id: done
      then: { finish: { name: '${input.name}' } }
";
