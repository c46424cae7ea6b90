// A small Catchment with every state, for development: no part of the build.

import type { LineStatus, LineStatusWord } from "../src/answers";

export const iso = (ms: number): string => new Date(ms).toISOString();

interface Sketch {
  name: string;
  major?: number;
  status?: LineStatusWord;
  age?: number | null;
  sources?: string[];
  ripples?: string[];
  reason?: string;
  trigger?: LineStatus["trigger"];
}

export function line(sketch: Sketch, now: number): LineStatus {
  const {
    name,
    major = 1,
    status = "idle",
    sources = [],
    ripples = [name],
    trigger = null,
  } = sketch;
  const age = sketch.age === undefined ? 600 : sketch.age;
  const f = age === null ? "0001-01-01T00:00:00Z" : iso(now - age * 1000);
  return {
    line: `${name}@${major}`,
    pond: name,
    major,
    version: status === "undeployed" ? null : `${major}.2.0`,
    next: null,
    package: null,
    kind: sources.length ? "pond" : "inlet",
    status,
    end_f: f,
    start_f: f,
    staleness_seconds: age,
    demand: { pull: false, targets: [], woken: false, forced: false },
    trigger,
    windows: [],
    sources: sources.map((text) => ({
      line: text.replace("?", ""),
      optional: text.endsWith("?"),
      end_f: f,
      staleness_seconds: age,
      down: false,
      absent: false,
    })),
    sinks: [],
    reason: sketch.reason ?? "",
    failure: null,
    failures: 0,
    retry_at: null,
    asleep: false,
    budgets: { immediate_retries: 0, source_retries: 1 },
    runs: [],
    ripples: ripples.map((ripple, at) => ({
      name: ripple,
      parents: at ? [ripples[at - 1] ?? ""] : [],
      end_f: f,
      status: "done",
      runs_on: ripple.includes("train") ? "task" : "lambda",
      task_mib: ripple.includes("train") ? 16384 : 0,
      decided_by: ripple.includes("train") ? "learnt" : "default",
    })),
    tables: ripples.length,
    older_tables: [],
    rows: 1000 * (name.length + 1),
    last_run:
      age === null
        ? null
        : {
            run: `${name}@${major}/41`,
            pond: name,
            major,
            number: 41,
            f,
            version: `${major}.2.0`,
            status: status === "failed" ? "failed" : "success",
            started: f,
            finished: iso(now - (age - 4) * 1000),
            changed: true,
            overtaken_by: null,
            ripple: null,
            error: null,
            message: null,
          },
  };
}

const BROKEN =
  "503 Service Unavailable: the ledger is closed for maintenance, see https://status.example.com/incidents/42?x=1 \u001b[31mred\u001b[0m <script>alert(1)</script>";

