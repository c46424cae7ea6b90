import { describe, expect, test } from "vitest";
import { auditRows, replayOf, whyOf } from "../dev/past.ts";
import { demo } from "../dev/demo.ts";
import type { AuditRow, CauseTold, ReplayStep, WhyAnswer } from "../src/answers";
import { askedFor, askedOf, lineOf, shortWho, who, withOlder } from "../src/model/audit";
import { localSecond } from "../src/model/moments";
import { placeOf } from "../src/model/places";
import {
  around,
  exactUtc,
  hasRoom,
  headline,
  isAhead,
  matching,
  MOST_STEPS,
  placeIn,
  wantedStep,
  withPage,
} from "../src/model/replay";
import {
  asFarAsThereIsRoom,
  causesTitle,
  endWord,
  inDepth,
  isPast,
  isRoot,
  waysByLine,
} from "../src/model/why";
import { NOW, world } from "./help";

const lines = demo(NOW);
const why = (name: string): WhyAnswer =>
  whyOf(
    lines,
    lines.find((line) => line.line === name)!,
    null,
    NOW,
  );
const told = (line: string, leads_to: string | null, more: Partial<CauseTold> = {}): CauseTold => ({
  kind: leads_to ? "blocked" : "failed",
  text: `${line} for ${leads_to}`,
  leads_to,
  since: null,
  at: null,
  runs: [],
  ways: [],
  ...more,
});

describe("why", () => {
  test("each line is under the cause that leads to it first, and told once", () => {
    const chain = [
      { line: "d@1", status: "blocked" as const, causes: [told("d", "b@1"), told("d", "c@1")] },
      { line: "b@1", status: "blocked" as const, causes: [told("b", "a@1")] },
      { line: "c@1", status: "blocked" as const, causes: [told("c", "a@1")] },
      { line: "a@1", status: "failed" as const, causes: [told("a", null)] },
    ];
    const shown = inDepth({ line: "d@1", chain });
    expect(shown.map(({ line, depth, again }) => [line, depth, again])).toEqual([
      ["d@1", 0, false],
      ["b@1", 1, false],
      ["a@1", 2, false],
      ["d@1", 0, false],
      ["c@1", 1, true],
    ]);
    expect(shown.filter(isRoot).map((one) => one.line)).toEqual(["a@1"]);
    expect(shown[2]?.status).toBe("failed");
  });
  test("a circle and a line that is left off end it", () => {
    const chain = [
      { line: "a@1", status: "waiting" as const, causes: [told("a", "b@1")] },
      { line: "b@1", status: "waiting" as const, causes: [told("b", "a@1"), told("b", "gone@1")] },
    ];
    expect(inDepth({ line: "a@1", chain }).map((one) => one.again)).toEqual([false, true, false]);
    expect(inDepth({ line: "none@1", chain })).toEqual([]);
  });
  test("of many causes the first are shown, and the roots of the rest", () => {
    const all = inDepth({
      line: "a@1",
      chain: [
        {
          line: "a@1",
          status: "blocked",
          causes: [...Array(40).keys()].map((at) => told(`${at}`, at % 2 ? null : "b@1")),
        },
      ],
    });
    const { first, roots, left } = asFarAsThereIsRoom(all, 30, 3);
    expect([first.length, roots.map((one) => one.cause.text), left]).toEqual([
      30,
      ["31 for null", "33 for null", "35 for null"],
      7,
    ]);
    expect(asFarAsThereIsRoom(all, 40, 3)).toMatchObject({ roots: [], left: 0 });
  });
  test("says whether it runs, waits for a token, or does not run", () => {
    expect(causesTitle(why("reports@1"))).toBe("Why");
    expect(causesTitle(why("attribution@1"))).toBe("Why no other run starts");
    const tokens = [told("a", null, { kind: "waits_for_token" })];
    const chain = [{ line: "a@1", status: "running" as const, causes: tokens }];
    expect(causesTitle({ line: "a@1", chain, runs: [] })).toBe("What it waits for");
    const mixed = [{ ...chain[0]!, causes: [...tokens, told("a", null)] }];
    expect(causesTitle({ line: "a@1", chain: mixed, runs: [] })).toBe("Why");
    expect(causesTitle({ line: "a@1", chain: [], runs: [] })).toBe("Why");
  });
  test("what would change it stands under its line, each once", () => {
    const answer = why("reports@1");
    expect(waysByLine(answer).map(({ line, ways }) => [line, ways.length])).toEqual([
      ["transactions@1", 4],
    ]);
    const way = { text: "Run it", command: null };
    const groups = waysByLine({
      line: "a@1",
      ways: [way, { text: "of nobody", command: "x" }],
      chain: ["b@1", "c@1"].map((line) => ({
        line,
        status: "idle" as const,
        causes: [told(line, null, { ways: [way] })],
      })),
    });
    expect(groups.map((group) => group.line)).toEqual(["b@1", "a@1"]);
  });
  test("what is past says so, and a time says what comes then", () => {
    expect(isPast({ at: "x", now: "x" })).toBe(false);
    expect(isPast({ at: "x", now: "y" })).toBe(true);
    expect(["window_closed", "retry_at", "tide_due", "busy"].map((kind) => endWord(kind as never)))
      .toMatchInlineSnapshot(`
      [
        "opens",
        "tried again",
        "asks again",
        "until",
      ]
    `);
  });
});

