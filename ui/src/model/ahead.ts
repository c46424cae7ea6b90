// What comes next in the whole Catchment: openings, Tides that are due, retries, pauses.

import type { Graph, Line } from "./lines";
import { exact, instant } from "./moments";
import { allOpenings, nextOpening } from "./windows";

export interface Coming {
  line: string;
  kind: "Window" | "Tide" | "bound" | "retry" | "resume";
  what: string;
  from: number;
  to: number;
}

export function ahead(graph: Graph, until: number): Coming[] {
  const found: Coming[] = allOpenings(graph, until).map((opening) => ({
    line: opening.line,
    kind: "Window",
    what: opening.window,
    from: opening.start,
    to: opening.end,
  }));
  for (const line of graph.lines) {
    const bound = line.trigger?.bound;
    const retry = instant(line.retry_at);
    if (bound !== undefined && line.agedFrom !== null) {
      const due = line.agedFrom + bound * 1000;
      found.push({ line: line.line, kind: "Tide", what: `of ${exact(bound)}`, from: due, to: due });
    }
    const passes = line.bound?.declared ? instant(line.bound.due) : null;
    if (passes !== null)
      found.push({
        line: line.line,
        kind: "bound",
        what: `passes: ${line.bound?.words ?? ""}`,
        from: passes,
        to: passes,
      });
    if (retry !== null)
      found.push({ line: line.line, kind: "retry", what: "", from: retry, to: retry });
    for (const ripple of line.runs.flatMap((run) => run.ripples)) {
      const retried = ripple.status === "queued" ? instant(ripple.retry_at ?? null) : null;
      if (retried !== null)
        found.push({
          line: line.line,
          kind: "retry",
          what: ripple.name,
          from: retried,
          to: retried,
        });
      const at = instant(ripple.resumes);
      if (at !== null)
        found.push({
          line: line.line,
          kind: "resume",
          what: `${ripple.name} resumes`,
          from: at,
          to: at,
        });
    }
  }
  return found.filter((each) => each.from <= until).sort((one, other) => one.from - other.from);
}

/** The Inlet that opens only after the line's Tide is due, and when: until then it is missed. */
export function missedFor(graph: Graph, line: Line): { inlet: string; at: number } | null {
  const bound = line.trigger?.bound;
  if (bound === undefined || line.agedFrom === null) return null;
  const due = line.agedFrom + bound * 1000;
  const above = new Set([line.line]);
  let last: { inlet: string; at: number } | null = null;
  for (const name of above) {
    const each = graph.byName.get(name);
    if (!each) continue;
    for (const source of each.sources) if (!source.optional) above.add(source.line);
    const next = each.sources.length ? null : nextOpening(each.windows);
    if (next && !next.open && next.at > due && next.at > (last?.at ?? 0))
      last = { inlet: name, at: next.at };
  }
  return last;
}