export function demo(now: number): LineStatus[] {
  const lines = [
    line({ name: "transactions", status: "failed", age: 93_000, ripples: ["fetch", "clean"] }, now),
    line({ name: "products", age: 4200 }, now),
    line({ name: "customers", age: 1900, ripples: ["load", "deduplicate"] }, now),
    line(
      {
        name: "web_events",
        status: "running",
        age: 95,
        ripples: ["stream", "sessions"],
        trigger: null,
      },
      now,
    ),
    line(
      {
        name: "rates",
        status: "waiting",
        age: 61_000,
        reason: "waits for Window nightly, opens 02:00 UTC",
      },
      now,
    ),
    line(
      {
        name: "sales",
        status: "blocked",
        age: 93_000,
        sources: ["transactions@1", "products@1?", "customers@1"],
        ripples: ["orders", "joined", "margins", "by_region"],
        reason: `blocked by transactions@1 (failed: HTTPError: ${BROKEN})`,
      },
      now,
    ),
    line(
      {
        name: "sales",
        major: 2,
        status: "blocked",
        age: 93_000,
        sources: ["transactions@1", "products@1"],
        ripples: ["orders", "joined", "margins"],
        reason: "blocked by transactions@1 (failed: HTTPError)",
      },
      now,
    ),
    line(
      {
        name: "attribution",
        status: "running",
        age: 240,
        sources: ["web_events@1", "customers@1"],
        ripples: ["touches", "train_model", "scores", "export"],
        trigger: { kind: "wave" },
      },
      now,
    ),
    line(
      {
        name: "forecast",
        status: "waiting",
        age: 61_000,
        sources: ["rates@1", "products@1"],
        reason: "waits for rates@1",
        ripples: ["features", "train_model", "predict"],
      },
      now,
    ),
    line({ name: "archive", status: "killed", age: 190_000, sources: ["web_events@1"] }, now),
    line(
      {
        name: "reports",
        status: "blocked",
        age: 93_000,
        sources: ["sales@1", "attribution@1?"],
        trigger: { kind: "tide", bound: 86_400 },
        ripples: ["daily", "weekly", "board_pack"],
        reason: "blocked by transactions@1 (failed: HTTPError: 503 Service Unavailable)",
      },
      now,
    ),
    line(
      {
        name: "pricing",
        age: 50_000,
        sources: ["sales@2", "forecast@1?"],
        trigger: { kind: "tide", bound: 172_800 },
      },
      now,
    ),
    line(
      {
        name: "audience",
        age: 260,
        sources: ["attribution@1"],
        trigger: { kind: "tide", bound: 900 },
      },
      now,
    ),
    line(
      {
        name: "churn",
        status: "waiting",
        age: null,
        sources: ["customers@1", "tickets@1"],
        reason: "waits for tickets@1 (not deployed)",
      },
      now,
    ),
    line(
      {
        name: "tickets",
        status: "undeployed",
        age: null,
        ripples: [],
        reason: "tickets@1 is not deployed",
      },
      now,
    ),
  ];
  const by = (name: string): LineStatus => lines.find((each) => each.line === name)!;
  const failed = by("transactions@1");
  failed.failure = {
    run: "transactions@1/42",
    ripple: "fetch",
    attempt: 2,
    error: "HTTPError",
    message: BROKEN,
  };
  failed.failures = 2;
  failed.retry_at = iso(now + 754_000);
  failed.budgets = { immediate_retries: 1, source_retries: 3 };
  by("rates@1").windows = [nightly(now)];
  by("rates@1").demand.pull = true;
  by("forecast@1").demand.pull = true;
  by("churn@1").demand.targets = [iso(now - 4000)];
  by("reports@1").demand.targets = [iso(now - 6600_000)];
  by("attribution@1").demand.pull = true;
  by("web_events@1").demand.pull = true;
  by("sales@1").next = { version: "1.3.0", waits_for: [] };
  for (const name of ["web_events@1", "attribution@1"]) startRun(by(name), now - 40_000);
  connect(lines);
  return lines;
}

function nightly(now: number): LineStatus["windows"][number] {
  const start = Math.ceil(now / 86_400_000) * 86_400_000 + 7_200_000;
  return {
    name: "nightly",
    start: "2026-01-01T02:00:00Z",
    every: 86_400,
    duration: 10_800,
    on: [],
    until: null,
    open: null,
    next: { start: iso(start), end: iso(start + 10_800_000) },
    carried_by: "schedule",
  };
}

export function startRun(line: LineStatus, at: number): void {
  const number = (line.last_run?.number ?? 40) + 1;
  line.status = "running";
  line.runs = [
    {
      run: `${line.line}/${number}`,
      f: iso(at),
      version: line.version ?? "",
      started: iso(at),
      ripples: line.ripples.map((ripple, index) => ({
        name: ripple.name,
        status: index === 0 ? "done" : index === 1 ? "running" : "waiting",
        attempt: 1,
        since: iso(at + 2000),
        task_mib: ripple.task_mib,
        where: ripple.runs_on,
        memory_mib: ripple.task_mib || 2048,
        pauses: null,
        resumes: null,
      })),
    },
  ];
  line.ripples.forEach((ripple, index) => {
    ripple.status = index === 0 ? "done" : index === 1 ? "running" : "waiting";
  });
}

export function connect(lines: LineStatus[]): void {
  const by = new Map(lines.map((each) => [each.line, each]));
  for (const sink of lines) {
    for (const source of sink.sources) {
      const above = by.get(source.line);
      if (!above) continue;
      above.sinks.push(sink.line);
      source.down = ["failed", "killed", "blocked"].includes(above.status);
      source.absent = above.status === "undeployed";
      source.staleness_seconds = above.staleness_seconds;
    }
  }
  for (const each of lines) {
    if (each.sources.length && !each.sinks.length) each.kind = "outlet";
  }
}
