// What differs between two versions of a table, in words and cells.

import type { Difference, DifferentRow } from "../api/shapes";
import { plural } from "./numbers";

export const KINDS = ["added", "removed", "changed"] as const;

export const MARKS: Record<DifferentRow["kind"], string> = {
  added: "+",
  removed: "−",
  changed: "~",
};

/** `3 rows added, 1 row changed, by id`, or that none differs. */
export function summary(found: Difference): string {
  const parts = KINDS.filter((kind) => found[kind]).map(
    (kind) => `${plural(found[kind], "row")} ${kind}`,
  );
  if (!parts.length) return "No row differs.";
  const by = found.key.length ? `, by ${found.key.join(", ")}` : "";
  return `${parts.join(", ")}${by}.`;
}

/** What is said of a column that came, went or changed. */
export function schemaWords(found: Difference): string[] {
  // Of a table that is new or gone, all columns are.
  if (found.before.rows === null || found.after.rows === null) return [];
  return found.schema.map(({ column, before, after }) =>
    before === null
      ? `Column ${column} is new: ${after ?? ""}`
      : after === null
        ? `Column ${column} is gone: it was ${before}`
        : `Column ${column} was ${before} and is ${after}`,
  );
}

/** The columns in which changed rows differ, the most frequent first. */
export const changedColumns = (found: Difference): { name: string; changed: number }[] =>
  found.columns.filter((one) => one.changed).sort((one, other) => other.changed - one.changed);

/** How many rows of a kind are not shown. */
export function left(found: Difference, kind: DifferentRow["kind"]): number {
  const shown = found.sample
    .filter((row) => row.kind === kind)
    .reduce((sum, row) => sum + row.times, 0);
  return found[kind] - shown;
}

export interface Cell {
  /** What it is, or was if the row is gone. */
  value: string | null;
  /** What it was, if that is something else. */
  was?: string | null;
}

export function cellsOf(row: DifferentRow): Cell[] {
  const { before, after } = row;
  if (!before || !after) return (after ?? before ?? []).map((value) => ({ value }));
  return after.map((value, at) => {
    const was = before[at] ?? null;
    return was === value ? { value } : { value, was };
  });
}

/** `id, day` as names of columns. */
export const columnsTyped = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
