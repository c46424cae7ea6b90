// A line of the status, as the page holds it, and the graph of all lines.

import type { HoldTold, LimitTold, LineStatus, LineStatusWord, StatusAnswer } from "../answers";
import { instant } from "./moments";

/** `agedFrom`: the instant (ms) from which the age counts; null: it has never been published. */
export interface Line extends LineStatus {
  agedFrom: number | null;
}

export interface Graph {
  now: number;
  lines: Line[];
  byName: Map<string, Line>;
  limits: LimitTold[];
  /** Who holds new runs; null: nobody. */
  maintenance: HoldTold | null;
}

export const STATES: LineStatusWord[] = [
  "failed",
  "killed",
  "blocked",
  "running",
  "waiting",
  "idle",
  "undeployed",
];

export const DOWN: ReadonlySet<string> = new Set(["failed", "killed", "blocked"]);

const SAME_AGE_MS = 1500;

/** The text of everything that matters about a line. Its age moves by itself, so it is left out. */
function essence(line: LineStatus): string {
  return JSON.stringify(line, (key, value: unknown) =>
    key === "staleness_seconds" || key === "agedFrom" ? undefined : value,
  );
}

// A Catchment of an older version lacks newer fields.
const OLDER = {
  next: null,
  package: null,
  older_tables: [],
  asleep: false,
  windows: [],
  retry_at: null,
  failures: 0,
  ripples: [],
  runs: [],
  sinks: [],
  sources: [],
  tables: 0,
  rows: 0,
  reason: "",
  failure: null,
  trigger: null,
  last_run: null,
} satisfies Partial<LineStatus>;

/** A new answer as a graph. A line that has not changed stays the same object. */
export function graphOf(answer: StatusAnswer, before: Graph | null): Graph {
  const now = instant(answer.now) ?? Date.now();
  const lines = answer.lines.map((told) => {
    const line: LineStatus = { ...OLDER, ...told };
    const agedFrom = line.staleness_seconds == null ? null : now - line.staleness_seconds * 1000;
    const old = before?.byName.get(line.line);
    return old && sameAge(old.agedFrom, agedFrom) && essence(old) === essence(line)
      ? old
      : { ...line, agedFrom };
  });
  return {
    now,
    lines,
    byName: new Map(lines.map((line) => [line.line, line])),
    limits: unchanged(before?.limits, answer.limits ?? []),
    maintenance: unchanged(before?.maintenance, answer.maintenance ?? null),
  };
}

/** What says the same stays the same object. */
function unchanged<Told>(old: Told | undefined, told: Told): Told {
  return old !== undefined && JSON.stringify(old) === JSON.stringify(told) ? old : told;
}

function sameAge(one: number | null, other: number | null): boolean {
  if (one === null || other === null) return one === other;
  return Math.abs(one - other) < SAME_AGE_MS;
}

/** `sales`, or `sales@2` if the Pond has several lines. */
export function shownName(line: Line, graph: Graph): string {
  const alone = graph.lines.filter((other) => other.pond === line.pond).length === 1;
  return alone ? line.pond : line.line;
}

export interface EdgeOf {
  id: string;
  source: string;
  sink: string;
  optional: boolean;
}

/** All edges between lines that the answer has. */
export function edgesOf(graph: Graph): EdgeOf[] {
  return graph.lines.flatMap((sink) =>
    sink.sources
      .filter((source) => graph.byName.has(source.line))
      .map((source) => ({
        id: edgeId(source.line, sink.line),
        source: source.line,
        sink: sink.line,
        optional: source.optional,
      })),
  );
}

export function edgeId(source: string, sink: string): string {
  return `${source}>${sink}`;
}
