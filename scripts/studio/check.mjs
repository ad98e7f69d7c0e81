// Studio in a real browser, against the real binary.
//
//   AFFIANT=target/debug/affiant node check.mjs FOLDER [CHECK…]
//
// FOLDER is an empty folder for the server's data. CHROMIUM names the browser, /usr/bin/chromium unless said otherwise.
// Every check is a function below; each starts from the pages of one server with a few runs. Exits 1 when one fails.
import assert from "node:assert/strict";
import { spawn, execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile, mkdir, writeFile } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [folder, ...only] = process.argv.slice(2);
const affiant = process.env.AFFIANT;
if (!folder || !affiant) {
  console.error("usage: AFFIANT=BINARY node check.mjs FOLDER [CHECK…]");
  process.exit(2);
}

// ---------------------------------------------------------------------------------------------------------------
// The server

const project = join(folder, "project");
const data = join(folder, "data");
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
  properties: { value: { type: string, title: ${JSON.stringify(HOSTILE)} }, name: { type: string, default: one } }
tools: [{ operation: tool.echo@1.0.0 }, { operation: fs.write@1.0.0, approval: required }]
planner:
  kind: rules
  rules:
    - { id: say, when: '!has(steps.said)', then: { call: { tool: tool.echo@1.0.0, as: said, with: { value: '\${input.value}' } } } }
    - { id: write, when: '!has(steps.wrote)', then: { call: { tool: fs.write@1.0.0, as: wrote, with: { root: '${project}', path: 'hostile \${input.name}.txt', expected: null, content: '\${input.value}' } } } }
    - { id: done, then: { finish: { said: '\${input.value}' } } }
`;

let server;
let base;

async function serve() {
  const listen = base?.replace("http://", "") ?? "127.0.0.1:0";
  server = spawn(affiant, ["server", "serve", "--data-dir", data, "--listen", listen], { cwd: project, stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of server.stdout) {
    const found = /listening on (http:\S+)/.exec(String(line));
    if (found) {
      base = found[1];
      break;
    }
  }
  assert(base, "the server did not start");
}

async function kill(signal) {
  server.kill(signal);
  await once(server, "exit");
}

/** The command line, as JSON. */
function cli(...args) {
  const said = execFileSync(affiant, [...args, "--data-dir", data, "--no-input", "-o", "json"], { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return said ? JSON.parse(said) : {};
}

function start(agent, input, ...more) {
  return cli("run", "start", agent, "--input-json", JSON.stringify(input), ...more).runId;
}

/** The API, as any client calls it. */
async function call(key, input) {
  const token = (await readFile(join(data, "owner.key"), "utf8")).trim();
  const answer = await fetch(`${base}/${key.replaceAll(".", "/")}/v1`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(input),
  });
  return answer.json();
}

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

async function until(what, ask) {
  for (let tries = 0; tries < 600; tries += 1) {
    const found = await ask();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited for nothing: ${what}`);
}

const status = (run) => cli("run", "get", run).status;
const ended = (run) => until(`${run} to end`, () => ["completed", "failed", "cancelled"].includes(status(run)));
const waits = (run) => until(`${run} to wait`, () => status(run) === "waiting");

// ---------------------------------------------------------------------------------------------------------------
// The browser

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const outside = [];

