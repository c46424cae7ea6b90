import { expect, test } from "vitest";
import { rootCause } from "../src/model/cause";
import { lineage } from "../src/model/lineage";
import { graphOf } from "../src/model/lines";
import { connect } from "../dev/demo.ts";
import { line, NOW, world } from "./help";

test("the root cause of an Outlet is followed up to the failed Inlet, with its path", () => {
  const cause = rootCause(world(), "reports@1");
  expect(cause.roots).toEqual(["transactions@1"]);
  expect([...cause.lines].sort()).toEqual(["reports@1", "sales@1", "transactions@1"]);
  expect([...cause.edges].sort()).toEqual(["sales@1>reports@1", "transactions@1>sales@1"]);
});

test("a line that waits for what is not deployed has that as its cause", () => {
  expect(rootCause(world(), "churn@1").roots).toEqual(["tickets@1"]);
});

test("optional Sources are not to blame", () => {
  const lines = [
    line({ name: "a", status: "failed" }, NOW),
    line({ name: "b", status: "killed" }, NOW),
    line({ name: "c", status: "blocked", sources: ["a@1?", "b@1"] }, NOW),
  ];
  connect(lines);
  expect(
    rootCause(graphOf({ now: new Date(NOW).toISOString(), lines }, null), "c@1").roots,
  ).toEqual(["b@1"]);
});

test("several roots are all found, once each, through a diamond", () => {
  const lines = [
    line({ name: "a", status: "failed" }, NOW),
    line({ name: "b", status: "blocked", sources: ["a@1"] }, NOW),
    line({ name: "c", status: "blocked", sources: ["a@1"] }, NOW),
    line({ name: "k", status: "killed" }, NOW),
    line({ name: "d", status: "blocked", sources: ["b@1", "c@1", "k@1"] }, NOW),
  ];
  connect(lines);
  const cause = rootCause(graphOf({ now: new Date(NOW).toISOString(), lines }, null), "d@1");
  expect(cause.roots).toEqual(["a@1", "k@1"]);
  expect(cause.edges.size).toBe(5);
});

test("if the Sources do not say it yet, the reason names the root", () => {
  const lines = [
    line({ name: "far", status: "failed" }, NOW),
    line({ name: "mid", sources: ["far@1"] }, NOW),
    line(
      {
        name: "end",
        status: "blocked",
        sources: ["mid@1"],
        reason: "blocked by far@1 (failed: no rows)",
      },
      NOW,
    ),
  ];
  expect(
    rootCause(graphOf({ now: new Date(NOW).toISOString(), lines }, null), "end@1").roots,
  ).toEqual(["far@1"]);
});

test("a line that is well has no cause", () => {
  expect(rootCause(world(), "audience@1").roots).toEqual([]);
  expect(rootCause(world(), "nowhere@9").roots).toEqual([]);
});

test("the lineage has both sides", () => {
  const graph = world();
  expect([...lineage(graph, "sales@2", "up")].sort()).toEqual([
    "products@1",
    "sales@2",
    "transactions@1",
  ]);
  expect([...lineage(graph, "sales@2", "down")].sort()).toEqual(["pricing@1", "sales@2"]);
  expect(lineage(graph, "sales@2", "both").size).toBe(4);
});
