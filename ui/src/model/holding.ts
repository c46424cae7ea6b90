// Maintenance: who holds new runs, and what it still waits for.

import type { RunningRun } from "../answers";
import type { Graph, Line } from "./lines";

export interface Holding {
  /** What still runs: it is finished. */
  runs: RunningRun[];
  /** Lines that have not heard it yet. */
  unheard: string[];
  /** Lines of which something is asked that waits until new runs may start. */
  kept: string[];
}

const isDeployed = (line: Line): boolean => line.status !== "undeployed";

export function holding(graph: Graph): Holding {
  const on = graph.maintenance !== null;
  const deployed = graph.lines.filter(isDeployed);
  return {
    runs: deployed.flatMap((line) => line.runs),
    unheard: deployed.filter((line) => !!line.held !== on).map((line) => line.line),
    kept: on ? deployed.filter(isWanted).map((line) => line.line) : [],
  };
}

function isWanted({ demand }: Line): boolean {
  return demand.pull || demand.targets.length > 0 || demand.woken || demand.forced;
}
