// Lines and runs that a text of somebody else names.

export interface Mention {
  text: string;
  line?: string;
  run?: string;
}

const NAMED = /(?<![\w@/.-])([a-z][a-z0-9_-]*@\d+)(\/\d+)?(?![\w@])/g;

/** Splits a text at the lines that are known here, and at their runs. Others stay text. */
export function mentions(text: string, known: { has(line: string): boolean }): Mention[] {
  const parts: Mention[] = [];
  let from = 0;
  for (const match of text.matchAll(NAMED)) {
    const line = match[1] ?? "";
    if (!known.has(line)) continue;
    if (match.index > from) parts.push({ text: text.slice(from, match.index) });
    parts.push({ text: match[0], line, ...(match[2] ? { run: match[0] } : {}) });
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}
