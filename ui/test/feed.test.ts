import { describe, expect, test } from "vitest";
import { momentOf, withNewest, withOlder } from "../src/model/feed";
import { localMinute } from "../src/model/moments";

const row = (number: number, word = "") => ({
  run: `sales@1/${number}`,
  started: `2030-01-01T12:00:${String(number).padStart(2, "0")}.000000Z`,
  word,
});
const rows = (...numbers: number[]) => numbers.map((number) => row(number));
const numbers = (found: { run: string }[]) => found.map((each) => Number(each.run.split("/")[1]));

describe("a list of runs", () => {
  test("new rows come on top, older ones stay", () => {
    const held = withOlder(rows(9, 8, 7), rows(6, 5, 4));
    expect(numbers(withNewest(held, rows(11, 10, 9), 3))).toEqual([11, 10, 9, 8, 7, 6, 5, 4]);
  });
  test("the newest page is the truth from its first to its last row", () => {
    const held = [row(9, "running"), row(8, "running"), row(7), row(6)];
    const found = withNewest(held, [row(9, "success"), row(7), row(6)], 3);
    expect(numbers(found)).toEqual([9, 7, 6]);
    expect(found[0]?.word).toBe("success");
  });
  test("a page that is not full is the whole list", () => {
    expect(numbers(withNewest(rows(9, 8, 7), rows(9), 3))).toEqual([9]);
    expect(withNewest(rows(9, 8, 7), [], 3)).toEqual([]);
  });
  test("rows that lie beyond a gap are dropped: what is between is not known", () => {
    expect(numbers(withNewest(rows(9, 8, 7), rows(19, 18, 17), 3))).toEqual([19, 18, 17]);
  });
  test("a clock that was set back loses no run of a line", () => {
    const held = [row(5), { ...row(4), started: row(9).started }, row(3)];
    expect(numbers(withNewest(held, rows(6, 5), 2))).toEqual([6, 5, 4, 3]);
  });
  test("an older page that overlaps adds each run once", () => {
    expect(numbers(withOlder(rows(9, 8), rows(8, 7)))).toEqual([9, 8, 7]);
  });
});

describe("a span of time", () => {
  const now = Date.parse("2030-01-02T12:00:00Z");
  test("counts back, or is a moment in the reader's zone", () => {
    expect(momentOf("24h", now)).toBe("2030-01-01T12:00:00.000Z");
    expect(momentOf("2030-01-01T10:00:00Z", now)).toBe("2030-01-01T10:00:00.000Z");
    expect(momentOf(localMinute(now), now)).toBe("2030-01-02T12:00:00.000Z");
    expect(momentOf("", now)).toBeUndefined();
    for (const odd of ["yesterday", "999999999999w", "99999-01-01"])
      expect(momentOf(odd, now)).toBeUndefined();
  });
});
