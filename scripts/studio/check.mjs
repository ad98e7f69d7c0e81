// Studio in a real browser, against the real binary.
//
//   AFFIANT=target/debug/affiant node check.mjs FOLDER [CHECK…]
//
// FOLDER is an empty folder for the server's data. CHROMIUM names the browser, /usr/bin/chromium unless said otherwise.
// Every check is a function below; each starts from the pages of one server with a few runs. Exits 1 when one fails.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile, mkdir, writeFile } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { AGENTS, CORPUS, MEGABYTES, SAID, carried } from "./hostile.mjs";
import { Server, launch, until } from "./server.mjs";

const [folder, ...only] = process.argv.slice(2);
const affiant = process.env.AFFIANT;
if (!folder || !affiant) {
  console.error("usage: AFFIANT=BINARY node check.mjs FOLDER [CHECK…]");
  process.exit(2);
}
/** How long a page is waited for, in milliseconds: for ever, nearly. A machine may be busy, and nothing is timed here. */
const LIMIT = 120_000;
const budgets = JSON.parse(await readFile(new URL("budgets.json", import.meta.url), "utf8"));

// ---------------------------------------------------------------------------------------------------------------
// What runs on the server

const server = new Server(affiant, folder);
const { project } = server;
const HOSTILE = [
  "<img src=//evil.example/x onerror=alert(1)><script>alert(2)</script>",
  "javascript:alert(3)",
  "\u202Egnp.exe\u2066 \u200Bhidden\u0007 \u001B[31mred\u001B[0m",
  '"><svg/onload=alert(4)><a href="//evil.example">',
].join(" ");

const AGENT = `kind: agent
key: hostile
version: 1.0.0
title: ${JSON.stringify(HOSTILE)}
description: ${JSON.stringify(HOSTILE)}
goal: ${JSON.stringify(HOSTILE)}
context: A check.
domain: check
owners: [checks]
tags: []
stability: experimental
input:
  type: object
  additionalProperties: false
  properties: { value: { type: string, title: ${JSON.stringify(HOSTILE)}, description: ${JSON.stringify(HOSTILE)} }, name: { type: string, default: one } }
tools: [{ operation: tool.echo@1.0.0 }, { operation: fs.write@1.0.0, approval: required }]
planner:
  kind: rules
  rules:
    - { id: say, when: '!has(steps.said)', then: { call: { tool: tool.echo@1.0.0, as: said, with: { value: '\${input.value}' } } } }
    - { id: write, when: '!has(steps.wrote)', then: { call: { tool: fs.write@1.0.0, as: wrote, with: { root: '${project}', path: 'hostile \${input.name}.txt', expected: null, content: '\${input.value}' } } } }
    - { id: done, then: { finish: { said: '\${input.value}' } } }
`;

// An agent that needs a person in all other ways: for an answer, for the end of a step that nobody saw, for more money.
const NEEDY = `kind: agent
key: needy
version: 1.0.0
title: Agent that needs a person
description: Asks, loses the end of a step, and goes beyond its budget.
goal: Have something to show on the pages for people.
context: A check.
domain: check
owners: [checks]
tags: []
stability: experimental
input: { type: object, additionalProperties: false, properties: { how: { type: string, enum: [ask, lose, spend] } } }
tools: [{ operation: tool.echo@1.0.0 }, { operation: check.slow@1.0.0, approval: never }]
planner:
  kind: rules
  rules:
    - { id: ask, when: 'input.how == "ask" && !has(answers.go)', then: { ask: { question: "May I go on? ${"<b>now</b>"}", as: go, schema: { type: object, additionalProperties: false, required: [why], properties: { why: { type: string, minLength: 3 } } } } } }
    - { id: lose, when: 'input.how == "lose" && !has(steps.slow)', then: { call: { tool: check.slow@1.0.0, as: slow, with: {} } } }
    - { id: spend, when: 'input.how == "spend" && count < 5', then: { call: { tool: tool.echo@1.0.0, with: { value: 1 } } } }
    - { id: done, then: { finish: {} } }
`;
// A tool whose end a killed server does not see, and that cannot be called twice.
const SLOW = `kind: command
key: check.slow
version: 1.0.0
title: Takes its time
description: Waits for a minute.
goal: Be under way when the server is killed.
context: A check.
domain: check
owners: [checks]
tags: []
stability: experimental
capability: check.tools@1.0.0
input: { type: object, additionalProperties: false }
output: { type: object, additionalProperties: false }
errors: [binding-failed]
policy: { auth: user }
hints: { readOnly: false, destructive: false, idempotent: false }
idempotency: keyed
examples: [{ title: Wait, input: {}, output: {} }]
binding: { kind: command, argv: [sleep, "60"] }
`;
const TOOLS = `kind: capability
key: check.tools
version: 1.0.0
title: Tools of the checks
description: Provides what the checks call.
goal: Have tools that misbehave.
context: A check.
domain: check
owners: [checks]
tags: []
stability: experimental
capabilityKind: integration
provides: [check.slow@1.0.0, check.loud@1.0.0, check.said@1.0.0]
`;

// An agent whose input, tools and files are as large as they may be.
const LARGE = `kind: agent
key: large
version: 1.0.0
title: Agent with much to say
description: Passes on whatever it is given, however long.
goal: Have pages with more on them than anybody reads.
context: A check.
domain: check
owners: [checks]
tags: []
stability: experimental
input: { type: object, additionalProperties: false, properties: { value: {} } }
tools: [{ operation: tool.echo@1.0.0 }, { operation: check.loud@1.0.0, approval: never }, { operation: git.log@1.0.0 }]
planner:
  kind: rules
  rules:
    - { id: say, when: '!has(steps.said)', then: { call: { tool: tool.echo@1.0.0, as: said, with: { value: '${"${input.value}"}' } } } }
    - { id: hear, when: '!has(steps.heard)', then: { call: { tool: check.loud@1.0.0, as: heard, with: {} } } }
    - { id: read, when: '!has(steps.read)', then: { call: { tool: git.log@1.0.0, as: read, with: { root: '${join(project, "history")}' } } } }
    - { id: text, when: '!("line.txt" in artifacts)', then: { artifact: { name: line.txt, kind: file, mediaType: text/plain, content: '${"${steps.heard.result.line}"}' } } }
    - { id: prose, when: '!("line.md" in artifacts)', then: { artifact: { name: line.md, kind: report, mediaType: text/markdown, content: '${"${steps.heard.result.list}"}' } } }
    - { id: diff, when: '!("line.diff" in artifacts)', then: { artifact: { name: line.diff, kind: diff, mediaType: text/x-diff, content: '${"${steps.heard.result.list}"}' } } }
    - { id: done, then: { finish: { said: '${"${input.value}"}' } } }
`;
const LOUD = SLOW.replace("check.slow", "check.loud").replace("Waits for a minute", "Says more than anybody reads").replace("output: { type: object, additionalProperties: false }", "output: { type: object, additionalProperties: false, properties: { line: { type: string }, list: { type: string } } }")
  .replace("readOnly: false", "readOnly: true").replace("idempotent: false", "idempotent: true").replace('[sleep, "60"]', `[cat, ${JSON.stringify(join(project, "loud.json"))}]`);