describe("a command's place in the page", () => {
  test("is the run, the Pond or the doctor that it names", () => {
    expect(placeOf("duckstring run show -c prod sales@1/42")).toEqual({
      path: "/run/sales@1/42",
      words: "See sales@1/42",
    });
    const panel = { path: "/pond/sales@2", words: "Open sales@2" };
    for (const command of [
      "duckstring status sales -m 2",
      "duckstring control wake -c prod sales -m 2",
      "duckstring trigger tide sales 1d -m 2",
      "duckstring trigger window sales list -m 2",
      "duckstring control failure-budget sales -m 2 --source 3",
    ])
      expect(placeOf(command)).toEqual(panel);
    expect(placeOf("duckstring doctor -c prod")?.path).toBe("/catchment");
    for (const command of [
      "duckstring limit set warehouse N",
      "duckstring limit set warehouse 3 -c prod",
    ])
      expect(placeOf(command)).toEqual({
        path: "/catchment#limits",
        words: "Open Catchment, Limits",
      });
  });
  test("what the page has no place for, or is no command of ours, has none", () => {
    for (const command of [
      "duckstring deploy",
      "duckstring control wake sales",
      "duckstring control wake ../x -m 1",
      "duckstring control wake sales -m x",
      "duckstring run show <b>/1",
      "duckstring run list sales@1/4",
      "duckstring doctor --rm x",
      "duckstring limit remove warehouse",
      "duckstring limit set <b> 3",
      "duckstring",
      "rm -rf status sales -m 2",
      "",
    ])
      expect(placeOf(command)).toBeNull();
  });
});

const step = (revision: number, more: Partial<ReplayStep> = {}): ReplayStep => ({
  revision,
  at: "2030-01-01T10:42:01.234567Z",
  letters: [],
  changes: [],
  effects: [],
  status: "idle",
  gap: null,
  ...more,
});
const letter = { kind: "source_told", sender: "sales@1", text: "It reports: failed \u001b[31m" };

