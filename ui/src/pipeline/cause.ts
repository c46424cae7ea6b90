// From a line that cannot go on to where it began.

import { latestGraph } from "../api/status";
import { rootCause } from "../model/cause";
import { tell } from "../parts/live";
import { go, pondPath } from "../router";
import { setView } from "./view";

/** Lights the path and opens the root cause. */
export function showRootCause(name: string): void {
  const graph = latestGraph();
  if (!graph) return;
  const cause = rootCause(graph, name);
  const root = cause.roots[0];
  if (!root) {
    tell("refused", `No root cause of ${name} is known here.`);
    return;
  }
  setView({ lit: cause, focus: null, states: new Set() });
  const more = cause.roots.length - 1;
  tell("done", `The root cause of ${name} is ${root}${more ? `, and ${more} more` : ""}.`);
  go(pondPath(root));
}