/** A provider of models that says one thing after the other: functions of everything that was said before. */
async function model(turns) {
  const provider = http.createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    if (!request.url.endsWith("/api/chat")) return response.end(JSON.stringify({ models: [{ name: "small", model: "small" }] }));
    const { messages } = JSON.parse(body);
    const turn = turns[messages.filter((message) => message.role === "assistant").length](JSON.stringify(messages));
    const calls = turn.tool ? { tool_calls: [{ function: { name: turn.tool, arguments: turn.arguments } }] } : {};
    response.setHeader("content-type", "application/x-ndjson");
    response.write(`${JSON.stringify({ model: "small", message: { role: "assistant", content: turn.text ?? "", ...calls }, done: false })}\n`);
    response.end(`${JSON.stringify({ model: "small", message: { role: "assistant", content: "" }, done: true, done_reason: "stop", prompt_eval_count: 10, eval_count: 5 })}\n`);
  });
  provider.listen(0, "127.0.0.1");
  await once(provider, "listening");
  return { url: `http://127.0.0.1:${provider.address().port}`, close: () => provider.close() };
}

// ---------------------------------------------------------------------------------------------------------------
// The browser

const browser = await launch();
const outside = [];

/** A browser that is signed in; whatever it asks of anybody else, and whatever it complains of, is noted. */
async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(server.base) && !url.startsWith("data:") && !url.startsWith("about:")) outside.push(url);
  });
  context.on("page", (page) => {
    page.on("dialog", (dialog) => {
      outside.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("pageerror", (error) => outside.push(`script error: ${error.message}`));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT);
  await page.goto(await server.door());
  return { context, page };
}

const go = (page, path) => page.goto(`${server.base}/studio${path}`);

/** Every page that links lead to, one of each sort, seen once: what it says, what it links to, what it would send, and what
 *  axe finds on it in all colours and widths. */
async function toured() {
  // The pages' own policy forbids scripts of others, and axe is one. So whatever a page holds of others' runs here.
  const { context, page } = await visitor({ bypassCSP: true });
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const [open, seen, found] = [["/studio/runs", "/studio/approvals?status=all", "/studio/agents", "/studio/sign-in", "/studio/go/nothing", ...made.pages], new Set(), new Map()];
  // Graphs of a step and of a line are pages of their own, and so is an artifact with numbered lines.
  const about = (path) => (/[?&](focus=(step|artifact)|as=text)/.exec(path) ?? [""])[0] + (/focus=artifact:[^:]+:/.test(path) ? ":" : "");
  const sort = (path) => about(path) + path.replace(/\?step=.*/, " step").replace(/[?#].*/, "").replace(/(run|apr|art|ctx)_[0-9A-Z]+/g, "$1_").replace(/agents\/[^/]+/, "agents/x");
  while (open.length > 0) {
    const path = open.shift();
    if (seen.has(path) || (seen.has(sort(path)) && !made.pages.includes(path))) continue;
    seen.add(path).add(sort(path));
    if (!path.startsWith("/studio") || /\.(jsonl?|csv)(\?|$)|\/content$/.test(path)) {
      const answer = await context.request.get(server.base + path);
      assert(answer.ok() || path.includes("/go/nothing"), `${path} is linked to and answers ${answer.status()}`);
      continue;
    }
    const answer = await page.goto(server.base + path);
    assert(path.includes("/go/nothing") ? answer.status() === 404 : answer.ok(), `${path} is linked to and answers ${answer.status()}`);
    const links = await page.$$eval("a[href]", (all) => all.map((a) => [a.getAttribute("href"), new URL(a.getAttribute("href"), location.href).href]));
    for (const [written, link] of links) {
      const url = new URL(link);
      assert(url.origin === server.base || written === null || ["http:", "https:", "mailto:"].includes(url.protocol), `${path} links to ${link}`);
      if (url.origin === server.base && url.pathname.startsWith("/studio/")) open.push(url.pathname + url.search);
    }
    found.set(path, {
      text: await answer.text(), policy: answer.headers()["content-security-policy"],
      forms: await page.$$eval('form[method="post"]', (all) => all.map((form) => form.getAttribute("action"))),
      findings: await looked(page, axe),
    });
  }
  await context.close();
  return found;
}

/** What axe finds on a page, light and dark, wide and narrow. Colours are all that a colour scheme changes. */
async function looked(page, axe) {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const findings = [];
  await page.evaluate(() => document.querySelectorAll("main details").forEach((details) => (details.open = true)));
  await page.evaluate(axe);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const runOnly = colorScheme === "light" ? { type: "tag", values: tags } : { type: "rule", values: ["color-contrast", "link-in-text-block"] };
      const { violations } = await page.evaluate((runOnly) => axe.run({ runOnly }), runOnly);
      for (const { id, nodes } of violations) findings.push(`${colorScheme}, ${width} px: ${id}: ${nodes[0].html.slice(0, 200)}`);
    }
    const wide = await page.evaluate(() => {
      if (document.documentElement.scrollWidth <= window.innerWidth) return [];
      const beyond = [...document.querySelectorAll("main *")].filter((element) => element.getBoundingClientRect().right > window.innerWidth && !element.closest(".scroll"));
      return beyond.slice(0, 2).map((element) => element.outerHTML.slice(0, 120));
    });
    if (wide.length > 0) findings.push(`${width} px: wider than the window: ${wide.join(" … ")}`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  return findings;
}

/** Opens a page that shows something without end, and holds it to what a page may have. */
async function bounded(page, path) {
  const answer = await go(page, path);
  const [size, elements] = [(await answer.body()).length, await page.evaluate(() => document.querySelectorAll("*").length)];
  assert(answer.ok(), `${path}: ${answer.status()}`);
  assert(size <= budgets.hostilePageBytes && elements <= budgets.hostileElements, `${path}: ${size} bytes, ${elements} elements`);
}

/** Whatever a page shows of somebody else's is text in it: nothing ran, nothing hides, and its links can be pressed. */
async function harmless(page, what) {
  const found = await page.evaluate(() => {
    const foreign = "main :is(img, iframe, object, embed, link, style, script, image, base, meta, foreignObject), form[action^='//'], [onerror], [onload], [onfocus]";
    const addresses = [...document.querySelectorAll("[href], [src], [action]")].flatMap((it) => ["href", "src", "action"].map((name) => it.getAttribute(name)));
    const typed = new Set([...document.querySelectorAll("input, textarea, option")]);
    const texts = [...document.querySelectorAll("*")].filter((it) => !typed.has(it)).flatMap((it) => [...it.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).concat([...it.attributes].map((attribute) => attribute.value)));
    return {
      ran: globalThis.ran ?? null, elements: [...document.querySelectorAll(foreign)].map((it) => it.outerHTML.slice(0, 80)),
      addresses: addresses.filter((it) => /^\s*(javascript|data|vbscript):/i.test(it ?? "")),
      hidden: texts.filter((text) => /[\0-\x08\x0B-\x1F\x7F-\x9F\u00AD\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]/u.test(text)).map((text) => text.slice(0, 80)),
    };
  });
  assert.deepEqual(found, { ran: null, elements: [], addresses: [], hidden: [] }, what);
  await page.locator(".bar").getByRole("link", { name: "Agents", exact: true }).click({ trial: true });
}

let tour;
const pages = () => (tour ??= toured());

// ---------------------------------------------------------------------------------------------------------------
// The checks

const made = {};

async function setUp() {
  await mkdir(join(project, "agents"), { recursive: true });
  await mkdir(join(project, "contracts"), { recursive: true });
  const files = { "agents/hostile-1.0.0.yaml": AGENT, "agents/needy-1.0.0.yaml": NEEDY, "contracts/check.slow-1.0.0.yaml": SLOW, "contracts/check.tools-1.0.0.yaml": TOOLS, "agents/large-1.0.0.yaml": LARGE, "contracts/check.loud-1.0.0.yaml": LOUD, "contracts/check.said-1.0.0.yaml": SAID, ...AGENTS };
  for (const [name, text] of Object.entries(files)) await writeFile(join(project, name), text);
  await writeFile(join(project, "affiant.toml"), `contracts = ["agents", "contracts"]\n[server]\nbody_limit = 33554432\n[[server.workspaces]]\npath = "."\nwrite = true\n`);
  await server.start();
  const git = (...args) => execFileSync("git", ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", ...args], { cwd: project });
  git("init", "-q");
  for (const subject of ["fix: crash at the end of the month", "feat: allow an empty cart"]) git("commit", "-q", "--allow-empty", "-m", subject);
  made.notes = await server.run("release-notes", { repository: project, write: false });
  // A step whose end nobody sees: the server is killed while it is under way.
  made.lost = await server.run("needy", { how: "lose" });
  await until("the step to begin", async () => (await server.ask("agent.audit", { runId: made.lost })).steps[0]?.status === "in_flight");
  await server.kill("SIGKILL");
  await server.start();
  made.asks = await server.run("needy", { how: "ask" });
  made.spent = await server.run("needy", { how: "spend" }, { budget: { steps: 3 } });
  made.done = await server.run("echo", { steps: 3 });
  made.hostile = await server.run("hostile", { value: HOSTILE });
  made.long = await server.run("echo", { steps: 2000 });
  await Promise.all([server.ended(made.notes), server.waits(made.lost), server.waits(made.asks), server.ended(made.spent), server.ended(made.done), server.waits(made.hostile), server.ended(made.long)]);
  made.approval = (await server.ask("agent.approvals.list", { runId: made.hostile })).approvals[0].approvalId;
  made.pages = [`/studio/runs/${made.asks}/answer`, `/studio/runs/${made.lost}/resolve`, `/studio/runs/${made.spent}/retry`, `/studio/runs/${made.long}`];
}

const checks = {
  async "axe finds nothing on any page, light and dark, wide and narrow"() {
    const all = [...await pages()];
    assert(all.length >= 18, `only ${all.length} pages were found`);
    console.log(`     ${all.length} pages`);
    assert.deepEqual(all.flatMap(([path, { findings }]) => findings.map((finding) => `${path} (${finding})`)), []);
  },

  async "what somebody else wrote is text: no script runs, nothing is asked of another site, pages stay usable"() {
    for (const [path, { text, policy }] of await pages()) {
      assert(!text.includes("<script>alert") && !text.includes("<img src=//") && !text.includes("<svg/onload"), path);
      assert(!/[\u202A-\u202E\u2066-\u2069\u200B\u0007\u001B]/.test(text.replace(/<textarea[\s\S]*?<\/textarea>|value="[^"]*"/g, "")), `${path} holds hidden characters`);
      assert(policy.startsWith("default-src 'none'; script-src 'self';"), `${path}: ${policy}`);
    }
    const { context, page } = await visitor();
    await go(page, `/approvals/${made.approval}`);
    assert(await page.getByText("⟦U+202E⟧").first().isVisible());
    await context.close();
    assert.deepEqual(outside, []);
  },

  async "each kind of hostile text is harmless as prompt, tool output, artifact, commit message, agent title and approval"() {
    // Without the pages' own policy: it is the second fence, and the first is to hold alone.
    const { context, page } = await visitor({ bypassCSP: true });
    const looks = async (paths) => {
      for (const path of paths) {
        await bounded(page, path);
        await harmless(page, path);
      }
    };
    for (const [kind, { text }] of Object.entries(CORPUS)) {
      const { run, asking, places, more } = await carried(server, kind);
      await looks(asking);
      await page.getByRole("button", { name: "Reject" }).click();
      await page.getByText("Rejected").first().waitFor();
      await server.ended(run);
      // What is large is looked at where it is shown first of all: the next check looks at it everywhere else.
      await looks(text.length < MEGABYTES ? [...places, ...more] : places);
      await page.locator(".bar").getByRole("link", { name: "Runs", exact: true }).click();
      await page.waitForURL(/\/runs$/);
    }
    await context.close();
    assert.deepEqual(outside, []);
  },

  async "a line of 5 MB and a document of 10 MB are shown in part, with a way to the whole, and every page opens"() {
    const line = HOSTILE + "x".repeat(5 * MEGABYTES);
    await writeFile(join(project, "loud.json"), JSON.stringify({ line, list: `+ ${HOSTILE}\n- a\n`.repeat(20_000) }));
    execFileSync("git", ["init", "--quiet", join(project, "history")]);
    const git = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-C", join(project, "history")];
    execFileSync("git", [...git, "commit", "--quiet", "--allow-empty", "--file=-"], { input: line });
    const value = Array.from({ length: 4000 }, (_, at) => ({ at, text: HOSTILE.repeat(12) }));
    assert(JSON.stringify(value).length > 9 * MEGABYTES);
    const run = await server.run("large", { value }, { prompt: line, metadata: { label: HOSTILE } });
    await server.ended(run);
    const { context, page } = await visitor();
    const audit = await server.ask("agent.audit", { runId: run });
    assert.deepEqual([audit.status, audit.steps.length, audit.outputs.length], ["completed", 3, 3]);
    const [, list] = audit.outputs.map(({ artifactId }) => artifactId);
    const paths = ["", ...audit.steps.map(({ stepNumber }) => `?step=${stepNumber}`), "/events", "/context", "/context?item=input", "/artifacts", ...audit.outputs.map(({ artifactId }) => `/artifacts/${artifactId}`), `/artifacts/${list}?as=text`, `/artifacts/${list}?as=text&line=3000`, "/audit"];
    for (const path of paths) {
      await bounded(page, `/runs/${run}${path}`);
      assert(await page.getByRole("link", { name: "Timeline" }).isVisible());
      // The account says what it leaves out of the result: how long it is, and which bytes they are.
      if (path === "" || path === "/audit") assert(await page.getByText(/^Cut here\. All of it is \d\.\d MiB, sha256:/).last().isVisible(), path);
    }
    await go(page, `/runs/${run}/artifacts/${list}?as=text&line=3000#L3000`);
    assert(await page.locator("li#L3000:target").getByRole("link", { name: "Where line 3000 came from" }).isVisible());
    const short = await server.ask("agent.audit", { runId: run, given: true, maxBytes: 100 });
    assert.deepEqual(short.cut.map(({ field, size, start }) => [field, size > 5 * MEGABYTES, start.length <= 100]), [["result", true, true], ["given.input", true, true], ["given.prompt", true, true]]);
    // What is typed into a form has an end, and whoever goes beyond it is told so.
    await go(page, "/agents/echo/new");
    await page.locator('[name="/input/value"]').fill(JSON.stringify("x".repeat(1.1 * MEGABYTES)));
    await page.getByRole("button", { name: "Start run" }).click();
    await page.getByText("The form is larger than this server takes.").waitFor();
    await context.close();
    assert.deepEqual(outside, []);
  },

  async "a title and an approval of megabytes are shown in part, and nobody approves what they were not led to"() {
    const run = await server.run("hostile", { value: `${HOSTILE}\n`.repeat(5000), name: "lines" }, { metadata: { label: HOSTILE.repeat(2000) } });
    const { context, page } = await visitor();
    for (const path of ["/agents", "/agents/courier-line", "/agents/courier-line/new", "/runs"]) {
      await bounded(page, path);
      if (path !== "/runs") assert(await page.getByText(/cut here: \d+ characters in all/).first().isVisible(), path);
    }
    await server.waits(run);
    const [{ approvalId, display }] = (await server.ask("agent.approvals.list", { runId: run })).approvals;
    for (const path of ["/approvals", `/runs/${run}`, `/approvals/${approvalId}`]) await bounded(page, path);
    const part = (await server.ask("agent.approvals.list", { runId: run, maxBytes: 10 })).approvals[0];
    assert.deepEqual([part.display.body.length, part.bodySize], [10, Buffer.byteLength(display.body)]);
    // What the page leaves out is in a file, to the byte; whoever has not said that they read it decides nothing.
    const link = await page.getByRole("link", { name: "The whole of it as a file" }).getAttribute("href");
    const file = await context.request.get(server.base + link);
    assert((await file.text()) === display.body && file.headers()["content-disposition"].startsWith("attachment"));
    const form = { csrf: await page.getAttribute("body", "data-csrf"), run, digest: part.actionDigest, action: "approve" };
    assert.equal((await context.request.post(`${server.base}/studio/approvals/${approvalId}`, { form })).status(), 422);
    await page.getByRole("button", { name: "Reject" }).click();
    await page.getByText("Rejected").first().waitFor();
    await context.close();
    assert.deepEqual(outside, []);
  },

  async "a run is forked, and begun again, from what it was given, without a script"() {
    const { context, page } = await visitor({ javaScriptEnabled: false });
    const steps = page.locator('[name="/input/steps"]');
    await go(page, `/runs/${made.done}/fork?at=1`);
    assert.equal(await steps.inputValue(), "3");
    await steps.fill("5");
    await page.getByRole("button", { name: "Start fork" }).last().click();
    await page.waitForURL((url) => /\/runs\/run_[0-9A-Z]+$/.test(url.pathname) && !url.pathname.endsWith(made.done));
    const given = async (url) => (await server.ask("agent.audit", { runId: url.split("/").pop(), given: true })).given;
    assert.deepEqual(await given(page.url()), { input: { steps: 5 } });
    await go(page, `/runs/${made.done}`);
    assert(await page.getByRole("region", { name: "Input" }).getByText('"steps": 3').isVisible());
    await page.getByRole("link", { name: "Start a run like this one" }).click();
    assert.equal(await steps.inputValue(), "3");
    await page.getByRole("button", { name: "Start run" }).last().click();
    await page.waitForURL(/studio\/runs\/run_/);
    assert.deepEqual(await given(page.url()), { input: { steps: 3 } });
    await context.close();
  },

  async "a line of an artifact leads to the commit that it names, the rule that kept it and the step that drew it up"() {
    const { context, page } = await visitor({ javaScriptEnabled: false });
    await go(page, `/runs/${made.notes}/artifacts`);
    await page.getByRole("link", { name: /As it is written/ }).click();
    await page.locator(".lines li", { hasText: "allow an empty cart" }).getByRole("link").click();
    await page.waitForURL(/graph\?focus=artifact:art_[0-9A-Z]+:\d+$/);
    const tree = page.locator(".tree").first();
    for (const name of [/^rule keep$/, /draft NOTES\.md/, /^item history of the snapshot/, /feat: allow an empty cart, at \/commits\/0/, /^prompt and input/]) {
      assert(await tree.getByRole("link", { name }).first().isVisible(), `${name}`);
    }
    for (const kind of ["document", "step", "decision", "person", "input"]) {
      assert((await page.locator(`svg.provenance a.${kind}`).count()) > 0, kind);
    }
    assert((await page.locator("svg.provenance path.edge.words").count()) > 1);
    assert(await page.getByText("the whole line").isVisible());
    await page.getByRole("link", { name: "What did the model see?" }).click();
    assert(await page.getByText("none saw anything").isVisible());
    await page.getByRole("link", { name: "Why did this happen?" }).click();
    await page.locator("svg.provenance a.step", { hasText: "draft NOTES.md" }).click();
    await page.waitForURL(/focus=step:\d+$/);
    assert(await page.getByText("What it led to").isVisible());
    await context.close();
  },

  async "a line that a model wrote leads to its call, and to what the call was shown"() {
    const provider = await model([
      (messages) => ({ tool: "fs_read", arguments: { root: project, path: "affiant.toml" } }),
      (messages) => {
        const [, commit] = /short\W+([0-9a-f]{7,})/.exec(messages);
        return { tool: "keep_artifact", arguments: { name: "NOTES.md", kind: "file", content: `## Notes\n\n- Carts may be empty (${commit})\n`, cites: [commit] } };
      },
      () => ({ text: '{"summary": "Carts.", "written": false}' }),
    ]);
    await server.cli("provider", "connect", "local", "--kind", "ollama", "--base-url", provider.url, "--no-check");
    const run = await server.run("release-notes-model", { repository: project, model: "local/small", write: false });
    await server.ended(run);
    const [artifact] = (await server.ask("agent.artifacts", { runId: run })).artifacts;
    const { context, page } = await visitor();
    await go(page, `/runs/${run}/graph?focus=artifact:${artifact.artifactId}:3`);
    assert((await page.locator("svg.provenance a.model").count()) === 2);
    const tree = page.locator(".tree").first();
    assert(await tree.getByRole("link", { name: /^model call, step 3/ }).isVisible());
    assert(await tree.getByRole("link", { name: /^step 2, fs\.read/ }).isVisible());
    const saw = page.locator("aside details").first();
    assert(await saw.getByText("history: whole").isVisible());
    assert(await saw.getByText("fs.read@1.0.0: whole").isVisible());
    await context.close();
    provider.close();
  },

  async "no form is taken from another site, without its token, or under another host's name"() {
    const forms = new Set([...(await pages()).values()].flatMap((page) => page.forms));
    const { context } = await visitor();
    const cookies = (await context.cookies(server.base)).map(({ name, value }) => `${name}=${value}`).join("; ");
    const send = (path, headers, body) => new Promise((resolve, reject) => {
      const request = http.request(server.base + path, { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded", cookie: cookies, ...headers } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      request.on("error", reject);
      request.end(body);
    });
    assert(forms.size >= 10, `only ${forms.size} forms were found`);
    for (const action of forms) {
      if (action.startsWith("/studio/sign-in")) continue;
      assert.equal(await send(action, {}, "a=b"), 403, `${action} without a token`);
      assert.equal(await send(action, {}, "csrf=00000000000000000000000000000000"), 403, `${action} with another token`);
      assert.equal(await send(action, { origin: "http://evil.example" }, "a=b"), 403, `${action} from another origin`);
      assert.equal(await send(action, { host: "evil.example" }, "a=b"), 403, `${action} under another name`);
    }
    console.log(`     ${forms.size} forms`);
    assert.equal(await server.status(made.hostile), "waiting");
    await context.close();
  },

  async "a server that is killed under an open page is found again, and no event is missing or told twice"() {
    const { context, page } = await visitor();
    await go(page, "/runs");
    await page.evaluate(() => {
      globalThis.told = {};
      document.addEventListener("affiant:changes", (event) => {
        for (const [run, { from, to }] of Object.entries(event.detail.runs)) (globalThis.told[run] ??= []).push([from, to]);
      });
    });
    await page.waitForSelector('[data-live][data-state="live"]');
    const runs = [await server.run("echo", { steps: 400 }), await server.run("echo", { steps: 400 })];
    for (let round = 0; round < 3; round += 1) {
      await until("something to be told", () => page.evaluate((run) => globalThis.told[run] !== undefined, runs[0]));
      await server.kill("SIGKILL");
      await page.waitForSelector('[data-live][data-state="lost"]');
      await server.start();
      await page.waitForSelector('[data-live][data-state="live"]');
    }
    for (const run of runs) await server.ended(run);
    for (const run of runs) {
      const told = await until("every event to be told", async () => {
        const ranges = await page.evaluate((run) => globalThis.told[run] ?? [], run);
        return (ranges.at(-1)?.[1] ?? -1) >= 800 && ranges;
      });
      assert.equal(told[0][0], 0, `${run} is not told of from its beginning`);
      for (let i = 1; i < told.length; i += 1) assert.equal(told[i][0], told[i - 1][1] + 1, `${run}: ${JSON.stringify(told.slice(i - 1, i + 1))}`);
      assert.equal(await server.status(run), "completed");
    }
    await context.close();
  },

  async "twenty tabs share one connection, and all of them are up to date"() {
    const { context, page } = await visitor();
    let opened = 0;
    context.on("request", (request) => request.url().includes("/studio/live?") && (opened += 1));
    await go(page, "/runs");
    await page.waitForSelector('[data-live][data-state="live"]');
    opened = 0;
    const tabs = [page];
    while (tabs.length < 20) {
      const tab = await context.newPage();
      await go(tab, "/runs");
      tabs.push(tab);
    }
    for (const tab of tabs) await tab.waitForSelector('[data-live][data-state="live"]');
    const run = await server.run("echo", { steps: 2 });
    for (const tab of tabs) await tab.waitForSelector("[data-new]:not([hidden])");
    assert.equal(opened, 0, `${opened} tabs opened a connection of their own`);
    // The tab that held the connection goes, and another takes over.
    await tabs.shift().close();
    const next = await server.run("echo", { steps: 2 });
    for (const tab of tabs) await tab.getByText("2 new: show").waitFor();
    assert.equal(opened, 1, `${opened} connections after the tab that held it went`);
    await Promise.all([run, next].map((run) => server.ended(run)));
    await context.close();
  },

  async "the five jobs are done without a script"() {
    await fiveJobs(await visitor({ javaScriptEnabled: false }), async (page, locator) => locator.click());
  },

  async "the five jobs are done by keyboard alone"() {
    await fiveJobs(await visitor(), async (page, locator) => {
      await locator.focus();
      assert(await locator.evaluate((element) => element === document.activeElement), "it cannot be focused");
      await page.keyboard.press("Enter");
    });
  },

  async "whoever names a folder that is not allowed reads so, on the run and before it"() {
    const { context, page } = await visitor({ javaScriptEnabled: false });
    await go(page, "/agents/release-notes/new");
    assert(await page.getByRole("complementary").getByText(project, { exact: true }).isVisible());
    const run = await server.run("release-notes", { repository: "/", write: false });
    await server.ended(run);
    await go(page, `/runs/${run}`);
    assert(await page.locator(".note.failed").getByText(/the folder is not inside a folder that this run may use/).isVisible());
    await page.getByRole("link", { name: "Folders that agents may use" }).click();
    await page.waitForURL(/settings#folders/);
    await context.close();
  },

  async "an operator counts what failed, asks why a list is empty, keeps a view, compares two runs and takes a page away as a call"() {
    const { context, page } = await visitor();
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await go(page, "/metrics?days=1");
    const failed = page.getByRole("row", { name: /^needy / }).getByRole("link", { name: /^\d+$/ });
    const count = Number(await failed.textContent());
    await failed.click();
    await page.waitForURL(/q=status%3Afailed/);
    assert.equal(await page.locator('[data-row][data-sign="failed"]').count(), count);
    assert(await page.locator(`[data-row="${made.spent}"]`).isVisible());
    await page.getByText("Save as a view").click();
    await page.getByLabel("Name").fill("Needy");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator('.views a[aria-current="true"]', { hasText: "Needy" }).waitFor();
    await go(page, "/runs?q=status:failed+agent:echo");
    await page.locator(".empty a", { hasText: /^\d+ runs?$/ }).last().click();
    await page.waitForURL(/q=(status|agent)/);
    assert((await page.locator("[data-row]").count()) > 0);
    await go(page, "/runs?q=agent:echo");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.waitForURL(/compare\?a=run_.*&b=run_/);
    await go(page, `/runs/${made.done}?step=1`);
    await page.keyboard.press(".");
    await page.getByRole("button", { name: "Copy as Command line" }).click();
    const line = await page.evaluate(() => navigator.clipboard.readText());
    const said = await server.cli(...line.replaceAll("\\\n", " ").trim().split(/\s+/).slice(1));
    assert.deepEqual([said.runId, said.stepNumber], [made.done, 1]);
    for (const [id, leads] of [["echo", "/studio/agents/echo"], ["agent.run", "/docs/reference/platform.agent/agent.run"], ["key_1", "/studio/settings"], [made.done.slice(-6), `/studio/runs/${made.done}`]]) {
      await go(page, `/go/${id}`);
      assert.equal(new URL(page.url()).pathname, leads);
    }
    await context.close();
  },

  async "keys go where the list of keys says"() {
    const { context, page } = await visitor();
    await go(page, "/runs");
    await page.keyboard.press("j");
    await page.keyboard.press("o");
    await page.waitForURL(/studio\/runs\/run_/);
    await page.keyboard.press("6");
    await page.waitForURL(/\/audit$/);
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL(/studio\/approvals/);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").getByRole("textbox").fill("agents");
    await page.keyboard.press("Enter");
    await page.waitForURL(/studio\/agents/);
    await go(page, `/approvals/${made.approval}`);
    await page.keyboard.press("a");
    assert.equal(await page.evaluate(() => document.activeElement.value), "approve");
    await context.close();
  },

  async "a long run is a small page that scrolls to its last step, and its map leads to any step"() {
    const { context, page } = await visitor();
    await go(page, `/runs/${made.long}`);
    await page.waitForSelector("[data-window]");
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    assert(elements <= budgets.elements, `${elements} elements`);
    const sent = await page.evaluate(() => performance.getEntriesByType("navigation")[0].encodedBodySize);
    assert(sent <= budgets.pageBytes, `${sent} bytes`);
    await page.focus("[data-window]");
    await page.keyboard.press("End");
    await page.locator('.window-row:not([hidden]) a[href*="step=1999&"]').waitFor();
    assert.match(await page.getByRole("img", { name: /^2000 steps/ }).getAttribute("aria-label"), /^2000 steps; 2000 that may have changed something/);
    const range = page.getByRole("slider", { name: "Go to step" });
    await range.focus();
    await page.keyboard.press("Home");
    await page.locator('.window-row:not([hidden]) a[href*="step=0&"]').waitFor();
    await page.keyboard.press("ArrowRight");
    assert.equal(await range.getAttribute("aria-valuetext"), "step 1 of 2000");
    const place = await range.boundingBox();
    await page.mouse.click(place.x + place.width / 2, place.y + 20);
    await page.locator('.window-row:not([hidden]) a[href*="step=1000&"]').waitFor();
    await go(page, `/runs/${made.long}?from=1500`);
    await page.locator('.window-row:not([hidden]) a[href*="step=1500&"]').waitFor();
    await context.close();
    const bare = await visitor({ javaScriptEnabled: false });
    await go(bare.page, `/runs/${made.long}`);
    await bare.page.getByRole("slider", { name: "Go to step" }).fill("1700");
    await bare.page.getByRole("button", { name: "Go", exact: true }).click();
    await bare.page.getByRole("row", { name: /^1700 / }).waitFor();
    await bare.context.close();
  },

  async "a time in which nothing happened is a thin row, and steps say what they did"() {
    const run = await server.run("hostile", { value: "a", name: "marks" });
    await server.waits(run);
    await new Promise((resolve) => setTimeout(resolve, 5500));
    const [{ approvalId, actionDigest }] = (await server.ask("agent.approvals.list", { runId: run })).approvals;
    await server.call("agent.approvals", { runId: run, approvalId, actionDigest, action: "approve" });
    await server.ended(run);
    const { context, page } = await visitor();
    await go(page, `/runs/${run}`);
    assert.match(await page.locator("tr.idle").innerText(), /^⋯ (5|6|7|8|9)\.\d s idle$/);
    assert.deepEqual(await page.locator('[data-row="1"] .effect').allInnerTexts().then((all) => all.map((it) => it[0])), ["W", "A"]);
    await context.close();
  },

  async "the record is checked in the browser as the command line checks it, and altered bytes are found at their event"() {
    const { context, page } = await visitor();
    await go(page, `/runs/${made.done}/audit`);
    await page.keyboard.press("v");
    await page.waitForSelector('[data-level="signed"]');
    const verdict = await server.cli("audit", "verify", made.done);
    assert(JSON.stringify(verdict).includes("signed"), JSON.stringify(verdict));
    for (const [event, alter] of [[2, (line) => line.replace(/"mono":\d/, '"mono":9').replace(/"mono":99/, '"mono":98')], [4, (line) => line.replace(/"boot":"./, '"boot":"x')], [3, (line) => line.replace("{", "{ ")]]) {
      await page.route("**/events.jsonl", async (route) => {
        const response = await route.fetch();
        const lines = (await response.text()).split("\n");
        lines[event] = alter(lines[event]);
        await route.fulfill({ response, body: lines.join("\n") });
      });
      await page.reload();
      await page.click("[data-verify]");
      await page.waitForSelector(`[data-level="broken"][data-broken-at="${event}"]`);
      await page.unroute("**/events.jsonl");
    }
    await context.close();
  },

  async "a browser's own hashes are those of the check, whatever their length"() {
    const { context, page } = await visitor();
    await go(page, `/runs/${made.done}/audit`);
    const wrong = await page.evaluate(async () => {
      const { sha256 } = await import(document.querySelector("[data-checker]").dataset.checker);
      const lengths = [...Array(200).keys(), 1000, 16_383, 16_384, 65_537, 5_000_000];
      const differs = async (length) => {
        const bytes = Uint8Array.from({ length }, (_, at) => (at * 131 + length) % 251);
        const [own, theirs] = [sha256(bytes.subarray(0, length / 3), bytes.subarray(length / 3)), new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))];
        return own.join() !== theirs.join();
      };
      return (await Promise.all(lengths.map(async (length) => [length, await differs(length)]))).filter(([, differs]) => differs);
    });
    assert.deepEqual(wrong, []);
    await context.close();
  },

  async "times are shown in the zone that is asked for, and it is named"() {
    const at = (await server.ask("agent.status", { runId: made.done })).runs[0].submittedAt;
    const spelled = (timeZone) => new Date(at).toLocaleString("sv-SE", { timeZone });
    const shown = async (page, tz) => {
      await go(page, `/runs/${made.done}${tz ? `?tz=${tz}` : ""}`);
      return page.locator("time").first().textContent();
    };
    for (const timeZone of ["UTC", "Asia/Kolkata", "America/St_Johns"]) {
      const { context, page } = await visitor({ timezoneId: timeZone });
      assert.match(await shown(page, "local"), new RegExp(`^${spelled(timeZone)} (${timeZone}|Asia/Calcutta)$`));
      assert.equal(await shown(page, "UTC"), `${spelled("UTC")} UTC`);
      await context.close();
    }
    const { context, page } = await visitor();
    assert.equal(await shown(page, "Asia/Kolkata"), `${spelled("Asia/Kolkata")} Asia/Kolkata`);
    assert.equal(await shown(page, "Moon/Base"), `${spelled("UTC")} UTC`);
    assert(await page.getByRole("button", { name: /is no zone/ }).isVisible());
    await shown(page, "");
    const button = page.getByRole("button", { name: /^Times:/ });
    const first = await button.textContent();
    await button.click();
    assert.notEqual(await button.textContent(), first);
    await context.close();
  },

  async "colours are chosen for a browser, and the first paint has them"() {
    const { context, page } = await visitor({ javaScriptEnabled: false, colorScheme: "light" });
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await go(page, "/settings");
    assert.equal(await ground(), "rgb(255, 255, 255)");
    for (const [theme, colour] of [["dark", "rgb(14, 17, 22)"], ["light", "rgb(255, 255, 255)"]]) {
      await page.getByLabel("Colours").selectOption(theme);
      await page.getByRole("button", { name: "Use them" }).click();
      await page.waitForURL(/settings#look/);
      assert.equal(await ground(), colour);
      await page.emulateMedia({ colorScheme: theme === "dark" ? "light" : "dark" });
      await go(page, "/runs");
      assert.equal(await ground(), colour);
      await go(page, "/settings");
    }
    await context.close();
  },

  async "on paper an account has whole ids, all that can be opened, and nothing to press"() {
    const { context, page } = await visitor({ colorScheme: "dark" });
    await go(page, `/runs/${made.done}/audit`);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    for (const gone of [".bar", ".tabs", "footer", "[data-verify]"]) assert(!(await page.locator(gone).first().isVisible()), `${gone} is printed`);
    const printed = await page.evaluate(() => ({
      id: getComputedStyle(document.querySelector("h1 .id"), "::after").content, ground: getComputedStyle(document.body).backgroundColor,
      wide: document.documentElement.scrollWidth <= window.innerWidth,
    }));
    assert.deepEqual(printed, { id: `"${made.done}"`, ground: "rgb(255, 255, 255)", wide: true });
    assert(await page.getByText("How did it decide, and what did it do?").isVisible());
    assert((await page.pdf({ format: "A4" })).length > 10_000);
    await context.close();
  },

  async "states stay told apart in forced colours, and nothing moves for whoever wants it still"() {
    const { context, page } = await visitor();
    await page.emulateMedia({ forcedColors: "active" });
    await go(page, `/runs/${made.long}`);
    const forced = await page.evaluate(() => ({
      chip: getComputedStyle(document.querySelector(".chip")).borderTopStyle, bar: getComputedStyle(document.querySelector(".map rect")).fill,
      ground: getComputedStyle(document.querySelector(".map svg")).backgroundColor,
    }));
    assert.equal(forced.chip, "solid");
    assert.notEqual(forced.bar, forced.ground);
    await page.emulateMedia({ forcedColors: "none" });
    // A chip of a run that goes on, which is the one thing that moves.
    const moving = async (reducedMotion) => {
      await page.emulateMedia({ reducedMotion });
      return page.evaluate(() => {
        const chip = document.querySelector(".chip").cloneNode(true);
        chip.className = "chip running";
        document.querySelector("main").prepend(chip);
        const count = chip.getAnimations({ subtree: true }).length;
        chip.remove();
        return count;
      });
    };
    assert(await moving("no-preference") > 0, "nothing moves at all");
    assert.equal(await moving("reduce"), 0);
    await context.close();
  },

  async "a person answers a question, settles a step whose end nobody saw, and raises a budget, without a script"() {
    const { context, page } = await visitor({ javaScriptEnabled: false });
    await go(page, "/approvals");
    await page.getByRole("link", { name: "May I go on? <b>now</b>" }).click();
    assert(await page.getByText("May I go on? <b>now</b>").first().isVisible());
    await page.locator('[name="/answer/why"]').fill("no");
    await page.getByRole("button", { name: "Answer" }).click();
    await page.getByRole("alert").waitFor();
    assert.equal(await page.locator('[name="/answer/why"]').inputValue(), "no");
    await page.locator('[name="/answer/why"]').fill("because I say so");
    await page.getByRole("button", { name: "Answer" }).click();
    await page.waitForURL(new RegExp(`${made.asks}$`));
    await server.ended(made.asks);
    await go(page, `/runs/${made.lost}`);
    await page.getByRole("link", { name: "Say what became of it" }).click();
    await page.getByLabel(/outcome/i).first().selectOption("happened");
    await page.getByRole("button", { name: "Record this" }).click();
    await page.getByRole("alert").waitFor();
    await page.locator('[name="/result"]').fill("{}");
    await page.getByRole("button", { name: "Record this" }).click();
    await page.waitForURL(new RegExp(`${made.lost}$`));
    await server.ended(made.lost);
    await go(page, `/runs/${made.spent}`);
    await page.getByRole("link", { name: "Go on with a higher budget" }).click();
    await page.waitForURL(/\/retry$/);
    await page.locator('[name="/budget/steps"]').fill("100");
    await page.getByRole("button", { name: "Retry" }).last().click();
    await page.waitForURL((url) => /\/runs\/run_[0-9A-Z]+$/.test(url.pathname) && !url.pathname.endsWith(made.spent));
    const again = page.url().split("/").pop();
    await server.ended(again);
    assert.equal(await server.status(again), "completed");
    await context.close();
  },
};

/** Start a run, find one, see why it waits, decide, and read its account. `press` is how something is chosen. */
async function fiveJobs({ context, page }, press) {
  // A developer starts a run from the form of an agent.
  await go(page, "/agents/echo/new");
  await page.locator('[name="/input/steps"]').fill("2");
  await press(page, page.getByRole("button", { name: "Start run" }));
  await page.waitForURL(/studio\/runs\/run_/).catch(async (error) => assert.fail(`${error.message}\n${await page.locator("main").innerText()}`));
  const run = page.url().split("/").pop().replace(/[?#].*/, "");
  await server.ended(run);
  // An operator finds it by a filter.
  await go(page, "/runs");
  await page.getByRole("searchbox", { name: "Filter" }).fill("status:completed agent:echo");
  await press(page, page.getByRole("button", { name: "Filter" }));
  await page.waitForURL(/q=status/);
  await press(page, page.locator(`[data-row="${run}"] a`));
  await page.waitForURL(new RegExp(run));
  // A reviewer rejects what a run asks for, after opening it.
  const asking = await server.run("hostile", { value: "a\n".repeat(100) });
  await server.waits(asking);
  await go(page, "/approvals");
  const asked = (await server.ask("agent.approvals.list", { runId: asking })).approvals[0].approvalId;
  await press(page, page.locator(`[data-row="${asked}"] a`).first());
  await page.waitForURL(/approvals\/apr_/);
  await page.getByLabel(/^Note/).fill("Not like this.");
  await press(page, page.getByRole("button", { name: "Reject" }));
  await page.getByText("Rejected").first().waitFor();
  await server.ended(asking);
  // An auditor reads who decided.
  await go(page, `/runs/${asking}/audit`);
  await page.getByText("Who allowed what was risky?").waitFor();
  // Everybody finds a page by the end of an id.
  await page.getByRole("searchbox", { name: /^Id/ }).fill(run.slice(-6));
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(run));
  await context.close();
}

let failed = 0;
try {
  await setUp();
  for (const [name, check] of Object.entries(checks)) {
    if (only.length > 0 && !only.some((word) => name.includes(word))) continue;
    const began = performance.now();
    try {
      await check();
      console.log(`  ✓ ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`  ✗ ${name}\n${String(error.stack).replace(/^/gm, "      ")}`);
    }
  }
} finally {
  await browser.close();
  await server.kill("SIGKILL");
}
process.exit(failed > 0 ? 1 : 0);
