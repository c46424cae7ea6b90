// What a line has published, and what is kept of it.

import type { KeptSnapshot, RetentionRow } from "../answers";
import type { Graph, Line } from "./lines";

/** Changes whenever something else may be published. A rollback leaves the freshness as it is. */
export const publishedKey = (line: Line | null): string =>
  line ? `${line.end_f} ${line.last_run?.run ?? ""} ${line.last_run?.status ?? ""}` : "";

/** Why a snapshot is kept, in words. */
export function keptFor(one: KeptSnapshot, retention: RetentionRow): string {
  const words: string[] = [];
  const { snapshots } = retention;
  if (one.reasons.includes("published")) words.push("published");
  else {
    if (one.reasons.includes("last"))
      words.push(snapshots === 1 ? "the last" : `the last ${snapshots}`);
    if (one.reasons.includes("young")) words.push("its age");
  }
  if (one.held_f !== one.f) words.push("published again");
  if (one.read_by.length) words.push(`read by ${one.read_by.join(", ")}`);
  return words.join("; ") || "the next sweep deletes it";
}

/** `keeps the last 3, and all younger than 1 day`. */
export function keeps({ snapshots, days }: RetentionRow): string {
  const last = snapshots === 1 ? "the last one" : `the last ${snapshots}`;
  return `${last}, and all younger than ${days} day${days === 1 ? "" : "s"}`;
}

const PLAIN = /^[a-z_][a-z0-9_]*$/;

export const quoted = (name: string): string =>
  PLAIN.test(name) ? name : `"${name.replace(/"/g, '""')}"`;

/** Names that SQL takes for something of DuckDB's own. */
const TAKEN = new Set(["main", "memory", "system", "temp", "information_schema", "pg_catalog"]);

/** A table as SQL over all Ponds names it: `sales.orders`, `sales_v1.orders` of an older major. */
export function sqlName(line: Line, table: string, graph: Graph): string {
  const highest = Math.max(
    ...graph.lines.filter((each) => each.pond === line.pond).map((each) => each.major),
  );
  const plain = `${line.pond}_v${line.major}`;
  const schema =
    line.major === highest && !TAKEN.has(line.pond)
      ? line.pond
      : graph.lines.some((each) => each.pond === plain)
        ? line.line
        : plain;
  return `${quoted(schema)}.${quoted(table)}`;
}
