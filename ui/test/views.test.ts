import { describe, expect, test } from "vitest";
import { confirmation, looksOnly, refusal } from "../src/model/actions";
import { ahead, missedFor } from "../src/model/ahead";
import { demandWords, traffic } from "../src/model/demand";
import { bright, countsOf, inFocus } from "../src/model/filters";
import { find } from "../src/model/find";
import { onlyAwaits, sentences } from "../src/model/sentences";
import { localStart, nextOpening, openings } from "../src/model/windows";
import type { WindowTold } from "../src/answers";
import { NOW, world } from "./help";

const graph = world();
const by = (name: string) => graph.byName.get(name)!;
const MAY = { canAct: true, readOnly: false };

describe("filters", () => {
  test("no state chosen dims nothing", () => {
    expect(bright(graph, { states: new Set(), focus: null, tags: {} })).toBeNull();
    expect(bright(graph, { states: new Set(["failed"]), focus: null, tags: {} })).toEqual(
      new Set(["transactions@1"]),
    );
    expect(countsOf(graph).get("blocked")).toBe(3);
  });
  test("a focus on a line that is gone shows all", () => {
    expect(inFocus(graph, { line: "gone@1", direction: "up" })).toBeNull();
    expect(inFocus(graph, { line: "pricing@1", direction: "up" })?.has("rates@1")).toBe(true);
  });
});

describe("search", () => {
  const tables = new Map([["sales@1", ["order lines"]]]);
  test("finds Ponds, Ripples, runs and tables", () => {
    expect(find(graph, tables, "sales").map((hit) => hit.name)).toContain("sales@2");
    expect(find(graph, tables, "board")[0]).toMatchObject({
      kind: "Ripple",
      path: "/pond/reports%401",
    });
    expect(find(graph, tables, "order l")[0]).toMatchObject({
      kind: "Table",
      path: "/data/sales%401/order%20lines",
    });
    expect(find(graph, tables, "sales@1/7")[0]).toMatchObject({
      kind: "Run",
      path: "/run/sales@1/7",
    });
  });
  test("what is closest comes first, and nothing finds nothing", () => {
    expect(find(graph, tables, "rates")[0]?.name).toBe("rates");
    expect(find(graph, tables, "  ")).toEqual([]);
    expect(find(graph, tables, "zzz")).toEqual([]);
  });
});

describe("demand", () => {
  test("pull and push are told apart on the edge", () => {
    expect(traffic(by("rates@1"), by("forecast@1"))).toEqual({ demand: "pull", data: false });
    expect(traffic(by("tickets@1"), by("churn@1"))).toEqual({ demand: "push", data: false });
    expect(traffic(by("web_events@1"), by("attribution@1")).data).toBe(true);
    expect(traffic(by("attribution@1"), by("audience@1"))).toEqual({ demand: null, data: false });
  });
  test("is said in words", () => {
    expect(demandWords({ pull: true, targets: ["a", "b"], woken: true, forced: false })).toBe(
      "a pull, 2 pushes and a wake",
    );
    expect(demandWords({ pull: false, targets: [], woken: false, forced: false })).toBe("");
  });
});

