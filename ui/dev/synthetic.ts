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

const PER_LAYER = 62;

export function synthetic(count: number, now: number): LineStatus[] {
  const dice = random(count);
  const layers = Math.max(2, Math.min(8, Math.ceil(count / PER_LAYER)));
  const byLayer: string[][] = Array.from({ length: layers }, () => []);
  const lines: LineStatus[] = [];
  for (let at = 0; at < count; at += 1) {
    const layer = Math.floor((at / count) * layers);
    const name = `pond_${String(at).padStart(3, "0")}`;
    const above = layer ? byLayer[layer - 1] ?? [] : [];
    const sources = layer
      ? [...new Set(Array.from({ length: 1 + Math.floor(dice() * 2) }, () => {
          const near = Math.floor(((at % PER_LAYER) / PER_LAYER) * above.length + (dice() - 0.5) * 6);
          return above[Math.min(above.length - 1, Math.max(0, near))] ?? "";
        }))]
      : [];
    byLayer[layer]?.push(`${name}@1`);
    const roll = dice();
    const status: LineStatusWord = roll < 0.01 ? "failed" : roll < 0.06 ? "running" : roll < 0.1 ? "waiting" : "idle";
    const made = line({
      name, status, age: Math.floor(dice() * 90_000), sources,
      ripples: Array.from({ length: 1 + Math.floor(dice() * 5) }, (_, index) => `step_${index}`),
      trigger: dice() < 0.1 ? { kind: "tide", bound: 86_400 } : null,
      reason: status === "waiting" ? "waits for its Sources" : "",
    }, now);
    if (status === "running") startRun(made, now - 5000);
    if (status === "waiting") made.demand.pull = true;
    if (status === "failed") made.failure = { run: `${name}@1/42`, ripple: "step_0", attempt: 1, error: "ValueError", message: "no rows" };
    lines.push(made);
  }
  const by = new Map(lines.map((each) => [each.line, each]));
  for (const each of lines) {
    const down = each.sources.find((source) => ["failed", "blocked"].includes(by.get(source.line)?.status ?? ""));
    if (down && each.status === "idle") {
      each.status = "blocked";
      each.reason = `blocked by ${down.line}`;
    }
  }
  connect(lines);
  return lines;
}
