import { describe, expect, test } from "vitest";
import type { KeptSnapshot, LineageAnswer, LineageNode } from "../src/answers";
import { after, eachLine, type Rows } from "../src/api/rows";
import type { Difference } from "../src/api/shapes";
import { completed, wordBefore } from "../src/model/complete";
import {
  cellsOf,
  changedColumns,
  columnsTyped,
  left,
  schemaWords,
  summary,
} from "../src/model/differences";
import { notesOf, rootOf, rowsOf } from "../src/model/origins";
import { keeps, keptFor, publishedKey, sqlName } from "../src/model/published";
import { withQuery } from "../src/router";
import { world } from "./help";

const graph = world();
const by = (name: string) => graph.byName.get(name)!;

describe("completion", () => {
  test.each([
    ["SELECT * FROM sal", "sal"],
    ["SELECT * FROM sales.or", "sales.or"],
    ['FROM "sales@1".', '"sales@1".'],
    ['FROM "a b', '"a b'],
    ["SELECT a,\nb", "b"],
    ["SELECT 'it is sal", ""],
    ["SELECT 'x' || sal", "sal"],
    ["-- sal", ""],
    ["FROM ", ""],
    ["", ""],
  ])("before the caret of %j stands %j", (text, word) => {
    expect(wordBefore(text, text.length)).toBe(word);
  });
  test("only the word before the caret is replaced", () => {
    const text = "FROM sal WHERE x";
    expect(completed(text, 8, wordBefore(text, 8), "sales.orders")).toEqual({
      text: "FROM sales.orders WHERE x",
      caret: 17,
    });
  });
});

describe("rows of SQL", () => {
  const take = (...lines: unknown[]): Rows | null =>
    lines.reduce<Rows | null>((held, line) => after(held, JSON.stringify(line)), null);
  test("come one after the other", () => {
    const columns = [{ name: "n", type: "BIGINT" }];
    const rows = take(
      { columns, f: null },
      { rows: [["1"]] },
      { rows: [["2"], [null]] },
      { more: true, seconds: 2 },
    );
    expect(rows).toEqual({
      columns,
      f: null,
      rows: [["1"], ["2"], [null]],
      end: { more: true, seconds: 2 },
    });
    expect(take({ columns, f: "x" }, { rows: [["1"]] })?.end).toBeNull();
  });
  test("a fault among them is a refusal", () => {
    const error = { type: "OperatorError", message: "no more", hint: "" };
    expect(() => take({ columns: [], f: null }, { error })).toThrow("no more");
  });
  test("lines are whole wherever the pieces are cut", async () => {
    const text = new TextEncoder().encode('{"a":"é"}\n{"b":1}\n\n{"c":2}');
    for (let size = 1; size < 8; size += 1) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < text.length; at += size)
            controller.enqueue(text.slice(at, at + size));
          controller.close();
        },
      });
      const lines: string[] = [];
      await eachLine(body, (line) => lines.push(line));
      expect(lines).toEqual(['{"a":"é"}', '{"b":1}', '{"c":2}']);
    }
  });
});

const node = (
  line: string,
  table: string | null,
  reads: string[],
  more: Partial<LineageNode> = {},
): LineageNode => ({
  line,
  table,
  ripple: table ?? "silent",
  run: `${line}/2`,
  version: "1.0.0",
  f: null,
  recorded: "yes",
  reads: reads.map((read) => {
    const [of = "", name = ""] = read.split(".");
    return { line: of, table: name, sure: !name.startsWith("may"), run: `${of}/1`, ripple: "r" };
  }),
  open: false,
  left_off: 0,
  ...more,
});

describe("lineage of tables", () => {
  const answer = (...nodes: LineageNode[]): LineageAnswer => ({
    line: nodes[0]?.line ?? "",
    f: "",
    nodes,
    left_off: 0,
  });
  test("a table is followed where it comes first, and a circle ends", () => {
    const told = answer(
      node("c@1", "top", ["b@1.x", "b@1.y", "c@1.top"]),
      node("b@1", "x", ["a@1.root"]),
      node("b@1", "y", ["a@1.root", "b@1.x"]),
      node("a@1", "root", []),
    );
    const rows = rowsOf(told, "top", "up").map(
      (row) => `${row.depth} ${row.line}.${row.table}${row.again ? " again" : ""}`,
    );
    expect(rows).toEqual([
      "1 b@1.x",
      "2 a@1.root",
      "1 b@1.y",
      "2 a@1.root",
      "2 b@1.x again",
      "1 c@1.top again",
    ]);
  });
  test("what comes of a table has those that read it, also Ripples without a table", () => {
    const told = answer(
      node("a@1", "root", []),
      node("b@1", "x", ["a@1.root"]),
      node("b@1", null, ["b@1.x"]),
    );
    const rows = rowsOf(told, "root", "down");
    expect(rows.map((row) => [row.depth, row.table, row.ripple])).toEqual([
      [1, "x", "x"],
      [2, null, "silent"],
    ]);
  });
  test("the version that was read is told, and no newer one's", () => {
    const told = answer(node("b@1", "x", ["a@1.root", "a@1.maybe"]), node("a@1", "root", []));
    expect(rowsOf(told, "x", "up").map((row) => [row.run, row.version, row.sure])).toEqual([
      ["a@1/1", null, true],
      ["a@1/1", null, false],
    ]);
  });
  test("a chain of thousands of tables is followed", () => {
    const chain = Array.from({ length: 5000 }, (_, at) =>
      node(`p${at}@1`, "t", at < 4999 ? [`p${at + 1}@1.t`] : []),
    );
    expect(rowsOf(answer(...chain), "t", "up")).toHaveLength(4999);
    expect(rowsOf({ ...answer(...chain), line: "p4999@1" }, "t", "down")).toHaveLength(4999);
  });
  test("what is not known is said", () => {
    expect(notesOf(node("a@1", "t", []))).toEqual(["Its Ripple has read no table of a Pond."]);
    expect(notesOf(node("a@1", "t", [], { recorded: "gone" }))[0]).toContain("no longer kept");
    expect(notesOf(node("a@1", "t", [], { recorded: "no" }))[0]).toContain("not recorded");
    const open = node("a@1", "t", [], { open: true, left_off: 3 });
    expect(notesOf(open)).toHaveLength(2);
    expect(rootOf(answer(open), "t")).toBe(open);
    expect(rootOf(answer(open), "u")).toBeUndefined();
  });
});

