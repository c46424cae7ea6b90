// What travels on an edge: demand towards the Source, data towards the Sink.

import type { Demand } from "../answers";
import type { Line } from "./lines";

export type Wanted = "pull" | "push" | null;

/** What is asked for: a push is more urgent than a pull. */
export function wanted(demand: Demand): Wanted {
  if (demand.targets.length) return "push";
  // A wake and a force are of this line alone: nobody above is asked.
  return demand.pull ? "pull" : null;
}

export interface Traffic {
  demand: Wanted;
  data: boolean;
}

export function traffic(source: Line, sink: Line): Traffic {
  const busy = source.status === "running" || source.status === "waiting";
  const asks = sink.status === "waiting" || busy || wanted(source.demand) !== null;
  return {
    demand: asks ? wanted(sink.demand) : null,
    data: sink.runs.length > 0,
  };
}

/** `a pull, 2 pushes and a wake`; empty if nothing is wanted. */
export function demandWords(demand: Demand): string {
  const pushes = demand.targets.length;
  const parts = [
    demand.pull ? "a pull" : "",
    pushes > 1 ? `${pushes} pushes` : pushes ? "a push" : "",
    demand.woken ? "a wake" : "",
    demand.forced ? "a force" : "",
  ].filter(Boolean);
  const last = parts.pop();
  if (!last) return "";
  return parts.length ? `${parts.join(", ")} and ${last}` : last;
}
