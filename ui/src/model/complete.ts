// Completion in the SQL editor: the word before the caret, and what the text becomes.

const PART = /(?:"(?:[^"\n]|"")*"?|[\p{L}\p{N}_@$])/u.source;
const WORD = new RegExp(`(?:${PART}|\\.)+$`, "u");

/** The name that ends at the caret; empty: there is none. */
export function wordBefore(text: string, caret: number): string {
  const line = text.slice(text.lastIndexOf("\n", caret - 1) + 1, caret);
  const found = WORD.exec(line)?.[0] ?? "";
  // A text in single quotes, or a comment, is no name.
  const before = line.slice(0, line.length - found.length);
  const quotes = before.replace(/"(?:[^"]|"")*"/g, "").split("'").length - 1;
  return quotes % 2 || before.includes("--") ? "" : found;
}

/** The text with the word before the caret replaced, and where the caret is then. */
export function completed(
  text: string,
  caret: number,
  word: string,
  name: string,
): { text: string; caret: number } {
  const from = caret - word.length;
  return { text: text.slice(0, from) + name + text.slice(caret), caret: from + name.length };
}
