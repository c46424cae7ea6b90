// Which actions a line allows now, and why not.

import type { Line } from "./lines";

export type Verb =
  | "tap"
  | "pulse"
  | "wave"
  | "tide"
  | "remove"
  | "wake"
  | "force"
  | "sleep"
  | "kill"
  | "clear"
  | "budgets"
  | "windows"
  | "compute";

export interface May {
  canAct: boolean;
  readOnly: boolean;
}

/** Why nothing can be done here at all; empty if something can. */
export function looksOnly(page: { read_only: boolean; can_act: boolean }): string {
  if (page.read_only) return "This page is read-only.";
  return page.can_act ? "" : "Your credentials may only read.";
}

/** Why the verb makes no sense now; empty if it does. */
export function refusal(verb: Verb, line: Line, may: May): string {
  const why = looksOnly({ read_only: may.readOnly, can_act: may.canAct });
  if (why) return why;
  if (line.status === "undeployed") return "Not deployed yet.";
  return bySense(verb, line);
}

function bySense(verb: Verb, line: Line): string {
  switch (verb) {
    case "remove":
      return line.trigger ? "" : "No Wave or Tide is set.";
    case "wave":
      return line.trigger?.kind === "wave" ? "A Wave is set already." : "";
    case "force":
      return line.runs.length ? "A run is in flight." : "";
    case "sleep":
      return line.asleep ? "Asleep already." : "";
    case "kill":
      return line.status === "killed" ? "Killed already." : "";
    case "clear":
      return line.status === "failed" || line.status === "killed"
        ? ""
        : "Nothing to clear: not failed or killed.";
    case "windows":
      return line.sources.length ? "Only an Inlet has Windows." : "";
    default:
      return "";
  }
}

/** What stops or discards something is confirmed first. */
export function confirmation(verb: Verb, line: Line): string {
  const runs = line.runs.map((run) => run.run).join(", ");
  switch (verb) {
    case "kill": {
      const below = line.sinks.length ? ` Until then ${line.sinks.join(", ")} may be blocked.` : "";
      return runs
        ? `This stops ${runs} now and publishes nothing of it. What a Ripple started elsewhere may go on. ${line.line} stays down until you wake, force or clear it.${below}`
        : `${line.line} has no run in flight. It stays down until you wake, force or clear it.${below} What was asked for before is dropped.`;
    }
    case "sleep":
      return `${line.line} drops its demand and its ${line.trigger ? (line.trigger.kind === "wave" ? "Wave" : "Tide") : "trigger"}. A run in flight is finished.`;
    case "force":
      return `${line.line} runs again at the freshness that it has, and replaces what it has published.`;
    case "remove":
      return `${line.line} is no longer kept fresh by its ${line.trigger?.kind === "tide" ? "Tide" : "Wave"}.`;
    default:
      return "";
  }
}
