import { describe, expect, test } from "vitest";
import type { BoundTold, LimitTold } from "../src/answers";
import {
  allowedAt,
  allowedOf,
  changeOf,
  deadlinesOf,
  kindOf,
  type BoundForm,
} from "../src/model/bounds";
import { ahead } from "../src/model/ahead";
import { find } from "../src/model/find";
import { bright, chosen } from "../src/model/filters";
import { outlets, shareWords, stretches, withinBound } from "../src/model/freshness";
import { holding } from "../src/model/holding";
import { limitFault, limitWords, priorityFault, sharesOf, taken } from "../src/model/limits";
import { graphOf, type Line } from "../src/model/lines";
import { allTags, edited, hasTags, tagsFrom } from "../src/model/tags";
import { tagged, tagPath } from "../src/router";
import { demo } from "../dev/demo";
import { NOW, world } from "./help";

const HOUR = 3_600_000;
const now = new Date(NOW).toISOString();
const HOLD = { at: now, by: "ada@laptop", note: "new warehouse" };

describe("maintenance", () => {
  test("waits for runs, and for lines that have not heard it", () => {
    const lines = demo(NOW);
    // tickets@1 is not deployed: nobody tells it.
    const deaf = new Set(["rates@1", "tickets@1"]);
    for (const line of lines) if (!deaf.has(line.line)) line.held = HOLD;
    const told = holding(graphOf({ now, lines, maintenance: HOLD }, null));
    expect(told.runs.map((run) => run.run)).toEqual(["web_events@1/42", "attribution@1/42"]);
    expect(told.unheard).toEqual(["rates@1"]);
    expect(told.kept).toContain("churn@1");
    expect(told.kept).not.toContain("products@1");
  });
  test("that is over is still to be heard where new runs are held", () => {
    const lines = demo(NOW);
    lines.find((line) => line.line === "products@1")!.held = HOLD;
    const told = holding(graphOf({ now, lines }, null));
    expect(told.unheard).toEqual(["products@1"]);
    expect(told.kept).toEqual([]);
  });
});

const token = (line: string, ripple = "load") => ({
  line,
  run: `${line}/1`,
  ripple,
  since: now,
  priority: 50,
});
const limit = (change: Partial<LimitTold> = {}): LimitTold => ({
  name: "warehouse",
  tokens: 2,
  held: [token("sales@1"), token("rates@1")],
  waiting: [token("forecast@1"), token("reports@1"), token("reports@1", "daily")],
  used_by: [],
  ...change,
});

describe("a limit", () => {
  test("in words, and how full it is", () => {
    expect(limitWords(limit())).toBe("2 of 2 tokens taken, 3 wait");
    expect(limitWords(limit({ tokens: 1, held: [], waiting: [token("a@1")] }))).toBe(
      "0 of 1 token taken, 1 waits",
    );
    expect(limitWords(limit({ tokens: null }))).toBe("no number is set; 2 run now");
    expect(limitWords(limit({ tokens: 0, waiting: [] }))).toBe(
      "0 tokens: nothing new begins; 2 taken",
    );
    expect(taken(limit({ tokens: 3 }))).toBe(67);
    // It was lowered while three had one.
    expect(taken(limit({ tokens: 1 }))).toBe(100);
    expect(taken(limit({ tokens: 0 }))).toBe(100);
    expect(taken(limit({ tokens: null }))).toBeNull();
  });
  test("is told to a line that uses it, with its place", () => {
    const lines = demo(NOW);
    const reports = lines.find((line) => line.line === "reports@1")!;
    reports.ripples[0]!.uses = ["warehouse", "api"];
    reports.ripples[1]!.uses = ["warehouse"];
    const graph = graphOf({ now, lines, limits: [limit()] }, null);
    expect(sharesOf(graph, graph.byName.get("reports@1")!)).toEqual([
      { limit: "api", told: null, holds: 0, place: null },
      { limit: "warehouse", told: limit(), holds: 0, place: 2 },
    ]);
    expect(sharesOf(graph, graph.byName.get("rates@1")!)).toEqual([]);
  });
  test("is checked while it is typed", () => {
    expect(limitFault("warehouse", "3")).toBe("");
    expect(limitFault("Warehouse", "3")).toMatch(/^Name/);
    expect(limitFault("w", "1001")).toMatch(/0 to 1000/);
    expect(limitFault("w", "-1")).toMatch(/^Tokens/);
    expect(priorityFault(" 100 ")).toBe("");
    expect(priorityFault("101")).toMatch(/0 to 100/);
  });
  test("that has not changed is the same object", () => {
    const before = graphOf({ now, lines: demo(NOW), limits: [limit()], maintenance: HOLD }, null);
    const told = { now, lines: demo(NOW), limits: [limit()], maintenance: { ...HOLD } };
    const after = graphOf(told, before);
    expect(after.limits).toBe(before.limits);
    expect(after.maintenance).toBe(before.maintenance);
    expect(graphOf({ ...told, maintenance: null }, after).maintenance).toBeNull();
  });
});

