import { expect, test } from "vitest";
import {
  changesPath,
  dataPath,
  parse,
  pondPath,
  replayPath,
  runPath,
  whyPath,
} from "../src/router";

test("each address is one view", () => {
  expect(parse("/")).toEqual({ view: "pipeline", line: null });
  expect(parse("/pond/sales@1")).toEqual({ view: "pipeline", line: "sales@1" });
  expect(parse("/pond/sales%401/")).toEqual({ view: "pipeline", line: "sales@1" });
  expect(parse("/runs")).toEqual({ view: "runs" });
  expect(parse("/run/sales@1/42")).toEqual({ view: "run", line: "sales@1", number: 42 });
  expect(parse("/data")).toEqual({ view: "data", line: null, table: null });
  expect(parse("/data/sales@1/orders")).toEqual({ view: "data", line: "sales@1", table: "orders" });
  expect(parse("/catchment")).toEqual({ view: "catchment" });
  expect(parse("/catchment/changes")).toEqual({ view: "changes" });
  expect(parse("/pond/sales@1/why")).toEqual({ view: "why", line: "sales@1" });
  expect(parse("/pond/sales@1/replay")).toEqual({ view: "replay", line: "sales@1" });
});

test("what makes no sense is not found", () => {
  for (const path of [
    "/nowhere",
    "/run/sales@1",
    "/run/sales@1/x",
    "/pond",
    "/pond/a/b",
    "/pond/a/why/b",
    "/catchment/x",
    "/catchment/changes/x",
    "/runs/x",
    "/data/a/b/c",
  ]) {
    expect(parse(path)).toEqual({ view: "unknown" });
  }
  expect(parse("/pond/%E0%A4%A")).toEqual({ view: "pipeline", line: "%E0%A4%A" });
});

test("paths are read back as they were written, whatever the name", () => {
  const name = 'or/de rs"<%2F>?#';
  expect(parse(dataPath("sales@1", name))).toEqual({ view: "data", line: "sales@1", table: name });
  expect(parse(runPath("sales@1/42"))).toEqual({ view: "run", line: "sales@1", number: 42 });
  expect(pondPath("sales@1")).toBe("/pond/sales@1");
});

test("a link to the past has its moment as it was told", () => {
  const at = "2030-01-01T10:42:01.234567Z";
  expect(whyPath("sales@1")).toBe("/pond/sales@1/why");
  expect(new URLSearchParams(whyPath("sales@1", at).split("?")[1]).get("at")).toBe(at);
  expect(whyPath("sales@1", 0)).toContain("at=1970-01-01T00%3A00%3A00.000Z");
  expect(replayPath("sales@1")).toBe("/pond/sales@1/replay");
  expect(replayPath("sales@1", { from: "a", until: "", step: 7 })).toBe(
    "/pond/sales@1/replay?from=a&step=7",
  );
  expect(changesPath({ pond: "sales", by: "" })).toBe("/catchment/changes?pond=sales");
});