describe("a wake and a Tide", () => {
  const demand = { pull: false, targets: [], woken: true, forced: false };
  const woken = { ...by("reports@1"), status: "waiting" as const, reason: "", demand };
  test("a wake asks nobody, and says so", () => {
    expect(sentences(woken, NOW).join(" ")).toContain("Nobody has asked them: Pulse it");
    expect(traffic(by("transactions@1"), woken).demand).toBeNull();
    const pulled = { ...woken, demand: { ...demand, pull: true } };
    expect(sentences(pulled, NOW).join(" ")).not.toContain("Nobody has asked");
  });
  test("a Tide that is due before an Inlet opens is missed", () => {
    const opening = (at: number) => ({ start: new Date(at).toISOString(), end: "" });
    const told = (due: number, opens: number, optional = false) => {
      const inlet = { ...by("rates@1"), line: "in@1", sources: [], windows: [] as WindowTold[] };
      inlet.windows = [
        {
          name: "nightly",
          start: "",
          every: 86400,
          duration: 60,
          on: [],
          until: null,
          open: null,
          next: opening(opens),
          carried_by: "alarm",
        },
      ];
      const source = { ...by("forecast@1").sources[0]!, line: "in@1", optional };
      const outlet = {
        ...by("reports@1"),
        agedFrom: due - 60_000,
        trigger: { kind: "tide" as const, bound: 60 },
        sources: [source],
      };
      const lines = [inlet, outlet];
      const byName = new Map(lines.map((line) => [line.line, line]));
      return missedFor({ ...graph, lines, byName }, outlet);
    };
    expect(told(NOW + 10, NOW + 20)).toEqual({ inlet: "in@1", at: NOW + 20 });
    expect(told(NOW + 20, NOW + 10)).toBeNull();
    expect(told(NOW + 10, NOW + 20, true)).toBeNull();
  });
});

describe("sentences", () => {
  test("say that data has passed its bound, and since when", () => {
    const bound = { words: "2h", within: 7200, at: null, tz: null, on: [], declared: true };
    const since = new Date(NOW - 720_000).toISOString();
    const late = { ...by("attribution@1"), bound: { ...bound, stale: since, due: null } };
    expect(sentences(late, NOW)).toContain("Its data passed its bound (2h) 12m ago.");
    const inTime = { ...late, bound: { ...bound, stale: null, due: since } };
    expect(sentences(inTime, NOW).join(" ")).not.toContain("bound");
  });
  test("say why, whatever the state", () => {
    expect(sentences(by("reports@1"), NOW)[0]).toMatch(/^Blocked by transactions@1/);
    expect(sentences(by("transactions@1"), NOW).join(" ")).toMatch(
      /Ripple fetch failed in transactions@1\/42 at attempt 2: HTTPError.*It is tried again in 12m/,
    );
    expect(sentences(by("attribution@1"), NOW)[0]).toMatch(
      /works on train_model \(for 38s, a task of 16 GB\). 1 of 4/,
    );
    expect(sentences(by("archive@1"), NOW)[0]).toMatch(/operator killed it/);
    expect(sentences(by("audience@1"), NOW)).toContain("Its Tide of 15m is reached in 10m.");
    expect(sentences(by("products@1"), NOW)[0]).toBe("Nothing is wanted of it. It rests.");
    for (const line of graph.lines) expect(sentences(line, NOW).length).toBeGreaterThan(0);
  });
  test("a Ripple that waits for a token says of which limit", () => {
    const line = by("attribution@1");
    const runs = line.runs.map((run) => ({
      ...run,
      ripples: run.ripples.map((ripple) =>
        ripple.status === "running"
          ? { ...ripple, status: "queued", awaits: "databricks", task_mib: 0 }
          : ripple,
      ),
    }));
    expect(sentences({ ...line, runs }, NOW)[0]).toContain(
      "works on train_model (waits for a token of limit databricks)",
    );
    expect(onlyAwaits({ ...line, runs })).toBe("waits for a token of databricks");
  });
  test("a card says that a line waits for tokens only if nothing else of it goes on", () => {
    const line = by("attribution@1");
    const of = (...awaits: (string | null)[]) => {
      const one = line.runs[0]!.ripples[0]!;
      const ripples = awaits.map((limit) => ({ ...one, status: "queued", awaits: limit }));
      return onlyAwaits({ ...line, runs: [{ ...line.runs[0]!, ripples }] });
    };
    expect(of("warehouse", "databricks", "warehouse")).toBe(
      "waits for a token of databricks, warehouse",
    );
    expect([of("warehouse", null), of(), onlyAwaits(line)]).toEqual(["", "", ""]);
  });
  test("hostile errors are escaped", () => {
    expect(sentences(by("transactions@1"), NOW)[0]).toContain("\\x1b[31m");
  });
});

