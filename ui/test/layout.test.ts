import { expect, test } from "vitest";
import { demo } from "../dev/demo.ts";
import { synthetic } from "../dev/synthetic.ts";
import { boxHeight, elkGraph, layoutInput, plainLayout } from "../src/model/layout";
import { graphOf } from "../src/model/lines";
import { NOW, world } from "./help";

const NONE: ReadonlySet<string> = new Set();

test("a change of state, age or order does not change the layout", () => {
  const lines = demo(NOW + 5000).reverse();
  for (const line of lines) line.status = "idle";
  const later = graphOf({ now: new Date(NOW + 5000).toISOString(), lines }, null);
  expect(layoutInput(later, NONE, null).key).toBe(layoutInput(world(), NONE, null).key);
});

test("a new Pond, a new edge and an expanded Pond change it", () => {
  const graph = world();
  const key = layoutInput(graph, NONE, null).key;
  expect(layoutInput(graph, new Set(["sales@1"]), null).key).not.toBe(key);
  expect(layoutInput(graph, NONE, new Set(["sales@1", "reports@1"])).boxes).toHaveLength(2);
  const lines = demo(NOW);
  lines.pop();
  expect(
    layoutInput(graphOf({ now: new Date(NOW).toISOString(), lines }, null), NONE, null).key,
  ).not.toBe(key);
});

test("edges to lines that are not shown are left out", () => {
  const input = layoutInput(world(), NONE, new Set(["sales@1", "reports@1"]));
  expect(input.edges.map((edge) => edge.id)).toEqual(["sales@1>reports@1"]);
  expect(elkGraph(input).edges).toEqual([
    { id: "sales@1>reports@1", sources: ["sales@1"], targets: ["reports@1"] },
  ]);
});

test("an expanded Pond has room for each Ripple", () => {
  expect(boxHeight(4, true) - boxHeight(3, true)).toBeGreaterThanOrEqual(20);
  expect(boxHeight(4, false)).toBe(boxHeight(0, false));
});

test("the plain layout puts each Source left of its Sinks, and nothing on top of another", () => {
  const graph = graphOf({ now: new Date(NOW).toISOString(), lines: synthetic(500, NOW) }, null);
  const input = layoutInput(graph, NONE, null);
  const at = plainLayout(input);
  for (const edge of input.edges) expect(at[edge.source]!.x).toBeLessThan(at[edge.sink]!.x);
  expect(new Set(Object.values(at).map(({ x, y }) => `${x} ${y}`)).size).toBe(500);
});

test("a circle of Sources does not hang the plain layout", () => {
  const box = (id: string) => ({ id, width: 1, height: 1 });
  const edge = (source: string, sink: string) => ({
    id: `${source}>${sink}`,
    source,
    sink,
    optional: false,
  });
  expect(
    Object.keys(
      plainLayout({
        key: "",
        boxes: [box("a"), box("b")],
        edges: [edge("a", "b"), edge("b", "a")],
      }),
    ),
  ).toHaveLength(2);
});

test("an answer of an older Catchment, without newer fields, is still a graph", () => {
  const lines = demo(NOW).map(({ older_tables, asleep, next, windows, ...old }) => old as never);
  const graph = graphOf({ now: new Date(NOW).toISOString(), lines }, null);
  expect(graph.byName.get("reports@1")).toMatchObject({
    older_tables: [],
    asleep: false,
    windows: [],
  });
});

test("a line that has not changed stays the same object", () => {
  const first = world();
  const second = graphOf({ now: new Date(NOW).toISOString(), lines: demo(NOW) }, first);
  expect(second.lines.every((line) => line === first.byName.get(line.line))).toBe(true);
  const lines = demo(NOW);
  lines[0]!.status = "idle";
  const third = graphOf({ now: new Date(NOW).toISOString(), lines }, second);
  expect(
    third.lines.filter((line) => line !== second.byName.get(line.line)).map((line) => line.line),
  ).toEqual([lines[0]!.line]);
});
