// What lies above and below a line.

import type { Graph } from "./lines";

export type Direction = "up" | "down" | "both";

/** The line itself, its Sources up to the Inlets (`up`), its Sinks down to the Outlets (`down`). */
export function lineage(graph: Graph, name: string, direction: Direction): Set<string> {
  const found = new Set([name]);
  if (direction !== "down") walk(name, (line) => sourcesOf(graph, line), found);
  if (direction !== "up") {
    const sinks = sinksOf(graph);
    const below = new Set([name]);
    walk(name, (line) => sinks.get(line) ?? [], below);
    for (const line of below) found.add(line);
  }
  return found;
}

function sourcesOf(graph: Graph, name: string): string[] {
  return (graph.byName.get(name)?.sources ?? [])
    .map((source) => source.line)
    .filter((line) => graph.byName.has(line));
}

function sinksOf(graph: Graph): Map<string, string[]> {
  const sinks = new Map<string, string[]>();
  for (const line of graph.lines) {
    for (const source of line.sources) {
      sinks.set(source.line, [...(sinks.get(source.line) ?? []), line.line]);
    }
  }
  return sinks;
}

function walk(from: string, next: (name: string) => string[], found: Set<string>): void {
  const open = [from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const other of next(name)) {
      if (!found.has(other)) {
        found.add(other);
        open.push(other);
      }
    }
  }
}