describe("replay", () => {
  const line = lines.find((each) => each.line === "reports@1")!;
  const ask = (query: string) => replayOf(line, new URLSearchParams(query), NOW);
  const from = `from=${new Date(NOW - 86_400_000).toISOString()}`;

  test("pages follow one another, of the time of the first one", () => {
    const first = withPage(null, ask(from));
    expect([first.steps.length, first.next === null]).toEqual([200, false]);
    const page = ask(`${from}&after=${encodeURIComponent(first.next!)}`);
    const whole = withPage(first, page);
    expect(whole.steps.map((one) => one.revision)).toEqual(
      [...Array(260).keys()].map((n) => n + 1),
    );
    expect([whole.next, whole.since]).toEqual([null, first.since]);
    expect(withPage(whole, page).steps).toHaveLength(260);
  });
  test("it holds so many, and a link's step is waited for until then", () => {
    const held = withPage(null, ask(from));
    const ahead = ([250, 20, "first", "newest"] as const).map((wanted) => isAhead(held, wanted));
    expect(ahead).toEqual([true, false, false, true]);
    const ended = { ...held, next: null };
    expect([isAhead(ended, 250), isAhead(ended, "newest")]).toEqual([false, false]);
    const full = { ...held, steps: Array.from({ length: MOST_STEPS }, (_, at) => step(at)) };
    expect([hasRoom(held), hasRoom(full), isAhead(full, 5000), isAhead(full, "newest")]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
  test("words are looked for everywhere in a step", () => {
    const steps = [
      step(1, { letters: [letter] }),
      step(2, { changes: [{ what: "status", before: "running", after: "FAILED" }] }),
      step(3, { effects: [{ kind: "start_run", text: "Start reports@1/4." }] }),
      step(4, { gap: "What came is not kept." }),
    ];
    const found = (words: string) => matching(steps, words).map((one) => one.revision);
    expect(found("failed")).toEqual([1, 2]);
    expect(found("status failed")).toEqual([2]);
    expect(found("start_run")).toEqual([3]);
    expect(found("not kept")).toEqual([4]);
    expect(found("  ")).toEqual([1, 2, 3, 4]);
    expect(found("nothing like it")).toEqual([]);
  });
  test("a step on one line is its first letter, without what is hidden in it", () => {
    expect(headline(step(1, { letters: [letter, letter, letter] }))).toBe(
      "sales@1: It reports: failed \\x1b[31m (and 2 more)",
    );
    expect(headline(step(1, { gap: "Not kept." }))).toBe("Not kept.");
    expect(headline(step(1))).toBe("No letter.");
  });
  test("a link leads to its step; without one, to the newest", () => {
    const steps = [step(4), step(7), step(9)];
    const places = (["newest", "first", 7, 5] as const).map((wanted) => placeIn(steps, wanted));
    expect(places).toEqual([2, 0, 1, 0]);
    expect([placeIn([], "first"), placeIn([], "newest"), placeIn([], 4)]).toEqual([-1, -1, -1]);
    expect([null, "first", "17", "-1", "", "x"].map(wantedStep)).toEqual([
      "newest",
      "first",
      17,
      "newest",
      "newest",
      "newest",
    ]);
  });
  test("the time around an instant ends now, if it is not over", () => {
    const span = around(NOW - 3_600_000, NOW);
    expect(span).toEqual({ from: "2030-01-02T10:55:00.000Z", until: "2030-01-02T11:05:00.000Z" });
    expect(around(new Date(NOW).toISOString(), NOW, { before: 30 })).toEqual({
      from: "2030-01-02T11:30:00.000Z",
      until: "",
    });
    expect(around(null, NOW)).toBeNull();
  });
  test("milliseconds count", () => {
    expect(exactUtc("2030-01-01T10:42:01.234567Z")).toBe("2030-01-01 10:42:01.234 UTC");
    expect(exactUtc("2030-01-01T10:42:01Z")).toBe("2030-01-01 10:42:01 UTC");
    // Without a zone, it is the reader's.
    expect(localSecond(NOW + 7999)).toMatch(/^[^Z+]*:07$/);
    expect(Date.parse(localSecond(NOW))).toBe(NOW);
  });
});

describe("changes", () => {
  const row = (more: Partial<AuditRow>): AuditRow => ({ ...auditRows(lines, NOW)[0]!, ...more });

  test("who is the end of an ARN, or what was claimed, escaped", () => {
    expect(shortWho("arn:aws:iam::123456789012:user/team/alice")).toBe("user/team/alice");
    expect(shortWho("arn:aws-cn:sts::123456789012:assumed-role/Ops/x")).toBe("assumed-role/Ops/x");
    expect(shortWho("arn:aws:iam::12:user/alice")).toBe("arn:aws:iam::12:user/alice");
    expect(who(row({ by: "bob@laptop", via: "page" }))).toBe("bob@laptop (page)");
    expect(who(row({ by: null, via: null }))).toBe("not known");
    expect(who(row({ by: "\u202eeve", via: null }))).toBe("\\u202eeve");
  });
  test("who asked for a run, where it is known", () => {
    expect(askedFor(null, undefined)).toBeNull();
    expect(askedFor("arn:aws:iam::123456789012:user/alice", null)).toEqual({
      name: "user/alice",
      note: "",
    });
    expect(askedFor(null, "why")).toEqual({ name: "not known", note: "why" });
  });
  test("a Pond leads to its newest line, a line to itself", () => {
    const graph = world();
    expect(lineOf("sales", graph)).toBe("sales@2");
    expect(lineOf("sales@1", graph)).toBe("sales@1");
    expect([lineOf("gone", graph), lineOf("*", graph), lineOf("sales", null)]).toEqual([
      null,
      null,
      null,
    ]);
  });
  test("an address says what is asked for", () => {
    expect(askedOf(new URLSearchParams("pond=sales&by= alice &since=24h&x=1"))).toEqual({
      pond: "sales",
      by: "alice",
      since: "24h",
      until: "",
    });
  });
  test("older ones follow, none twice", () => {
    const [one, two] = [row({ request: "1" }), row({ request: "2" })];
    expect(withOlder([one], [one, two])).toEqual([one, two]);
  });
});
