// How old a line was over time, from its runs: the age grows with the clock, and drops when a run
// publishes something fresher.

import type { RunRow } from "../answers";
import type { Allowed, Edge } from "./bounds";
import type { Graph, Line } from "./lines";
import { brief, instant } from "./moments";

/** At `at` (ms) a run published, and from then on the age counts from `from` (ms). */
export interface Publication {
  at: number;
  from: number;
}

export interface Failure {
  at: number;
  run: string;
}

export interface History {
  publications: Publication[];
  failures: Failure[];
}

/** What is known of a line beside its runs. `since`: when `runs` is complete, it is from then on. */
export interface Known {
  line: Line;
  now: number;
  since: number | null;
}

const PUBLISHES: ReadonlySet<string> = new Set(["success", "pass"]);

export function historyOf(runs: RunRow[], known: Known): History {
  const publications = publicationsOf(runs, known);
  // No run has published in all this time, so the line held what it holds now.
  const unchanged = !publications.length && known.since !== null && known.line.agedFrom !== null;
  if (unchanged) publications.push({ at: known.since ?? 0, from: known.line.agedFrom ?? 0 });
  const failures = runs
    .filter((run) => run.status === "failed")
    .map((run) => ({ at: instant(run.finished) ?? instant(run.started) ?? NaN, run: run.run }))
    .filter((failure) => failure.at <= known.now)
    .sort((one, other) => one.at - other.at);
  return { publications, failures };
}

function publicationsOf(runs: RunRow[], { line, now }: Known): Publication[] {
  const delay = delayOf(line);
  const found = runs
    .filter((run) => PUBLISHES.has(run.status))
    .map((run) => ({ finished: instant(run.finished), f: instant(run.f) }))
    .filter(
      (run): run is { finished: number; f: number } => run.finished !== null && run.f !== null,
    )
    // The clock that wrote it may be ahead of the one that tells us the present.
    .map(({ finished, f }) => ({ at: Math.min(finished, now), from: f - delay }))
    .sort((one, other) => one.at - other.at || one.from - other.from);
  const fresher: Publication[] = [];
  for (const one of found) {
    const last = fresher[fresher.length - 1];
    // A run that was overtaken publishes an older f: the line stays as fresh as it was.
    if (last && one.from <= last.from) continue;
    if (last?.at === one.at) fresher.pop();
    fresher.push(one);
  }
  return fresher;
}

/**
 * Under a Window the age counts from the beginning of the opening: `staleness_seconds` is larger by
 * the length of the Window that the data came through. The status tells it for what is published
 * now. History does not tell it for what was published before, so it is taken to be the same: that
 * is wrong for older runs if the Windows have been changed, or if they differ in length.
 */
function delayOf(line: Line): number {
  const f = instant(line.end_f);
  return f === null || line.agedFrom === null ? 0 : Math.max(0, f - line.agedFrom);
}

/** A time in which nothing was published. */
export interface Stretch {
  start: number;
  end: number;
  from: number;
}

/** The known part of a time. Before the first publication nothing is known. */
export function stretches(publications: Publication[], start: number, end: number): Stretch[] {
  return publications.flatMap((one, at) => {
    const next = publications[at + 1]?.at ?? end;
    const stretch = { start: Math.max(one.at, start), end: Math.min(next, end), from: one.from };
    return stretch.end > stretch.start ? [stretch] : [];
  });
}

/** In seconds. Never negative: clocks differ a little. */
export const age = (from: number, at: number): number => Math.max(0, at - from) / 1000;

export function ageAt(known: Stretch[], at: number): number | null {
  // At a publication the younger age counts.
  const here = known.findLast((one) => one.start <= at && at <= one.end);
  return here ? age(here.from, at) : null;
}

export interface Point {
  at: number;
  age: number;
}

/** The beginning and the end of each stretch: the line between them rises, then drops. */
export function polyline(known: Stretch[]): Point[] {
  return known.flatMap(({ start, end, from }) => [
    { at: start, age: age(from, start) },
    { at: end, age: age(from, end) },
  ]);
}

export const oldest = (known: Stretch[]): number =>
  Math.max(0, ...known.map(({ end, from }) => age(from, end)));

/** In milliseconds: how long it was within the bound, of how long both are known. */
export function withinBound(known: Stretch[], edges: Edge[]): { within: number; known: number } {
  let [within, all] = [0, 0];
  for (const stretch of known) {
    for (const edge of edges) {
      const start = Math.max(stretch.start, edge.start);
      const end = Math.min(stretch.end, edge.end);
      if (end <= start) continue;
      all += end - start;
      within += shareAbove(room(edge, stretch, start), room(edge, stretch, end)) * (end - start);
    }
  }
  return { within, known: all };
}

