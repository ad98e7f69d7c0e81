// A caller who has only the generated types: it compiles when they say what the contracts say.
import type { components, operations } from "./openapi";

type Run = operations["agent_run-v1_0_0"];
type Input = Run["requestBody"]["content"]["application/json"];
type Accepted = Run["responses"][202]["content"]["application/json"];

const input: Input = { agentKey: "release-notes", mode: "background", priority: 0, input: { repository: "." } };

// @ts-expect-error the agent's key is required
const withoutAgent: Input = { prompt: "hello" };

// @ts-expect-error there is no such mode
const otherMode: Input = { agentKey: "release-notes", mode: "foreground" };

export async function start(base: string, key: string): Promise<Accepted | components["schemas"]["Problem"]> {
  const response = await fetch(`${base}/agent/run/v1.0.0`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(input),
  });
  return response.status === 202
    ? ((await response.json()) as Accepted)
    : ((await response.json()) as components["schemas"]["Problem"]);
}

export const unused = [withoutAgent, otherMode];
