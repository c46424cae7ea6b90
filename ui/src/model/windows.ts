// The openings of Windows.

import type { Span, WindowTold } from "../answers";
import type { Graph } from "./lines";
import { instant } from "./moments";

export interface Opening {
  line: string;
  window: string;
  start: number;
  end: number;
  open: boolean;
}

/** What is open of a line, or opens next. */
export function nextOpening(
  windows: WindowTold[],
): { name: string; at: number; open: boolean } | null {
  let best: { name: string; at: number; open: boolean } | null = null;
  for (const window of windows) {
    const end = instant(window.open?.end);
    if (end !== null) return { name: window.name, at: end, open: true };
    const start = instant(window.next?.start);
    if (start !== null && (best === null || start < best.at)) {
      best = { name: window.name, at: start, open: false };
    }
  }
  return best;
}

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The openings of a rule from its next one on, as far as `until`; `most` at most. */
export function openings(line: string, window: WindowTold, until: number, most = 20): Opening[] {
  const found: Opening[] = [];
  add(found, line, window, window.open, true);
  const first = instant(window.next?.start);
  add(found, line, window, window.next, false);
  if (window.cron || window.tz) {
    // Only the Catchment knows the calendar of a zone: what it tells is all there is.
    for (const next of window.upcoming?.slice(1) ?? []) add(found, line, window, next, false);
    return found.filter((opening) => opening.start <= until).slice(0, most);
  }
  if (first === null || window.every <= 0) return found;
  const last = instant(window.until) ?? Infinity;
  const on = window.on.map((day) => day.slice(0, 3).toLowerCase());
  for (let step = 1; step < 5000 && found.length < most; step += 1) {
    const start = first + step * window.every * 1000;
    if (start > Math.min(until, last)) break;
    if (on.length && !on.includes(DAYS[new Date(start).getUTCDay()] ?? "")) continue;
    found.push({
      line,
      window: window.name,
      start,
      end: start + window.duration * 1000,
      open: false,
    });
  }
  return found.filter((opening) => opening.start <= until);
}

function add(
  found: Opening[],
  line: string,
  window: WindowTold,
  span: Span | null,
  open: boolean,
): void {
  const start = instant(span?.start);
  const end = instant(span?.end);
  if (start !== null && end !== null) found.push({ line, window: window.name, start, end, open });
}

/**
 * When an opening begins by the clock of its rule's zone: `Fri 09:00 America/New_York`. Empty: the
 * browser's clock shows the same, or the rule has no zone.
 */
export function localStart(window: WindowTold, opening: Opening): string {
  const told = window.upcoming?.find((each) => instant(each.start) === opening.start)?.local;
  if (!told || !window.tz) return "";
  const wall = new Date(`${told.slice(0, 19)}Z`);
  const here = opening.start - new Date(opening.start).getTimezoneOffset() * 60_000;
  if (wall.getTime() === here) return "";
  const day = DAYS[wall.getUTCDay()] ?? "";
  return `${day.slice(0, 1).toUpperCase()}${day.slice(1)} ${told.slice(11, 16)} ${window.tz}`;
}

/** All openings of the Catchment until then, soonest first. */
export function allOpenings(graph: Graph, until: number): Opening[] {
  return graph.lines
    .flatMap((line) => line.windows.flatMap((window) => openings(line.line, window, until)))
    .sort((one, other) => one.start - other.start);
}
