// Runs, attempts, logs and tables for development.

import type { AttemptRow, LineStatus, RunAnswer, RunRow, TablesAnswer } from "../src/answers";
import type { Grid, Logs } from "../src/api/shapes";
import { iso } from "./demo.ts";

const TRACE = `Traceback (most recent call last):
  File "src/pond.py", line 24, in fetch
    response.raise_for_status()
  File "httpx/_models.py", line 829, in raise_for_status
    raise HTTPStatusError(message, request=request, response=self)
httpx.HTTPStatusError: Server error '503 Service Unavailable' for url 'https://ledger.example.com/api/2.1/jobs?active=true'
For more information check: https://developer.mozilla.org/docs/Web/HTTP/Status/503.
\u001b[31mred\u001b[0m \u202egnp.exe <script>alert("hello")</script> javascript:alert(1)`;

/** Milliseconds between a run and the one before it. A Tide is kept most of the time. */
function spacing(line: LineStatus, at: number): (back: number) => number {
  const bound = line.trigger?.bound;
  const base = bound ? bound * 780 : 3_600_000 + at * 97_000;
  return (back) => base * (0.55 + ((at * 7919 + back * 104_729) % 97) / 110);
}

export function runsOf(lines: LineStatus[], now: number): RunRow[] {
  const rows: RunRow[] = [];
  lines.forEach((each, at) => {
    if (each.status === "undeployed" || each.end_f.startsWith("0001")) return;
    const apart = spacing(each, at);
    let ago = 0;
    for (let back = 0; back < 41; back += 1) {
      // Run 41 is the last one of a line that is at rest.
      if (back > (each.runs.length || each.status === "failed" ? 0 : 1)) ago += apart(back);
      const number = 42 - back;
      if (number === 42 && each.status !== "failed" && !each.runs.length) continue;
      const started = now - (each.staleness_seconds ?? 0) * 1000 - ago;
      const going = number === 42 && each.runs.length > 0;
      const failed =
        (number === 42 && each.status === "failed") || (at % 5 === 0 && back % 9 === 6);
      const status = going ? "running" : failed ? "failed" : back % 4 === 3 ? "pass" : "success";
      rows.push({
        run: `${each.line}/${number}`,
        pond: each.pond,
        major: each.major,
        number,
        f: iso(started),
        version: each.version ?? "1.0.0",
        status,
        started: going ? iso(now - 40_000) : iso(started),
        finished: going ? null : iso(started + 4000 + ((at * 7919 + back * 104_729) % 90_000)),
        changed: status === "success" ? true : status === "pass" ? false : null,
        overtaken_by: null,
        by: back % 3 ? null : "arn:aws:iam::123456789012:user/alice",
        note: back % 6 ? null : "new prices <b>\u202eevil</b>",
        ripple: failed ? (each.ripples[0]?.name ?? null) : null,
        error: failed ? "HTTPStatusError" : null,
        message: failed
          ? "Server error '503 Service Unavailable' for url 'https://ledger.example.com/api/2.1/jobs'"
          : null,
      });
    }
  });
  return rows.sort((one, other) => (one.started < other.started ? 1 : -1));
}

