// A run as a timeline: a row for each Ripple, a bar for each attempt.

import type { AttemptRow, RunRow } from "../answers";
import { instant } from "./moments";

export interface Bar {
  attempt: AttemptRow;
  from: number;
  to: number;
  /** Shares of the whole, 0 to 1. */
  left: number;
  width: number;
  going: boolean;
}

export interface Row {
  ripple: string;
  bars: Bar[];
}

export interface Timeline {
  start: number;
  end: number;
  rows: Row[];
  ticks: { at: number; left: number; seconds: number }[];
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];

/** `ripples`: those of the run, if it is known: a row without a bar has not started. */
export function timeline(
  run: RunRow,
  attempts: AttemptRow[],
  now: number,
  ripples: string[] = [],
): Timeline {
  const start = instant(run.started) ?? now;
  const begun = attempts.filter((attempt) => instant(attempt.started) !== null);
  const ends = begun.map((attempt) => instant(attempt.finished) ?? now);
  const end = Math.max(instant(run.finished) ?? now, ...ends, start + 1);
  const whole = end - start;
  const rows = new Map<string, Row>();
  const byStart = [...attempts].sort(
    (one, other) => (instant(one.started) ?? end) - (instant(other.started) ?? end),
  );
  for (const attempt of byStart) {
    const row = rows.get(attempt.ripple) ?? { ripple: attempt.ripple, bars: [] };
    rows.set(attempt.ripple, row);
    const from = instant(attempt.started);
    if (from === null) continue;
    const to = Math.max(instant(attempt.finished) ?? now, from);
    row.bars.push({
      attempt,
      from,
      to,
      left: Math.max(0, (from - start) / whole),
      width: Math.max((to - from) / whole, 0.004),
      going: attempt.finished === null,
    });
  }
  for (const ripple of ripples) {
    if (!rows.has(ripple)) rows.set(ripple, { ripple, bars: [] });
  }
  return { start, end, rows: [...rows.values()], ticks: ticks(start, whole) };
}

function ticks(start: number, whole: number): Timeline["ticks"] {
  const seconds = whole / 1000;
  const step = STEPS.find((each) => seconds / each <= 6) ?? 86400 * Math.ceil(seconds / 86400 / 6);
  const found: Timeline["ticks"] = [];
  for (let at = 0; at <= seconds; at += step) {
    found.push({ at: start + at * 1000, left: at / seconds, seconds: at });
  }
  return found;
}

export interface Compared {
  ripple: string;
  seconds: [number | null, number | null];
  rows: [number | null, number | null];
  bytes: [number | null, number | null];
}

/** What each Ripple's last attempts took and wrote, before and now. */
export function compared(before: AttemptRow[], now: AttemptRow[]): Compared[] {
  const [old, fresh] = [lastOf(before), lastOf(now)];
  const names = [...new Set([...fresh.keys(), ...old.keys()])];
  return names.map((ripple) => {
    const [one, other] = [old.get(ripple), fresh.get(ripple)];
    return {
      ripple,
      seconds: [one?.seconds ?? null, other?.seconds ?? null],
      rows: [one?.rows ?? null, other?.rows ?? null],
      bytes: [one?.bytes ?? null, other?.bytes ?? null],
    };
  });
}

function lastOf(attempts: AttemptRow[]): Map<string, AttemptRow> {
  const last = new Map<string, AttemptRow>();
  for (const attempt of attempts) {
    const held = last.get(attempt.ripple);
    if (!held || attempt.attempt >= held.attempt) last.set(attempt.ripple, attempt);
  }
  return last;
}
