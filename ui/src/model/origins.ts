// Lineage of tables as the rows of a tree: what a table comes from, or what comes of it.

import type { LineageAnswer, LineageNode } from "../answers";

export type Way = "up" | "down";

/** A row of the tree. `table`: null for a Ripple that writes none. `again`: it is followed above. */
export interface Row {
  line: string;
  table: string | null;
  ripple: string | null;
  run: string | null;
  version: string | null;
  depth: number;
  sure: boolean;
  again: boolean;
}

interface Step {
  place: string;
  node: LineageNode | undefined;
  row: Omit<Row, "depth" | "again">;
}

const placeOf = (line: string, table: string): string => `${line}\n${table}`;

const ownPlace = (node: LineageNode): string => placeOf(node.line, node.table ?? `/${node.ripple}`);

/** The tree above or below a table, depth first. Each table is followed where it comes first. */
export function rowsOf(answer: LineageAnswer, table: string, way: Way): Row[] {
  const nodes = new Map(answer.nodes.map((node) => [ownPlace(node), node]));
  const readers = way === "down" ? readersOf(answer.nodes) : new Map<string, Step[]>();
  const next = (place: string): Step[] =>
    way === "down"
      ? (readers.get(place) ?? []).filter((step) => step.place !== place)
      : sourcesOf(nodes, place);
  const root = placeOf(answer.line, table);
  const seen = new Set([root]);
  const rows: Row[] = [];
  const open = next(root)
    .reverse()
    .map((step) => ({ step, depth: 1 }));
  for (let one = open.pop(); one; one = open.pop()) {
    const { step, depth } = one;
    const known = seen.has(step.place);
    seen.add(step.place);
    const follows = next(step.place);
    rows.push({ ...step.row, depth, again: known && follows.length > 0 });
    if (known) continue;
    for (const each of follows.reverse()) open.push({ step: each, depth: depth + 1 });
  }
  return rows;
}

function sourcesOf(nodes: Map<string, LineageNode>, place: string): Step[] {
  return (nodes.get(place)?.reads ?? []).map((read) => {
    const of = placeOf(read.line, read.table);
    const node = nodes.get(of);
    return {
      place: of,
      node,
      // The version that was read, which may be an older one by now.
      row: {
        line: read.line,
        table: read.table,
        ripple: read.ripple,
        run: read.run,
        version: node && node.run === read.run ? node.version : null,
        sure: read.sure,
      },
    };
  });
}

function readersOf(nodes: LineageNode[]): Map<string, Step[]> {
  const readers = new Map<string, Step[]>();
  for (const node of nodes) {
    for (const read of node.reads) {
      const of = placeOf(read.line, read.table);
      const { line, table, ripple, run, version } = node;
      const row = { line, table, ripple, run, version, sure: read.sure };
      const steps = readers.get(of);
      const step = { place: ownPlace(node), node, row };
      if (steps) steps.push(step);
      else readers.set(of, [step]);
    }
  }
  return readers;
}

/** The table itself in the answer. */
export const rootOf = (answer: LineageAnswer, table: string): LineageNode | undefined =>
  answer.nodes.find((node) => node.line === answer.line && node.table === table);

/** What is not known of a table's origin, in words. */
export function notesOf(node: LineageNode): string[] {
  const notes: string[] = [];
  if (node.recorded === "gone") notes.push("What its Ripple has read is no longer kept.");
  if (node.recorded === "no") notes.push("What its Ripple has read was not recorded.");
  if (node.recorded === "yes" && !node.reads.length && !node.open)
    notes.push("Its Ripple has read no table of a Pond.");
  if (node.open) notes.push("Its Ripple may have read any table that it can see.");
  if (node.left_off) notes.push(`It has read ${node.left_off} tables more, which are not kept.`);
  return notes;
}