export function runOf(line: LineStatus, row: RunRow): RunAnswer {
  const begun = Date.parse(row.started);
  const end = row.finished ? Date.parse(row.finished) : begun + 60_000;
  const step = (end - begun) / Math.max(1, line.ripples.length);
  const attempts: AttemptRow[] =
    row.status === "pass"
      ? []
      : line.ripples.flatMap((ripple, at) => {
          const base = {
            run: row.run,
            ripple: ripple.name,
            log_group: "/aws/lambda/ripple",
            log_stream: "s",
            request_id: "r",
            overflow: null,
            reads: line.sources.map(
              (source) => `${source.line.split("@")[0]}.${source.line.split("@")[0]}`,
            ),
            pauses: null,
            resumes: null,
            invocations: null,
            left: null,
            on_kill: null,
            on_kill_message: null,
            tables: null,
            error: null,
            message: null,
            traceback: null,
          };
          const from = begun + 300 + step * at * 0.9;
          if (row.status === "failed") {
            if (at)
              return [
                {
                  ...base,
                  attempt: 1,
                  status: "cancelled",
                  started: null,
                  finished: null,
                  where: null,
                  memory_mib: null,
                  rows: null,
                  bytes: null,
                  seconds: null,
                  peak_mib: null,
                },
              ];
            return [1, 2].map((attempt) => ({
              ...base,
              attempt,
              status: "failed",
              started: iso(from + (attempt - 1) * step * 0.7),
              finished: iso(from + attempt * step * 0.6),
              where: "lambda" as const,
              memory_mib: 2048,
              error: "HTTPStatusError",
              message: row.message,
              traceback: TRACE,
              rows: null,
              bytes: null,
              seconds: step / 2000,
              peak_mib: 180,
            }));
          }
          const going = !row.finished && at === 1;
          const task = ripple.runs_on === "task";
          const last: AttemptRow = {
            ...base,
            attempt: task ? 2 : 1,
            status: going ? "running" : "success",
            started: iso(from + (task ? step * 0.4 : 0)),
            finished: going ? null : iso(from + step),
            where: ripple.runs_on,
            memory_mib: task ? 16384 : 2048,
            rows: 12_000 * (at + 1) + row.number * 31,
            bytes: 4_200_000 * (at + 1),
            seconds: step / 1000,
            peak_mib: 420,
            pauses: at === 2 ? 3 : null,
            tables: { [ripple.name]: { rows: 12_000 * (at + 1), bytes: 4_200_000 * (at + 1) } },
          };
          if (!row.finished && at > 1) return [];
          return task
            ? [
                {
                  ...base,
                  attempt: 1,
                  status: "lost",
                  started: iso(from),
                  finished: iso(from + step * 0.35),
                  where: "lambda",
                  memory_mib: 2048,
                  message: "The function's memory ran out. The Ripple starts again as a task.",
                  error: "OutOfMemory",
                  rows: null,
                  bytes: null,
                  seconds: step / 3000,
                  peak_mib: 2040,
                },
                last,
              ]
            : [last];
        });
  return { run: row, attempts, older_tables: [] };
}

export function logsOf(answer: RunAnswer, ripple: string | null, attempt: number | null): Logs {
  const lines = answer.attempts
    .filter(
      (each) =>
        each.started &&
        (!ripple || each.ripple === ripple) &&
        (!attempt || each.attempt === attempt),
    )
    .flatMap((each) => {
      const at = Date.parse(each.started ?? "");
      const grown = each.finished ? 6 : Math.min(200, Math.floor((Date.now() - at) / 1000));
      return Array.from({ length: Math.max(2, grown) }, (_, index) => ({
        at: iso(at + index * 700),
        ripple: each.ripple,
        attempt: each.attempt,
        text:
          index === 3
            ? `WARNING: control codes \u001b[2J\u0007 and <b>markup</b> do nothing`
            : `INFO read batch ${index} of ${each.ripple}: ${1000 * index} rows`,
      }));
    });
  return { lines, going: answer.run.finished === null };
}

export function tablesOf(line: LineStatus): TablesAnswer | null {
  if (!line.ripples.length || line.staleness_seconds === null) return null;
  return {
    line: line.line,
    f: line.end_f,
    snapshot: 41,
    dropped: [],
    tables: line.ripples.map((ripple, at) => ({
      table: ripple.name,
      uri: `s3://bucket/data/${line.line}/${ripple.name}/1.parquet`,
      rows: 12_000 * (at + 1),
      bytes: 4_200_000 * (at + 1),
      parts: [],
      merge_key: [],
      written_in: `${line.line}/41`,
      version: line.version,
      f: line.end_f,
      as_of: line.end_f,
      older: false,
    })),
  };
}

export function grid(limit: number): Grid {
  const regions = [
    "north",
    "south",
    "east",
    "west",
    null,
    "<i>centre</i>",
    "tab\there",
    "bell\u0007",
  ];
  return {
    columns: [
      { name: "order_id", type: "BIGINT" },
      { name: "placed_at", type: "TIMESTAMP" },
      { name: "region", type: "VARCHAR" },
      { name: "amount", type: "DECIMAL(18,2)" },
      { name: "customer", type: "VARCHAR" },
      { name: "is_gift", type: "BOOLEAN" },
    ],
    rows: Array.from({ length: Math.min(limit, 200) }, (_, at) => [
      String(100_000 + at),
      `2026-11-${String(1 + (at % 28)).padStart(2, "0")} 12:${String(at % 60).padStart(2, "0")}:00`,
      regions[at % regions.length] ?? null,
      (((at * 7919) % 9000) / 100 + 3).toFixed(2),
      `customer ${at % 37}`,
      at % 9 ? "false" : "true",
    ]),
    more: true,
    seconds: 0.042,
  };
}
