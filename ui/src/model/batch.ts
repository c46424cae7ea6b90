// One action for several Ponds: what it will do to each, and what became of it.

import { refusal, type May, type Verb } from "./actions";
import { DOWN, type Line } from "./lines";
import { plural } from "./numbers";

export interface BatchVerb {
  verb: Verb;
  name: string;
  does: string;
  danger?: boolean;
}

export const BATCH_VERBS: BatchVerb[] = [
  {
    verb: "pulse",
    name: "Pulse",
    does: "Each gets a push of its own: it and everything that it reads, fresh as of now.",
  },
  { verb: "tap", name: "Tap", does: "Each gets a pull of its own: newer than what it holds." },
  {
    verb: "wake",
    name: "Wake",
    does: "Each failure or kill is cleared. Each Pond runs once its Sources hold something newer.",
  },
  { verb: "clear", name: "Clear", does: "Each failure is cleared. What is still wanted runs." },
  {
    verb: "sleep",
    name: "Sleep",
    does: "Each drops its demand and its Wave or Tide. Runs in flight are finished.",
    danger: true,
  },
  {
    verb: "kill",
    name: "Kill",
    does: "All their runs are stopped now, and nothing of them is published. They stay down.",
    danger: true,
  },
];

export interface Planned {
  line: Line;
  /** Why it makes no sense for this Pond; empty if it does. */
  refused: string;
  /** What it will do. */
  words: string;
}

export function planned(verb: Verb, lines: Line[], may: May): Planned[] {
  return lines.map((line) => ({
    line,
    refused: refusal(verb, line, may),
    words: effect(verb, line),
  }));
}

function effect(verb: Verb, line: Line): string {
  const runs = line.runs.map((run) => run.run).join(", ");
  const trigger = line.trigger && (line.trigger.kind === "wave" ? "Wave" : "Tide");
  switch (verb) {
    case "pulse":
      if (DOWN.has(line.status)) return "keeps it until it recovers";
      return line.sources.length
        ? `runs, after ${plural(line.sources.length, "Source")}`
        : "runs as of now";
    case "tap":
      if (DOWN.has(line.status)) return "keeps it until it recovers";
      return "runs once for newer data";
    case "wake":
      return [
        line.failure || line.status === "killed" ? "is cleared" : "",
        line.sources.length ? "runs once its Sources hold something newer" : "runs once",
      ]
        .filter(Boolean)
        .join(", and ");
    case "clear":
      return "its failure is cleared";
    case "sleep":
      return [trigger ? `drops its ${trigger}` : "drops its demand", runs ? `finishes ${runs}` : ""]
        .filter(Boolean)
        .join(", ");
    case "kill":
      return runs ? `stops ${runs}` : "has no run, stays down";
    default:
      return "";
  }
}

export type Result =
  | { how: "done"; words: string }
  | { how: "refused"; words: string; hint: string }
  | { how: "left"; words: string };

/** `Kill: done for 2 of 3 Ponds, refused for 1.` */
export function summary(name: string, results: Result[]): string {
  const count = (how: Result["how"]): number => results.filter((one) => one.how === how).length;
  const [done, refused, left] = [count("done"), count("refused"), count("left")];
  const parts = [
    `done for ${done} of ${plural(results.length, "Pond")}`,
    refused ? `refused for ${refused}` : "",
    left ? `not asked of ${left}` : "",
  ];
  return `${name}: ${parts.filter(Boolean).join(", ")}.`;
}
