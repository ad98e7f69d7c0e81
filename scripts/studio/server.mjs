// The real binary with a folder of its own, and browsers that are signed in to it: for the checks and the measurements.
import assert from "node:assert/strict";
import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

export async function until(what, ask) {
  for (let tries = 0; tries < 1200; tries += 1) {
    const found = await ask();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited for nothing: ${what}`);
}

export class Server {
  /** A server of this binary, for a project in a folder. */
  constructor(affiant, folder) {
    this.affiant = affiant;
    this.project = join(folder, "project");
    this.data = join(folder, "data");
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  }

  async start() {
    const listen = this.base?.replace("http://", "") ?? "127.0.0.1:0";
    const process = spawn(this.affiant, ["server", "serve", "--data-dir", this.data, "--listen", listen], { cwd: this.project, stdio: ["ignore", "pipe", "inherit"] });
    this.process = process;
    for await (const line of process.stdout) {
      const found = /listening on (http:\S+)/.exec(String(line));
      if (!found) continue;
      this.base = found[1];
      this.key = (await readFile(join(this.data, "owner.key"), "utf8")).trim();
      return;
    }
    assert.fail("the server did not start");
  }

  async kill(signal) {
    this.process.kill(signal);
    await once(this.process, "exit");
  }

  /** The command line, as JSON. */
  async cli(...args) {
    const run = promisify(execFile)(this.affiant, [...args, "--data-dir", this.data, "--no-input", "-o", "json"], { cwd: this.project, encoding: "utf8" });
    // Whoever reads a secret from standard input reads that there is none.
    run.child.stdin.end();
    const { stdout } = await run;
    return stdout ? JSON.parse(stdout) : {};
  }

  /** Has an operation carried out, as any client has. What is refused is the problem that says so. */
  call(key, input) {
    const body = JSON.stringify(input);
    return this.#send("POST", key, "", { "content-type": "application/json", "content-length": Buffer.byteLength(body) }, body);
  }

  /** Asks an operation that only reads. */
  ask(key, input) {
    return this.#send("GET", key, `?${new URLSearchParams(input)}`, {});
  }

  #send(method, key, query, headers, body) {
    const options = { method, headers: { authorization: `Bearer ${this.key}`, ...headers }, agent: this.agent };
    return new Promise((resolve, reject) => {
      const request = http.request(`${this.base}/${key.replaceAll(".", "/")}/v1${query}`, options, async (answer) => {
        let text = "";
        for await (const piece of answer.setEncoding("utf8")) text += piece;
        resolve(JSON.parse(text));
      });
      request.on("error", reject);
      request.end(body);
    });
  }

  async run(agentKey, input, more = {}) {
    const { runId, ...problem } = await this.call("agent.run", { agentKey, input, ...more });
    assert(runId, JSON.stringify(problem).slice(0, 500));
    return runId;
  }

  async status(run) {
    return (await this.ask("agent.status", { runId: run })).runs[0].status;
  }

  ended(run) {
    return until(`${run} to end`, async () => ["completed", "failed", "cancelled"].includes(await this.status(run)));
  }

  waits(run) {
    return until(`${run} to wait`, async () => (await this.status(run)) === "waiting");
  }

  /** An address that signs a browser in, once. */
  async door() {
    return (await this.cli("session", "open", "--print")).url;
  }
}
