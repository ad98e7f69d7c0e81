// Studio's figures in a real browser, against the real binary as it is handed out.
//
//   AFFIANT=target/dist/affiant node measure.mjs FOLDER [RUNS]
//
// FOLDER is an empty folder for the server's data, RUNS how many runs the list has, 100,000 unless said otherwise.
// Prints one JSON document: each figure as the median of seven, beside its limit in budgets.json.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Server, launch } from "./server.mjs";

const [folder, runs = "100000"] = process.argv.slice(2);
const ROUNDS = 7;
const STEPS = 10_000;
const EVENTS = 10_000;

const AGENT = `kind: agent
key: writer
version: 1.0.0
title: Agent that asks
description: Asks before it writes a file.
goal: Have something wait for a decision.
context: A measurement.
domain: bench
owners: [bench]
tags: []
stability: experimental
input: { type: object, additionalProperties: false }
tools: [{ operation: fs.write@1.0.0, approval: required }]
planner:
  kind: rules
  rules:
    - { id: write, when: '!has(steps.wrote)', then: { call: { tool: fs.write@1.0.0, as: wrote, with: { root: '${join(folder, "project")}', path: notes.txt, expected: null, content: "a line\\n" } } } }
    - { id: done, then: { finish: {} } }
`;

const budgets = JSON.parse(await readFile(new URL("budgets.json", import.meta.url), "utf8"));
const server = new Server(process.env.AFFIANT, folder);
const figures = {};

/** Notes a figure: the median of its samples, the worst of them, and its limit. */
function note(name, samples, limit) {
  const sorted = samples.toSorted((a, b) => a - b);
  const [median, worst] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((it) => Math.round(it * 10) / 10);
  figures[name] = { median, worst, limit, within: median <= limit };
}

async function seven(take) {
  const samples = [];
  for (let round = 0; round < ROUNDS; round += 1) samples.push(await take());
  return samples;
}

async function fill() {
  await mkdir(join(server.project, "agents"), { recursive: true });
  await writeFile(join(server.project, "agents/writer-1.0.0.yaml"), AGENT);
  await writeFile(join(server.project, "affiant.toml"), `[[server.workspaces]]\npath = "."\nwrite = true\n`);
  await server.start();
  const long = await server.run("echo", { steps: STEPS });
  // Three events begin and end a run, and each step has two.
  const proven = await server.run("echo", { steps: Math.ceil((EVENTS - 3) / 2) });
  const waiting = await server.run("writer", {});
  await Promise.all([server.ended(long), server.ended(proven), server.waits(waiting)]);
  let sent = 0;
  const more = async () => {
    while (sent < Number(runs)) {
      sent += 1;
      await server.run("echo", { steps: 1 }, sent % 1000 === 0 ? { metadata: { label: `batch ${sent / 1000}` } } : {});
    }
  };
  await Promise.all(Array.from({ length: 32 }, more));
  const counts = async () => (await server.ask("server.status", {})).runs;
  while (((await counts()).completed ?? 0) < Number(runs)) await new Promise((resolve) => setTimeout(resolve, 100));
  return { long, proven, waiting };
}

/** From asking for a page until something of it is seen, with nothing of it in the browser's cache. */
async function paint(page, cache, path) {
  await page.goto("about:blank");
  await cache.send("Network.clearBrowserCache");
  await page.goto(server.base + path);
  return page.evaluate(() => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntriesByName("first-contentful-paint")[0].startTime)).observe({ type: "paint", buffered: true });
  }));
}

async function paints(page, { long, waiting }) {
  const cache = await page.context().newCDPSession(page);
  const approval = (await server.ask("agent.approvals.list", { runId: waiting })).approvals[0].approvalId;
  const pages = {
    approvals: ["/studio/approvals", "paintLightMs"], approval: [`/studio/approvals/${approval}`, "paintLightMs"],
    audit: ["/studio/audit", "paintLightMs"], form: ["/studio/agents/echo/new", "paintLightMs"],
    agents: ["/studio/agents", "paintLightMs"], run: [`/studio/runs/${long}`, "paintHeavyMs"], list: ["/studio/runs", "paintHeavyMs"],
  };
  for (const [name, [path, limit]] of Object.entries(pages)) {
    await paint(page, cache, path);
    note(`first paint: ${name}, ms`, await seven(() => paint(page, cache, path)), budgets[limit]);
  }
}

