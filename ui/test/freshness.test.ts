import { describe, expect, test } from "vitest";
import type { RunRow } from "../src/answers";
import type { Allowed } from "../src/model/bounds";
import {
  age,
  ageAt,
  askFrom,
  ceiling,
  historyOf,
  marks,
  merged,
  oldest,
  outlets,
  percent,
  polyline,
  shareWords,
  stretches,
  withinBound,
  type Known,
} from "../src/model/freshness";
import type { Line } from "../src/model/lines";
import { NOW, world } from "./help";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const iso = (ms: number) => new Date(ms).toISOString();
const SPAN = { start: NOW - 24 * HOUR, end: NOW, name: "24 h" };

const tide = (seconds: number): Allowed => ({
  name: `its Tide of ${seconds / 3600}h`,
  word: "Tide",
  short: "",
  edges: [{ start: SPAN.start, end: SPAN.end, from: seconds, to: seconds }],
});

/** `f` and `finished` in minutes before now. */
function run(number: number, f: number, finished: number | null, status = "success"): RunRow {
  return {
    run: `a@1/${number}`,
    number,
    f: iso(NOW - f * MINUTE),
    started: iso(NOW - f * MINUTE),
    finished: finished === null ? null : iso(NOW - finished * MINUTE),
    status,
  } as RunRow;
}

function known(change: Partial<Line> = {}, since: number | null = null): Known {
  const f = iso(NOW - 30 * MINUTE);
  const line = { end_f: f, agedFrom: NOW - 30 * MINUTE, ...change } as Line;
  return { line, now: NOW, since };
}

const publications = (runs: RunRow[], what = known()) =>
  historyOf(runs, what).publications.map(({ at, from }) => [
    (NOW - at) / MINUTE,
    (NOW - from) / MINUTE,
  ]);

describe("what was published", () => {
  test("successes and passes count, in their order, and nothing else", () => {
    const runs = [
      run(4, 30, 20),
      run(3, 60, 50, "failed"),
      run(2, 90, 80, "pass"),
      run(1, 120, 100),
      run(5, 5, null, "running"),
      run(6, 4, 3, "killed"),
    ];
    expect(publications(runs)).toEqual([
      [100, 120],
      [80, 90],
      [20, 30],
    ]);
  });
  test("a run that is overtaken and publishes an older f changes nothing", () => {
    expect(publications([run(1, 100, 10), run(2, 50, 40)])).toEqual([[40, 50]]);
    expect(publications([run(1, 50, 40), run(2, 50, 30)])).toEqual([[40, 50]]);
    expect(publications([run(1, 90, 40), run(2, 50, 40)])).toEqual([[40, 50]]);
  });
  test("no runs: nothing, or what it holds now if it is known that nothing was published", () => {
    expect(publications([])).toEqual([]);
    expect(publications([], known({ agedFrom: null }, NOW - HOUR))).toEqual([]);
    expect(publications([], known({}, NOW - 20 * MINUTE))).toEqual([[20, 30]]);
  });
  test("a success that has not been finished or has no f is not drawn", () => {
    expect(
      publications([run(1, 50, null), { ...run(2, 50, 40), f: "0001-01-01T00:00:00Z" }]),
    ).toEqual([]);
  });
  test("a clock that is ahead gives no instant after now, and no negative age", () => {
    expect(publications([run(1, 30, -5)])).toEqual([[0, 30]]);
    expect(age(NOW + 5000, NOW)).toBe(0);
    const ahead = historyOf([run(1, 10, 12)], known()).publications;
    expect(polyline(stretches(ahead, SPAN.start, NOW)).map((point) => point.age)).toEqual([0, 600]);
  });
  test("under a Window the age counts from the beginning of the opening", () => {
    const line = { end_f: iso(NOW - 30 * MINUTE), agedFrom: NOW - 90 * MINUTE };
    expect(publications([run(1, 30, 80)], known(line))).toEqual([[80, 90]]);
  });
  test("failed runs are marks, at their end or else their beginning", () => {
    const runs = [run(2, 60, null, "failed"), run(1, 90, 70, "failed"), run(3, 9, -9, "failed")];
    expect(historyOf(runs, known()).failures).toEqual([
      { at: NOW - 70 * MINUTE, run: "a@1/1" },
      { at: NOW - 60 * MINUTE, run: "a@1/2" },
    ]);
  });
});