describe("actions", () => {
  test("say why they are not allowed", () => {
    expect(refusal("tap", by("sales@1"), { canAct: true, readOnly: true })).toMatch(/read-only/);
    expect(refusal("tap", by("sales@1"), { canAct: false, readOnly: false })).toMatch(
      /credentials/,
    );
    expect(refusal("tap", by("tickets@1"), MAY)).toMatch(/Not deployed/);
    expect(refusal("clear", by("audience@1"), MAY)).toMatch(/Nothing to clear/);
    expect(refusal("clear", by("transactions@1"), MAY)).toBe("");
    expect(refusal("windows", by("sales@1"), MAY)).toMatch(/Inlet/);
    expect(refusal("tap", by("sales@1"), MAY)).toBe("");
  });
  test("the head says why nothing can be done", () => {
    expect(looksOnly({ read_only: true, can_act: false })).toBe("This page is read-only.");
    expect(looksOnly({ read_only: false, can_act: false })).toBe("Your credentials may only read.");
    expect(looksOnly({ read_only: false, can_act: true })).toBe("");
  });
  test("what stops something is confirmed", () => {
    expect(confirmation("kill", by("attribution@1"))).toContain("attribution@1/42");
    expect(confirmation("tap", by("attribution@1"))).toBe("");
  });
});

describe("Windows", () => {
  const rule: WindowTold = {
    name: "w",
    start: "",
    every: 86_400,
    duration: 3600,
    on: ["mon", "wed"],
    until: null,
    open: null,
    next: { start: "2030-01-07T02:00:00Z", end: "2030-01-07T03:00:00Z" },
    carried_by: "schedule",
  };
  test("weekdays and the end of a rule are kept", () => {
    const starts = (window: WindowTold) =>
      openings("a@1", window, Date.parse("2030-01-20T00:00:00Z")).map((each) =>
        new Date(each.start).toISOString().slice(0, 10),
      );
    expect(starts(rule)).toEqual(["2030-01-07", "2030-01-09", "2030-01-14", "2030-01-16"]);
    expect(starts({ ...rule, until: "2030-01-10T00:00:00Z" })).toEqual([
      "2030-01-07",
      "2030-01-09",
    ]);
    expect(starts({ ...rule, next: null })).toEqual([]);
  });
  test("of a calendar rule, the openings are those that the Catchment tells", () => {
    const days = ["2030-01-30", "2030-02-27", "2030-03-30", "2030-04-29", "2030-05-30"];
    const upcoming = days.map((day) => ({
      start: `${day}T17:15:00Z`,
      end: `${day}T18:15:00Z`,
      local: `${day}T06:00:00+12:45`.replace(/-(\d\d)T/, (_, date) => `-${Number(date) + 1}T`),
    }));
    const monthly: WindowTold = {
      ...rule,
      every: 0,
      on: [],
      cron: "0 6 L * *",
      tz: "Pacific/Chatham",
      next: upcoming[0] ?? null,
      upcoming,
    };
    const found = openings("a@1", monthly, Infinity);
    expect(found.map((each) => new Date(each.start).toISOString().slice(0, 10))).toEqual(days);
    expect(openings("a@1", monthly, Date.parse("2030-03-01T00:00:00Z"))).toHaveLength(2);
    expect(found[0] && localStart(monthly, found[0])).toBe("Thu 06:00 Pacific/Chatham");
    expect(found[0] && localStart({ ...monthly, upcoming: [] }, found[0])).toBe("");
    expect(found[0] && localStart({ ...monthly, tz: "" }, found[0])).toBe("");
  });
  test("an open Window counts to its end", () => {
    const open = { start: "2030-01-02T11:00:00Z", end: "2030-01-02T13:00:00Z" };
    expect(nextOpening([rule, { ...rule, name: "o", open }])).toEqual({
      name: "o",
      at: Date.parse(open.end),
      open: true,
    });
    expect(nextOpening([])).toBeNull();
  });
  test("everything that comes is on one line, soonest first", () => {
    const coming = ahead(graph, NOW + 86_400_000);
    expect(coming.map((each) => each.line)).toEqual([
      "reports@1",
      "audience@1",
      "transactions@1",
      "rates@1",
    ]);
  });
});