const FOUND: Difference = {
  line: "sales@1",
  table: "orders",
  before: { run: "sales@1/1", snapshot: 1, f: "", rows: 3, written_in: null, version: null },
  after: { run: "sales@1/2", snapshot: 2, f: "", rows: 5, written_in: null, version: null },
  schema: [
    { column: "a", before: null, after: "INTEGER" },
    { column: "b", before: "INTEGER", after: null },
    { column: "c", before: "INTEGER", after: "BIGINT" },
  ],
  key: ["id"],
  columns: [
    { name: "id", type: "BIGINT", changed: 0 },
    { name: "n", type: "BIGINT", changed: 2 },
    { name: "m", type: "BIGINT", changed: 7 },
  ],
  added: 1234,
  removed: 0,
  changed: 1,
  sample: [
    { kind: "added", times: 1000, before: null, after: ["4", "x", null] },
    { kind: "changed", times: 1, before: ["1", null, "z"], after: ["1", "y", "z"] },
  ],
};

describe("versions compared", () => {
  test("are summed up in words", () => {
    expect(summary(FOUND)).toBe("1,234 rows added, 1 row changed, by id.");
    expect(summary({ ...FOUND, added: 0, changed: 0 })).toBe("No row differs.");
    expect(schemaWords(FOUND)).toEqual([
      "Column a is new: INTEGER",
      "Column b is gone: it was INTEGER",
      "Column c was INTEGER and is BIGINT",
    ]);
    expect(schemaWords({ ...FOUND, before: { ...FOUND.before, rows: null } })).toEqual([]);
    expect(changedColumns(FOUND).map((one) => one.name)).toEqual(["m", "n"]);
    expect(left(FOUND, "added")).toBe(234);
    expect(left(FOUND, "changed")).toBe(0);
  });
  test("a changed cell has both values, NULL among them", () => {
    expect(FOUND.sample.map(cellsOf)).toEqual([
      [{ value: "4" }, { value: "x" }, { value: null }],
      [{ value: "1" }, { value: "y", was: null }, { value: "z" }],
    ]);
  });
  test("key columns are typed with commas", () => {
    expect(columnsTyped(" id , day,")).toEqual(["id", "day"]);
    expect(columnsTyped("")).toEqual([]);
  });
});

describe("what is published", () => {
  const kept = (more: Partial<KeptSnapshot>): KeptSnapshot => ({
    snapshot: 2,
    run: "sales@1/2",
    f: "b",
    held_f: "b",
    version: null,
    tables: 1,
    rows: 1,
    bytes: 1,
    bytes_alone: 0,
    reasons: [],
    read_by: [],
    warnings: 0,
    ...more,
  });
  const retention = { snapshots: 3, days: 1 };
  test("why a snapshot is kept", () => {
    expect(keptFor(kept({ reasons: ["published", "last"] }), retention)).toBe("published");
    expect(keptFor(kept({ reasons: ["last", "young"] }), retention)).toBe("the last 3; its age");
    expect(keptFor(kept({ held_f: "a", read_by: ["x@1", "y@1"] }), retention)).toBe(
      "published again; read by x@1, y@1",
    );
    expect(keptFor(kept({}), retention)).toBe("the next sweep deletes it");
    expect(keeps(retention)).toBe("the last 3, and all younger than 1 day");
    expect(keeps({ snapshots: 1, days: 2 })).toBe("the last one, and all younger than 2 days");
  });
  test("a rollback is something else although the freshness stays", () => {
    const line = by("rates@1");
    const run = line.last_run ?? null;
    const rolled = { ...line, last_run: run && { ...run, run: "rates@1/99" } };
    expect(publishedKey(rolled)).not.toBe(publishedKey(line));
    expect(publishedKey(null)).toBe("");
  });
  test("a table's name in SQL means this line", () => {
    const named = (line: string, table: string) => sqlName(by(line), table, graph);
    expect(named("rates@1", "orders")).toBe("rates.orders");
    expect(named("rates@1", 'odd "name"')).toBe('rates."odd ""name"""');
    const older = [...graph.lines.map((line) => line.line)].find((line) =>
      graph.byName.has(line.replace("@1", "@2")),
    );
    if (older) expect(named(older, "t")).toBe(`${by(older).pond}_v1.t`);
    const taken = { ...by("rates@1"), pond: "temp", line: "temp@1" };
    expect(sqlName(taken, "t", { ...graph, lines: [taken] })).toBe("temp_v1.t");
    const clash = { ...by("rates@1"), pond: "temp_v1", line: "temp_v1@1" };
    expect(sqlName(taken, "t", { ...graph, lines: [taken, clash] })).toBe('"temp@1".t');
  });
  test("an address leaves out what is empty", () => {
    expect(withQuery("/data/a@1", { snapshot: null, show: "" })).toBe("/data/a@1");
    expect(withQuery("/data/a@1", { snapshot: 3, show: "x y" })).toBe(
      "/data/a@1?snapshot=3&show=x+y",
    );
  });
});