describe("the line", () => {
  const two = historyOf([run(1, 120, 100), run(2, 30, 20)], known()).publications;
  test("rises by a second a second, drops at a publication, and begins with the first", () => {
    expect(polyline(stretches(two, SPAN.start, NOW))).toEqual([
      { at: NOW - 100 * MINUTE, age: 20 * 60 },
      { at: NOW - 20 * MINUTE, age: 100 * 60 },
      { at: NOW - 20 * MINUTE, age: 10 * 60 },
      { at: NOW, age: 30 * 60 },
    ]);
  });
  test("a time that begins between two publications begins at the age of then", () => {
    expect(polyline(stretches(two, NOW - 60 * MINUTE, NOW))[0]).toEqual({
      at: NOW - 60 * MINUTE,
      age: 60 * 60,
    });
    expect(stretches(two, NOW - 10 * MINUTE, NOW)).toHaveLength(1);
  });
  test("the age of a moment", () => {
    const all = stretches(two, SPAN.start, NOW);
    expect(ageAt(all, NOW - 110 * MINUTE)).toBeNull();
    expect(ageAt(all, NOW - 20 * MINUTE)).toBe(600);
    expect(ageAt(all, NOW)).toBe(1800);
    expect(oldest(all)).toBe(6000);
    expect(oldest([])).toBe(0);
  });
  test("the bound is always in the picture", () => {
    expect(ceiling([], [])).toBe(60);
    expect(ceiling(stretches(two, SPAN.start, NOW), tide(60).edges)).toBeGreaterThan(6000);
    expect(ceiling(stretches(two, SPAN.start, NOW), tide(86_400).edges)).toBeGreaterThan(86_400);
  });
});

describe("the share within the bound", () => {
  const one = stretches([{ at: NOW - 24 * HOUR, from: NOW - 24 * HOUR }], SPAN.start, NOW);
  test("is the part of each stretch in which it was young enough", () => {
    expect(withinBound(one, tide(6 * 3600).edges)).toEqual({ within: 6 * HOUR, known: 24 * HOUR });
    expect(withinBound(one, tide(1e9).edges).within).toBe(24 * HOUR);
    const late = stretches([{ at: NOW - HOUR, from: NOW - 9 * HOUR }], SPAN.start, NOW);
    expect(withinBound(late, tide(3600).edges)).toEqual({ within: 0, known: HOUR });
    expect(withinBound([], tide(3600).edges)).toEqual({ within: 0, known: 0 });
  });
  test("is said in words", () => {
    expect(shareWords(one, tide(6 * 3600), SPAN)).toBe(
      "Within its Tide of 6h for 25 % of the last 24 h.",
    );
    expect(shareWords(one, undefined, SPAN)).toBe(
      "At most 1d old in the last 24 h. It has no Tide.",
    );
    expect(shareWords([], tide(3600), SPAN)).toBe("Nothing is known of the last 24 h.");
    const some = stretches([{ at: NOW - 3 * HOUR, from: NOW - 3 * HOUR }], SPAN.start, NOW);
    expect(shareWords(some, tide(7200), SPAN)).toBe(
      "Within its Tide of 2h for 67 % of the 3h that are known.",
    );
    expect(shareWords(some, undefined, SPAN)).toMatch(/^At most 3h old in the 3h that are known/);
  });
  test("never says all of less than all", () => {
    expect(percent(1, 1)).toBe("100 %");
    expect(percent(0, 1)).toBe("0 %");
    expect(percent(0, 0)).toBe("0 %");
    expect(percent(0.9999, 1)).toBe("more than 99 %");
    expect(percent(0.0001, 1)).toBe("less than 1 %");
  });
});

describe("what is asked for", () => {
  test("Outlets with a Tide come first, then the stalest, then what has never run", () => {
    expect(outlets(world()).map((line) => line.line)).toEqual([
      "reports@1",
      "pricing@1",
      "audience@1",
      "archive@1",
      "churn@1",
    ]);
  });
  test("only runs that may be news are asked for again", () => {
    expect(askFrom([])).toBeNull();
    expect(askFrom([run(1, 60, 50), run(2, 30, 20)])).toBe(NOW - 30 * MINUTE - 1000);
    expect(askFrom([run(1, 60, null), run(2, 30, 20)])).toBe(NOW - 60 * MINUTE - 1000);
  });
  test("a run that has ended replaces itself", () => {
    const rows = merged([run(1, 60, null, "running")], [run(1, 60, 50), run(2, 30, 20)]);
    expect(rows.map((row) => [row.number, row.status])).toEqual([
      [1, "success"],
      [2, "success"],
    ]);
  });
  test("marks that are close are one", () => {
    const failures = [100, 99, 50, 2000].map((at) => ({ at: NOW - at * MINUTE, run: `${at}` }));
    expect(marks(failures, SPAN, 5 * MINUTE).map((mark) => mark.failures.length)).toEqual([2, 1]);
  });
});
