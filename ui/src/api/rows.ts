// Rows of SQL as they come: lines of JSON, one after the other.

import type { Fault } from "../answers";
import { Refusal } from "./client";
import type { Column } from "./shapes";

export interface Rows {
  columns: Column[];
  /** The freshness as of which the tables were read, if one was asked for. */
  f: string | null;
  rows: (string | null)[][];
  /** Null: more may come. */
  end: { more: boolean; seconds: number } | null;
}

type Line =
  | { columns: Column[]; f: string | null }
  | { rows: (string | null)[][] }
  | { more: boolean; seconds: number }
  | { error: Fault };

/** What is known after one more line. */
export function after(held: Rows | null, text: string): Rows {
  const line = JSON.parse(text) as Line;
  if ("error" in line) throw new Refusal(line.error);
  if ("columns" in line) return { columns: line.columns, f: line.f, rows: [], end: null };
  const before = held ?? { columns: [], f: null, rows: [], end: null };
  if ("rows" in line) return { ...before, rows: [...before.rows, ...line.rows] };
  return { ...before, end: { more: line.more, seconds: line.seconds } };
}

/** Reads lines as they come. `on` gets each that is whole. */
export async function eachLine(
  body: ReadableStream<Uint8Array>,
  on: (line: string) => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let begun = "";
  for (;;) {
    const { done, value } = await reader.read();
    begun += decoder.decode(value, { stream: !done });
    const lines = begun.split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) if (line) on(line);
    if (done) break;
  }
  if (begun) on(begun);
}
