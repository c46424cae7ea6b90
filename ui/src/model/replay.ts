// A line's journal, as far as the page holds it.

import type { ReplayAnswer, ReplayStep } from "../answers";
import { instant } from "./moments";
import { oneLine } from "./text";

/** Steps that the page holds. Of more, a shorter time is looked at. */
export const MOST_STEPS = 1000;

export interface Held {
  since: string;
  until: string;
  steps: ReplayStep[];
  next: string | null;
}

/** What is held, and the answer that goes on from there. */
export function withPage(held: Held | null, page: ReplayAnswer): Held {
  const known = new Set(held?.steps.map((step) => step.revision));
  return {
    since: held?.since ?? page.since,
    until: page.until,
    steps: [...(held?.steps ?? []), ...page.steps.filter((step) => !known.has(step.revision))],
    next: page.next,
  };
}

export const hasRoom = (held: Held): boolean => held.steps.length < MOST_STEPS;

/** The steps that say all the words somewhere. */
export function matching(steps: ReplayStep[], text: string): ReplayStep[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return steps;
  return steps.filter((step) => {
    const said = wordsOf(step).toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

function wordsOf(step: ReplayStep): string {
  return [
    step.status,
    step.gap ?? "",
    ...step.letters.flatMap((one) => [one.sender, one.text, one.kind]),
    ...step.changes.flatMap((one) => [one.what, one.before, one.after]),
    ...step.effects.flatMap((one) => [one.text, one.kind]),
  ].join("\n");
}

/** A step on one line: its first letter, and how many more it had. */
export function headline(step: ReplayStep): string {
  const [first, ...more] = step.letters;
  if (!first) return step.gap ? oneLine(step.gap, 120) : "No letter.";
  const others = more.length ? ` (and ${more.length} more)` : "";
  return `${oneLine(`${first.sender}: ${first.text}`, 120)}${others}`;
}

/** The step that an address names: a revision, the first one, or the newest one. */
export type Wanted = number | "first" | "newest";

/** What `step=` of an address says. Without it: the newest. */
export function wantedStep(text: string | null): Wanted {
  if (text === "first") return "first";
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : "newest";
}

/** The step to look at. -1: there is none. The first stands for a revision that is not there. */
export function placeIn(steps: ReplayStep[], wanted: Wanted): number {
  if (wanted === "newest" || !steps.length) return steps.length - 1;
  const at = steps.findIndex((step) => step.revision === wanted);
  return at < 0 ? 0 : at;
}

/** Whether the step that a link names may still come with more pages. */
export function isAhead(held: Held, wanted: Wanted): boolean {
  const last = held.steps[held.steps.length - 1];
  if (wanted === "first" || held.next === null || !last || !hasRoom(held)) return false;
  return wanted === "newest" || last.revision < wanted;
}

const MINUTE_MS = 60_000;

/** The time around an instant, as `from` and `until`. An end to come is left out: it is now. */
export function around(
  at: string | number | null,
  now: number,
  { before = 5, after = 5 }: { before?: number; after?: number } = {},
): { from: string; until: string } | null {
  const middle = typeof at === "number" ? at : instant(at);
  if (middle === null) return null;
  const end = middle + after * MINUTE_MS;
  return {
    from: new Date(middle - before * MINUTE_MS).toISOString(),
    until: end < now ? new Date(end).toISOString() : "",
  };
}

/** `2030-01-31 10:42:01.234 UTC`: of a step, milliseconds count. */
export const exactUtc = (text: string): string =>
  `${text.slice(0, 10)} ${text.slice(11, 23).replace("Z", "")} UTC`;
