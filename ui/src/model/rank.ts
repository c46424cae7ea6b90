// How many edges a line is away from the Inlets: a plain layout where elkjs cannot run.

import type { EdgeOf } from "./lines";

export function ranks(names: string[], edges: EdgeOf[]): Map<string, number> {
  const rank = new Map(names.map((name) => [name, 0]));
  for (let round = 0; round < names.length; round += 1) {
    let moved = false;
    for (const { source, sink } of edges) {
      const at = (rank.get(source) ?? 0) + 1;
      if (at > (rank.get(sink) ?? 0) && at <= names.length) {
        rank.set(sink, at);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return rank;
}
