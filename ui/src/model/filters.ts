// Which lines the canvas shows.

import type { LineStatusWord } from "../answers";
import { lineage, type Direction } from "./lineage";
import type { Graph } from "./lines";

export interface Focus {
  line: string;
  direction: Direction;
}

export interface Filters {
  states: ReadonlySet<LineStatusWord>;
  focus: Focus | null;
}

/** The lines that are in the picture. A line outside the focus is left out. */
export function inFocus(graph: Graph, focus: Focus | null): Set<string> | null {
  return focus && graph.byName.has(focus.line) ? lineage(graph, focus.line, focus.direction) : null;
}

/** The lines that stay bright. Null: all. A state only dims the others, so nothing jumps. */
export function bright(graph: Graph, filters: Filters): Set<string> | null {
  if (!filters.states.size) return null;
  return new Set(
    graph.lines.filter((line) => filters.states.has(line.status)).map((line) => line.line),
  );
}

export function countsOf(graph: Graph): Map<LineStatusWord, number> {
  const counts = new Map<LineStatusWord, number>();
  for (const line of graph.lines) counts.set(line.status, (counts.get(line.status) ?? 0) + 1);
  return counts;
}
