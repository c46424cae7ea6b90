// How old a line's data may be: by its Tide, by a declared age, or by a time of day.

import type { BoundTold } from "../answers";
import type { BoundChange } from "../api/operating";
import type { Line } from "./lines";
import { duration, exact, instant } from "./moments";

/** A piece of a bound over time: `from` and `to` are ages in seconds at `start` and `end` (ms). */
export interface Edge {
  start: number;
  end: number;
  from: number;
  to: number;
}

/** What an age must not pass. `name`: in a sentence; `short`: beside the picture. */
export interface Allowed {
  name: string;
  word: "Tide" | "bound";
  short: string;
  edges: Edge[];
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/** A deadline on one weekday only counts for a week. */
const LONGEST_MS = 9 * DAY_MS;

/** Those that are drawn: what an operator has declared first, then its Tide. */
export function allowedOf(line: Line, span: { start: number; end: number }): Allowed[] {
  const found: Allowed[] = [];
  const { bound } = line;
  const tide = line.trigger?.bound;
  if (bound?.declared && bound.within !== null) {
    const short = `bound ${exact(bound.within)}`;
    const name = `its bound of ${exact(bound.within)}`;
    found.push({ name, word: "bound", short, edges: [level(bound.within, span)] });
  }
  if (bound?.declared && bound.at) {
    const edges = clock(bound, span, delayOf(line));
    if (edges.length)
      found.push({ name: `its bound (${bound.words})`, word: "bound", short: bound.at, edges });
  }
  if (tide !== undefined) {
    const short = `Tide ${exact(tide)}`;
    const name = `its Tide of ${exact(tide)}`;
    found.push({ name, word: "Tide", short, edges: [level(tide, span)] });
  }
  return found;
}

const level = (seconds: number, { start, end }: { start: number; end: number }): Edge => ({
  start,
  end,
  from: seconds,
  to: seconds,
});

/** Under a Window the age counts from before the freshness; a time of day looks at the freshness. */
function delayOf(line: Line): number {
  const f = instant(line.end_f);
  return f === null || line.agedFrom === null ? 0 : Math.max(0, f - line.agedFrom);
}

/** From each deadline on, the data has to be fresh as of that day: what is allowed grows meanwhile. */
function clock(bound: BoundTold, span: { start: number; end: number }, delay: number): Edge[] {
  const deadlines = deadlinesOf(bound, span.start - LONGEST_MS, span.end);
  return deadlines.flatMap(({ at, midnight }, index) => {
    const start = Math.max(at, span.start);
    const end = Math.min(deadlines[index + 1]?.at ?? span.end, span.end);
    const allowed = (moment: number): number => (moment - midnight + delay) / 1000;
    return end > start ? [{ start, end, from: allowed(start), to: allowed(end) }] : [];
  });
}

/** When data has to be there, and the beginning of that day, by the clock of the bound's zone. */
export function deadlinesOf(
  bound: BoundTold,
  start: number,
  end: number,
): { at: number; midnight: number }[] {
  const [hours = 0, minutes = 0] = (bound.at ?? "").split(":").map(Number);
  const zone = bound.tz ?? "UTC";
  const found: { at: number; midnight: number }[] = [];
  try {
    const first = Math.floor((start - DAY_MS) / DAY_MS) * DAY_MS;
    for (let day = first; day <= end + DAY_MS; day += DAY_MS) {
      const weekday = DAYS[new Date(day).getUTCDay()] ?? "";
      if (bound.on.length && !bound.on.includes(weekday)) continue;
      const at = passes(day + (hours * 60 + minutes) * MINUTE_MS, zone);
      if (at >= start && at <= end) found.push({ at, midnight: passes(day, zone) });
    }
  } catch {
    return []; // a zone that this browser does not know
  }
  return found;
}

/** When the clock of a zone shows a wall-clock time, given as if it were UTC. */
function passes(wall: number, zone: string): number {
  const near = wall - ahead(zone, wall);
  return wall - ahead(zone, near);
}

/** How much the clock of a zone is ahead of UTC, in milliseconds. */
function ahead(zone: string, at: number): number {
  const parts = clockOf(zone).formatToParts(at);
  const of = (type: string): number => Number(parts.find((one) => one.type === type)?.value);
  const shown = Date.UTC(
    of("year"),
    of("month") - 1,
    of("day"),
    of("hour"),
    of("minute"),
    of("second"),
  );
  return shown - Math.floor(at / 1000) * 1000;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(zone: string): Intl.DateTimeFormat {
  const held = clocks.get(zone);
  if (held) return held;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  clocks.set(zone, made);
  return made;
}

/** What is allowed at a moment, in seconds; null: no bound counts then. */
export function allowedAt(edges: Edge[], at: number): number | null {
  const here = edges.findLast((one) => one.start <= at && at <= one.end);
  if (!here) return null;
  const share = here.end > here.start ? (at - here.start) / (here.end - here.start) : 0;
  return here.from + share * (here.to - here.from);
}

export type BoundKind = "within" | "at" | "none" | "tide";

export interface BoundForm {
  kind: BoundKind;
  within: string;
  at: string;
  tz: string;
  on: string[];
}

export const kindOf = (bound: BoundTold | null | undefined): BoundKind =>
  !bound?.declared ? "tide" : bound.within !== null ? "within" : bound.at ? "at" : "none";

/** What a form asks for, or what is wrong with it. */
export function changeOf(form: BoundForm): { change: BoundChange | null; fault: string } {
  switch (form.kind) {
    case "tide":
      return { change: { action: "tide" }, fault: "" };
    case "none":
      return { change: { action: "set", bound: {} }, fault: "" };
    case "within": {
      const within = duration(form.within);
      return within === null
        ? { change: null, fault: "Age: a duration, such as 2h, 90m or 1d." }
        : { change: { action: "set", bound: { within } }, fault: "" };
    }
    default: {
      if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(form.at.trim()))
        return { change: null, fault: "Time: as 06:00." };
      const bound = {
        at: form.at.trim(),
        tz: form.tz.trim() || null,
        on: form.on.length ? form.on : null,
      };
      return { change: { action: "set", bound }, fault: "" };
    }
  }
}