/** How many seconds younger than allowed it was at a moment. */
function room(edge: Edge, stretch: Stretch, at: number): number {
  const share = (at - edge.start) / (edge.end - edge.start);
  return edge.from + share * (edge.to - edge.from) - age(stretch.from, at);
}

/** The part of a straight line from `one` to `other` that is not below zero. */
function shareAbove(one: number, other: number): number {
  if (one >= 0 && other >= 0) return 1;
  if (one < 0 && other < 0) return 0;
  return Math.max(one, other) / Math.abs(one - other);
}

const lengthOf = (known: Stretch[]): number =>
  known.reduce((sum, { start, end }) => sum + end - start, 0);

/** `97 %`. All is only said of all, and nothing only of nothing. */
export function percent(part: number, whole: number): string {
  const share = whole > 0 ? (part / whole) * 100 : 0;
  if (share > 99 && share < 100) return "more than 99 %";
  if (share > 0 && share < 1) return "less than 1 %";
  return `${Math.round(share)} %`;
}

const NEARLY_ALL = 0.995;

export interface Span {
  start: number;
  end: number;
  /** `24 h` */
  name: string;
}

/** `within its Tide of 2h for 97 % of the last 24 h`, or how old it was at most. */
export function shareWords(known: Stretch[], allowed: Allowed | undefined, span: Span): string {
  const all = lengthOf(known);
  if (!all) return `Nothing is known of the last ${span.name}.`;
  const time = allowed ? withinBound(known, allowed.edges) : { within: 0, known: 0 };
  if (!allowed || !time.known) {
    const when = isWhole(all, span) ? `in the last ${span.name}` : `in the ${knownWords(all)}`;
    const why = allowed ? "No deadline of its bound is known in this time" : "It has no Tide";
    return `At most ${brief(oldest(known))} old ${when}. ${why}.`;
  }
  const of = isWhole(time.known, span) ? `the last ${span.name}` : `the ${knownWords(time.known)}`;
  return `Within ${allowed.name} for ${percent(time.within, time.known)} of ${of}.`;
}

const isWhole = (ms: number, span: Span): boolean => ms >= NEARLY_ALL * (span.end - span.start);

const knownWords = (ms: number): string => `${brief(ms / 1000)} that are known`;

/** Deployed lines that nobody reads, or that have a bound: those with one first, then the stalest. */
export function outlets(graph: Graph): Line[] {
  return graph.lines
    .filter((line) => line.status !== "undeployed" && (!line.sinks.length || hasBound(line)))
    .sort(
      (one, other) =>
        Number(isBound(other)) - Number(isBound(one)) ||
        (one.agedFrom ?? Infinity) - (other.agedFrom ?? Infinity) ||
        (one.line < other.line ? -1 : 1),
    );
}

/** An operator has declared how old it may be. `none` is no bound. */
const hasBound = ({ bound }: Line): boolean =>
  !!bound?.declared && (bound.within !== null || bound.at !== null);

/** By a Tide, or by what an operator has declared. */
export const isBound = (line: Line): boolean => line.trigger?.bound !== undefined || hasBound(line);

/** What a run may have changed in the history of a line. */
export const historyKey = (line: Line): string =>
  line.last_run ? `${line.last_run.run} ${line.last_run.status}` : "";

/** The runs that are held, with newer ones. The server knows best how a run is now. */
export function merged(held: RunRow[], newer: RunRow[]): RunRow[] {
  const rows = new Map([...held, ...newer].map((run) => [run.run, run]));
  return [...rows.values()];
}

/** From when on runs are asked for again: those that had not ended may have. Null: all. */
export function askFrom(held: RunRow[]): number | null {
  const going = held.filter((run) => run.finished === null);
  const starts = (going.length ? going : held)
    .map((run) => instant(run.started) ?? 0)
    .sort((one, other) => one - other);
  const at = going.length ? starts[0] : starts[starts.length - 1];
  return at ? at - 1000 : null;
}

export interface Mark {
  at: number;
  failures: Failure[];
}

/** Marks that would lie on each other become one. `gap` in milliseconds. */
export function marks(failures: Failure[], span: Span, gap: number): Mark[] {
  const found: Mark[] = [];
  for (const failure of failures) {
    if (failure.at < span.start || failure.at > span.end) continue;
    const last = found[found.length - 1];
    if (last && failure.at - last.at < gap) last.failures.push(failure);
    else found.push({ at: failure.at, failures: [failure] });
  }
  return found;
}

/** Where a chart ends above: the bound is always in it, with room for what is too old. */
export const ceiling = (known: Stretch[], edges: Edge[]): number =>
  Math.max(60, oldest(known) * 1.12, ...edges.map(({ from, to }) => Math.max(from, to) * 1.4));
