// What somebody could have Studio show who means it harm, or does not care how much they say; and agents that carry it
// through every place where the text of others gets into a run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export const MEGABYTES = 1_000_000;

// Whatever runs says so in `globalThis.ran`; whatever is loaded is asked of evil.example.
const HTML = `</title></textarea></script><img src=//evil.example/img onerror="globalThis.ran='img'"><script>globalThis.ran='script'</script>`
  + `<iframe src="//evil.example/frame"></iframe><link rel=stylesheet href=//evil.example/css><form action=//evil.example><button autofocus onfocus="globalThis.ran='focus'">`;
const ROW = { at: 0, text: `<img src=//evil.example/json onerror=globalThis.ran=1> ${"filling ".repeat(600)}` };

const SVG = `"><svg xmlns="http://www.w3.org/2000/svg" onload="globalThis.ran='svg'"><image href="//evil.example/svg"/><use href="//evil.example/use.svg#a"/><script>globalThis.ran='inner'</script></svg>`;
const URLS = `javascript:globalThis.ran='url' [press](javascript:globalThis.ran='link') ![seen](https://evil.example/picture.png) [page](data:text/html,<script>1</script>) <https://evil.example/auto> [out](https://evil.example/out)`;
const ANSI = "\u001B[31mred\u001B[0m \u001B]8;;https://evil.example\u0007link\u001B]8;;\u0007 \u001B[2J\u009B31mwiped\u0008\u007F";
const BIDI = "\u202Egnp.exe\u2066 \u200Bhid\u00ADden\u2069 \uFEFF\u{E0041}";
const MEDIA = ["text/html", "image/svg+xml", "text/markdown", "text/plain", "text/x-diff", "application/json"];

/** The corpus: texts, and the media that they claim to be. */
export const CORPUS = {
  marks: { media: MEDIA, text: [HTML, SVG, URLS, ANSI, BIDI].join(" ") },
  line: { media: ["text/plain"], text: HTML + "x".repeat(5 * MEGABYTES) },
  json: { media: ["application/json"], text: JSON.stringify(Array.from({ length: Math.ceil((10 * MEGABYTES) / JSON.stringify(ROW).length) }, (_, at) => ({ ...ROW, at }))) },
};

/** Texts as YAML takes them, whatever characters they have. */
const quoted = (text) => JSON.stringify(text).replace(/[^ -~]/gu, (it) => `\\U${it.codePointAt(0).toString(16).padStart(8, "0")}`);

/** An agent of whose words, tools, sources and wishes each is this text. */
const courier = (kind, { media, text }) => `kind: agent
key: courier-${kind}
version: 1.0.0
title: ${quoted(text)}
description: ${quoted(text.slice(0, MEGABYTES / 4))}
goal: ${quoted(text.slice(0, MEGABYTES / 4))}
context: A check.
domain: check
owners: [checks]
tags: []
stability: experimental
input: { type: object, additionalProperties: false, properties: { folder: { type: string, title: ${quoted(text.slice(0, MEGABYTES / 4))}, description: ${quoted(text.slice(0, MEGABYTES / 4))} } } }
tools: [{ operation: check.said@1.0.0, approval: never }, { operation: git.log@1.0.0 }, { operation: fs.write@1.0.0, approval: required }]
planner:
  kind: rules
  rules:
    - { id: hear, when: '!has(steps.heard)', then: { call: { tool: check.said@1.0.0, as: heard, with: { folder: '\${input.folder}' } } } }
    - { id: read, when: '!has(steps.read)', then: { call: { tool: git.log@1.0.0, as: read, with: { root: '\${input.folder}' } } } }
${media.map((it, at) => `    - { id: keep-${at}, when: '!("carried-${at}" in artifacts)', then: { artifact: { name: carried-${at}, kind: file, mediaType: ${it}, content: '\${steps.heard.result.value}' } } }`).join("\n")}
    - { id: write, when: '!has(steps.wrote)', then: { call: { tool: fs.write@1.0.0, as: wrote, with: { root: '\${input.folder}', path: carried, expected: null, content: '\${prompt}' } } } }
    - { id: done, then: { finish: { said: '\${steps.heard.result.value}' } } }
`;

/** A tool that says what stands in the folder that it is given. */
export const SAID = `kind: command
key: check.said
version: 1.0.0
title: Says what it finds
description: Reads what a folder has it say.
goal: Say what a check wants to hear.
context: A check.
domain: check
owners: [checks]
tags: []
stability: experimental
capability: check.tools@1.0.0
input: { type: object, additionalProperties: false, required: [folder], properties: { folder: { type: string } } }
output: { type: object, additionalProperties: false, properties: { value: {} } }
errors: [binding-failed]
policy: { auth: user }
hints: { readOnly: true, destructive: false, idempotent: true }
idempotency: keyed
examples: [{ title: Hear, input: { folder: / }, output: { value: 1 } }]
binding: { kind: command, argv: [cat, "{folder}/said.json"] }
`;

/** The agents' files by name. */
export const AGENTS = Object.fromEntries(Object.entries(CORPUS).map(([kind, it]) => [`agents/courier-${kind}-1.0.0.yaml`, courier(kind, it)]));

/** Has an agent carry one part of the corpus until it asks a person, and says on which pages that can be seen. */
export async function carried(server, kind) {
  const { media, text } = CORPUS[kind];
  const folder = join(server.project, `courier-${kind}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "said.json"), JSON.stringify({ value: kind === "json" ? JSON.parse(text) : text }));
  const git = (args, input) => execFileSync("git", ["-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args], { input });
  git(["init", "--quiet"]);
  git(["commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--file=-"], text);
  const run = await server.run(`courier-${kind}`, { folder }, { prompt: text, metadata: { label: text.slice(0, 200) } });
  await server.waits(run);
  const { steps, outputs } = await server.ask("agent.audit", { runId: run, maxBytes: 0 });
  assert.deepEqual([steps.length, outputs.length], [3, media.length]);
  const [{ approvalId }] = (await server.ask("agent.approvals.list", { runId: run, maxBytes: 0 })).approvals;
  const kept = outputs.map(({ artifactId }) => artifactId);
  return {
    run,
    // Where it is shown while a person is asked; the last of these pages is the request itself.
    asking: ["/approvals", `/runs/${run}`, `/approvals/${approvalId}`],
    // Each other place in which it is shown first of all.
    places: [...["?step=0", "?step=1", ...kept.map((it) => `/artifacts/${it}`)].map((tab) => `/runs/${run}${tab}`), `/agents/courier-${kind}`],
    // And where it is shown once more.
    more: [
      ...["/audit", "/events", "/context?item=prompt", "/graph?focus=step:2", `/graph?focus=artifact:${kept[0]}:1`, `/artifacts/${kept[0]}?as=text`, "/fork?at=1"].map((tab) => `/runs/${run}${tab}`),
      `/runs?q=agent:courier-${kind}`, "/agents", `/agents/courier-${kind}/new`,
    ],
  };
}