async function longRun(page, run) {
  await page.goto(`${server.base}/studio/runs/${run}`);
  await page.waitForSelector("[data-window]");
  const size = await page.evaluate(() => ({
    elements: document.querySelectorAll("*").length, sent: performance.getEntriesByType("navigation")[0].encodedBodySize,
  }));
  note("long run: elements", [size.elements], budgets.elements);
  note("long run: page on the wire, bytes", [size.sent], budgets.pageBytes);
  // As a hand on the wheel does it: through all steps that fit into four seconds, at 180 pixels a frame.
  const scrolled = () => page.evaluate(() => new Promise((resolve) => {
    const [grid, frames] = [document.querySelector("[data-window]"), []];
    let last = 0;
    const next = (now) => {
      if (last) frames.push(now - last);
      last = now;
      grid.scrollTop += 180;
      if (frames.length < 240) requestAnimationFrame(next);
      else resolve(frames.sort((a, b) => a - b)[Math.floor(frames.length * 0.95)]);
    };
    grid.scrollTop = 0;
    requestAnimationFrame(next);
  }));
  note("long run: a frame while it scrolls, 95th percentile, ms", await seven(scrolled), budgets.frameMs);
  const jumped = async () => {
    await page.reload();
    await page.waitForSelector('.window-row:not([hidden]) a[href*="step=0&"]');
    return page.evaluate((last) => new Promise((resolve) => {
      const began = performance.now();
      const look = () => {
        const link = document.querySelector(`.window-row:not([hidden]) a[href*="step=${last}&"]`);
        if (link && link.textContent !== "…") resolve(performance.now() - began);
        else requestAnimationFrame(look);
      };
      const grid = document.querySelector("[data-window]");
      grid.scrollTop = grid.scrollHeight;
      requestAnimationFrame(look);
    }), STEPS - 1);
  };
  note("long run: to its last step, ms", await seven(jumped), budgets.jumpMs);
}

async function list(page) {
  const cookie = (await page.context().cookies(server.base)).map(({ name, value }) => `${name}=${value}`).join("; ");
  const asked = async (q) => {
    const began = performance.now();
    const answer = await fetch(`${server.base}/studio/runs?q=${encodeURIComponent(q)}`, { headers: { cookie, "accept-encoding": "identity" } });
    const text = await answer.text();
    assert(answer.ok && text.includes("</html>"), `${q}: ${answer.status}`);
    return performance.now() - began;
  };
  for (const q of ["status:completed", "status:failed", "agent:echo since:1h", "status:completed agent:echo", 'text:"batch 7"', "-agent:echo"]) {
    await asked(q);
    note(`list of ${Number(runs).toLocaleString("en")} runs, ${q}: the whole reply, ms`, await seven(() => asked(q)), budgets.listMs);
  }
}

async function verified(page, run) {
  const verdict = await server.cli("audit", "verify", run);
  const took = async () => {
    await page.goto(`${server.base}/studio/runs/${run}/audit`);
    await page.click("[data-verify]");
    const shown = await page.waitForSelector("[data-verdict] [data-level]");
    assert.equal(await shown.getAttribute("data-level"), "signed", await shown.innerText());
    return Number(await shown.getAttribute("data-took"));
  };
  assert(JSON.stringify(verdict).includes("signed"), JSON.stringify(verdict));
  const events = (await server.ask("agent.audit", { runId: run, stepLimit: 1 })).totals.events;
  note(`verification of ${events.toLocaleString("en")} events, ms`, await seven(took), budgets.verifyMs);
}

const browser = await launch();
try {
  const made = await fill();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(await server.door());
  await paints(page, made);
  await longRun(page, made.long);
  await list(page);
  await verified(page, made.proven);
  console.log(JSON.stringify({ rounds: ROUNDS, browser: browser.version(), steps: STEPS, runs: Number(runs), figures }, null, 2));
} finally {
  await browser.close();
  await server.kill("SIGKILL");
}