describe("tags", () => {
  const lines = demo(NOW);
  lines[0]!.tags = { team: "sales", tier: "gold" };
  lines[1]!.tags = { team: "sales" };
  const graph = graphOf({ now, lines }, null);
  test("are counted, and all of them have to hold", () => {
    expect(allTags(graph.lines)).toEqual([
      { tag: "team=sales", lines: 2 },
      { tag: "tier=gold", lines: 1 },
    ]);
    expect(hasTags(graph.lines[1]!, { team: "sales", tier: "gold" })).toBe(false);
    const filters = { states: new Set<never>(), focus: null, tags: { team: "sales" } };
    expect(bright(graph, filters)).toEqual(new Set(["transactions@1", "products@1"]));
    const failed = { ...filters, states: new Set(["failed" as const]) };
    expect(chosen(graph, failed).map((line) => line.line)).toEqual(["transactions@1"]);
    const focused = { ...filters, focus: { line: "pricing@1", direction: "up" as const } };
    expect(chosen(graph, focused).map((line) => line.line)).toEqual([
      "transactions@1",
      "products@1",
    ]);
    const below = { ...filters, focus: { line: "customers@1", direction: "down" as const } };
    expect(chosen(graph, below)).toEqual([]);
    expect(chosen(graph, { ...filters, tags: {} })).toHaveLength(graph.lines.length);
  });
  test("are found by the search", () => {
    expect(find(graph, new Map(), "team=")).toEqual([
      { kind: "Tag", name: "team=sales", detail: "2 lines", path: "/?tag=team%3Dsales" },
    ]);
  });
  test("of an address are read as far as they are tags", () => {
    expect(tagsFrom(["team=sales", "<b>=x", "team=ops", "tier=", "=x"])).toEqual({ team: "ops" });
    expect(tagPath("team=sales")).toBe("/?tag=team%3Dsales");
    expect(tagged("/pond/a@1", "?tag=x%3Dy&show=all", ["a=b", "c=d"])).toBe(
      "/pond/a@1?show=all&tag=a%3Db&tag=c%3Dd",
    );
    expect(tagged("/", "?tag=x%3Dy", [])).toBe("/");
  });
  test("are edited as a text", () => {
    const held = { team: "sales", tier: "gold" };
    expect(edited("team=ops, cost=low", held)).toEqual({
      put: { team: "ops", cost: "low" },
      remove: ["tier"],
      fault: "",
    });
    expect(edited(" tier=gold team=sales ", held)).toEqual({ put: {}, remove: [], fault: "" });
    expect(edited("", held).remove).toEqual(["team", "tier"]);
    expect(edited("Team=sales", held).fault).toMatch(/^Team=sales is not a tag/);
    expect(edited("a=b a=c", held).fault).toBe("a has two values.");
    // A name that each object has.
    expect(edited("constructor=ada", held).fault).toBe("");
    expect(edited("", { constructor: "ada" }).remove).toEqual(["constructor"]);
    const many = Array.from({ length: 11 }, (_, at) => `k${at}=v`).join(" ");
    expect(edited(many, held).fault).toMatch(/at most 10/);
  });
});

