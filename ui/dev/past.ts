// Why, journals and changes, for development.

import type {
  AuditAnswer,
  AuditRow,
  CauseTold,
  LineStatus,
  LineWhy,
  ReplayAnswer,
  ReplayStep,
  Way,
  WhyAnswer,
} from "../src/answers";
import { iso } from "./demo.ts";

const EVIL = `<img src=x onerror="alert(1)"> \u001b[31mred\u001b[0m \u202egnp.exe`;
const MINUTE = 60_000;

const cause = (
  kind: CauseTold["kind"],
  text: string,
  more: Partial<CauseTold> = {},
): CauseTold => ({
  kind,
  text,
  leads_to: null,
  since: null,
  at: null,
  runs: [],
  ways: [],
  ...more,
});

const way = (text: string, command: string | null): Way => ({ text, command });

function causesOf(line: LineStatus, byName: Map<string, LineStatus>, now: number): CauseTold[] {
  const on = `${line.pond} -m ${line.major}`;
  const required = line.sources.filter((source) => !source.optional).map((source) => source.line);
  switch (line.status) {
    case "failed": {
      const run = line.failure?.run ?? "";
      return [
        cause(
          "failed",
          `Run ${run} failed 2h ago in fetch: HTTPError: 503 Service Unavailable ${EVIL}. No try is left.`,
          {
            since: iso(now - 120 * MINUTE),
            runs: [run],
            ways: [
              way("See the whole error", `duckstring run show ${run}`),
              way(
                `If ${line.pond} is wrong: repair it, and deploy it in its project's folder`,
                "duckstring deploy",
              ),
              way(
                "If the fault lay outside and is gone: run it again",
                `duckstring control wake ${on}`,
              ),
            ],
          },
        ),
        cause("retry_at", `${line.line} is tried again in 12m.`, {
          at: line.retry_at,
          ways: [way(`Run ${line.line} now, on what there is`, `duckstring control wake ${on}`)],
        }),
      ];
    }
    case "killed":
      return [
        cause("killed", `${line.line} was killed by ada@laptop ("${EVIL}").`, {
          ways: [way(`Let ${line.line} go on, and run it once`, `duckstring control wake ${on}`)],
        }),
      ];
    case "undeployed":
      return [cause("not_deployed", `${line.line} is not deployed.`)];
    case "idle":
      return [
        cause("not_asked", `Nobody asks for newer output of ${line.line}.`, {
          ways: [
            way(
              `Ask for ${line.line} once, with all that it needs`,
              `duckstring trigger pulse ${on}`,
            ),
            way(
              `Keep ${line.line} no staler than a day, say`,
              `duckstring trigger tide ${line.pond} 1d -m ${line.major}`,
            ),
          ],
        }),
      ];
    case "running":
      return [];
    default: {
      const bad = required.filter((name) => byName.get(name)?.status !== "idle");
      if (!bad.length && line.windows.length)
        return [
          cause("window_closed", `${line.line} waits for Window nightly, which opens later.`, {
            at: line.windows[0]?.next?.start ?? null,
            ways: [
              way(
                "See or change its Windows",
                `duckstring trigger window ${line.pond} list -m ${line.major}`,
              ),
            ],
          }),
        ];
      return bad.map((name) =>
        line.status === "blocked"
          ? cause("blocked", `${line.line} requires ${name}, which is down.`, { leads_to: name })
          : cause("short", `${line.line} waits for ${name}, which has published nothing yet.`, {
              leads_to: name,
            }),
      );
    }
  }
}

