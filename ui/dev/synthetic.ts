// A Catchment of any number of Ponds, always the same for the same number.

import type { LineStatus, LineStatusWord } from "../src/answers";
import { connect, line, startRun } from "./demo.ts";

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

const DOMAIN = 36;
const LAYERS = 5;
const CROSSING = 0.004;

/** Domains of 36 Ponds in five layers. A few Ponds read another domain. */
export function synthetic(count: number, now: number): LineStatus[] {
  const dice = random(count);
  const lines: LineStatus[] = [];
  const pick = (names: string[]): string => names[Math.floor(dice() * names.length)] ?? "";
  let layers: string[][] = [];
  for (let at = 0; at < count; at += 1) {
    const inDomain = at % DOMAIN;
    if (!inDomain) layers = Array.from({ length: LAYERS }, () => []);
    const layer = Math.floor((inDomain / DOMAIN) * LAYERS);
    const name = `pond_${String(at).padStart(3, "0")}`;
    const above = layer ? (layers[layer - 1] ?? []) : [];
    const near = (): string =>
      above[
        Math.min(
          above.length - 1,
          Math.max(0, Math.floor(((inDomain % 7) / 7) * above.length + dice() * 2 - 1)),
        )
      ] ?? "";
    const sources = layer
      ? [
          ...new Set([
            near(),
            ...(dice() < 0.5 ? [near()] : []),
            ...(dice() < CROSSING && at > DOMAIN ? [pick(lines.map((each) => each.line))] : []),
          ]),
        ]
      : [];
    layers[layer]?.push(`${name}@1`);
    const roll = dice();
    const status: LineStatusWord =
      roll < 0.01 ? "failed" : roll < 0.06 ? "running" : roll < 0.1 ? "waiting" : "idle";
    const made = line(
      {
        name,
        status,
        age: Math.floor(dice() * 90_000),
        sources,
        ripples: Array.from({ length: 1 + Math.floor(dice() * 5) }, (_, index) => `step_${index}`),
        trigger: dice() < 0.1 ? { kind: "tide", bound: 86_400 } : null,
        reason: status === "waiting" ? "waits for its Sources" : "",
      },
      now,
    );
    if (status === "running") startRun(made, now - 5000);
    if (status === "waiting") made.demand.pull = true;
    if (status === "failed")
      made.failure = {
        run: `${name}@1/42`,
        ripple: "step_0",
        attempt: 1,
        error: "ValueError",
        message: "no rows",
      };
    lines.push(made);
  }
  const by = new Map(lines.map((each) => [each.line, each]));
  for (const each of lines) {
    const down = each.sources.find((source) =>
      ["failed", "blocked"].includes(by.get(source.line)?.status ?? ""),
    );
    if (down && each.status === "idle") {
      each.status = "blocked";
      each.reason = `blocked by ${down.line}`;
    }
  }
  connect(lines);
  return lines;
}
