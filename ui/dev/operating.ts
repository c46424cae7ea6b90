// Maintenance, limits, bounds, tags, arrivals and alerts for development.

import type { BoundTold, HoldTold, LimitTold, LineStatus } from "../src/answers";
import { iso } from "./demo.ts";

type Body = Record<string, unknown>;

const token = (line: string, number: number, ripple: string, at: number, priority = 50) => ({
  line,
  run: `${line}/${number}`,
  ripple,
  since: iso(at),
  priority,
});

export class Operated {
  hold: HoldTold | null = null;
  limits: LimitTold[];
  alerts: Body[];

  constructor(lines: LineStatus[], now: number) {
    const by = (name: string): LineStatus | undefined => lines.find((each) => each.line === name);
    this.limits = [
      {
        name: "databricks",
        tokens: null,
        held: [],
        waiting: [],
        used_by: ["forecast@1"],
      },
      {
        name: "warehouse",
        tokens: 2,
        held: [
          token("attribution@1", 42, "train_model", now - 38_000, 80),
          token("web_events@1", 42, "sessions", now - 21_000),
        ],
        waiting: [
          token("attribution@1", 42, "scores", now - 12_000, 80),
          token("audience@1", 42, "audience", now - 9_000),
          token("sales@2", 42, "orders", now - 4_000, 20),
        ],
        used_by: ["attribution@1", "audience@1", "sales@1", "sales@2", "web_events@1"],
      },
    ];
    this.alerts = [
      {
        name: "oncall",
        kind: "webhook",
        to: "events.pagerduty.example.com",
        on: ["failed", "stale", "recovered"],
        ponds: ["reports", "pricing"],
        state: "on",
      },
      {
        name: "slack",
        kind: "slack",
        to: "hooks.slack.com",
        on: ["failed"],
        ponds: [],
        state: "on",
      },
      {
        name: "team",
        kind: "email",
        to: "analytics-team@example.com",
        on: ["stale"],
        ponds: [],
        state: "waits for its owner to confirm",
      },
    ];
    dress(by, now);
  }

  maintenance(body: Body, lines: LineStatus[], now: number): unknown {
    const on = body["action"] === "on";
    this.hold = on ? { at: iso(now), by: "ada@laptop", note: String(body["note"] ?? "") } : null;
    for (const line of lines) line.held = this.hold;
    return {
      on,
      hold: this.hold,
      lines: lines.length,
      not_received: [],
      runs: lines.flatMap((line) => line.runs),
      waiting: [],
    };
  }

  limit(body: Body, now: number): unknown {
    const name = String(body["name"]);
    const old = this.limits.find((each) => each.name === name);
    const tokens = body["action"] === "set" ? Number(body["tokens"]) : null;
    if (old) old.tokens = tokens;
    else this.limits.push({ name, tokens, held: [], waiting: [], used_by: [] });
    const warnings = old ? [] : [`No deployed Ripple uses ${name}.`];
    return { now: iso(now), limits: this.limits, warnings, applied: true };
  }

  alert(body: Body): unknown {
    if (body["action"] === "test")
      return {
        name: body["name"],
        error: body["name"] === "slack" ? null : "404: no such channel",
      };
    if (body["action"] === "remove")
      this.alerts = this.alerts.filter((each) => each["name"] !== body["name"]);
    else {
      const to = String(body["to"]);
      if (body["kind"] !== "email" && !to.startsWith("https://"))
        throw new Error("The URL cannot be called: found no https://; allowed: https://HOST/...");
      const shown = body["kind"] === "email" ? to : new URL(to).hostname;
      this.alerts.push({ name: body["kind"], ...body, to: shown, state: "on" });
    }
    return { alerts: this.alerts };
  }
}

function dress(by: (name: string) => LineStatus | undefined, now: number): void {
  const tags: Record<string, Record<string, string>> = {
    "sales@1": { team: "sales", tier: "gold" },
    "sales@2": { team: "sales", tier: "gold" },
    "reports@1": { team: "sales" },
    "pricing@1": { team: "pricing" },
    "attribution@1": { team: "marketing", tier: "gold", source: "web_events.v2" },
    "audience@1": { team: "marketing" },
  };
  for (const [name, held] of Object.entries(tags)) {
    const line = by(name);
    if (line) line.tags = held;
  }
  for (const [name, uses] of [
    ["attribution@1", "warehouse"],
    ["audience@1", "warehouse"],
    ["forecast@1", "databricks"],
  ] as const) {
    for (const ripple of by(name)?.ripples ?? []) ripple.uses = [uses];
  }
  const attribution = by("attribution@1");
  if (attribution) attribution.priority = 80;
  const customers = by("customers@1");
  if (customers) customers.backlog = 1234;
  const none = { within: null, at: null, tz: null, on: [], declared: true };
  const bounds: Record<string, BoundTold> = {
    "audience@1": { ...none, words: "30m", within: 1800, stale: null, due: iso(now + 1_540_000) },
    "reports@1": { ...none, words: "1d", within: 86_400, stale: iso(now - 6_600_000), due: null },
    "pricing@1": {
      ...none,
      words: "fresh by 06:00 Europe/Berlin",
      at: "06:00",
      tz: "Europe/Berlin",
      stale: null,
      due: iso(now + 30_000_000),
    },
  };
  for (const [name, bound] of Object.entries(bounds)) {
    const line = by(name);
    if (line) line.bound = bound;
  }
}

export const arrivalsOf = (line: LineStatus): Body[] =>
  line.line === "customers@1"
    ? [{ name: "landing", bucket: "my-landing", prefix: "crm/", suffix: ".parquet", kind: "tap" }]
    : [];

export const backlogOf = (line: LineStatus, now: number): Body => ({
  line: line.line,
  waiting: line.backlog ?? 0,
  objects: Array.from({ length: 50 }, (_, at) => ({
    number: at + 1,
    uri: `s3://my-landing/crm/2030/01/02/part-${String(at).padStart(5, "0")}-c2f1.parquet`,
    size: 4_200_000 - at * 31_000,
    arrived: iso(now - 5_400_000 + at * 61_000),
  })),
});

export function boundOf(line: LineStatus, body: Body, now: number): void {
  const asked = (body["bound"] ?? {}) as Partial<BoundTold>;
  if (body["action"] === "tide") {
    line.bound = null;
    return;
  }
  line.bound = {
    words: asked.within ? `${asked.within}s` : asked.at ? `fresh by ${asked.at}` : "none",
    within: asked.within ?? null,
    at: asked.at ?? null,
    tz: asked.tz ?? null,
    on: asked.on ?? [],
    declared: true,
    stale: null,
    due: iso(now + 3_600_000),
  };
}

export function tag(lines: LineStatus[], line: LineStatus, body: Body): void {
  const after = { ...line.tags, ...(body["put"] as Record<string, string> | undefined) };
  for (const key of (body["remove"] as string[] | undefined) ?? []) delete after[key];
  for (const each of lines) if (each.pond === line.pond) each.tags = after;
}