/** A browser that is signed in; whatever it asks of anybody else, and whatever it complains of, is noted. */
async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:") && !url.startsWith("about:")) outside.push(url);
  });
  context.on("page", (page) => {
    page.on("dialog", (dialog) => {
      outside.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("pageerror", (error) => outside.push(`script error: ${error.message}`));
  });
  const page = await context.newPage();
  await page.goto(cli("session", "open", "--print").url);
  return { context, page };
}

const go = (page, path) => page.goto(`${base}/studio${path}`);

/** Every page that links lead to, one of each sort. */
async function crawl(page, most = 120) {
  const [open, seen, found] = [["/studio/runs", "/studio/approvals?status=all", "/studio/agents", "/studio/sign-in", "/studio/go/nothing"], new Set(), new Map()];
  // Graphs of a step and of a line are pages of their own, and so is an artifact with numbered lines.
  const about = (path) => (/[?&](focus=(step|artifact)|as=text)/.exec(path) ?? [""])[0] + (/focus=artifact:[^:]+:/.test(path) ? ":" : "");
  const sort = (path) => about(path) + path.replace(/[?#].*/, "").replace(/(run|apr|art|ctx)_[0-9A-Z]+/g, "$1_").replace(/agents\/[^/]+/, "agents/x");
  while (open.length > 0 && found.size < most) {
    const path = open.shift();
    if (seen.has(sort(path)) && !path.includes("step=")) continue;
    if (path.includes("step=") && seen.has(`${sort(path)} step`)) continue;
    seen.add(path.includes("step=") ? `${sort(path)} step` : sort(path));
    const answer = await page.context().request.get(base + path, { maxRedirects: 5 });
    const media = answer.headers()["content-type"] ?? "";
    const missing = path.includes("/go/nothing");
    assert(missing ? answer.status() === 404 : answer.ok(), `${path} is linked to and answers ${answer.status()}`);
    if (!media.startsWith("text/html") || !path.startsWith("/studio")) continue;
    found.set(path, await answer.text());
    await page.goto(base + path);
    const links = await page.$$eval("a[href]", (all) => all.map((a) => [a.getAttribute("href"), new URL(a.getAttribute("href"), location.href).href]));
    for (const [written, link] of links) {
      const url = new URL(link);
      assert(url.origin === base || written === null || ["http:", "https:", "mailto:"].includes(url.protocol), `${path} links to ${link}`);
      if (url.origin === base && url.pathname.startsWith("/studio/")) open.push(url.pathname + url.search);
    }
  }
  return found;
}

// ---------------------------------------------------------------------------------------------------------------
// The checks

const made = {};

async function setUp() {
  await mkdir(join(project, "agents"), { recursive: true });
  await writeFile(join(project, "agents/hostile-1.0.0.yaml"), AGENT);
  await writeFile(join(project, "affiant.toml"), `[[server.workspaces]]\npath = "."\nwrite = true\n`);
  await serve();
  const git = (...args) => execFileSync("git", ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", ...args], { cwd: project });
  git("init", "-q");
  for (const subject of ["fix: crash at the end of the month", "feat: allow an empty cart"]) git("commit", "-q", "--allow-empty", "-m", subject);
  made.notes = start("release-notes", { repository: project, write: false });
  await ended(made.notes);
  made.done = start("echo", { steps: 3 });
  made.hostile = start("hostile", { value: HOSTILE });
  made.long = start("echo", { steps: 2000 });
  await ended(made.done);
  await waits(made.hostile);
  await ended(made.long);
  made.approval = cli("approval", "list").items[0].approvalId;
}

const checks = {
  async "axe finds nothing on any page, light and dark, wide and narrow"() {
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const first = await visitor();
    const paths = [...(await crawl(first.page)).keys()];
    await first.context.close();
    const findings = [];
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [1280, 390]) {
        // The pages' own policy forbids scripts of others, and axe is one.
        const { context, page } = await visitor({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
        for (const path of paths) {
          await page.goto(base + path);
          await page.evaluate(() => document.querySelectorAll("main details").forEach((details) => (details.open = true)));
          await page.evaluate(axe);
          const { violations } = await page.evaluate((values) => axe.run({ runOnly: { type: "tag", values } }), tags);
          for (const { id, nodes } of violations) findings.push(`${path} (${colorScheme}, ${width} px): ${id}: ${nodes[0].html.slice(0, 200)}`);
          const wide = await page.evaluate(() => {
            if (document.documentElement.scrollWidth <= window.innerWidth) return [];
            const beyond = [...document.querySelectorAll("main *")].filter((element) => element.getBoundingClientRect().right > window.innerWidth && !element.closest(".scroll"));
            return beyond.slice(0, 2).map((element) => element.outerHTML.slice(0, 120));
          });
          if (wide.length > 0) findings.push(`${path} (${width} px) is wider than the window: ${wide.join(" … ")}`);
        }
        await context.close();
      }
    }
    console.log(`     ${paths.length} pages`);
    assert.deepEqual(findings, []);
  },

  async "what somebody else wrote is text: no script runs, nothing is asked of another site, pages stay usable"() {
    const { context, page } = await visitor();
    outside.length = 0;
    for (const [path, text] of await crawl(page)) {
      assert(!text.includes("<script>alert") && !text.includes("<img src=//") && !text.includes("<svg/onload"), path);
      assert(!/[\u202A-\u202E\u2066-\u2069\u200B\u0007\u001B]/.test(text.replace(/<textarea[\s\S]*?<\/textarea>|value="[^"]*"/g, "")), `${path} holds hidden characters`);
    }
    await go(page, `/approvals/${made.approval}`);
    assert(await page.getByText("⟦U+202E⟧").first().isVisible());
    await context.close();
    assert.deepEqual(outside, []);
  },

  async "a line of 5 MB and a document of 10 MB are shown in part and break nothing"() {
    const { context, page } = await visitor();
    const big = await call("agent.run", { agentKey: "echo", input: { steps: 1, value: "x".repeat(900_000) }, mode: "wait" });
    await go(page, `/runs/${big.runId}?step=0`);
    assert((await page.content()).length < 400_000, `${(await page.content()).length} characters`);
    assert(await page.getByText("Step 0").isVisible());
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
    cli("provider", "connect", "local", "--kind", "ollama", "--base-url", provider.url, "--no-check");
    const run = start("release-notes-model", { repository: project, model: "local/small", write: false });
    await ended(run);
    const [artifact] = cli("artifact", "list", run).items;
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
    const { context, page } = await visitor();
    const forms = new Map();
    for (const path of (await crawl(page)).keys()) {
      await page.goto(base + path);
      for (const action of await page.$$eval('form[method="post"]', (all) => all.map((form) => form.getAttribute("action")))) forms.set(action, path);
    }
    const cookies = (await context.cookies(base)).map(({ name, value }) => `${name}=${value}`).join("; ");
    const send = (path, headers, body) => new Promise((resolve, reject) => {
      const request = http.request(base + path, { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded", cookie: cookies, ...headers } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      request.on("error", reject);
      request.end(body);
    });
    assert(forms.size >= 5, `only ${forms.size} forms were found`);
    for (const action of forms.keys()) {
      if (action.startsWith("/studio/sign-in")) continue;
      assert.equal(await send(action, {}, "a=b"), 403, `${action} without a token`);
      assert.equal(await send(action, {}, "csrf=00000000000000000000000000000000"), 403, `${action} with another token`);
      assert.equal(await send(action, { origin: "http://evil.example" }, "a=b"), 403, `${action} from another origin`);
      assert.equal(await send(action, { host: "evil.example" }, "a=b"), 403, `${action} under another name`);
    }
    console.log(`     ${forms.size} forms`);
    const run = await context.request.get(`${base}/studio/runs/${made.hostile}.json`);
    assert.equal((await run.json()).run.status, "waiting");
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
    const runs = [start("echo", { steps: 400 }), start("echo", { steps: 400 })];
    for (let round = 0; round < 3; round += 1) {
      await until("something to be told", () => page.evaluate((run) => globalThis.told[run] !== undefined, runs[0]));
      await kill("SIGKILL");
      await page.waitForSelector('[data-live][data-state="lost"]');
      await serve();
      await page.waitForSelector('[data-live][data-state="live"]');
    }
    for (const run of runs) await ended(run);
    for (const run of runs) {
      const last = cli("run", "get", run);
      const told = await until("every event to be told", async () => {
        const ranges = await page.evaluate((run) => globalThis.told[run] ?? [], run);
        return (ranges.at(-1)?.[1] ?? -1) >= 800 && ranges;
      });
      assert.equal(told[0][0], 0, `${run} is not told of from its beginning`);
      for (let i = 1; i < told.length; i += 1) assert.equal(told[i][0], told[i - 1][1] + 1, `${run}: ${JSON.stringify(told.slice(i - 1, i + 1))}`);
      assert.equal(last.status, "completed");
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
    const run = start("echo", { steps: 2 });
    for (const tab of tabs) await tab.waitForSelector("[data-new]:not([hidden])");
    assert.equal(opened, 0, `${opened} tabs opened a connection of their own`);
    // The tab that held the connection goes, and another takes over.
    await tabs.shift().close();
    const next = start("echo", { steps: 2 });
    for (const tab of tabs) await tab.getByText("2 new: show").waitFor();
    assert.equal(opened, 1, `${opened} connections after the tab that held it went`);
    await Promise.all([run, next].map(ended));
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

  async "a long run is a small page that scrolls to its last step"() {
    const { context, page } = await visitor();
    await go(page, `/runs/${made.long}`);
    await page.waitForSelector("[data-window]");
    const budgets = JSON.parse(await readFile(new URL("budgets.json", import.meta.url), "utf8"));
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    assert(elements <= budgets.elements, `${elements} elements`);
    const sent = await page.evaluate(() => performance.getEntriesByType("navigation")[0].encodedBodySize);
    assert(sent <= budgets.pageBytes, `${sent} bytes`);
    await page.focus("[data-window]");
    await page.keyboard.press("End");
    await page.locator('[data-window] a[href*="step=1999&"]').waitFor();
    await context.close();
  },

  async "the record is checked in the browser as the command line checks it, and altered bytes are found at their event"() {
    const { context, page } = await visitor();
    await go(page, `/runs/${made.done}/audit`);
    await page.keyboard.press("v");
    await page.waitForSelector('[data-level="signed"]');
    const verdict = cli("audit", "verify", made.done);
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

  async "times are shown in the zone that is asked for, and it is named"() {
    for (const [timezoneId, expected] of [["UTC", "UTC"], ["Asia/Kolkata", "Asia/Calcutta|Asia/Kolkata"], ["America/St_Johns", "America/St_Johns"]]) {
      const { context, page } = await visitor({ timezoneId });
      await go(page, `/runs/${made.done}?tz=local`);
      assert.match(await page.locator("time").first().textContent(), new RegExp(expected));
      await go(page, `/runs/${made.done}?tz=UTC`);
      assert.match(await page.locator("time").first().textContent(), /UTC$/);
      await context.close();
    }
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
  await ended(run);
  // An operator finds it by a filter.
  await go(page, "/runs");
  await page.getByRole("searchbox", { name: "Filter" }).fill("status:completed agent:echo");
  await press(page, page.getByRole("button", { name: "Filter" }));
  await page.waitForURL(/q=status/);
  await press(page, page.locator(`[data-row="${run}"] a`));
  await page.waitForURL(new RegExp(run));
  // A reviewer rejects what a run asks for, after opening it.
  const asking = start("hostile", { value: "a\n".repeat(100) });
  await waits(asking);
  await go(page, "/approvals");
  const asked = cli("approval", "list", "--runId", asking).items[0].approvalId;
  await press(page, page.locator(`[data-row="${asked}"] a`).first());
  await page.waitForURL(/approvals\/apr_/);
  await page.getByLabel(/^Note/).fill("Not like this.");
  await press(page, page.getByRole("button", { name: "Reject" }));
  await page.getByText("Rejected").first().waitFor();
  await ended(asking);
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
    try {
      await check();
      console.log(`  ✓ ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`  ✗ ${name}\n${String(error.stack).replace(/^/gm, "      ")}`);
    }
  }
} finally {
  await browser.close();
  server?.kill("SIGKILL");
}
process.exit(failed > 0 ? 1 : 0);
