// The root cause of a line that cannot go on: followed up through the Sources that are down.

import { edgeId, type Graph, type Line } from "./lines";

export interface Cause {
  /** The lines where it began: failed, killed or not deployed. */
  roots: string[];
  /** All lines and edges between them and the line that was asked about. */
  lines: Set<string>;
  edges: Set<string>;
}

const ROOT: ReadonlySet<string> = new Set(["failed", "killed", "undeployed"]);

export const isDown = (status: string): boolean => ROOT.has(status);

export function rootCause(graph: Graph, name: string): Cause {
  const cause: Cause = { roots: [], lines: new Set([name]), edges: new Set() };
  const open = [name];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const line = graph.byName.get(at);
    if (!line || (at !== name && ROOT.has(line.status))) continue;
    for (const above of badSources(graph, line)) {
      cause.edges.add(edgeId(above, at));
      if (cause.lines.has(above)) continue;
      cause.lines.add(above);
      open.push(above);
      const there = graph.byName.get(above);
      if (!there || ROOT.has(there.status)) cause.roots.push(above);
    }
  }
  if (!cause.roots.length) addNamedRoot(graph, name, cause);
  cause.roots.sort();
  return cause;
}

/** Sources that hold this line back: required ones that are down or absent. */
function badSources(graph: Graph, line: Line): string[] {
  if (line.status !== "blocked" && line.status !== "waiting") return [];
  return line.sources
    .filter((source) => {
      const status = graph.byName.get(source.line)?.status;
      const down = source.down || source.absent || status === "blocked";
      return !source.optional && (down || (status !== undefined && ROOT.has(status)));
    })
    .map((source) => source.line);
}

/** The reason names the root cause, even if the Sources have not been heard of yet. */
function addNamedRoot(graph: Graph, name: string, cause: Cause): void {
  const reason = graph.byName.get(name)?.reason ?? "";
  if (!reason.startsWith("blocked by ")) return;
  for (const match of reason.matchAll(/([a-z][a-z0-9_-]*@\d+) \((?:failed|killed)/g)) {
    const root = match[1];
    if (root && graph.byName.has(root) && !cause.roots.includes(root)) {
      cause.roots.push(root);
      cause.lines.add(root);
    }
  }
}