const bound = (change: Partial<BoundTold>): BoundTold => ({
  words: "",
  within: null,
  at: null,
  tz: null,
  on: [],
  declared: true,
  stale: null,
  due: null,
  ...change,
});
const DAY = { start: NOW - 24 * HOUR, end: NOW, name: "24 h" };

function lineWith(told: BoundTold | null, tide?: number): Line {
  const line = world().byName.get("customers@1")!;
  const trigger = tide === undefined ? null : { kind: "tide" as const, bound: tide };
  return { ...line, bound: told, trigger };
}

describe("a bound", () => {
  test("that is declared comes before the Tide; one that follows from it is not drawn", () => {
    const both = allowedOf(lineWith(bound({ within: 7200 }), 3600), DAY);
    expect(both.map(({ word, short }) => [word, short])).toEqual([
      ["bound", "bound 2h"],
      ["Tide", "Tide 1h"],
    ]);
    const tide = allowedOf(lineWith(bound({ within: 4500, declared: false }), 3600), DAY);
    expect(tide.map((each) => each.word)).toEqual(["Tide"]);
    expect(allowedOf(lineWith(bound({})), DAY)).toEqual([]);
  });
  test("by a time of day allows more until the next deadline", () => {
    // 06:00 in Berlin is 05:00 UTC in winter; that local day began at 23:00 UTC.
    const told = bound({ at: "06:00", tz: "Europe/Berlin", words: "fresh by 06:00 Europe/Berlin" });
    const [allowed] = allowedOf(lineWith(told), DAY);
    const at = (text: string) => allowedAt(allowed!.edges, Date.parse(text));
    expect(at("2030-01-02T05:00:00Z")).toBe(6 * 3600);
    expect(at("2030-01-02T12:00:00Z")).toBe(13 * 3600);
    expect(at("2030-01-02T04:59:00Z")).toBe(30 * 3600 - 60);
    expect(at("2029-12-01T00:00:00Z")).toBeNull();
    expect(allowed!.edges.map(({ start, end }) => [start, end])).toEqual([
      [DAY.start, Date.parse("2030-01-02T05:00:00Z")],
      [Date.parse("2030-01-02T05:00:00Z"), NOW],
    ]);
  });
  test("of some weekdays counts until the next of them", () => {
    // 2030-01-02 is a Wednesday.
    const told = bound({ at: "06:00", on: ["MON"] });
    const found = deadlinesOf(told, NOW - 9 * 24 * HOUR, NOW);
    expect(found.map(({ at }) => new Date(at).toISOString())).toEqual(["2029-12-31T06:00:00.000Z"]);
    const [allowed] = allowedOf(lineWith(told), DAY);
    expect(allowedAt(allowed!.edges, NOW)).toBe(60 * 3600);
  });
  test("follows the clock of its zone when that is changed", () => {
    const told = bound({ at: "06:00", tz: "Europe/Berlin" });
    const [from, until] = [Date.parse("2030-03-30T00:00:00Z"), Date.parse("2030-04-01T00:00:00Z")];
    const found = deadlinesOf(told, from, until).map(({ at, midnight }) => [
      new Date(at).toISOString(),
      (at - midnight) / HOUR,
    ]);
    expect(found).toEqual([
      ["2030-03-30T05:00:00.000Z", 6],
      ["2030-03-31T04:00:00.000Z", 5],
    ]);
    const early = deadlinesOf({ ...told, at: "01:30" }, from, until);
    expect(new Date(early[1]!.at).toISOString()).toBe("2030-03-31T00:30:00.000Z");
  });
  test("of a zone that is unknown here is not drawn", () => {
    expect(allowedOf(lineWith(bound({ at: "06:00", tz: "Mars/Olympus" })), DAY)).toEqual([]);
  });
  test("looks at the freshness, where a Window makes the age larger", () => {
    const line = lineWith(bound({ at: "06:00" }));
    const delayed = { ...line, agedFrom: Date.parse(line.end_f) - HOUR };
    const [plain] = allowedOf(line, DAY);
    const [more] = allowedOf(delayed, DAY);
    expect(allowedAt(more!.edges, NOW)! - allowedAt(plain!.edges, NOW)!).toBeCloseTo(3600, 0);
  });
  test("by a time of day is met by what is fresh as of that day, and only by that", () => {
    const [allowed] = allowedOf(lineWith(bound({ at: "06:00" })), DAY);
    const midnight = Date.parse("2030-01-02T00:00:00Z");
    const share = (from: number) => {
      const known = stretches([{ at: DAY.start, from }], DAY.start, NOW);
      return withinBound(known, allowed!.edges);
    };
    expect(share(midnight).within).toBe(24 * HOUR);
    // Until 06:00 what is of the day before is enough.
    expect(share(midnight - 1000).within).toBe(18 * HOUR);
    expect(share(midnight - 25 * HOUR).within).toBe(0);
  });
  test("is said in words, also where no deadline is known", () => {
    const known = stretches([{ at: DAY.start, from: DAY.start }], DAY.start, NOW);
    const [allowed] = allowedOf(lineWith(bound({ within: 6 * 3600 })), DAY);
    expect(shareWords(known, allowed, DAY)).toBe(
      "Within its bound of 6h for 25 % of the last 24 h.",
    );
    expect(shareWords(known, { ...allowed!, edges: [] }, DAY)).toBe(
      "At most 1d old in the last 24 h. No deadline of its bound is known in this time.",
    );
  });
  test("puts a Pond that others read among those whose age is drawn", () => {
    const lines = demo(NOW);
    lines.find((line) => line.line === "customers@1")!.bound = bound({ within: 60 });
    const graph = graphOf({ now, lines }, null);
    expect(outlets(graph).map((line) => line.line)).toContain("customers@1");
    expect(outlets(world()).map((line) => line.line)).not.toContain("customers@1");
  });
  test("that is declared and passes is among what comes", () => {
    const lines = demo(NOW);
    const due = new Date(NOW + HOUR).toISOString();
    const line = lines.find((each) => each.line === "customers@1")!;
    const kinds = () =>
      ahead(graphOf({ now, lines }, null), NOW + 2 * HOUR)
        .filter((each) => each.line === "customers@1")
        .map(({ kind, what, from }) => [kind, what, from]);
    line.bound = bound({ within: 60, words: "1m", due });
    expect(kinds()).toEqual([["bound", "passes: 1m", NOW + HOUR]]);
    line.bound = bound({ within: 60, words: "1m", due, declared: false });
    expect(kinds()).toEqual([]);
  });
  const form: BoundForm = { kind: "within", within: "2h", at: "06:00", tz: " ", on: [] };
  test("is asked for by a form", () => {
    expect(changeOf(form).change).toEqual({ action: "set", bound: { within: 7200 } });
    expect(changeOf({ ...form, within: "soon" }).fault).toMatch(/^Age/);
    expect(changeOf({ ...form, kind: "none" }).change).toEqual({ action: "set", bound: {} });
    expect(changeOf({ ...form, kind: "tide" }).change).toEqual({ action: "tide" });
    const clock = { ...form, kind: "at" as const };
    expect(changeOf(clock).change).toEqual({
      action: "set",
      bound: { at: "06:00", tz: null, on: null },
    });
    expect(changeOf({ ...clock, tz: "Europe/Berlin", on: ["MON"] }).change).toEqual({
      action: "set",
      bound: { at: "06:00", tz: "Europe/Berlin", on: ["MON"] },
    });
    expect(changeOf({ ...clock, at: "25:00" }).fault).toMatch(/^Time/);
  });
  test("is of one kind", () => {
    expect(kindOf(null)).toBe("tide");
    expect(kindOf(bound({ within: 60, declared: false }))).toBe("tide");
    expect(kindOf(bound({ within: 60 }))).toBe("within");
    expect(kindOf(bound({ at: "06:00" }))).toBe("at");
    expect(kindOf(bound({}))).toBe("none");
  });
});
