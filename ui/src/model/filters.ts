// Which lines the canvas shows.

import type { LineStatusWord } from "../answers";
import { lineage, type Direction } from "./lineage";
import type { Graph, Line } from "./lines";
import { hasTags, type Tags } from "./tags";

export interface Focus {
  line: string;
  direction: Direction;
}

export interface Filters {
  states: ReadonlySet<LineStatusWord>;
  focus: Focus | null;
  tags: Tags;
}

/** The lines that are in the picture. A line outside the focus is left out. */
export function inFocus(graph: Graph, focus: Focus | null): Set<string> | null {
  return focus && graph.byName.has(focus.line) ? lineage(graph, focus.line, focus.direction) : null;
}

/** The lines that stay bright. Null: all. States and tags only dim the others, so nothing jumps. */
export function bright(graph: Graph, filters: Filters): Set<string> | null {
  const { states, tags } = filters;
  if (!states.size && !Object.keys(tags).length) return null;
  return new Set(
    graph.lines
      .filter((line) => (!states.size || states.has(line.status)) && hasTags(line, tags))
      .map((line) => line.line),
  );
}

/** The lines that are neither left out nor dimmed. */
export function chosen(graph: Graph, filters: Filters): Line[] {
  const focus = inFocus(graph, filters.focus);
  const lit = bright(graph, filters);
  return graph.lines.filter(({ line }) => (!focus || focus.has(line)) && (!lit || lit.has(line)));
}

export function countsOf(graph: Graph): Map<LineStatusWord, number> {
  const counts = new Map<LineStatusWord, number>();
  for (const line of graph.lines) counts.set(line.status, (counts.get(line.status) ?? 0) + 1);
  return counts;
}
