// The global search: Ponds, Ripples, runs, tables and tags by a part of their name.

import type { Graph } from "./lines";
import { shownName } from "./lines";
import { plural } from "./numbers";
import { allTags } from "./tags";

export interface Hit {
  kind: "Pond" | "Ripple" | "Run" | "Table" | "Tag";
  name: string;
  detail: string;
  path: string;
}

const RUN = /^([a-z][a-z0-9_-]*@\d+)\/(\d+)$/;

/** `tables`: what the page has seen of each line. */
export function find(
  graph: Graph,
  tables: ReadonlyMap<string, string[]>,
  words: string,
  most = 12,
): Hit[] {
  const text = words.trim().toLowerCase();
  if (!text) return [];
  const hits: Hit[] = [];
  const run = RUN.exec(text);
  if (run) hits.push({ kind: "Run", name: text, detail: "a Pond Run", path: `/run/${text}` });
  for (const line of graph.lines) {
    const pond = encodeURIComponent(line.line);
    hits.push(
      ...matching(
        "Pond",
        [shownName(line, graph)],
        text,
        () => line.status,
        () => `/pond/${pond}`,
      ),
      ...matching(
        "Ripple",
        line.ripples.map((ripple) => ripple.name),
        text,
        () => `of ${line.line}`,
        () => `/pond/${pond}`,
      ),
      ...matching(
        "Table",
        tables.get(line.line) ?? [],
        text,
        () => `of ${line.line}`,
        (name) => `/data/${pond}/${encodeURIComponent(name)}`,
      ),
    );
    const last = line.last_run;
    if (last && last.run.includes(text) && last.run !== text) {
      hits.push({ kind: "Run", name: last.run, detail: last.status, path: `/run/${last.run}` });
    }
  }
  for (const { tag, lines } of allTags(graph.lines)) {
    const path = `/?tag=${encodeURIComponent(tag)}`;
    if (tag.includes(text))
      hits.push({ kind: "Tag", name: tag, detail: plural(lines, "line"), path });
  }
  return hits.sort((one, other) => rank(one, text) - rank(other, text)).slice(0, most);
}

function matching(
  kind: Hit["kind"],
  names: string[],
  text: string,
  detail: () => string,
  path: (name: string) => string,
): Hit[] {
  return names
    .filter((name) => name.toLowerCase().includes(text))
    .map((name) => ({ kind, name, detail: detail(), path: path(name) }));
}

const KINDS = ["Pond", "Run", "Tag", "Table", "Ripple"];

function rank(hit: Hit, text: string): number {
  const name = hit.name.toLowerCase();
  const close = name === text ? 0 : name.startsWith(text) ? 1 : 2;
  return close * 1e6 + KINDS.indexOf(hit.kind) * 1e5 + Math.min(name.length, 999);
}
