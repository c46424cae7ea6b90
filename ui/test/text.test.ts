import { describe, expect, test } from "vitest";
import { oneLine, segments, visible } from "../src/model/text";

describe("texts of others", () => {
  test("control codes, marks of direction and invisible characters are shown as escapes", () => {
    expect(visible("a\u001b[31mb\u0007")).toBe("a\\x1b[31mb\\x07");
    expect(visible("a\u202eb\u200bc\u2066d\ufeff")).toBe("a\\u202eb\\u200bc\\u2066d\\ufeff");
    expect(visible("\u{e0041}\u009b")).toBe("\\u{e0041}\\x9b");
    expect(visible("\ud800x")).toBe("\\ud800x");
  });

  test("lines, tabs, letters and faces stay", () => {
    const text = "Größe\tमान 😀\nzwei";
    expect(visible(text)).toBe(text);
    expect(visible("a\r\nb\rc")).toBe("a\nb\\x0dc");
  });

  test("one line is one line, and is cut", () => {
    expect(oneLine(" a\n\tb ")).toBe("a b");
    expect(oneLine("x".repeat(50), 10)).toBe(`${"x".repeat(9)}…`);
  });

  test("markup stays text", () => {
    expect(segments('<a href="javascript:alert(1)">x</a>')).toEqual([
      { text: '<a href="javascript:alert(1)">x</a>' },
    ]);
  });

  test("only http and https become links", () => {
    const parts = segments(
      "javascript:alert(1) data:text/html,x file:///etc/passwd ftp://x https://a.example/b",
    );
    expect(parts.filter((part) => part.href)).toEqual([
      { text: "https://a.example/b", href: "https://a.example/b" },
    ]);
  });

  test("a link ends before punctuation and quotes, and keeps its own brackets", () => {
    const links = (text: string) => segments(text).flatMap((part) => part.href ?? []);
    expect(links("see https://a.example/x?y=1&z=2.")).toEqual(["https://a.example/x?y=1&z=2"]);
    expect(links("(https://a.example/x)")).toEqual(["https://a.example/x"]);
    expect(links("https://a.example/x_(y)")).toEqual(["https://a.example/x_(y)"]);
    expect(links("'https://a.example/x' \"http://b.example\"")).toEqual([
      "https://a.example/x",
      "http://b.example",
    ]);
  });

  test("the segments together are the whole text", () => {
    const text = "a https://x.example/b\nhttps://y.example, c \u0000 https://";
    expect(
      segments(text)
        .map((part) => part.text)
        .join(""),
    ).toBe(visible(text));
  });

  test("an address is not followed beyond an invisible character", () => {
    const [first] = segments("https://good.example\u202e.evil.example");
    expect(first?.href).toBe("https://good.example");
  });
});
