import { expect, test } from "vitest";
import { mentions } from "../src/model/mentions";

const KNOWN = new Set(["sales@1", "web_events@12"]);
const named = (text: string) =>
  mentions(text, KNOWN).flatMap((part) => (part.line ? [part.run ?? part.line] : []));

test("lines that are known become links, and so do their runs", () => {
  expect(mentions("sales@1 waits for web_events@12/42.", KNOWN)).toEqual([
    { text: "sales@1", line: "sales@1" },
    { text: " waits for " },
    { text: "web_events@12/42", line: "web_events@12", run: "web_events@12/42" },
    { text: "." },
  ]);
});

test("what only looks like a line stays text, and nothing is lost", () => {
  for (const text of ["", "gone@1", "ada@sales@1", "me@1.example", "sales@12", "/sales@1", "a@b"]) {
    expect(named(text)).toEqual([]);
    expect(
      mentions(text, KNOWN)
        .map((part) => part.text)
        .join(""),
    ).toBe(text);
  }
  expect(named("('sales@1'), sales@1: sales@1")).toEqual(["sales@1", "sales@1", "sales@1"]);
});