export function whyOf(
  lines: LineStatus[],
  line: LineStatus,
  at: string | null,
  now: number,
): WhyAnswer {
  const byName = new Map(lines.map((each) => [each.line, each]));
  const chain: LineWhy[] = [];
  const ahead = [line.line];
  for (let name = ahead.shift(); name; name = ahead.shift()) {
    const told = byName.get(name);
    if (!told || chain.some((each) => each.line === name)) continue;
    const causes = causesOf(told, byName, now);
    chain.push({ line: name, status: told.status, causes });
    ahead.push(...causes.flatMap((one) => one.leads_to ?? []));
  }
  const ways = chain.flatMap((each) => each.causes).flatMap((one) => one.ways);
  const roots = chain.flatMap((each) => each.causes).filter((one) => !one.leads_to);
  const own = chain[0]?.causes[0];
  return {
    line: line.line,
    now: iso(now),
    at: at ?? iso(now),
    status: line.status,
    text: [own?.text, roots[0] === own ? "" : roots[0]?.text].filter(Boolean).join(" "),
    end_f: line.end_f,
    staleness: {
      seconds: line.staleness_seconds,
      bound: line.trigger?.bound ?? null,
      asked: null,
      late: (line.staleness_seconds ?? 0) > 90_000,
      text:
        line.staleness_seconds === null
          ? `${line.line} has published nothing yet.`
          : `Its output is fresh as of ${line.end_f.slice(0, 16).replace("T", " ")} UTC.${
              line.trigger?.bound
                ? " Its Tide allows 1d. It will pass its bound (2h) at 10:42 UTC, because sales@1 takes 4m since yesterday's 21:00, and took 1m before."
                : ""
            }`,
    },
    runs: line.runs.map((run) => ({
      ...run,
      demand: [
        {
          kind: "pulse" as const,
          text: `It was asked for by a Pulse of reports@1 at 2030-01-01 11:58 UTC (2m ago), by way of ${line.line}. ada@laptop ("${EVIL}") asked for it.`,
          line: "reports@1",
          at: iso(now - 2 * MINUTE),
          via: [],
          sure: true,
        },
      ],
      inside: run.ripples.map((ripple) => `${ripple.name} ${ripple.status} since 38s.`),
    })),
    chain,
    left_off: 0,
    ways,
    last_run: line.last_run,
    last: line.last_run ? `Run ${line.last_run.run} succeeded 4m ago. It began for its Tide.` : "",
  };
}

const STEPS = 260;

function stepOf(line: LineStatus, number: number, at: number): ReplayStep {
  const run = `${line.line}/${40 + Math.floor(number / 6)}`;
  const source = line.sources[0]?.line ?? "the clock";
  const base = { revision: number, at: iso(at), changes: [], effects: [], gap: null };
  const statuses = ["waiting", "running", "running", "idle", "failed", "failed"] as const;
  const status = statuses[number % 6] ?? "idle";
  switch (number % 6) {
    case 0:
      return {
        ...base,
        status,
        letters: [
          {
            kind: "source_told",
            sender: source,
            text: "It reports: fresh as of 2030-01-01 11:58 UTC, snapshot 7.",
          },
          {
            kind: "triggered",
            sender: `ada, '${EVIL}'`,
            text: "A Pulse, at 2030-01-01 11:58 UTC.",
          },
        ],
        changes: [
          { what: "status", before: "idle", after: "waiting" },
          {
            what: `Source ${source}`,
            before: "1.0.0 or newer, fresh as of 2030-01-01 10:58 UTC",
            after: "1.0.0 or newer, fresh as of 2030-01-01 11:58 UTC",
          },
        ],
        effects: [
          {
            kind: "send_target",
            text: `Ask ${source} for output as of 2030-01-01 11:58 UTC or newer.`,
          },
        ],
      };
    case 1:
      return {
        ...base,
        status,
        letters: [
          {
            kind: "source_told",
            sender: source,
            text: "It reports: fresh as of 2030-01-01 12:00 UTC, snapshot 8.",
          },
        ],
        changes: [
          { what: "status", before: "waiting", after: "running" },
          { what: `run ${run}`, before: "", after: "as of 2030-01-01 12:00 UTC, version 1.2.0" },
        ],
        effects: [
          { kind: "start_run", text: `Start ${run}.` },
          {
            kind: "record_run",
            text: `Record that ${run} runs as of 2030-01-01 12:00 UTC, for: push.`,
          },
        ],
      };
    case 2:
      return {
        ...base,
        status,
        letters: [
          {
            kind: "gate_reached",
            sender: `${run}, ${line.ripples[0]?.name ?? "load"}`,
            text: "Its branch waits for a verdict.",
          },
        ],
        effects: [{ kind: "answer_gate", text: "Let load run: attempt 1, in the function." }],
      };
    case 4:
      return {
        ...base,
        status,
        letters: [
          {
            kind: "gate_reached",
            sender: `${run}, load`,
            text: `Attempt 1 failed: ValueError: no rows ${EVIL}.`,
          },
        ],
        changes: [
          { what: "status", before: "running", after: "failed" },
          { what: `run ${run}`, before: "as of 2030-01-01 12:00 UTC, version 1.2.0", after: "" },
        ],
        effects: [
          {
            kind: "tell_sinks",
            text: `Tell the Sinks: fresh as of 2030-01-01 11:58 UTC; down: ${line.line} failed.`,
          },
        ],
      };
    case 5:
      return number === 11
        ? {
            ...base,
            status,
            letters: [],
            gap: "What came between 2030-01-01 11:58 UTC and 2030-01-01 11:59 UTC is not kept. 3 letters were too large for the journal.",
          }
        : {
            ...base,
            status,
            letters: [{ kind: "alarm_rang", sender: "the clock", text: "An alarm rang." }],
          };
    default:
      return {
        ...base,
        status,
        letters: [
          {
            kind: "ripple_succeeded",
            sender: `${run}, load`,
            text: "Attempt 1 succeeded, and wrote made.",
          },
        ],
        changes: [
          {
            what: "published",
            before: "snapshot 6",
            after: "snapshot 7, as of 2030-01-01 11:58 UTC",
          },
        ],
        effects: [
          {
            kind: "publish_snapshot",
            text: "Publish snapshot 7 as of 2030-01-01 11:58 UTC: made.",
          },
        ],
      };
  }
}

