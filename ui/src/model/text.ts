// Texts of others: names, errors, log lines and cell values. They are shown, never obeyed.

// Control codes, marks of direction and characters that cannot be seen. Not: newline and tab.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\u{${code.toString(16)}}`;
}

/** The text with its hidden characters as escapes. Lines and tabs stay. */
export function visible(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(HIDDEN, escaped);
}

/** The same on one line, cut to `most` characters. */
export function oneLine(text: string, most = 300): string {
  const line = visible(text).replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

export interface Segment {
  text: string;
  href?: string;
}

const ADDRESS = /https?:\/\/[^\s<>"'`{}|\\^]+/gi;
const TRAILING = /[.,;:!?)\]]+$/;

/** Splits a text at its http(s) addresses. Nothing else becomes a link. */
export function segments(text: string): Segment[] {
  const shown = visible(text);
  const parts: Segment[] = [];
  let from = 0;
  for (const match of shown.matchAll(ADDRESS)) {
    const address = withoutTrailing(match[0]);
    if (!isWebAddress(address)) continue;
    if (match.index > from) parts.push({ text: shown.slice(from, match.index) });
    parts.push({ text: address, href: address });
    from = match.index + address.length;
  }
  if (from < shown.length) parts.push({ text: shown.slice(from) });
  return parts;
}

function withoutTrailing(address: string): string {
  let cut = address.replace(TRAILING, "");
  // A bracket that was opened inside the address belongs to it.
  if (cut.includes("(") && address[cut.length] === ")") cut += ")";
  return cut;
}

function isWebAddress(text: string): boolean {
  try {
    const { protocol, hostname } = new URL(text);
    return (protocol === "http:" || protocol === "https:") && hostname !== "";
  } catch {
    return false;
  }
}
