import { expect, test } from "vitest";
import {
  brief,
  countdown,
  duration,
  exact,
  instant,
  localTime,
  took,
  utcTime,
} from "../src/model/moments";

const AT = Date.parse("2030-01-02T02:03:04Z");

test("an age has two units at most", () => {
  expect([0, 59.9, 60, 125, 3599, 3600, 11_520, 86_400, 187_200, 40 * 86_400].map(brief)).toEqual([
    "0s",
    "59s",
    "1m",
    "2m 5s",
    "59m",
    "1h",
    "3h 12m",
    "1d",
    "2d 4h",
    "40d",
  ]);
  expect(brief(-5)).toBe("0s");
});

test("the year 1 is never", () => {
  expect(instant("0001-01-01T00:00:00Z")).toBeNull();
  expect(instant("nonsense")).toBeNull();
  expect(instant(null)).toBeNull();
  expect(instant("2030-01-02T02:03:04Z")).toBe(AT);
});

test("a countdown counts to both sides", () => {
  expect(countdown(AT, AT - 11_520_000)).toBe("in 3h 12m");
  expect(countdown(AT, AT)).toBe("now");
  expect(countdown(AT, AT + 60_000)).toBe("1m ago");
});

test("durations are read and written", () => {
  expect(["1d", "90m", "1h30m", " 2 h ", "15s", "1.5h"].map(duration)).toEqual([
    86_400, 5400, 5400, 7200, 15, 5400,
  ]);
  expect(["", "1", "d", "-1d", "1y", "0s", "1d x"].map(duration)).toEqual([
    null,
    null,
    null,
    null,
    null,
    null,
    null,
  ]);
  expect([86_400, 5400, 900, 61, 0].map(exact)).toEqual(["1d", "90m", "15m", "61s", "0s"]);
  expect([0, 0.42, 3.14, 75].map(took)).toEqual(["0s", "0.42s", "3.1s", "1m 15s"]);
});

test("times are in the reader's zone, with the day where it is another day", () => {
  expect(localTime(AT, AT, "UTC")).toContain("02:03:04");
  expect(localTime(AT, AT, "America/New_York")).toContain("21:03:04");
  expect(localTime(AT, AT + 86_400_000, "UTC")).toMatch(/Wed.* 02:03:04/);
  expect(utcTime(AT)).toBe("2030-01-02 02:03:04 UTC");
});