export function replayOf(line: LineStatus, asked: URLSearchParams, now: number): ReplayAnswer {
  const until = Date.parse(asked.get("until") || iso(now));
  const since = Date.parse(asked.get("from") || iso(until - 60 * MINUTE));
  const after = Number((asked.get("after") ?? "#0").split("#")[1]);
  const apart = 3_600_000 / 40;
  const all = Array.from({ length: STEPS }, (_, at) =>
    stepOf(line, at + 1, now - (STEPS - at) * apart + 137),
  ).filter((one) => Date.parse(one.at) > since && Date.parse(one.at) <= until);
  const steps = all.filter((one) => one.revision > after);
  const shown = steps.slice(0, 200);
  const last = shown[shown.length - 1];
  return {
    line: line.line,
    now: iso(now),
    since: iso(since),
    until: iso(until),
    steps: shown,
    next: last && steps.length > 200 ? `${last.at}#${last.revision}` : null,
  };
}

const PEOPLE = [
  "arn:aws:iam::123456789012:user/alice",
  "arn:aws:sts::123456789012:assumed-role/Operators/a-session-with-a-rather-long-name@example.com",
  "bob@laptop",
  null,
];
const WHATS = [
  "control kill",
  "trigger pulse",
  "deploy 1.2.0",
  "tag team=sales",
  "trigger tide 1d",
];

export function auditRows(lines: LineStatus[], now: number): AuditRow[] {
  return Array.from({ length: 130 }, (_, at) => {
    const by = PEOPLE[at % PEOPLE.length] ?? null;
    const first = lines[(at * 7) % lines.length]?.pond ?? "sales";
    const batch = at % 9 === 4 ? lines.slice(0, 9).map((line) => line.line) : [first];
    return {
      at: iso(now - at * at * 97_000 - 40_000),
      by,
      note:
        at % 3
          ? null
          : at % 2
            ? EVIL
            : "wrong prices since this morning, the supplier sends them again at noon",
      proven: by?.startsWith("arn:") ?? false,
      via: at % 4 === 1 ? "page" : null,
      what: WHATS[at % WHATS.length] ?? "",
      ponds: at % 11 === 5 ? ["*"] : batch,
      request: `5f1c7c1e-${String(at).padStart(4, "0")}-4c56-9b8e-2f0b8b9f7d10`,
      refused: at % 7 === 3 ? `Nothing was changed: ${first}@1 is killed. ${EVIL}` : null,
    };
  });
}

export function auditOf(lines: LineStatus[], asked: URLSearchParams, now: number): AuditAnswer {
  const limit = Number(asked.get("limit") ?? 50);
  const found = auditRows(lines, now).filter(
    (row) =>
      (!asked.get("pond") || row.ponds.some((name) => name.split("@")[0] === asked.get("pond"))) &&
      (row.by ?? "").toLowerCase().includes((asked.get("by") ?? "").toLowerCase()) &&
      row.at >= (asked.get("since") ?? "") &&
      row.at < (asked.get("before") ?? "~"),
  );
  const entries = found.slice(0, limit);
  return { entries, next: found.length > limit ? (entries[limit - 1]?.at ?? null) : null };
}
