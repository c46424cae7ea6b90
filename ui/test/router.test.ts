import { expect, test } from "vitest";
import { dataPath, parse, pondPath, runPath } from "../src/router";

test("each address is one view", () => {
  expect(parse("/")).toEqual({ view: "pipeline", line: null });
  expect(parse("/pond/sales@1")).toEqual({ view: "pipeline", line: "sales@1" });
  expect(parse("/pond/sales%401/")).toEqual({ view: "pipeline", line: "sales@1" });
  expect(parse("/runs")).toEqual({ view: "runs" });
  expect(parse("/run/sales@1/42")).toEqual({ view: "run", line: "sales@1", number: 42 });
  expect(parse("/data")).toEqual({ view: "data", line: null, table: null });
  expect(parse("/data/sales@1/orders")).toEqual({ view: "data", line: "sales@1", table: "orders" });
  expect(parse("/catchment")).toEqual({ view: "catchment" });
});

test("what makes no sense is not found", () => {
  for (const path of [
    "/nowhere",
    "/run/sales@1",
    "/run/sales@1/x",
    "/pond",
    "/pond/a/b",
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
