// Snapshots, versions, lineage, the lake and rows of SQL for development.

import type {
  KeptAnswer,
  LakeAnswer,
  LineageAnswer,
  LineageNode,
  LineStatus,
  PublishAnswer,
} from "../src/answers";
import type { Difference, DifferentRow } from "../src/api/shapes";
import { iso } from "./demo.ts";
import { grid } from "./history.ts";

const NEWEST = 41;
const HOUR = 3_600_000;
const PAGE = 8;

export function keptOf(line: LineStatus, now: number, before: number): KeptAnswer {
  const from = before ? before - 1 : NEWEST;
  const last = Math.max(22, from - PAGE + 1);
  return {
    line: line.line,
    now: iso(now),
    retention: { snapshots: 3, days: 1 },
    snapshots: Array.from({ length: Math.max(0, from - last + 1) }, (_, back) => {
      const number = from - back;
      const f = iso(now - (line.staleness_seconds ?? 0) * 1000 - (NEWEST - number) * HOUR);
      return {
        snapshot: number,
        run: `${line.line}/${number}`,
        f,
        held_f: number === 38 ? iso(Date.parse(f) - 5 * HOUR) : f,
        version: number === 36 ? null : (line.version ?? "1.0.0"),
        tables: line.ripples.length,
        rows: 12_000 * line.ripples.length - (NEWEST - number) * 17,
        bytes: 4_200_000 * line.ripples.length,
        bytes_alone: number === NEWEST ? 0 : 180_000,
        reasons:
          number === NEWEST
            ? ["published", "last", "young"]
            : number > NEWEST - 3
              ? ["last", "young"]
              : number > 25
                ? ["young"]
                : [],
        read_by: number === NEWEST - 1 ? line.sinks : [],
        warnings: number === 37 ? 2 : 0,
      };
    }),
    next: last > 22 ? last : null,
  };
}

export function wouldPublish(line: LineStatus, snapshot: number): PublishAnswer {
  const names = line.ripples.map((ripple) => ripple.name);
  return {
    line: line.line,
    snapshot,
    over: NEWEST,
    f: line.end_f,
    run: null,
    tables: { back: names.slice(0, 1), same: names.slice(1), gone: [], returned: [] },
    warnings: line.sinks.length
      ? [
          `${line.sinks.join(", ")} read it with their next run, and have what was published before until then.`,
        ]
      : [],
    applied: false,
  };
}

export function differenceOf(line: LineStatus, table: string, asked: URLSearchParams): Difference {
  const cells = grid(200);
  const side = (number: number, rows: number) => ({
    run: `${line.line}/${number}`,
    snapshot: number,
    f: line.end_f,
    rows,
    written_in: `${line.line}/${number}`,
    version: line.version,
  });
  const key = asked.getAll("key");
  const sample = cells.rows.slice(0, 24).map((row, at): DifferentRow => {
    const kind = (["added", "removed", "changed"] as const)[Math.floor(at / 8)] ?? "changed";
    const after = kind === "changed" ? [...row.slice(0, 3), "999.00", ...row.slice(4)] : row;
    return {
      kind,
      times: 1,
      before: kind === "added" ? null : row,
      after: kind === "removed" ? null : after,
    };
  });
  return {
    line: line.line,
    table,
    before: side(Number(asked.get("from")), 12_000),
    after: side(Number(asked.get("to")), 12_212),
    schema: [
      { column: "is_gift", before: null, after: "BOOLEAN" },
      { column: "amount", before: "DOUBLE", after: "DECIMAL(18,2)" },
    ],
    key: key.length ? key : ["order_id"],
    columns: cells.columns.map((column) => ({
      ...column,
      changed: column.name === "amount" ? 31 : 0,
    })),
    added: 220,
    removed: 8,
    changed: 31,
    sample,
  };
}

/** Every Ripple's table comes from the one before it, the first from those of the Sources. */
export function lineageOf(
  lines: LineStatus[],
  start: LineStatus,
  table: string,
  asked: URLSearchParams,
): LineageAnswer {
  const nodes: LineageNode[] = lines.flatMap((line) =>
    line.ripples.map((ripple, at) => ({
      line: line.line,
      table: ripple.name,
      ripple: ripple.name,
      run: `${line.line}/41`,
      version: line.version,
      f: line.end_f,
      recorded: "yes" as const,
      reads: at
        ? [read(line.line, line.ripples[at - 1]?.name ?? "")]
        : line.sources.flatMap((source) => {
            const of = lines.find((each) => each.line === source.line);
            return (of?.ripples ?? []).slice(-1).map((one) => read(source.line, one.name));
          }),
      open: line.line === "reports@1",
      left_off: 0,
    })),
  );
  const near = Number(asked.get("up") ?? 1) <= 1 && Number(asked.get("down") ?? 1) <= 1;
  const own = nodes.find((node) => node.line === start.line && node.table === table);
  const wanted = near
    ? nodes.filter(
        (node) =>
          node === own ||
          own?.reads.some((each) => each.line === node.line && each.table === node.table) ||
          node.reads.some((each) => each.line === start.line && each.table === table),
      )
    : nodes;
  return { line: start.line, f: start.end_f, nodes: wanted, left_off: 0 };
}

const read = (line: string, table: string) => ({
  line,
  table,
  sure: !table.endsWith("s"),
  run: `${line}/41`,
  ripple: table,
});

export const lakeOf = (lines: LineStatus[], now: number): LakeAnswer => ({
  now: iso(now),
  seconds: 60,
  newest: "s3://duckstring-dev-bucket/lake/catalog.ducklake",
  catalog: {
    number: 12,
    address: "s3://duckstring-dev-bucket/lake/0000000012.ducklake",
    at: iso(now - 93_000),
    bytes: 1_300_000,
    lines: lines.length,
    tables: lines.length * 3,
  },
  iceberg: [
    {
      database: "duckstring_dev__reports",
      line: "reports@1",
      run: "reports@1/41",
      f: iso(now - 95_000),
      at: iso(now - 90_000),
      tables: 2,
      left_out: { wide: "1,200 columns; Glue takes 1,000" },
    },
  ],
});

export function namesOf(lines: LineStatus[], word: string): { names: string[] } {
  const [pond = "", begun] = word.split(".");
  const line = lines.find((each) => each.pond === pond);
  const names =
    begun === undefined
      ? [...new Set(lines.map((each) => each.pond)), "select", "from", "where", "group"]
      : (line?.ripples ?? []).map((ripple) => `${pond}.${ripple.name}`);
  return { names: names.filter((name) => name.startsWith(word.toLowerCase())).slice(0, 40) };
}

/** Rows of SQL as they come; some statements fail among them. */
export function* linesOf(sql: string, asked: Record<string, unknown>): Generator<unknown> {
  const { columns, rows } = grid(200);
  const f = asked["consistent"] || asked["at"] ? iso(Date.now() - HOUR) : null;
  yield { columns, f };
  for (let at = 0; at < 5; at += 1) yield { rows: rows.slice(at * 40, at * 40 + 40) };
  if (sql.includes("broken"))
    yield {
      error: {
        type: "OperatorError",
        message: "Conversion Error: Could not convert string 'x' to INT32\n\nLINE 1: ...\n  ^",
        hint: "",
      },
    };
  else yield { more: true, seconds: 0.42 };
}
