// Answers of the page's own server that are not answers of the api function.

import type {
  ArrivalRow,
  LineStatus,
  RunAnswer,
  RunRow,
  StatusAnswer,
  TablesAnswer,
} from "../answers";

export interface Catchment {
  name: string;
  kind: "local" | "aws";
  where: string;
  version: string;
  read_only: boolean;
  can_act: boolean;
}

export interface StatusUpdate {
  version: string;
  answer: StatusAnswer | null;
}

export interface LineDetail {
  line: LineStatus;
  runs: RunRow[];
  tables: TablesAnswer | null;
  arrivals: ArrivalRow[];
}

/** `usd`: what it cost, at list prices; null: nothing is known. */
export interface RunDetail extends RunAnswer {
  usd: number | null;
}

/** What the runs of a line cost in a span, by kind, the dearest first. */
export interface CostTold {
  usd: number;
  runs: number;
  estimated: number;
  complete: boolean;
  region: string;
  date: string;
  parts: { kind: string; amount: number; usd: number }[];
}

export interface LogLine {
  at: string | null;
  ripple: string;
  attempt: number;
  text: string;
}

export interface Logs {
  lines: LogLine[];
  going: boolean;
}

export interface Column {
  name: string;
  type: string;
}

export interface Grid {
  columns: Column[];
  rows: (string | null)[][];
  more: boolean;
  seconds: number;
}

/** `at`: an instant, or how long ago. */
export interface SqlAsked {
  sql: string;
  consistent?: boolean;
  at?: string;
}

/** `over`: what the reader has seen as published. */
export interface Published {
  line: string;
  snapshot: number;
  over: number;
}

/** A version of a table. `rows` is null if the snapshot has no such table. */
export interface ComparedVersion {
  run: string;
  snapshot: number;
  f: string;
  rows: number | null;
  written_in: string | null;
  version: string | null;
}

/** A row that differs. `times`: so often; without a key there may be several equal rows. */
export interface DifferentRow {
  kind: "added" | "removed" | "changed";
  times: number;
  before: (string | null)[] | null;
  after: (string | null)[] | null;
}

/** As `duckstring diff --json`. */
export interface Difference {
  line: string;
  table: string;
  before: ComparedVersion;
  after: ComparedVersion;
  schema: { column: string; before: string | null; after: string | null }[];
  key: string[];
  columns: { name: string; type: string; changed: number }[];
  added: number;
  removed: number;
  changed: number;
  sample: DifferentRow[];
}

/** One area that the doctor looks at. `looked_at`: false where nothing is known of it. */
export interface DoctorCheck {
  area: string;
  ok: boolean;
  looked_at: boolean;
  fine: string;
}

export interface DoctorFinding {
  area: string;
  message: string;
  hint: string;
  details: string[];
}

/** As `duckstring doctor --json`. */
export interface DoctorTold {
  catchment: string;
  ok: boolean;
  checks: DoctorCheck[];
  findings: DoctorFinding[];
}

export interface Control {
  line: string;
  verb: "wake" | "force" | "sleep" | "kill" | "clear";
}

export interface Trigger {
  pond: string;
  major: number;
  kind: "tap" | "pulse" | "wave" | "tide" | "remove";
  bound?: number;
}

export interface WindowChange {
  line: string;
  action: "add" | "remove";
  name: string;
  start?: string;
  every?: number;
  duration?: number;
  on?: string[];
  until?: string;
  tz?: string;
  cron?: string;
}

export interface ComputeChange {
  line: string;
  ripple: string;
  place: "lambda" | "task" | "auto";
  memory_mib?: number;
}

export interface BudgetChange {
  line: string;
  immediate_retries?: number;
  source_retries?: number;
}
