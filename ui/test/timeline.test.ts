import { expect, test } from "vitest";
import { demo } from "../dev/demo.ts";
import { runOf, runsOf } from "../dev/history.ts";
import { compared, timeline } from "../src/model/timeline";
import { NOW } from "./help";

const lines = demo(NOW);
const answerOf = (run: string) => {
  const line = lines.find((each) => run.startsWith(each.line))!;
  return runOf(
    line,
    runsOf([line], NOW).find((each) => each.run === run)!,
  );
};

test("each Ripple is a row, and each attempt a bar inside the picture", () => {
  const answer = answerOf("attribution@1/41");
  const picture = timeline(answer.run, answer.attempts, NOW);
  expect(picture.rows.map((row) => [row.ripple, row.bars.length])).toEqual([
    ["touches", 1],
    ["train_model", 2],
    ["scores", 1],
    ["export", 1],
  ]);
  for (const bar of picture.rows.flatMap((row) => row.bars)) {
    expect(bar.left).toBeGreaterThanOrEqual(0);
    expect(bar.left + bar.width).toBeLessThanOrEqual(1.01);
  }
  expect(picture.ticks.length).toBeGreaterThan(1);
  expect(picture.ticks.length).toBeLessThanOrEqual(8);
});

test("what goes on reaches to now, and what has not begun has no bar", () => {
  const going = answerOf("attribution@1/42");
  const picture = timeline(going.run, going.attempts, NOW);
  expect(picture.rows.at(-1)?.bars.at(-1)).toMatchObject({ going: true, to: NOW });
  const failed = answerOf("transactions@1/42");
  expect(timeline(failed.run, failed.attempts, NOW).rows.map((row) => row.bars.length)).toEqual([
    2, 0,
  ]);
});

test("a run without attempts is a picture without rows", () => {
  expect(timeline(answerOf("attribution@1/39").run, [], NOW).rows).toEqual([]);
});

test("runs are compared by their Ripples' last attempts", () => {
  const [before, now] = [answerOf("attribution@1/38"), answerOf("attribution@1/41")];
  const rows = compared(before.attempts, now.attempts);
  expect(rows.map((row) => row.ripple)).toEqual(["touches", "train_model", "scores", "export"]);
  expect(rows[1]?.rows).toEqual([24_000 + 38 * 31, 24_000 + 41 * 31]);
  expect(compared([], now.attempts)[0]?.seconds[0]).toBeNull();
});
