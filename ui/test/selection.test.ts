import { describe, expect, test } from "vitest";
import { planned, summary } from "../src/model/batch";
import {
  allShown,
  extended,
  howMany,
  inRectangle,
  pickedLines,
  stillThere,
  toggled,
} from "../src/model/selection";
import { graphOf } from "../src/model/lines";
import { world } from "./help";

const graph = world();
const set = (...lines: string[]) => new Set(lines);
const MAY = { canAct: true, readOnly: false };

describe("a selection", () => {
  test("a Pond is picked, and not any more", () => {
    const one = toggled(set(), "a@1");
    expect(one).toEqual(set("a@1"));
    expect(toggled(one, "a@1")).toEqual(set());
    expect(one).toEqual(set("a@1"));
  });
  test("survives an update, and drops what is gone", () => {
    const picked = set("sales@1", "rates@1");
    expect(stillThere(picked, world())).toBe(picked);
    const left = graph.lines.filter((line) => line.line !== "rates@1");
    const smaller = graphOf({ now: "2030-01-02T12:00:00Z", lines: left }, graph);
    expect(stillThere(picked, smaller)).toEqual(set("sales@1"));
  });
  test("takes all Sources or Sinks of each with it", () => {
    expect(extended(set("forecast@1", "audience@1"), graph, "up")).toEqual(
      set(
        "forecast@1",
        "rates@1",
        "products@1",
        "audience@1",
        "attribution@1",
        "web_events@1",
        "customers@1",
      ),
    );
    expect(extended(set("rates@1"), graph, "down")).toEqual(
      set("rates@1", "forecast@1", "pricing@1"),
    );
    expect(extended(set(), graph, "down")).toEqual(set());
  });
  test("all that are shown are picked together, others stay", () => {
    expect(howMany(set("z@1"), ["a@1", "b@1"])).toBe("none");
    expect(howMany(set("a@1"), ["a@1", "b@1"])).toBe("some");
    expect(howMany(set("a@1"), [])).toBe("none");
    const all = allShown(set("a@1", "z@1"), ["a@1", "b@1"]);
    expect(all).toEqual(set("a@1", "b@1", "z@1"));
    expect(howMany(all, ["a@1", "b@1"])).toBe("all");
    expect(allShown(all, ["a@1", "b@1"])).toEqual(set("z@1"));
  });
  test("a rectangle adds, and takes back only what it had added itself", () => {
    const before = set("a@1");
    const one = inRectangle(before, set(), [
      { id: "a@1", selected: false },
      { id: "b@1", selected: true },
      { id: "c@1", selected: true },
    ]);
    expect(one.picked).toEqual(set("a@1", "b@1", "c@1"));
    const two = inRectangle(before, one.inside, [{ id: "c@1", selected: false }]);
    expect(two.picked).toEqual(set("a@1", "b@1"));
  });
});

describe("one action for several", () => {
  const lines = pickedLines(set("transactions@1", "attribution@1", "tickets@1"), graph);
  test("what each will do is said, and why some are left out", () => {
    const words = (verb: "pulse" | "clear" | "kill" | "sleep") =>
      planned(verb, lines, MAY).map((one) => one.refused || one.words);
    expect(words("pulse")).toEqual([
      "keeps it until it recovers",
      "runs, after 2 Sources",
      "Not deployed yet.",
    ]);
    expect(words("clear")).toEqual([
      "its failure is cleared",
      "Nothing to clear: not failed or killed.",
      "Not deployed yet.",
    ]);
    expect(words("kill")[1]).toBe("stops attribution@1/42");
    expect(words("sleep")[1]).toBe("drops its Wave, finishes attribution@1/42");
    expect(planned("tap", lines, { canAct: true, readOnly: true })[0]?.refused).toMatch(
      /read-only/,
    );
  });
  test("what became of it is counted", () => {
    const done = { how: "done", words: "" } as const;
    expect(summary("Tap", [done])).toBe("Tap: done for 1 of 1 Pond.");
    expect(
      summary("Kill", [
        done,
        { how: "refused", words: "no", hint: "" },
        { how: "left", words: "" },
      ]),
    ).toBe("Kill: done for 1 of 3 Ponds, refused for 1, not asked of 1.");
  });
});
