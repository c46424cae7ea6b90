// Ponds that the reader has picked one by one, for one action on all of them.

import { lineage } from "./lineage";
import type { Graph, Line } from "./lines";

export type Picked = ReadonlySet<string>;

export function toggled<Item>(set: ReadonlySet<Item>, item: Item): Set<Item> {
  const copy = new Set(set);
  if (!copy.delete(item)) copy.add(item);
  return copy;
}

/** Without what is gone. The same set if nothing is gone. */
export function stillThere(picked: Picked, graph: Graph): Picked {
  const left = [...picked].filter((line) => graph.byName.has(line));
  return left.length === picked.size ? picked : new Set(left);
}

/** With all their Sources up to the Inlets (`up`), or all their Sinks down to the Outlets. */
export function extended(picked: Picked, graph: Graph, direction: "up" | "down"): Set<string> {
  const found = new Set<string>();
  for (const line of picked) {
    for (const other of lineage(graph, line, direction)) found.add(other);
  }
  return found;
}

/** All that are shown, or none of them if all of them were picked. Others stay as they are. */
export function allShown(picked: Picked, shown: string[]): Set<string> {
  const copy = new Set(picked);
  if (howMany(picked, shown) === "all") shown.forEach((line) => copy.delete(line));
  else shown.forEach((line) => copy.add(line));
  return copy;
}

export function howMany(picked: Picked, shown: string[]): "none" | "some" | "all" {
  const count = shown.filter((line) => picked.has(line)).length;
  return !count ? "none" : count === shown.length ? "all" : "some";
}

/** A rectangle adds to what was picked before it, and takes back what it has left again. */
export function inRectangle(
  before: Picked,
  inside: Picked,
  changes: { id: string; selected: boolean }[],
): { inside: Set<string>; picked: Set<string> } {
  const now = new Set(inside);
  for (const { id, selected } of changes) {
    if (selected) now.add(id);
    else now.delete(id);
  }
  return { inside: now, picked: new Set([...before, ...now]) };
}

/** The lines themselves, in the order of the graph. */
export function pickedLines(picked: Picked, graph: Graph): Line[] {
  return graph.lines.filter((line) => picked.has(line.line));
}
