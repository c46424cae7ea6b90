// Runs as a list that grows at both ends, and the span of time that it shows.

import type { RunRow } from "../answers";
import { duration } from "./moments";

type Row = Pick<RunRow, "run" | "started">;

/** The newest page, and of the rows that were there before those that are older than it. */
export function withNewest<Each extends Row>(held: Each[], page: Each[], size: number): Each[] {
  const last = page.at(-1);
  if (!last || page.length < size) return page;
  const names = new Set(page.map((row) => row.run));
  // More has begun since than a page holds: what lies between is not known.
  if (!held.some((row) => names.has(row.run))) return page;
  return [...page, ...held.filter((row) => !names.has(row.run) && isOlder(row, last))];
}

/** Within a line by number: clocks may have been set back. */
function isOlder(one: Row, other: Row): boolean {
  const [line, number] = parts(one);
  const [otherLine, otherNumber] = parts(other);
  if (line === otherLine) return number < otherNumber;
  return one.started === other.started ? one.run < other.run : one.started < other.started;
}

function parts(row: Row): [string, number] {
  const [line, number] = row.run.split("/");
  return [line ?? "", Number(number)];
}

/** The rows, and the next page of older ones. */
export function withOlder<Each extends Row>(held: Each[], page: Each[]): Each[] {
  const names = new Set(held.map((row) => row.run));
  return [...held, ...page.filter((row) => !names.has(row.run))];
}

// The years that an instant of the Catchment may have.
const FIRST = Date.parse("0001-01-01T00:00:00Z");
const LAST = Date.parse("9999-12-31T00:00:00Z");

export const SPANS = ["1h", "24h", "7d", "30d"] as const;

/** An instant as text: `24h` counts back from now; a moment is read in the reader's zone. */
export function momentOf(text: string, now: number): string | undefined {
  const back = duration(text);
  const at = back === null ? Date.parse(text) : now - back * 1000;
  return at >= FIRST && at <= LAST ? new Date(at).toISOString() : undefined;
}
